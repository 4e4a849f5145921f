// Runs ps, and has its output and how it ended.
#include "docs/examples/report.h"
#include "libinit/process/command.h"

using init::process::Command;

int main() {
  const auto ps = Command("ps").arg("-o").arg("pid,comm").output();
  if (!ps) return report(ps.error());
  std::printf("%s", init::process::text_lossy(ps->standard_output).c_str());
  std::printf("ps: %s\n", ps->status.text().c_str());
}
