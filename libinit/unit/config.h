// A unit as its file says it, after defaults: plain data. No system header, so that the core may see it.
// Filled by the loader through the key table (key_table.h) and by nothing else.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libinit/base/time.h"
#include "libinit/unit/context_config.h"

namespace init::unit {

enum class Kind : std::uint8_t { Service, Target, Slice };

// Where something was written. file indexes Unit::files (a link: the folder it lies in); line and column
// count from 1; line 0 = the file as a whole.
struct Location {
  std::uint16_t file = 0;
  std::uint16_t column = 0;
  std::uint32_t line = 0;
  bool operator==(const Location&) const = default;
};

enum class DependencyKind : std::uint8_t {
  Requires,
  Wants,
  Requisite,
  BindsTo,
  PartOf,
  Upholds,
  Conflicts,
  After,
  Before,
  Unordered,
  Provides,
  OnFailure,
  OnSuccess,
  ReloadWith,
  PreparedBy,
  StopAfter,
  StopBefore,
  OnRestartLimit,  // written as the action of restart-limit
};
inline constexpr std::size_t kDependencyKinds = 18;

struct Dependency {
  DependencyKind kind = DependencyKind::Wants;
  std::string target;  // a unit id, "db.service"
  Location where;
  bool from_link = false;  // by a link in TARGET.wants/ or by [install]
  bool operator==(const Dependency&) const = default;
};

struct Step {
  std::vector<std::string> argv;  // before expansion of $NAME
  std::string argv0;              // empty = argv[0]
  bool ignore_failure = false;
  bool as_root = false;
  Location where;
  bool operator==(const Step&) const = default;
};

enum class ServiceType : std::uint8_t { Exec, Oneshot, Notify, Forking, Dbus, Idle };
// Whose messages count; Default = main where the type, watchdog or fd-store-max needs messages, else none.
enum class NotifyAccess : std::uint8_t { Default, None, Main, Exec, All };
enum class RestartPolicy : std::uint8_t { No, OnSuccess, OnFailure, OnAbnormal, OnAbort, OnWatchdog, Always };
enum class KillMode : std::uint8_t { Group, Mixed, Main, None };
enum class FailureAction : std::uint8_t { None, Reboot, Poweroff, Exit };

struct RestartLimit {
  std::uint32_t burst = 0;  // 0 = no limit
  Duration interval = kInfinity;
  FailureAction action = FailureAction::None;  // a unit as the action: DependencyKind::OnRestartLimit
  bool operator==(const RestartLimit&) const = default;
};

// One line of a stop-schedule: send the signal, then wait this long for the end. The last wait may
// be kInfinity.
struct StopStep {
  std::int32_t signal = 15;
  Duration wait = kInfinity;
  auto operator<=>(const StopStep&) const = default;
};

// Default = <log-dir>/<unit>.log
enum class OutputKind : std::uint8_t {
  Default,
  Null,
  File,
  Truncate,
  Inherit,
  Console,
  Tty,
  Unit,
  Syslog,
  Kmsg
};
struct Output {
  OutputKind kind = OutputKind::Default;
  std::string path;  // Unit: the id of the unit that reads it
  // File, Truncate: opened by initd and not as the service's user; one that is created gets this mode and
  // owner. Empty: the service's own.
  bool by_initd = false;
  std::uint16_t mode = 0640;
  std::string user, group;
  bool operator==(const Output&) const = default;
};
enum class Overflow : std::uint8_t { Drop, Block };
// So many lines within the interval; 0 = no limit.
struct RateLimit {
  std::uint32_t lines = 0;
  Duration interval = std::chrono::seconds(1);
  bool operator==(const RateLimit&) const = default;
};
// How what a unit writes to its log is kept: [log].
struct LogConfig {
  std::uint64_t size = std::uint64_t{8} << 20;  // bytes of one file
  std::uint32_t count = 8;                      // files beside the current one
  Duration age = kInfinity;                     // of the current file
  std::uint64_t total = std::uint64_t{64} << 20;
  bool compress = true;
  RateLimit rate_limit;
  Overflow overflow = Overflow::Drop;
  std::vector<std::string> keep, drop;  // regular expressions (libinit/pattern)
  std::string identifier;               // log-identifier of [service]; empty = the unit's name
  bool operator==(const LogConfig&) const = default;
};
enum class InputKind : std::uint8_t { Null, File, Inherit, Console, Tty, Data };
struct Input {
  InputKind kind = InputKind::Null;
  std::string path;  // Data: the bytes themselves
  bool operator==(const Input&) const = default;
};

enum class DirectoryKind : std::uint8_t { Runtime, State, Cache, Logs, Config };
inline constexpr std::size_t kDirectoryKinds = 5;
struct Directory {
  DirectoryKind kind = DirectoryKind::Runtime;
  std::string name;  // relative to /run, /var/lib, /var/cache, /var/log, /etc
  std::uint16_t mode = 0755;
  bool operator==(const Directory&) const = default;
};

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
struct Limit {
  std::uint64_t soft = kUnlimited;
  std::uint64_t hard = kUnlimited;
  bool operator==(const Limit&) const = default;
};
inline constexpr std::size_t kLimits = 16;  // indexed by RLIMIT_* of Linux

// Exit codes and signals, as in success-exit = [0, 3, "TERM"].
struct ExitSet {
  std::vector<std::uint8_t> codes;
  std::vector<std::uint8_t> signals;  // 1..64
  bool operator==(const ExitSet&) const = default;
};

// How a service is asked from outside whether it is ready ([ready]), or still well ([health]).
enum class ProbeKind : std::uint8_t { None, Http, Tcp, Unix, Path, Command, LogLine, AliveFor, Trigger };
struct Probe {
  ProbeKind kind = ProbeKind::None;
  std::string target;       // Http: URL; Tcp: HOST:PORT; Unix, Path: a path; LogLine: a regular expression
  std::string body;         // Http: text that the answer must contain; empty = any
  std::int32_t status = 0;  // Http: the status that it must have; 0 = 200 to 399
  Step command;             // Command: must end with 0
  Duration alive_for{0};
  Duration interval = std::chrono::seconds(1);  // from one answer to the next question
  Duration timeout = std::chrono::seconds(5);   // of one question
  Duration deadline = kInfinity;                // so long may it go without a good answer
  std::uint32_t failures = 0;                   // so many bad answers in a row; 0 = any number
  bool operator==(const Probe&) const = default;
};

[[nodiscard]] inline Probe usual_health_probe() {
  Probe probe;
  probe.interval = std::chrono::seconds(10);
  probe.failures = 3;
  return probe;
}

struct ServiceConfig {
  ServiceType type = ServiceType::Exec;
  std::vector<Step> command;  // one step; a oneshot may have more
  std::vector<Step> condition_commands, pre_start, post_start, reload, pre_stop, stop, post_stop;
  std::int32_t reload_signal = 0;  // 0 = none
  bool remain_after_exit = false;

  std::string pid_file;  // of a forking service
  std::string bus_name;  // of a dbus service
  NotifyAccess notify_access = NotifyAccess::Default;
  std::int32_t ready_fd = -1;  // its number in the child; -1 = none
  Duration watchdog = kInfinity;
  std::int32_t fd_store_max = 0;
  Probe ready;
  Probe health = usual_health_probe();

  RestartPolicy restart = RestartPolicy::OnFailure;
  Duration restart_delay = std::chrono::milliseconds(100);
  Duration restart_delay_max = std::chrono::seconds(30);
  Duration restart_reset_after = std::chrono::seconds(10);
  RestartLimit restart_limit;
  ExitSet success_exit, restart_prevent_exit, restart_force_exit;

  Duration start_timeout = std::chrono::seconds(90);
  Duration stop_timeout = std::chrono::seconds(90);
  Duration run_timeout = kInfinity;
  std::int32_t abort_signal = 6;  // on watchdog
  bool abort_on_timeout = false;  // and when a start or stop took too long
  std::int32_t stop_signal = 15;
  std::vector<StopStep> stop_schedule;  // empty: stop_signal, stop_timeout, KILL
  KillMode kill_mode = KillMode::Group;

  std::string user, group;  // names or numbers; resolved at each start
  std::vector<std::string> extra_groups;
  std::optional<bool> no_new_privileges;  // absent: true exactly when user is not root
  std::string working_directory;
  bool working_directory_may_miss = false;
  std::string root_directory;
  std::uint16_t umask = 022;
  std::optional<std::int32_t> nice, oom_score_adjust;
  Input standard_input;
  Output standard_output, standard_error;
  LogConfig log;

  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> environment_files, optional_environment_files, pass_environment, unset_environment;
  std::array<std::optional<Limit>, kLimits> limits{};
  std::vector<Directory> directories;
  ContextConfig context;
  bool operator==(const ServiceConfig&) const = default;
};

// Where the keys of which a start may complain were written. It makes no other unit.
struct KeyPlaces {
  struct Entry {
    std::uint32_t key = 0;  // key_hash()
    std::uint32_t line = 0;
    std::uint16_t file = 0;
  };
  std::vector<Entry> list;
  bool operator==(const KeyPlaces&) const { return true; }
};

struct InstallConfig {
  std::vector<std::string> wanted_by, required_by, alias, also;
  bool operator==(const InstallConfig&) const = default;
};

struct Unit {
  std::string id;  // "nginx.service"
  Kind kind = Kind::Service;
  std::string description;
  std::vector<std::string> documentation;
  std::vector<std::string> files;  // paths; files[0] is the unit's own
  std::vector<Dependency> dependencies;
  std::vector<std::string> operators;
  bool default_dependencies = true;
  bool stop_when_unneeded = false;
  bool refuse_manual_start = false;
  bool refuse_manual_stop = false;
  bool essential = false;
  FailureAction on_failure_action = FailureAction::None;
  ServiceConfig service;
  InstallConfig install;
  KeyPlaces places;
  bool operator==(const Unit&) const = default;
};

}  // namespace init::unit
