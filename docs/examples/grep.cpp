// Writes into grep's stdin, and reads what it finds.
#include "docs/examples/report.h"
#include "libinit/process/command.h"

using init::process::Command;
using init::process::Stdio;

int main() {
  auto grep = Command("grep")
                  .arg("-n")
                  .arg("signal")
                  .standard_input(Stdio::pipe())
                  .standard_output(Stdio::pipe())
                  .spawn();
  if (!grep) return report(grep.error());
  const auto written = grep->standard_input().write("fork\nsignalfd\nexec\nsignal(7)\n");
  if (!written) return report(written.error());
  const auto found = grep->wait_with_output();  // closes stdin: grep reads the end
  if (!found) return report(found.error());
  std::printf("%sgrep: %s\n", found->standard_output.c_str(), found->status.text().c_str());
}
