#include "libinit/core/policy.h"

#include <algorithm>
#include <tuple>

#include "libinit/base/checksum.h"

namespace init::core {
namespace {

using unit::RestartPolicy;

constexpr std::int32_t kHup = 1, kInt = 2, kPipe = 13, kTerm = 15;

ExitBits exit_bits(const unit::ExitSet& set) {
  ExitBits bits;
  for (const std::uint8_t code : set.codes) bits.codes[code / 64] |= std::uint64_t{1} << (code % 64);
  for (const std::uint8_t signal : set.signals) bits.signals |= std::uint64_t{1} << (signal - 1U);
  return bits;
}

std::vector<bool> ignored_failures(const std::vector<unit::Step>& steps) {
  std::vector<bool> bits;
  for (const unit::Step& step : steps) bits.push_back(step.ignore_failure);
  return bits;
}

Duration doubled(Duration base, std::uint32_t times, Duration cap) {
  Duration delay = base;
  for (std::uint32_t i = 0; i < times; ++i) delay += std::min(delay, cap - delay);
  return delay;
}

// Has the exit the last word, or did something else end the run?
bool is_by_exit(Reason reason) {
  return reason == Reason::None || reason == Reason::ExitCode || reason == Reason::Signal;
}

ProbePolicy probe_policy(const unit::Probe& probe) {
  return {probe.kind, probe.failures, probe.alive_for, probe.interval, probe.deadline};
}

}  // namespace

const std::vector<unit::Step>& steps_of(const unit::ServiceConfig& service, Role role) noexcept {
  switch (role) {
    case Role::PreStart:
      return service.pre_start;
    case Role::Reload:
      return service.reload;
    case Role::Condition:
      return service.condition_commands;
    case Role::PostStart:
      return service.post_start;
    case Role::PreStop:
      return service.pre_stop;
    case Role::Stop:
      return service.stop;
    case Role::PostStop:
      return service.post_stop;
    case Role::Main:
      break;
  }
  return service.command;
}

bool begins_run(const Policy& policy, Role role) noexcept {
  for (const Role first : {Role::Condition, Role::PreStart, Role::Main}) {
    if (first == role) return true;
    if (!policy.steps_of(first).empty()) return false;
  }
  return false;
}

Policy make_policy(const unit::Unit& unit) {
  Policy policy;
  if (unit.kind != unit::Kind::Service) return policy;
  const unit::ServiceConfig& service = unit.service;
  policy.type = service.type;
  policy.oneshot = service.type == unit::ServiceType::Oneshot;
  policy.has_ready_fd = service.ready_fd >= 0;
  policy.abort_on_timeout = service.abort_on_timeout;
  policy.remain_after_exit = service.remain_after_exit;
  policy.stop_when_starved = service.context.resources.oom_policy == unit::OomPolicy::Stop;
  policy.restart = service.restart;
  policy.kill_mode = service.kill_mode;
  policy.limit_action = service.restart_limit.action;
  policy.burst = service.restart_limit.burst;
  policy.limit_interval = service.restart_limit.interval;
  policy.restart_delay = service.restart_delay;
  policy.restart_delay_max = std::max(service.restart_delay, service.restart_delay_max);
  policy.restart_reset_after = service.restart_reset_after;
  policy.start_timeout = service.start_timeout;
  policy.stop_timeout = service.stop_timeout;
  policy.run_timeout = service.run_timeout;
  policy.watchdog = service.watchdog;
  policy.abort_signal = service.abort_signal;
  policy.ready = probe_policy(service.ready);
  policy.health = probe_policy(service.health);
  policy.reload_signal = service.reload_signal;
  policy.stop_schedule = service.stop_schedule;
  if (policy.stop_schedule.empty())
    policy.stop_schedule.push_back({service.stop_signal, service.stop_timeout});
  for (std::size_t role = 0; role < kRoles; ++role)
    policy.steps[role] = ignored_failures(steps_of(service, static_cast<Role>(role)));
  policy.success = exit_bits(service.success_exit);
  policy.prevent = exit_bits(service.restart_prevent_exit);
  policy.force = exit_bits(service.restart_force_exit);
  return policy;
}

Word word_of(const Policy& policy) noexcept {
  switch (policy.type) {
    case unit::ServiceType::Notify:
      return Word::Ready;
    case unit::ServiceType::Forking:
      return Word::Forked;
    case unit::ServiceType::Dbus:
      return Word::Name;
    default:
      return policy.has_ready_fd ? Word::Ready : Word::None;
  }
}

bool is_clean(const Policy& policy, const Exit& exit) noexcept {
  if (policy.success.contains(exit)) return true;
  if (exit.kind == Exit::Kind::Code) return exit.value == 0;
  if (exit.kind != Exit::Kind::Signal || policy.oneshot) return false;
  return exit.value == kHup || exit.value == kInt || exit.value == kPipe || exit.value == kTerm;
}

bool wants_restart(const Policy& policy, Reason reason, const Exit& exit) noexcept {
  const bool by_exit = is_by_exit(reason);
  const bool exited = by_exit || reason == Reason::PreStart || reason == Reason::OutOfMemory;
  if (exited && policy.prevent.contains(exit)) return false;
  if (exited && policy.force.contains(exit)) return true;
  const bool ignored = reason == Reason::None;  // whatever the last step ended with
  const bool clean = ignored || (by_exit && is_clean(policy, exit));
  const RunResult result = clean ? RunResult::Success : run_result(by_exit ? Reason::Signal : reason, exit);
  switch (policy.restart) {
    case RestartPolicy::No:
      return false;
    case RestartPolicy::OnSuccess:
      return clean;
    case RestartPolicy::OnFailure:
      return !clean;
    case RestartPolicy::OnAbnormal:
      return !clean && result != RunResult::ExitCode && reason != Reason::Setup && reason != Reason::Config;
    case RestartPolicy::OnAbort:
      return result == RunResult::Signal || result == RunResult::CoreDump;
    case RestartPolicy::OnWatchdog:
      return result == RunResult::Watchdog;
    case RestartPolicy::Always:
      return true;
  }
  return false;
}

Duration restart_delay(const Policy& policy, std::uint32_t quick_ends, std::uint64_t noise) noexcept {
  const Duration delay = doubled(policy.restart_delay, quick_ends, policy.restart_delay_max);
  const Duration jitter = delay / 8 * static_cast<std::int64_t>(noise % 1024) / 1024;
  return std::max(policy.restart_delay, std::min(delay + jitter, policy.restart_delay_max));
}

Duration spawn_delay(std::uint32_t failures) noexcept {
  using std::chrono::milliseconds;
  return doubled(milliseconds(50), failures, milliseconds(1000));
}

}  // namespace init::core
