// What a forked child changes, it changes for itself; what a thread changes, it changes for all.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "docs/examples/report.h"
#include "libinit/thread/thread.h"

using init::thread::ThreadBuilder;

int main() {
  int copied = 0;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(++copied);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return report({errno, "fork", {}, {}, {}});
  std::printf("fork: %d in the child, %d in the parent\n", WEXITSTATUS(status), copied);

  std::atomic<int> shared = 0;
  auto thread = ThreadBuilder().spawn([](std::atomic<int>& number) { return ++number; }, std::ref(shared));
  if (!thread) return report(thread.error());
  const auto seen = thread->join();
  if (!seen) return report(seen.error());
  std::printf("thread: %d in the thread, %d in its creator\n", *seen, shared.load());
}
