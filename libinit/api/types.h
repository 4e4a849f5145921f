// What travels over the control socket, as plain structs. Their JSON shapes (field names, which fields may be
// absent) stand once, in shapes.h. In a field that may be absent, the default-constructed value means
// "absent". Names ending in _us are microseconds; since_us and its like are CLOCK_REALTIME, for showing only.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace init::api {

enum class State : std::uint8_t { Inactive, Activating, Active, Reloading, Deactivating, Failed };
enum class Outcome : std::uint8_t {
  Done,
  Failed,    // the unit itself failed
  Blocked,   // something it needs has failed or lies on a cycle; the unit stays wanted
  Canceled,  // a later request took its place
  Refused,   // forbidden by the unit, shutting down, nothing to reload
  Skipped,   // a condition was not met
  TimedOut,  // timeout_ms has passed; the request stays in force
  Running,   // not an end: a progress reply, sent only to callers that asked for "more"
};
enum class Whom : std::uint8_t { Main, All };
enum class Verb : std::uint8_t { Start, Stop, Restart, TryRestart, Reload };
enum class PowerKind : std::uint8_t { Exit, Poweroff, Reboot, Halt };
enum class Severity : std::uint8_t { Error, Warning };

// ---- Requests

struct JobRequest {         // Start, Stop, Restart, TryRestart, Reload
  Verb verb = Verb::Start;  // the method's name, not a parameter
  std::string unit;
  bool no_block = false;        // answer Done as soon as the request is accepted
  std::int64_t timeout_ms = 0;  // 0 = the unit's own limits only
};
struct ResetFailedRequest {
  std::string unit;  // empty = all
};
struct TriggerRequest {  // says that a unit with [ready] trigger is ready
  std::string unit;
};
struct KillRequest {
  std::string unit;
  std::int32_t signal = 15;
  Whom whom = Whom::All;
};
struct DaemonReloadRequest {};
struct RenewRequest {
  bool from_disk = false;  // the programs that lie on disk now, instead of those that run
};
struct PlanRequest {
  Verb verb = Verb::Start;
  std::vector<std::string> units;
};
struct WhyRequest {
  std::string unit;
};
struct StatusRequest {
  std::string unit;
};
struct SystemRequest {};
struct ListRequest {
  std::string pattern;  // fnmatch(3) on the unit id; empty = all
  std::string kind;     // "service", "target"
  std::string state;    // a State's name, or "blocked"
};
struct CatRequest {
  std::string unit;
};
struct HistoryRequest {
  std::string unit;  // empty = everything
  bool raw = false;  // with all that a replay needs
};
struct PowerRequest {
  PowerKind kind = PowerKind::Exit;
  std::int32_t exit_code = 0;  // with Exit
};

// ---- Replies

struct Process {
  std::int32_t pid = 0;
  std::int32_t ppid = 0;
  std::string name;              // as in /proc/PID/comm
  std::string command;           // the command line; root and operators only
  std::int64_t start_ticks = 0;  // field 22 of proc_pid_stat(5): tells it from a later one of that number
};
struct ExitInfo {
  std::string kind;  // "exited", "signaled", "dumped"
  std::int32_t code = 0;
  std::string text;  // "exit 127 (command not found)"
};
struct StartError {  // the process never ran
  std::string step;  // process::child_step_name, or "plan"
  std::int32_t error_number = 0;
  std::string text;
};
struct Blocker {
  std::string unit;
  std::string relation;  // "requires"
  std::string where;     // "/etc/initd/units/a.service.toml:3"
};

struct Usage {  // of the control group, as far as the kernel tells; bytes, 0 = not told or no limit
  std::int64_t memory = 0;
  std::int64_t memory_peak = 0;
  std::int64_t memory_limit = 0;
  std::int64_t swap = 0;
  std::int64_t tasks = 0;
  std::int64_t tasks_limit = 0;
  std::int64_t cpu_us = 0;
  std::int64_t io_read = 0;
  std::int64_t io_written = 0;
  std::int64_t oom_kills = 0;
};
struct LastRun {  // what the last main process used, without its children that it did not wait for
  std::int64_t cpu_us = 0;
  std::int64_t memory_peak = 0;  // bytes
};

struct Status {
  std::string id;
  std::string description;
  std::string kind;
  State state = State::Inactive;
  std::string substate;
  std::int64_t since_us = 0;
  std::int64_t active_for_us = 0;   // 0 = not active
  std::vector<std::string> wanted;  // "default.target", "admin (uid 0, 09:02:17)"
  std::string waiting_for;          // what a job on this unit waits for right now
  std::int32_t main_pid = 0;
  std::string status_text;  // what the service says of itself: the last STATUS= of sd_notify(3)
  std::vector<Process> processes;
  std::string slice;  // that its control group lies in
  std::optional<Usage> usage;
  std::optional<ExitInfo> exit;  // of the last main process
  std::optional<LastRun> last_run;
  std::optional<StartError> error;
  std::int32_t restarts = 0;
  std::int64_t next_try_in_us = 0;  // 0 = none is due
  std::optional<Blocker> blocked_by;
  std::string result;              // why it failed, in one phrase
  std::vector<std::string> files;  // files[0] is the unit's own
  bool changed_on_disk = false;
  std::string log_path;
  std::vector<std::string> log_tail;  // root and operators only
  std::vector<std::string> problems;  // cycles and other load-time findings
};

struct JobReply {
  std::string unit;
  Outcome outcome = Outcome::Done;
  std::string progress;          // with Running: what the job waits for
  std::string cause;             // the unit that failed or blocks; the unit itself when it is its own cause
  std::string message;           // what happened, one line
  std::string hint;              // the next step
  std::optional<Status> status;  // of the cause; with Failed, Blocked and TimedOut
};

struct Diagnostic {
  Severity severity = Severity::Error;
  std::string where;  // "file:line:column"
  std::string text;   // as `verify` prints it, several lines
};
struct DaemonReloadReply {
  std::int32_t loaded = 0;  // units in force now
  std::vector<std::string> changed;
  std::vector<std::string> removed;
  std::vector<Diagnostic> diagnostics;
};

struct PlanStep {
  std::string verb;  // "start", "stop"
  std::string unit;
  std::string cause;     // the unit because of which; empty = asked
  std::string relation;  // of the cause to the unit, "requires"
  std::string where;     // "file:line"
};
struct PlanReply {
  std::vector<PlanStep> steps;
  std::vector<std::string> notes;  // "app.service stays wanted: ..."
};

struct WhyLink {  // from the asked unit down to the first cause
  std::string unit;
  State state = State::Inactive;
  std::string text;      // "is blocked", "is activating: awaiting ready for 12 s (limit 1 min)"
  std::string relation;  // of the unit to the next one of the chain, "requires"; may be empty
  std::string where;     // of that relation, "file:line"
};
struct WhyReply {
  std::vector<WhyLink> chain;
  std::string next;  // the next event, when one is due
};

struct Note {  // one row of the system screen
  std::string unit;
  std::string text;
};
struct Counts {
  std::int32_t total = 0;
  std::int32_t active = 0;
  std::int32_t inactive = 0;
  std::int32_t activating = 0;
  std::int32_t deactivating = 0;
  std::int32_t failed = 0;
};
struct SystemReply {
  std::string host;
  std::string version;
  std::string environment;  // "machine", "container", "process"
  std::string state;        // "starting", "running", "degraded", "stopping"
  std::int64_t since_us = 0;
  std::int64_t up_for_us = 0;
  std::int64_t boot_us = 0;  // from start until the boot target was reached; 0 = not yet
  Counts units;
  std::vector<Note> failed;
  std::vector<Note> blocked;
  std::vector<Note> jobs;
  std::int32_t manager_restarts = 0;
  std::int64_t epoch = 0;
  std::string log_directory;
  std::vector<std::string> problems;
};

struct ListRow {
  std::string id;
  State state = State::Inactive;
  std::string substate;
  bool wanted = false;
  std::string blocked_by;  // unit
  std::int32_t main_pid = 0;
  std::int64_t since_us = 0;
  std::string description;
};
struct ListReply {
  std::vector<ListRow> units;
};

struct File {
  std::string path;
  std::string text;
};
struct CatReply {
  std::vector<File> files;
};

struct HistoryEntry {
  std::int64_t at_us = 0;
  std::string unit;  // empty: of initd as a whole
  std::string text;
};
struct HistoryReply {  // oldest first
  std::string version;
  std::vector<HistoryEntry> entries;
  // Hexadecimal, when they were asked for: the entries, what the manager began with, the units in force.
  std::string raw_entries;
  std::string raw_beginning;
  std::string raw_generation;
};

struct EmptyReply {};  // ResetFailed, Kill, Trigger, Power: accepted

// Takes out what only root and operators may see: arguments, log text.
void redact(Status& status);

}  // namespace init::api
