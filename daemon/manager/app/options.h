// What initd was started with. PID 1 hands its own arguments to the manager as they are.
#pragma once
#include <span>
#include <string>
#include <vector>

namespace init::manager {

struct Options {
  std::vector<std::string> unit_directories;  // empty: the search path
  std::string runtime = "/run/initd";
  std::string state = "/var/lib/initd";
  std::string log_directory;  // empty: the configuration's
  std::string config_file = "/etc/initd/initd.toml";
  std::string target;  // empty: the configuration's
  bool user = false;
};

// Words that are not known are left alone: a kernel passes its own to PID 1, and PID 1 has judged them
// already.
[[nodiscard]] Options parse_options(std::span<char* const> arguments);

}  // namespace init::manager
