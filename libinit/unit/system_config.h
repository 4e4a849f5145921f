// /etc/initd/initd.toml: what holds for the whole system, after defaults.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "libinit/base/time.h"
#include "libinit/unit/diagnostic.h"

namespace init::unit {

// When an initd that is PID 1 of a container ends: with the units of container.main.
enum class ContainerExit : std::uint8_t { AllEnded, OneEnded, OneFailed, Never };

struct SystemConfig {
  std::string default_target = "default.target";
  Duration stop_deadline = std::chrono::seconds(90);  // for the whole shutdown
  bool show_status = true;                            // unit by unit on the console
  std::string log_directory = "/var/log/initd";
  std::vector<std::string> container_main;  // unit ids; the first that ends gives initd's exit status
  ContainerExit container_exit = ContainerExit::AllEnded;
  bool container_forward_logs = true;     // what units write goes to initd's own stdout as well
  std::vector<std::string> hook_command;  // told when a unit has failed or was restarted; empty = none
  Duration hook_timeout = std::chrono::seconds(30);
  bool dev_log = true;  // the logger reads /dev/log while no syslog daemon does
  bool operator==(const SystemConfig&) const = default;
};

// Never fails: a key with an error keeps its default and adds a diagnostic. A missing file is fine and says
// nothing.
[[nodiscard]] SystemConfig load_system_config(const std::string& path, std::vector<Diagnostic>& diagnostics);

}  // namespace init::unit
