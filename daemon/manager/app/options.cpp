#include "daemon/manager/app/options.h"

#include <cstdlib>
#include <string_view>

namespace init::manager {
namespace {

void use_home_directories(Options& options) {
  const char* home = getenv("HOME");
  const char* run = getenv("XDG_RUNTIME_DIR");
  const std::string base = home != nullptr ? home : "/nonexistent";
  options.runtime = (run != nullptr ? std::string(run) : base + "/.cache") + "/initd";
  options.state = base + "/.local/state/initd";
  options.log_directory = options.state + "/log";
  options.config_file = base + "/.config/initd/initd.toml";
}

}  // namespace

Options parse_options(std::span<char* const> arguments) {
  Options options;
  for (const char* argument : arguments) {
    if (std::string_view(argument) == "--user") options.user = true;
  }
  if (options.user) use_home_directories(options);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view name = arguments[i];
    std::string value;
    const std::size_t equals = name.find('=');
    if (equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[i + 1];
    }
    if (name == "--units") options.unit_directories.push_back(value);
    if (name == "--runtime") options.runtime = value;
    if (name == "--state") options.state = value;
    if (name == "--log-dir") options.log_directory = value;
    if (name == "--config") options.config_file = value;
    if (name == "--target") options.target = value;
  }
  return options;
}

}  // namespace init::manager
