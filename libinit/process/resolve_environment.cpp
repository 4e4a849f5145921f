#include <unistd.h>

#include <cerrno>
#include <map>

#include "libinit/base/environment_file.h"
#include "libinit/process/resolve.h"

namespace init::process {
namespace {

using Change = CommandSettings::Variable::Change;
using Variables = std::map<std::string, std::string, std::less<>>;

// As getenv(3) reads it: the first of a name counts, and what is no assignment does not.
Variables own_variables() {
  Variables variables;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view text = *at;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && equals > 0)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

// The same when nothing is to be changed: as it lies there, and quickly.
std::vector<std::string> own_environment() {
  std::vector<std::string> environment;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view text = *at;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && equals > 0) environment.emplace_back(text);
  }
  return environment;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos;
}

Result<> apply(const CommandSettings::Variable& variable, Variables& variables) {
  switch (variable.change) {
    case Change::Clear:
      variables.clear();
      return {};
    case Change::Remove:
      variables.erase(variable.name);
      return {};
    case Change::Set:
      if (!is_name(variable.name)) return failure(EINVAL, "env", variable.name);
      variables[variable.name] = variable.value;
      return {};
    case Change::File:
      break;
  }
  auto file = read_environment_file(variable.name);
  if (!file) return Failure(file.error());
  for (auto& [name, value] : *file) variables[name] = std::move(value);
  return {};
}

// For programs that take sockets over: sd_listen_fds(3). The names stand in the order of the numbers.
Result<> add_listen_fds(const CommandSettings& settings, Variables& variables) {
  std::map<int, std::string> names;
  bool any = false;
  for (const auto& passed : settings.passed) {
    if (passed.name.find(':') != std::string::npos) return failure(EINVAL, "pass_fd", passed.name);
    any = any || !passed.name.empty();
    names[passed.target] = passed.name.empty() ? "unknown" : passed.name;
  }
  if (!any) return {};
  std::string joined;
  int expected = static_cast<int>(kFirstPassedFd);
  for (const auto& [target, name] : names) {
    if (target != expected++) return failure(EINVAL, "pass_fd", std::to_string(target));
    joined += (joined.empty() ? "" : ":") + name;
  }
  variables["LISTEN_FDS"] = std::to_string(names.size());
  variables["LISTEN_FDNAMES"] = joined;
  variables.erase("LISTEN_PID");
  return {};
}

}  // namespace

Result<std::vector<std::string>> resolve_environment(const CommandSettings& settings) {
  if (settings.environment.empty() && settings.passed.empty()) return own_environment();
  Variables variables = own_variables();
  for (const auto& variable : settings.environment) {
    if (auto applied = apply(variable, variables); !applied) return Failure(applied.error());
  }
  if (auto added = add_listen_fds(settings, variables); !added) return Failure(added.error());
  std::vector<std::string> environment;
  environment.reserve(variables.size());
  for (const auto& [name, value] : variables) {
    std::string& text = environment.emplace_back();
    text.reserve(name.size() + value.size() + 1);
    text.append(name).append(1, '=').append(value);
  }
  return environment;
}

}  // namespace init::process
