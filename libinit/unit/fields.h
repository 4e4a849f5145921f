// THE field visitor of the compiled generation: each field of a unit is named here once, for writing and for
// reading. Fields are only added, at the end of a structure; any other change is one of kGenerationVersion.
#pragma once
#include <type_traits>

#include "libinit/unit/config.h"
#include "libinit/unit/system_config.h"

namespace init::unit {

inline constexpr std::uint32_t kGenerationVersion = 5;

// T is What when reading, const What when writing.
template <class T, class What>
concept Like = std::is_same_v<std::remove_const_t<T>, What>;

template <class V, Like<Location> T>
void visit(V& v, T& where) {
  v(where.file, where.line, where.column);
}
template <class V, Like<Dependency> T>
void visit(V& v, T& dependency) {
  v(dependency.kind, dependency.target, dependency.where, dependency.from_link);
}
template <class V, Like<Step> T>
void visit(V& v, T& step) {
  v(step.argv, step.argv0, step.ignore_failure, step.as_root, step.where);
}
template <class V, Like<RestartLimit> T>
void visit(V& v, T& limit) {
  v(limit.burst, limit.interval, limit.action);
}
template <class V, Like<StopStep> T>
void visit(V& v, T& step) {
  v(step.signal, step.wait);
}
template <class V, Like<Output> T>
void visit(V& v, T& output) {
  v(output.kind, output.path);
  if (output.kind == OutputKind::File || output.kind == OutputKind::Truncate) v(output.by_initd);
  if (output.by_initd) v(output.mode, output.user, output.group);
}
template <class V, Like<Input> T>
void visit(V& v, T& input) {
  v(input.kind, input.path);
}
template <class V, Like<RateLimit> T>
void visit(V& v, T& limit) {
  v(limit.lines, limit.interval);
}
template <class V, Like<LogConfig> T>
void visit(V& v, T& log) {
  bool said = !(log == LogConfig{});  // few units do
  v(said);
  if (!said) return;
  v(log.size, log.count, log.age, log.total, log.compress, log.rate_limit, log.overflow, log.keep, log.drop,
    log.identifier);
}
template <class V, Like<Directory> T>
void visit(V& v, T& directory) {
  v(directory.kind, directory.name, directory.mode);
}
template <class V, Like<KeyPlaces> T>
void visit(V& v, T& places) {
  v(places.list);
}
template <class V, Like<KeyPlaces::Entry> T>
void visit(V& v, T& entry) {
  v(entry.key, entry.file, entry.line);
}
template <class V, Like<Scheduling> T>
void visit(V& v, T& s) {
  v(s.io_class, s.io_priority, s.cpu_policy, s.cpu_priority, s.cpu_affinity, s.numa_policy, s.numa_nodes);
}
template <class V, Like<Privileges> T>
void visit(V& v, T& p) {
  v(p.capabilities, p.ambient, p.securebits, p.parent_death_signal);
}
template <class V, Like<Terminal> T>
void visit(V& v, T& tty) {
  v(tty.path, tty.reset, tty.hangup, tty.disallocate, tty.utmp_id);
}
template <class V, Like<Credential> T>
void visit(V& v, T& credential) {
  v(credential.name, credential.path);
}
template <class V, Like<Memory> T>
void visit(V& v, T& memory) {
  v(memory.amount, memory.percent);
}
template <class V, Like<Resources> T>
void visit(V& v, T& r) {
  v(r.memory_max, r.memory_high, r.memory_low, r.memory_min, r.swap_max, r.cpu_weight, r.io_weight);
  v(r.cpu_quota, r.tasks_max, r.cpus, r.delegate, r.oom_policy, r.slice);
}
template <class V, Like<ContextConfig> T>
void visit(V& v, T& context) {
  bool plain = context == ContextConfig{};  // most are
  v(plain);
  if (plain) return;
  v(context.scheduling, context.privileges, context.tty, context.credentials, context.resources);
}
template <class V, Like<Limit> T>
void visit(V& v, T& limit) {
  v(limit.soft, limit.hard);
}
template <class V, Like<ExitSet> T>
void visit(V& v, T& set) {
  v(set.codes, set.signals);
}
template <class V, Like<Probe> T>
void visit(V& v, T& probe) {
  v(probe.kind);
  if (probe.kind == ProbeKind::None) return;
  v(probe.target, probe.body, probe.status, probe.command, probe.alive_for);
  v(probe.interval, probe.timeout, probe.deadline, probe.failures);
}
template <class V, Like<InstallConfig> T>
void visit(V& v, T& install) {
  v(install.wanted_by, install.required_by, install.alias, install.also);
}

template <class V, Like<ServiceConfig> T>
void visit(V& v, T& s) {
  v(s.type, s.command, s.condition_commands, s.pre_start, s.post_start);
  v(s.reload, s.reload_signal, s.pre_stop, s.stop, s.post_stop, s.remain_after_exit);
  v(s.pid_file, s.bus_name, s.notify_access, s.ready_fd, s.watchdog, s.fd_store_max, s.ready, s.health);
  v(s.restart, s.restart_delay, s.restart_delay_max, s.restart_reset_after, s.restart_limit);
  v(s.success_exit, s.restart_prevent_exit, s.restart_force_exit);
  v(s.start_timeout, s.run_timeout, s.abort_signal, s.abort_on_timeout);
  v(s.stop_timeout, s.stop_signal, s.stop_schedule, s.kill_mode);
  v(s.user, s.group, s.extra_groups, s.no_new_privileges);
  v(s.working_directory, s.working_directory_may_miss, s.root_directory, s.umask, s.nice, s.oom_score_adjust);
  v(s.standard_input, s.standard_output, s.standard_error, s.log);
  v(s.environment, s.environment_files, s.optional_environment_files, s.pass_environment,
    s.unset_environment);
  v(s.limits, s.directories, s.context);
}

// The id comes first: Generation::id() reads it without the rest. A target has no service part, a slice only
// its limits.
template <class V, Like<Unit> T>
void visit(V& v, T& unit) {
  v(unit.id, unit.kind, unit.description, unit.documentation, unit.files, unit.dependencies, unit.operators);
  v(unit.default_dependencies, unit.stop_when_unneeded, unit.refuse_manual_start, unit.refuse_manual_stop);
  v(unit.essential, unit.on_failure_action, unit.install, unit.places);
  if (unit.kind == Kind::Service) v(unit.service);
  if (unit.kind == Kind::Slice) v(unit.service.context.resources);
}

template <class V, Like<SystemConfig> T>
void visit(V& v, T& config) {
  v(config.default_target, config.stop_deadline, config.show_status, config.log_directory);
  v(config.container_main, config.container_exit, config.hook_command, config.hook_timeout,
    config.container_forward_logs, config.dev_log);
}

}  // namespace init::unit
