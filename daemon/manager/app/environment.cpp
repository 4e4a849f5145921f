#include "daemon/manager/app/environment.h"

#include <array>
#include <cstdlib>

#include "daemon/manager/app/launcher.h"
#include "daemon/manager/os/directories.h"

namespace init::manager {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

constexpr std::array<const char*, unit::kDirectoryKinds> kDirectoryVariables = {
    "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY"};

void add_directories(const unit::ServiceConfig& service, Environment& environment) {
  for (const auto& directory : service.directories) {
    std::string& value = environment[kDirectoryVariables[static_cast<std::size_t>(directory.kind)]];
    if (!value.empty()) value += ':';
    value += std::string(directory_base(directory.kind)) + "/" + directory.name;
  }
}

}  // namespace

Environment make_environment(const unit::Unit& unit, const Prepared& prepared, const LaunchRequest& request,
                             const Options& options) {
  const unit::ServiceConfig& service = unit.service;
  const Identity& identity = prepared.identity;
  Environment environment{{"PATH", kDefaultPath},    {"HOME", identity.home},
                          {"USER", identity.name},   {"LOGNAME", identity.name},
                          {"SHELL", identity.shell}, {"INVOCATION_ID", request.invocation_id}};
  add_directories(service, environment);
  if (!service.context.credentials.empty())
    environment["CREDENTIALS_DIRECTORY"] = credentials_place(options) + "/" + unit.id;
  for (const auto& [name, value] : request.environment) environment[name] = value;
  for (const auto& name : service.pass_environment) {
    if (const char* value = getenv(name.c_str())) environment[name] = value;
  }
  for (const auto& [name, value] : service.environment) environment[name] = value;
  for (const auto& [name, value] : prepared.variables) environment[name] = value;
  for (const auto& name : service.unset_environment) environment.erase(name);
  return environment;
}

}  // namespace init::manager
