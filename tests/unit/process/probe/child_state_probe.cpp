// Prints the state it was started in, one "key value" line for each thing, to fd argv[1]; then exits with
// code argv[2]. Asks the kernel itself where it can: /proc may not be there.
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace {

void print_signals(FILE* out) {
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, nullptr, &blocked);
  for (int signal = 1; signal <= 64; ++signal) {
    struct sigaction action {};
    if (sigismember(&blocked, signal) == 1) std::fprintf(out, "blocked.%d yes\n", signal);
    if (sigaction(signal, nullptr, &action) != 0) continue;
    if (action.sa_handler != SIG_DFL) std::fprintf(out, "disposition.%d not default\n", signal);
  }
}

void print_fds(FILE* out, int own) {
  for (int fd = 0; fd < 4096; ++fd) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fd == own) continue;
    char link[64];
    char target[PATH_MAX] = "-";
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, target, sizeof target - 1);
    if (length > 0) target[length] = '\0';
    static constexpr const char* kAccess[] = {"r", "w", "rw", "?"};
    std::fprintf(out, "fd.%d %s%s%s %s\n", fd, kAccess[flags & O_ACCMODE],
                 (flags & O_APPEND) != 0 ? " append" : "", (flags & O_NONBLOCK) != 0 ? " nonblock" : "",
                 target);
  }
}

void print_identity(FILE* out) {
  uid_t uid[3];
  gid_t gid[3];
  if (getresuid(&uid[0], &uid[1], &uid[2]) == 0) std::fprintf(out, "uid %u %u %u\n", uid[0], uid[1], uid[2]);
  if (getresgid(&gid[0], &gid[1], &gid[2]) == 0) std::fprintf(out, "gid %u %u %u\n", gid[0], gid[1], gid[2]);
  static gid_t groups[65536];
  const int count = getgroups(65536, groups);
  std::fprintf(out, "groups");
  for (int index = 0; index < count; ++index) std::fprintf(out, " %u", groups[index]);
  std::fprintf(out, "\nno-new-privileges %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

void print_places(FILE* out) {
  char directory[PATH_MAX];
  std::fprintf(out, "cwd %s\n", getcwd(directory, sizeof directory) != nullptr ? directory : "-");
  struct stat root {};
  if (stat("/", &root) == 0) std::fprintf(out, "root %lu\n", static_cast<unsigned long>(root.st_ino));
  std::fprintf(out, "umask %03o\n", umask(0));
}

void print_limits(FILE* out) {
  for (int resource = 0; resource < 16; ++resource) {
    rlimit64 limit{};
    getrlimit64(static_cast<__rlimit_resource>(resource), &limit);
    std::fprintf(out, "limit.%d %lu %lu\n", resource, limit.rlim_cur, limit.rlim_max);
  }
}

void print_priorities(FILE* out) {
  std::fprintf(out, "nice %d\n", getpriority(PRIO_PROCESS, 0));
  int score = 0;
  FILE* const file = std::fopen("/proc/self/oom_score_adj", "re");
  if (file == nullptr) return;
  if (std::fscanf(file, "%d", &score) == 1) std::fprintf(out, "oom-score-adjust %d\n", score);
  std::fclose(file);
}

void print_session(FILE* out) {
  std::fprintf(out, "session %s\n", getsid(0) == getpid() ? "own" : "inherited");
  std::fprintf(out, "process-group %s\n", getpgrp() == getpid() ? "own" : "inherited");
  const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  std::fprintf(out, "terminal %s\n", terminal >= 0 ? "yes" : "none");
  if (terminal >= 0) close(terminal);
}

}  // namespace

int main(int count, char** arguments) {
  // Away from the fds that are looked at, and under a descriptor of its own.
  const int own = fcntl(count > 1 ? std::atoi(arguments[1]) : 1, F_DUPFD_CLOEXEC, 0);
  FILE* const out = fdopen(own, "w");
  if (out == nullptr) return 100;
  print_fds(out, own);
  print_signals(out);
  print_identity(out);
  print_places(out);
  print_limits(out);
  print_priorities(out);
  print_session(out);
  for (int index = 0; index < count; ++index) std::fprintf(out, "argument.%d %s\n", index, arguments[index]);
  for (char** variable = environ; *variable != nullptr; ++variable)
    std::fprintf(out, "environment %s\n", *variable);
  std::fprintf(out, "pid %d\n", getpid());
  return std::fclose(out) == 0 && count > 2 ? std::atoi(arguments[2]) : 0;
}
