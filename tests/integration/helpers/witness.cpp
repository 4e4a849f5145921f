// A static program that says what happens to it, one line each, unbuffered.
//   witness signals [LAST]   "ready", then "got N" for every signal; ends with 0 after the signal LAST
//   witness exit CODE        ends at once
//   witness die SIGNAL       by its default action
//   witness orphans N        N orphans end in the same moment; "gone" when every one of them has been reaped
//   witness stuck            sleeps in state D, until it is killed
//   witness utmp             the type, id and line of its own entry in utmp, or "none"
//   witness daemon LAST WORD...  leaves "witness signals LAST" running behind (in its own session), then acts
//   by WORD... witness self             its pid, parent, group, session, uid, gid, working directory and
//   descriptors
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmpx.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};  // libc would leave out 32 and 33

void block_all() {
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kAll, nullptr, sizeof kAll);
}

[[noreturn]] void tell_signals(int last) {
  dprintf(1, "ready\n");
  for (;;) {
    const long got = syscall(SYS_rt_sigtimedwait, &kAll, nullptr, nullptr, sizeof kAll);
    if (got > 0) dprintf(1, "got %ld\n", got);
    if (got == last && last != 0) _exit(0);
  }
}

[[noreturn]] void die(int signal) {
  raise(signal);
  _exit(1);
}

void breed(pid_t* pids, int count, int go) {
  for (int i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid != 0) {
      pids[i] = pid;
      continue;
    }
    char byte;
    _exit(read(go, &byte, 1) > 0 ? 1 : 0);  // all at once, when the last writer is gone
  }
}

[[noreturn]] void leave_orphans(int count) {
  int go[2];
  void* const memory = mmap(nullptr, static_cast<std::size_t>(count) * sizeof(pid_t), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* const pids = static_cast<pid_t*>(memory);
  if (memory == MAP_FAILED || pipe(go) != 0) _exit(1);
  const pid_t parent = fork();
  if (parent == 0) {
    close(go[1]);
    breed(pids, count, go[0]);
    _exit(0);
  }
  waitpid(parent, nullptr, 0);
  close(go[1]);
  for (int i = 0; i < count; ++i) {
    while (kill(pids[i], 0) == 0) usleep(1000);  // nobody tells a grandparent
  }
  dprintf(1, "gone\n");
  _exit(0);
}

void leave_daemon(int last) {
  int ready[2];
  if (pipe(ready) != 0) _exit(1);
  if (fork() == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    close(ready[1]);
    tell_signals(last);
  }
  close(ready[1]);
  char byte;
  if (read(ready[0], &byte, 1) != 0) _exit(1);  // its end of the pipe is closed
}

void tell_self() {
  char directory[PATH_MAX];
  dprintf(1, "pid %d parent %d group %d session %d uid %u gid %u in %s fds", getpid(), getppid(), getpgrp(),
          getsid(0), getuid(), getgid(), getcwd(directory, sizeof directory) != nullptr ? directory : "?");
  for (int fd = 0; fd < 256; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) dprintf(1, " %d", fd);
  }
  dprintf(1, "\n");
}

void tell_login_record() {
  for (const utmpx* record = getutxent(); record != nullptr; record = getutxent()) {
    if (record->ut_pid != getpid()) continue;
    dprintf(1, "%d %.4s %.32s\n", record->ut_type, record->ut_id, record->ut_line);
    return;
  }
  dprintf(1, "none\n");
}

int act(int argc, char** argv) {
  const std::string_view what = argc > 0 ? argv[0] : "";
  const int number = argc > 1 ? std::atoi(argv[1]) : 0;
  if (what == "signals") tell_signals(number);
  if (what == "exit") return number;
  if (what == "die") die(number);
  if (what == "orphans") leave_orphans(number);
  if (what == "stuck") _exit(vfork() == 0 ? pause() : 0);  // the parent waits for the child's exec
  if (what == "daemon") {
    leave_daemon(number);
    return argc > 2 ? act(argc - 2, argv + 2) : 0;
  }
  if (what == "self") tell_self();
  if (what == "utmp") tell_login_record();
  return what == "self" || what == "utmp" ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && (std::string_view(argv[1]) == "signals" || std::string_view(argv[1]) == "daemon"))
    block_all();
  return act(argc - 1, argv + 1);
}
