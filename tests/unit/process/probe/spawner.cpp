// Spawns programs in every way there is, under a preload that forbids the heap between fork and exec.
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "libinit/process/command.h"

namespace {

using namespace init::process;

bool runs(const Command& command) {
  const auto output = command.output();
  if (!output) dprintf(2, "%s\n", output.error().text().c_str());
  return output && output->status.success();
}

bool all_run() {
  const Command plain = Command("true").env_remove("LD_PRELOAD");
  bool all =
      runs(plain) && runs(Command(plain).new_session().nice(1).limit(4, 0, 0).cwd("/").umask(0)) &&
      runs(Command(plain).standard_input(Stdio::data("x")).standard_output(Stdio::truncate("/dev/null"))) &&
      runs(Command(plain).cpu_affinity({0}).io_priority(IoClass::Idle).no_new_privileges().pass_fd(0, 9)) &&
      runs(Command(plain).oom_score_adjust(900)) &&
      runs(Command(plain).pre_exec([]() noexcept { return 0; }));
  if (geteuid() == 0) all = all && runs(Command(plain).user("nobody").ambient_capabilities(1));
  return all && !Command("/no/such/program").spawn();
}

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::strcmp(words[1], "quiet") == 0) return all_run() ? 0 : 1;
  // So that the test sees its preload at work.
  const auto loud = Command("true").standard_error(Stdio::inherit()).pre_exec([]() noexcept {
    void* volatile block = std::malloc(1);
    std::free(block);
    return 0;
  });
  return runs(loud) ? 0 : 1;
}
