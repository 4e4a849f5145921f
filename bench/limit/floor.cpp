// The floor: the bare limit plus what initd's promises cost in the kernel, and nothing else. A second process
// decides and the first one only spawns and reaps; a child shares no memory with it, joins a control group of
// its own from birth, leads a session and reads from /dev/null; after an end somebody looks whether the group
// is empty. No units, no policy, no facts, no errors: whatever initd takes above this is its own.
//   floor services STAMPS N PROGRAM  as limit
//   floor chain STAMPS N PROGRAM     as limit
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <unordered_map>

#include "bench/helpers/support.h"

using namespace init::bench;

namespace {

enum class Word : std::uint32_t { Spawn, Ended, Stop, Stopped };

struct Message {
  Word word{};
  std::uint32_t index = 0;
};

std::string name_of(std::uint32_t index) {
  return "s" + std::to_string(index);
}

// fd < 0: none goes along.
void send(int socket, Message message, int fd = -1) {
  iovec place{&message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)]{};
  msghdr packet{};
  packet.msg_iov = &place;
  packet.msg_iovlen = 1;
  if (fd >= 0) {
    packet.msg_control = control;
    packet.msg_controllen = sizeof control;
    cmsghdr* part = CMSG_FIRSTHDR(&packet);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
  }
  if (sendmsg(socket, &packet, MSG_NOSIGNAL) < 0) die("send");
}

// False: nothing there.
bool receive(int socket, int flags, Message& message, int& fd) {
  iovec place{&message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)];
  msghdr packet{};
  packet.msg_iov = &place;
  packet.msg_iovlen = 1;
  packet.msg_control = control;
  packet.msg_controllen = sizeof control;
  fd = -1;
  if (recvmsg(socket, &packet, flags | MSG_CMSG_CLOEXEC) != sizeof message) return false;
  if (const cmsghdr* part = CMSG_FIRSTHDR(&packet); part != nullptr)
    std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
  return true;
}

// The one that decides, as the manager.
class Brain {
 public:
  Brain(int socket, bool chain, std::uint32_t count) : socket_(socket), chain_(chain), count_(count) {
    const bool hybrid = access("/sys/fs/cgroup/unified", F_OK) == 0;
    const char* root = hybrid ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
    groups_ = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (groups_ < 0) die(root);
  }

  [[noreturn]] void run() {
    for (std::uint32_t index = 0; index < (chain_ ? 1 : count_); ++index) start(index);
    Message message;
    for (int fd = -1; receive(socket_, 0, message, fd);) {
      if (message.word == Word::Stop) stopping_ = true;
      if (message.word == Word::Ended) ended(message.index);
    }
    _exit(0);
  }

 private:
  void start(std::uint32_t index) {
    const std::string name = name_of(index);
    if (mkdirat(groups_, name.c_str(), 0755) != 0 && errno != EEXIST) die("mkdir");
    const int group = openat(groups_, name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    send(socket_, {Word::Spawn, index}, group);
    close(group);
  }

  void ended(std::uint32_t index) {
    char text[256];
    const int events = openat(groups_, (name_of(index) + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC);
    if (read(events, text, sizeof text) <= 0) die("cgroup.events");
    close(events);
    ++ended_;
    if (stopping_) {
      if (ended_ == count_) send(socket_, {Word::Stopped, 0});
    } else if (!chain_) {
      --ended_;
      start(index);
    } else if (index + 1 < count_) {
      start(index + 1);
    }
  }

  int socket_;
  int groups_ = -1;
  bool chain_;
  bool stopping_ = false;
  std::uint32_t count_;
  std::uint32_t ended_ = 0;
};

// The parent of all, as PID 1.
class Parent {
 public:
  Parent(int socket, int signals, char* program, char* stamps, std::uint32_t count)
      : socket_(socket), signals_(signals), program_(program), stamps_(stamps), pids_(count) {
    for (std::uint32_t index = 0; index < count; ++index) names_.push_back(name_of(index));
    sigemptyset(&nothing_);
  }

  [[noreturn]] void run() {
    pollfd fds[] = {{signals_, POLLIN, 0}, {socket_, POLLIN, 0}};
    for (;;) {
      if (poll(fds, 2, -1) < 0) die("poll");
      if (fds[0].revents != 0) take_signals();
      Message message;
      for (int group = -1; receive(socket_, MSG_DONTWAIT, message, group);) {
        if (message.word == Word::Stopped) _exit(0);
        spawn(message.index, group);
        close(group);
      }
    }
  }

 private:
  void spawn(std::uint32_t index, int group) {
    clone_args args{};
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<std::uint64_t>(group);
    const auto pid = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
    if (pid < 0) die("clone3");
    if (pid == 0) become(index);
    pids_[index] = pid;
    owner_[pid] = index;
  }

  [[noreturn]] void become(std::uint32_t index) {
    char* argv[] = {program_, stamps_, names_[index].data(), nullptr};
    setsid();
    dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 0);
    sigprocmask(SIG_SETMASK, &nothing_, nullptr);
    execve(program_, argv, environ);
    _exit(127);
  }

  void take_signals() {
    signalfd_siginfo seen[8];
    const ssize_t got = read(signals_, seen, sizeof seen);
    for (ssize_t at = 0; at < got / static_cast<ssize_t>(sizeof *seen); ++at) {
      if (seen[at].ssi_signo != SIGTERM) continue;
      send(socket_, {Word::Stop, 0});
      for (const pid_t pid : pids_) kill(pid, SIGTERM);
    }
    for (pid_t pid = 0; (pid = waitpid(-1, nullptr, WNOHANG)) > 0;) {
      const auto found = owner_.find(pid);
      if (found == owner_.end()) continue;
      send(socket_, {Word::Ended, found->second});
      owner_.erase(found);
    }
  }

  int socket_, signals_;
  char *program_, *stamps_;
  std::vector<std::string> names_;
  std::vector<pid_t> pids_;
  std::unordered_map<pid_t, std::uint32_t> owner_;
  sigset_t nothing_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const bool chain = std::string_view(argv[1]) == "chain";
  const auto count = static_cast<std::uint32_t>(std::atoi(argv[3]));
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) die("socketpair");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const pid_t brain = fork();
  if (brain == 0) {
    close(ends[0]);
    Brain(ends[1], chain, count).run();
  }
  if (brain < 0) die("fork");
  close(ends[1]);
  Parent(ends[0], signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), argv[4], argv[2], count).run();
}
