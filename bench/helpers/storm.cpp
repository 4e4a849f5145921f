// storm N: N processes lose their parent, are adopted by PID 1 of this namespace, and exit all at once.
// Prints the nanoseconds from the go to the moment when the last of them has been reaped.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/helpers/support.h"

using namespace init::bench;

namespace {

[[noreturn]] void wait_for_go(const int* pipe) {
  close(pipe[1]);
  char byte = 0;
  while (read(pipe[0], &byte, 1) < 0 && errno == EINTR) continue;
  _exit(0);
}

void breed(pid_t* pids, int count, const int* pipe) {
  for (int i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) wait_for_go(pipe);
    pids[i] = pid;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 5000;
  void* memory = mmap(nullptr, sizeof(pid_t) * static_cast<std::size_t>(count), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int pipe_fds[2];
  if (memory == MAP_FAILED || pipe(pipe_fds) != 0) die("set up");
  auto* pids = static_cast<pid_t*>(memory);
  const pid_t parent = fork();
  if (parent < 0) die("fork");
  if (parent == 0) {
    breed(pids, count, pipe_fds);
    _exit(0);
  }
  waitpid(parent, nullptr, 0);
  const std::uint64_t begin = now_ns();
  close(pipe_fds[1]);
  for (int i = 0; i < count; ++i) {
    while (kill(pids[i], 0) == 0) usleep(100);
  }
  std::printf("%llu\n", static_cast<unsigned long long>(now_ns() - begin));
  return 0;
}
