#include "tests/unit/core/lab.h"

#include <array>
#include <charconv>
#include <optional>
#include <sstream>

#include "libinit/base/checksum.h"

namespace init::core {
namespace {

using std::chrono::milliseconds;
using unit::DependencyKind;

std::string full_name(std::string_view name) {
  return std::string(name) + (name.find('.') == std::string_view::npos ? ".service" : "");
}

std::optional<DependencyKind> dependency_kind(std::string_view word) {
  constexpr std::array<std::string_view, unit::kDependencyKinds> kWords = {
      "requires",   "wants",       "requisite",   "binds-to",   "part-of",     "upholds",
      "conflicts",  "after",       "before",      "unordered",  "provides",    "on-failure",
      "on-success", "reload-with", "prepared-by", "stop-after", "stop-before", "on-restart-limit"};
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) return static_cast<DependencyKind>(i);
  }
  return std::nullopt;
}

unit::RestartPolicy restart_policy(std::string_view word) {
  constexpr std::array<std::string_view, 7> kWords = {"no",       "on-success",  "on-failure", "on-abnormal",
                                                      "on-abort", "on-watchdog", "always"};
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) return static_cast<unit::RestartPolicy>(i);
  }
  return unit::RestartPolicy::No;
}

unit::KillMode kill_mode(std::string_view word) {
  if (word == "mixed") return unit::KillMode::Mixed;
  if (word == "main") return unit::KillMode::Main;
  return word == "none" ? unit::KillMode::None : unit::KillMode::Group;
}

int number(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void set_number(unit::Unit& unit, std::string_view key, int value) {
  unit::ServiceConfig& service = unit.service;
  const auto byte = static_cast<std::uint8_t>(value);
  const auto count = static_cast<std::size_t>(value);
  if (key == "delay") service.restart_delay = milliseconds(value);
  if (key == "delay-max") service.restart_delay_max = milliseconds(value);
  if (key == "reset") service.restart_reset_after = milliseconds(value);
  if (key == "burst") service.restart_limit.burst = static_cast<std::uint32_t>(value);
  if (key == "interval") service.restart_limit.interval = milliseconds(value);
  if (key == "start-timeout") service.start_timeout = milliseconds(value);
  if (key == "stop-timeout") service.stop_timeout = milliseconds(value);
  if (key == "reload-signal") service.reload_signal = value;
  if (key == "pre") service.pre_start.resize(count);
  if (key == "condition") service.condition_commands.resize(count);
  if (key == "post-start") service.post_start.resize(count);
  if (key == "pre-stop") service.pre_stop.resize(count);
  if (key == "stop") service.stop.resize(count);
  if (key == "post-stop") service.post_stop.resize(count);
  if (key == "watchdog") service.watchdog = milliseconds(value);
  if (key == "run-timeout") service.run_timeout = milliseconds(value);
  if (key == "alive-for") service.ready.kind = unit::ProbeKind::AliveFor;
  if (key == "alive-for") service.ready.alive_for = milliseconds(value);
  if (key == "ready-failures") service.ready.failures = static_cast<std::uint32_t>(value);
  if (key == "health") service.health.kind = unit::ProbeKind::Tcp;
  if (key == "health") service.health.interval = milliseconds(value);
  if (key == "steps") service.command.resize(count);
  if (key == "reload") service.reload.resize(count);
  if (key == "success") service.success_exit.codes.push_back(byte);
  if (key == "prevent") service.restart_prevent_exit.codes.push_back(byte);
  if (key == "force") service.restart_force_exit.codes.push_back(byte);
  if (key == "step") service.stop_schedule.push_back({value, milliseconds(1000)});
}

void set_flag(unit::Unit& unit, std::string_view key) {
  if (key == "oneshot") unit.service.type = unit::ServiceType::Oneshot;
  if (key == "notify") unit.service.type = unit::ServiceType::Notify;
  if (key == "forking") unit.service.type = unit::ServiceType::Forking;
  if (key == "dbus") unit.service.type = unit::ServiceType::Dbus;
  if (key == "idle") unit.service.type = unit::ServiceType::Idle;
  if (key == "ready-tcp") unit.service.ready.kind = unit::ProbeKind::Tcp;
  if (key == "abort") unit.service.abort_on_timeout = true;
  if (key == "remain") unit.service.remain_after_exit = true;
  if (key == "stop-when-starved") unit.service.context.resources.oom_policy = unit::OomPolicy::Stop;
  if (key == "stop-for-ever") unit.service.stop_timeout = kInfinity;
  if (key == "unneeded") unit.stop_when_unneeded = true;
  if (key == "no-manual-start") unit.refuse_manual_start = true;
  if (key == "no-manual-stop") unit.refuse_manual_stop = true;
  if (key == "ignore-command") unit.service.command.at(0).ignore_failure = true;
  if (key == "ignore-pre") unit.service.pre_start.at(0).ignore_failure = true;
  if (key == "reboot-on-failure") unit.on_failure_action = unit::FailureAction::Reboot;
  if (key == "reboot-on-limit") unit.service.restart_limit.action = unit::FailureAction::Reboot;
}

void set(unit::Unit& unit, std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return set_flag(unit, word);
  const std::string_view key = word.substr(0, equals), value = word.substr(equals + 1);
  if (const auto kind = dependency_kind(key)) {
    const bool bare = *kind == DependencyKind::Provides;
    unit.dependencies.push_back({*kind, bare ? std::string(value) : full_name(value), {}, false});
  } else if (key == "restart") {
    unit.service.restart = restart_policy(value);
  } else if (key == "kill-mode") {
    unit.service.kill_mode = kill_mode(value);
  } else {
    set_number(unit, key, number(value));
  }
}

std::string short_name(std::string_view name) {
  constexpr std::string_view kSuffix = ".service";
  if (name.size() > kSuffix.size() && name.substr(name.size() - kSuffix.size()) == kSuffix) {
    name.remove_suffix(kSuffix.size());
  }
  return std::string(name);
}

std::string signal_name(std::int32_t signal) {
  switch (signal) {
    case 1:
      return "HUP";
    case 2:
      return "INT";
    case 3:
      return "QUIT";
    case 9:
      return "KILL";
    case 15:
      return "TERM";
    default:
      return "signal " + std::to_string(signal);
  }
}

}  // namespace

std::vector<unit::Unit> parse_units(std::string_view text) {
  std::vector<unit::Unit> units;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word)) continue;
    unit::Unit unit;
    unit.id = full_name(word);
    const bool target = unit.id.size() > 7 && unit.id.substr(unit.id.size() - 7) == ".target";
    unit.kind = target ? unit::Kind::Target : unit::Kind::Service;
    unit.service.command.resize(1);
    while (words >> word) set(unit, word);
    units.push_back(std::move(unit));
  }
  return units;
}

Lab::Lab(const std::vector<unit::Unit>& units) : engine(Graph::build(units)) {}

UnitIndex Lab::index(std::string_view unit) const {
  return engine.graph()->find(full_name(unit)).value_or(kNoUnit);
}
std::string Lab::name(UnitIndex unit) const {
  return unit == kNoUnit ? "nobody" : short_name(engine.graph()->name(unit));
}

void Lab::tell(const Event& event) {
  engine.handle(event, now, *this);
}

JobId Lab::ask(Verb verb, std::string_view unit) {
  Requested request;
  request.job = ++last_job_;
  request.verb = verb;
  request.unit = index(unit);
  tell(request);
  return request.job;
}

void Lab::boot(std::string_view unit) {
  Requested request;
  request.job = ++last_job_;
  request.unit = index(unit);
  request.boot = true;
  tell(request);
}

JobId Lab::shut_down(PowerKind kind) {
  tell(ShutdownRequested{kind, ++last_job_, 0});
  return last_job_;
}

void Lab::reload(std::string_view text) {
  timers_.clear();
  tell(Reloaded{Graph::build(parse_units(text))});
}

void Lab::spawned(std::string_view unit) {
  tell(Spawned{index(unit), mains_.at(short_name(unit)).attempt, 4711});
}

void Lab::runs(std::string_view unit) {
  spawned(unit);
  mains_.at(short_name(unit)).state = ProcessFact::State::Running;
  tell(ExecSucceeded{index(unit), mains_.at(short_name(unit)).attempt});
}

void Lab::exits(std::string_view unit, int code, bool group_empty) {
  const Attempt attempt = mains_.at(short_name(unit)).attempt;
  mains_.erase(short_name(unit));
  tell(Exited{index(unit), attempt, {Exit::Kind::Code, code}, group_empty});
}

void Lab::dies(std::string_view unit, int signal, bool group_empty) {
  const Attempt attempt = mains_.at(short_name(unit)).attempt;
  mains_.erase(short_name(unit));
  tell(Exited{index(unit), attempt, {Exit::Kind::Signal, signal}, group_empty});
}

void Lab::fails_to_spawn(std::string_view unit, SpawnError error) {
  const Attempt attempt = mains_.at(short_name(unit)).attempt;
  mains_.erase(short_name(unit));
  tell(SpawnFailed{index(unit), attempt, error, 7, 2});
}

void Lab::reload_exits(std::string_view unit, int code) {
  const Attempt attempt = controls_.at(short_name(unit)).attempt;
  controls_.erase(short_name(unit));
  tell(Exited{index(unit), attempt, {Exit::Kind::Code, code}, false});
}

void Lab::hook_exits(std::string_view unit, int code, bool group_empty) {
  const Attempt attempt = controls_.at(short_name(unit)).attempt;
  controls_.erase(short_name(unit));
  tell(Exited{index(unit), attempt, {Exit::Kind::Code, code}, group_empty});
}

void Lab::says(std::string_view unit, Notified::What what, std::int64_t value) {
  tell(Notified{index(unit), engine.record(index(unit)).main_attempt, what, value});
}

void Lab::answers(std::string_view unit, bool ok) {
  const Probe& asked = questions_.at(short_name(unit));
  tell(Probed{asked.unit, asked.attempt, asked.which, asked.serial, ok});
}

void Lab::group_empties(std::string_view unit) {
  tell(GroupEmpty{index(unit)});
}

void Lab::all_goes_well() {
  for (bool moved = true; moved;) {
    moved = false;
    const auto mains = mains_;
    for (const auto& [unit, process] : mains) {
      const State now_in = state(unit);
      const bool fresh = process.state == ProcessFact::State::Spawning;
      if (!process.signalled && !fresh) continue;
      moved = true;
      if (process.signalled || now_in != State::Starting) {
        exits(unit);
      } else {
        runs(unit);
      }
    }
  }
}

void Lab::advance(int ms) {
  const MonotonicTime end = now + milliseconds(ms);
  while (true) {
    auto next = timers_.end();
    for (auto it = timers_.begin(); it != timers_.end(); ++it) {
      if (next == timers_.end() || it->second.deadline < next->second.deadline) next = it;
    }
    if (next == timers_.end() || end < next->second.deadline) break;
    const auto [key, timer] = *next;
    timers_.erase(next);
    now = std::max(now, timer.deadline);
    tell(TimerFired{index(key.first), key.second, timer.serial});
  }
  now = end;
}

void Lab::crash() {
  std::vector<UnitRecord> units;
  for (UnitIndex unit = 0; unit < engine.graph()->size(); ++unit) units.push_back(engine.record(unit));
  std::vector<ProcessFact> facts;
  const auto add = [&](const std::map<std::string, Process>& processes) {
    for (const auto& [unit, process] : processes) {
      ProcessFact fact;
      fact.tag = fnv1a64(full_name(unit));
      fact.attempt = process.attempt;
      fact.state = process.state;
      fact.pid = 4711;
      facts.push_back(fact);
    }
  };
  add(mains_);
  add(controls_);
  const std::vector<JobRecord> jobs = engine.job_records();
  timers_.clear();
  engine = Engine::restore(engine.graph(), {units, jobs, facts, 0}, now, *this);
}

void Lab::crash_before_spawn(std::string_view unit, int milliseconds) {
  const auto& record = engine.record(index(unit));
  const auto is_newest = [&](const auto& one) {
    return one.second.attempt == record.attempt && one.first == unit;
  };
  std::erase_if(mains_, is_newest);
  std::erase_if(controls_, is_newest);
  now = now + std::chrono::milliseconds(milliseconds);
  crash();
}

std::string Lab::outcome(JobId job) const {
  const auto found = outcomes_.find(job);
  return found == outcomes_.end() ? "waiting" : found->second;
}

void Lab::note(std::string text) {
  log_.push_back(std::move(text));
}

std::string Lab::log() {
  std::string all;
  for (const std::string& line : log_) all += (all.empty() ? "" : ", ") + line;
  log_.clear();
  return all;
}

std::string Lab::plan(Verb verb, std::string_view unit) const {
  Requested request;
  request.verb = verb;
  request.unit = index(unit);
  std::string all;
  for (const PlanStep& step : engine.plan(request, now).steps) {
    constexpr std::array<std::string_view, 3> kVerbs = {"start ", "stop ", "reload "};
    all += (all.empty() ? "" : ", ") + std::string(kVerbs[static_cast<std::size_t>(step.verb)]) +
           name(step.unit);
    if (step.cause != kNoUnit) all += " for " + name(step.cause);
  }
  return all;
}

void Lab::emit(const Action& action) {
  if (const auto* spawn = std::get_if<Spawn>(&action)) {
    constexpr std::array<std::string_view, kRoles> kWords = {
        "spawn ", "prepare ", "reload ", "condition ", "post-start ", "pre-stop ", "stop ", "post-stop "};
    (is_main(spawn->role) ? mains_ : controls_)[name(spawn->unit)] = {spawn->attempt};
    note(std::string(kWords[static_cast<std::size_t>(spawn->role)]) + name(spawn->unit));
  } else if (const auto* watch = std::get_if<WatchMain>(&action)) {
    mains_[name(watch->unit)] = {watch->attempt};
    note("watch " + name(watch->unit));
  } else if (const auto* probe = std::get_if<Probe>(&action)) {
    questions_[name(probe->unit)] = *probe;
    note("probe " + name(probe->unit));
  } else if (const auto* signal = std::get_if<Signal>(&action)) {
    const auto found = mains_.find(name(signal->unit));
    if (found != mains_.end() && state(name(signal->unit)) == State::Stopping) found->second.signalled = true;
    note(signal_name(signal->signal) + (signal->target == SignalTarget::Main ? " main " : " ") +
         name(signal->unit));
  } else if (const auto* kill = std::get_if<KillGroup>(&action)) {
    note("kill " + name(kill->unit));
  } else if (const auto* armed = std::get_if<ArmTimer>(&action)) {
    timers_[{name(armed->unit), armed->kind}] = {armed->deadline, armed->serial};
  } else if (const auto* canceled = std::get_if<CancelTimer>(&action)) {
    timers_.erase({name(canceled->unit), canceled->kind});
  } else if (const auto* finished = std::get_if<JobFinished>(&action)) {
    constexpr std::array<std::string_view, 7> kWords = {"done",    "failed",  "blocked",  "canceled",
                                                        "refused", "skipped", "timed out"};
    std::string text(kWords[static_cast<std::size_t>(finished->outcome)]);
    if (finished->cause != finished->unit) text += " by " + name(finished->cause);
    if (outcomes_.count(finished->job) != 0) text = "answered twice: " + text;
    outcomes_[finished->job] = text;
  } else if (const auto* power = std::get_if<Power>(&action)) {
    constexpr std::array<std::string_view, 4> kWords = {"exit", "poweroff", "reboot", "halt"};
    note("power " + std::string(kWords[static_cast<std::size_t>(power->kind)]));
  }
}

}  // namespace init::core
