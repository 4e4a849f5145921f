// contain STAMPS CGROUP COMMAND...: runs COMMAND as PID 1 of fresh PID, mount, UTS, IPC and cgroup namespaces
// inside the cgroup2 directory CGROUP ("-" = stay), with a tmpfs on /run, and stamps "t0" right before its
// exec. Writes "pid N\n" (as the host sees it) to stdout. Then obeys lines on stdin: "stop SIGNAL" sends it
// and writes "stopped NANOSECONDS STATUS\n" once PID 1 has ended; end of file kills everything.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "bench/helpers/stamp_record.h"
#include "bench/helpers/support.h"

using namespace init::bench;

namespace {

void write_file(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text.data(), text.size()) < 0) die(path.c_str());
  close(fd);
}

void enter_namespaces(const std::string& cgroup) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (cgroup != "-") write_file(cgroup + "/cgroup.procs", "0");
  if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) != 0)
    die("unshare");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) die("mount /");
}

// Where cgroup2 is mounted, the root of the cgroup namespace must show and nothing else.
void mount_cgroup2() {
  const bool hybrid = access("/sys/fs/cgroup/unified", F_OK) == 0;
  const char* place = hybrid ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
  umount2(place, MNT_DETACH);
  if (mount("cgroup2", place, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    die("mount cgroup2");
}

[[noreturn]] void become_init(const char* stamps, const std::string& cgroup, char** command) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) die("mount /proc");
  if (cgroup != "-") mount_cgroup2();
  if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") != 0) die("mount /run");
  const int fd = open(stamps, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) die(stamps);
  const int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  close(null);
  StampRecord record;
  record.pid = getpid();
  std::strcpy(record.name, "t0");
  record.ns = now_ns();
  if (write(fd, &record, sizeof record) != sizeof record) die(stamps);
  close(fd);
  execvp(command[0], command);
  die(command[0]);
}

// The signal that a line on stdin asks for; SIGKILL at its end; 0 when PID 1 has ended by itself.
int wait_for_order(pid_t child) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {pidfd, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0 && errno == EINTR) continue;
  if (fds[1].revents != 0) return 0;
  char line[64];
  int signal = SIGKILL;
  if (std::fgets(line, sizeof line, stdin) != nullptr) std::sscanf(line, "stop %d", &signal);
  return signal;
}

void stop(pid_t child, int signal) {
  int status = 0;
  const std::uint64_t begin = now_ns();
  if (signal != 0) kill(child, signal);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  std::printf("stopped %llu %d\n", static_cast<unsigned long long>(now_ns() - begin), status);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  enter_namespaces(argv[2]);
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) become_init(argv[1], argv[2], argv + 3);
  std::printf("pid %d\n", child);
  std::fflush(stdout);
  stop(child, wait_for_order(child));
  return 0;
}
