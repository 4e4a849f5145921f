// A service that does what its arguments say, one after the other, so that a test can write down any order of
// events in a unit file:
//   say TEXT          a datagram to NOTIFY_SOCKET; by itself, by a child that lives on, by one that has ended
//   say-child TEXT
//   say-gone TEXT
//   flood PATH TEXT   one after the other until that file is there, and then one that is empty
//   store NAME TEXT   gives away the read end of a pipe that holds TEXT, as NAME
//   main              goes on as a child, which says MAINPID= of itself before the parent ends
//   fork COUNT        goes on as the last of a chain of so many children, each of which outlives its parent
//   worker            a child that sleeps
//   pid-file PATH     writes its pid there
//   lines PATH        "0", "1", ... to stdout, about 400 a second, until that file is there; then "end"
//   line FD           a line on that descriptor, then closes it
//   close FD
//   environment PATH  what it was started with, and what waits on each descriptor of LISTEN_FDS
//   await PATH        waits until somebody has opened that FIFO for writing
//   touch PATH
//   exit CODE
//   sleep             until a signal ends it
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

extern char** environ;

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::_Exit(250);
}

int connected() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) fail("NOTIFY_SOCKET");
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (connect(fd, static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof address) != 0)
    fail(path);
  return fd;
}

void say(const std::string& text, int passed = -1) {
  const int fd = connected();
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (passed >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* at = CMSG_FIRSTHDR(&header);
    at->cmsg_level = SOL_SOCKET;
    at->cmsg_type = SCM_RIGHTS;
    at->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(at), &passed, sizeof passed);
  }
  if (sendmsg(fd, &header, MSG_NOSIGNAL) < 0) fail("sendmsg");
  close(fd);
}

[[noreturn]] void sleep_on() {
  for (;;) pause();
}

void say_by_child(const std::string& text, bool lives_on) {
  const pid_t child = fork();
  if (child == 0) {
    say(text);
    if (lives_on) sleep_on();
    std::_Exit(0);
  }
  if (!lives_on) waitpid(child, nullptr, 0);
}

void flood(const char* path, const std::string& text) {
  const int fd = connected();
  while (access(path, F_OK) != 0) {
    if (send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) fail("send");
  }
  if (send(fd, "", 0, MSG_NOSIGNAL) < 0) fail("send");
  close(fd);
}

void store(const std::string& name, const std::string& text) {
  int ends[2];
  if (pipe(ends) != 0 || write(ends[1], text.data(), text.size()) < 0) fail("pipe");
  say("FDSTORE=1\nFDPOLL=0\nFDNAME=" + name, ends[0]);
  close(ends[0]);
  close(ends[1]);
}

void go_on_as_main_process() {
  int ends[2];
  if (pipe(ends) != 0) fail("pipe");
  if (fork() != 0) {
    close(ends[1]);
    char end = 0;
    (void)!read(ends[0], &end, 1);
    std::_Exit(0);
  }
  say("MAINPID=" + std::to_string(getpid()));
  close(ends[0]);
  close(ends[1]);
}

void go_on_as_last_of(long count) {
  for (; count > 0; --count) {
    if (fork() != 0) std::_Exit(0);
    setsid();
  }
}

void write_file(const char* path, const std::string& text) {
  const std::string fresh = std::string(path) + ".new";
  FILE* file = std::fopen(fresh.c_str(), "w");
  if (file == nullptr) fail(path);
  std::fwrite(text.data(), 1, text.size(), file);
  std::fclose(file);
  if (std::rename(fresh.c_str(), path) != 0) fail(path);
}

std::string environment() {
  std::string text;
  for (char** at = environ; *at != nullptr; ++at) text += std::string(*at) + "\n";
  const char* count = std::getenv("LISTEN_FDS");
  for (int fd = 3; count != nullptr && fd < 3 + std::atoi(count); ++fd) {
    std::array<char, 256> waiting{};
    const ssize_t got = read(fd, waiting.data(), waiting.size());
    text += "fd " + std::to_string(fd) + ": " +
            std::string(waiting.data(), got > 0 ? static_cast<std::size_t>(got) : 0) + "\n";
  }
  return text + "pid " + std::to_string(getpid()) + "\n";
}

void write_lines(const char* path) {
  constexpr int kAtOnce = 10;
  std::string text;
  for (long number = 0; access(path, F_OK) != 0; usleep(25'000)) {
    text.clear();
    for (int i = 0; i < kAtOnce; ++i) text += std::to_string(number++) + "\n";
    if (write(1, text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail("lines");
  }
  if (write(1, "end\n", 4) != 4) fail("lines");
}

void await(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path);
  close(fd);
}

// The number of arguments that it took.
int run(char** word) {
  const std::string verb = word[0];
  const char* const first = word[1] != nullptr ? word[1] : "";
  const char* const second = word[1] != nullptr && word[2] != nullptr ? word[2] : "";
  if (verb == "sleep") sleep_on();
  if (verb == "main") return go_on_as_main_process(), 0;
  if (verb == "worker") {
    if (fork() == 0) sleep_on();
    return 0;
  }
  if (verb == "flood") return flood(first, second), 2;
  if (verb == "store") return store(first, second), 2;
  if (verb == "exit") std::_Exit(std::atoi(first));
  if (verb == "say") say(first);
  if (verb == "say-child") say_by_child(first, true);
  if (verb == "say-gone") say_by_child(first, false);
  if (verb == "fork") go_on_as_last_of(std::atol(first));
  if (verb == "pid-file") write_file(first, std::to_string(getpid()) + "\n");
  if (verb == "line" && write(std::atoi(first), "\n", 1) != 1) fail("line");
  if (verb == "line" || verb == "close") close(std::atoi(first));
  if (verb == "environment") write_file(first, environment());
  if (verb == "await") await(first);
  if (verb == "lines") write_lines(first);
  if (verb == "touch") write_file(first, "");
  return 1;
}

}  // namespace

int main(int, char** argv) {
  for (char** word = argv + 1; *word != nullptr; ++word) {
    const int taken = run(word);
    for (int i = 0; i < taken && word[1] != nullptr; ++i) ++word;
  }
  return 0;
}
