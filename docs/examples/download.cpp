// Starts curl in the background: with log files, as another user, with an environment and a place of its own.
//   example_download URL FOLDER
#include <unistd.h>

#include "docs/examples/report.h"
#include "libinit/process/command.h"

using init::process::Command;
using init::process::Stdio;

int main(int argc, char** argv) {
  if (argc != 3) return report({0, "usage", "example_download URL FOLDER", {}, {}});
  const std::string folder = argv[2];
  Command curl("curl");
  curl.arg("--verbose").arg(argv[1]).env("LC_ALL", "C").env_remove("HOME").cwd("/");
  curl.standard_output(Stdio::append(folder + "/page.log", {.by_caller = true}));
  curl.standard_error(Stdio::append(folder + "/curl.log", {.by_caller = true}));
  if (::getuid() == 0) curl.uid(65534).gid(65534);

  auto child = curl.spawn();
  if (!child) return report(child.error());
  std::printf("curl runs as process %s\n", child->pid().text().c_str());
  const auto status = child->wait(std::chrono::seconds(60));
  if (!status) return report(status.error());
  std::printf("curl: %s\n", status->text().c_str());
}
