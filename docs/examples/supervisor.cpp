// Keeps a worker running, three restarts long; Ctrl-C stops it gracefully.
//   example_supervisor [PROGRAM ARGUMENT...]
#include "libinit/supervisor/supervisor.h"

#include "docs/examples/report.h"

using init::loop::EventLoop;
using init::process::Command;
using init::supervisor::Status;
using init::supervisor::Supervisor;

namespace {

void show(const Status& now) {
  const std::string why = now.reason.empty() ? "" : ": " + now.reason;
  const std::string pid = now.pid ? " as process " + now.pid->text() : "";
  std::printf("%s is %s%s%s\n", now.name.c_str(), std::string(name(now.state)).c_str(), pid.c_str(),
              why.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Command command(argc > 1 ? argv[1] : "sleep");
  command.args(argc > 1 ? std::vector<std::string>(argv + 2, argv + argc) : std::vector<std::string>{"10"});

  EventLoop loop;
  Supervisor supervisor(loop);
  supervisor.on_change(show);
  if (auto added = supervisor.add("worker", command, {.maximum = 3}); !added) return report(added.error());
  if (auto ended = supervisor.run(); !ended) return report(ended.error());
}
