// launch N COMMAND...: runs COMMAND N times, one after the other, and prints the median of the nanoseconds
// from before its vfork to its end.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/helpers/support.h"

using namespace init::bench;

int main(int argc, char** argv) {
  const int count = argc > 2 ? std::atoi(argv[1]) : 0;
  if (count < 1) return 2;
  std::vector<std::uint64_t> times;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t begin = now_ns();
    const pid_t pid = vfork();
    if (pid == 0) {
      execvp(argv[2], argv + 2);
      _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) die(argv[2]);
    times.push_back(now_ns() - begin);
  }
  std::nth_element(times.begin(), times.begin() + count / 2, times.end());
  std::printf("%llu\n", static_cast<unsigned long long>(times[static_cast<std::size_t>(count) / 2]));
  return 0;
}
