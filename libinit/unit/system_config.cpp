#include "libinit/unit/system_config.h"

#include <fcntl.h>

#include "libinit/unit/key_table.h"
#include "libinit/unit/setters.h"
#include "libinit/unit/unit_file.h"

namespace init::unit {
namespace {

constexpr Key kKeys[] = {
    {"", "default-target", "unit", "\"default.target\"", "\"multi-user.target\"",
     "The target that a boot aims at.", "", "",
     set_string<&SystemConfig::default_target, &Setting::unit_name>},
    {"", "stop-deadline", "duration", "\"90s\"", "\"2min\"", "So long may a whole shutdown take.",
     "DefaultTimeoutStopSec", "", set_timeout<&SystemConfig::stop_deadline>},
    {"", "show-status", "boolean", "true", "false", "Shows on the console what starts and stops.",
     "ShowStatus", "", set_boolean<&SystemConfig::show_status>},
    {"log", "directory", "path", "\"/var/log/initd\"", "\"/srv/log\"", "Where services' output goes.", "", "",
     set_string<&SystemConfig::log_directory, &Setting::path>},
    {"log", "dev-log", "boolean", "true", "false", "Reads /dev/log as long as no syslog daemon does.", "", "",
     set_boolean<&SystemConfig::dev_log>},
    {"container", "main", "units", "", "[\"web.service\"]", "The units that a container exists for.", "", "",
     set_strings<&SystemConfig::container_main, &Setting::unit_name>},
    {"container", "exit", "word", "\"all-ended\"", "\"one-failed\"",
     "When the container ends, by its main units: all-ended, one-ended, one-failed, never.", "", "",
     set_word<&SystemConfig::container_exit, ContainerExit>},
    {"container", "forward-logs", "boolean", "true", "false",
     "Shows what units write to their logs on initd's own standard output, too.", "", "",
     set_boolean<&SystemConfig::container_forward_logs>},
    {"hook", "command", "strings", "", "[\"/usr/local/sbin/on-event\"]",
     "A program that is told, by its environment, when a unit has failed or was restarted.", "", "",
     set_strings<&SystemConfig::hook_command, &Setting::string>},
    {"hook", "timeout", "duration", "\"30s\"", "\"2min\"", "So long may one run of the hook take.", "", "",
     set_timeout<&SystemConfig::hook_timeout>},
};

}  // namespace

std::span<const Key> system_key_table() {
  return kKeys;
}

SystemConfig load_system_config(const std::string& path, std::vector<Diagnostic>& diagnostics) {
  const SourceFile file = read_source(AT_FDCWD, path.c_str(), true);
  if (file.state == FileState::Good) return parse_system_config(path, file.text, diagnostics);
  if (file.state == FileState::Refused) {
    Report(path, {}, diagnostics)
        .error("E0001", {0, 0, 1}, path + " is not used: " + file.problem, file.help);
  }
  return {};
}

}  // namespace init::unit
