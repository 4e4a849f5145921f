#include "daemon/manager/app/launch_context.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

namespace init::manager {
namespace {

using process::PlanInput;
using process::StdioKind;

constexpr int kIoClassShift = 13;  // ioprio_set(2)
constexpr int kDefaultIoPriority = 4;

int io_priority_of(const unit::Scheduling& s) {
  const auto io_class = s.io_class.value_or(unit::IoClass::BestEffort);
  const int number = static_cast<int>(io_class) + 1;  // IOPRIO_CLASS_RT is 1
  const int fallback = io_class == unit::IoClass::Idle ? 0 : kDefaultIoPriority;
  return number << kIoClassShift | s.io_priority.value_or(fallback);
}

int policy_of(unit::CpuPolicy policy) {
  switch (policy) {
    case unit::CpuPolicy::Other:
      return SCHED_OTHER;
    case unit::CpuPolicy::Fifo:
      return SCHED_FIFO;
    case unit::CpuPolicy::RoundRobin:
      return SCHED_RR;
    case unit::CpuPolicy::Batch:
      return SCHED_BATCH;
    case unit::CpuPolicy::Idle:
      return SCHED_IDLE;
  }
  return SCHED_OTHER;
}

// PID 1 has what this process has. In a container it may not even drop capabilities.
bool may_drop_capabilities() {
  static const bool may = prctl(PR_CAPBSET_READ, CAP_SETPCAP, 0, 0, 0) == 1;
  return may;
}

// In a file without a name: there is no writer to wait for.
Result<UniqueFd> file_with(std::string_view bytes) {
  UniqueFd fd(memfd_create("stdin", MFD_CLOEXEC));
  if (!fd) return failure(errno, "stdin", "memfd_create");
  while (!bytes.empty()) {
    const ssize_t written = write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failure(errno, "stdin", "write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (lseek(fd.get(), 0, SEEK_SET) < 0) return failure(errno, "stdin", "lseek");
  return fd;
}

}  // namespace

void plan_scheduling(const unit::Scheduling& s, PlanInput& plan) {
  if (s.io_class || s.io_priority) plan.io_priority = io_priority_of(s);
  if (s.cpu_policy) plan.scheduler = {policy_of(*s.cpu_policy), s.cpu_priority.value_or(0)};
  plan.cpus = s.cpu_affinity;
  if (!s.numa_policy) return;
  std::uint64_t nodes = 0;
  for (const std::uint32_t node : s.numa_nodes) nodes |= std::uint64_t{1} << node;
  plan.numa = {static_cast<int>(*s.numa_policy), nodes};
}

void plan_privileges(const unit::ServiceConfig& service, const Identity& identity, bool as_root,
                     PlanInput& plan) {
  const auto& wanted = service.context.privileges;
  plan.parent_death_signal = wanted.parent_death_signal;
  if (as_root) return;
  const bool other_user = identity.uid != 0;
  plan.no_new_privileges = service.no_new_privileges.value_or(other_user);
  plan.bounding = wanted.capabilities;
  plan.ambient = wanted.ambient;
  plan.securebits = wanted.securebits;
  if (!other_user || geteuid() != 0) return;
  if (!plan.ambient) plan.ambient = 0;
  if (!plan.bounding && plan.no_new_privileges && may_drop_capabilities()) plan.bounding = *plan.ambient;
}

// As initd itself where the service is another user: a terminal is root's.
PlanInput::Stdio terminal_of(const unit::ServiceConfig& service) {
  PlanInput::Stdio stdio;
  stdio.kind = StdioKind::Terminal;
  stdio.path = service.context.tty.path;
  stdio.before_identity = !service.user.empty();
  return stdio;
}

Result<> plan_input(const unit::ServiceConfig& service, const LaunchRequest& request, PlanInput& plan,
                    Launch& launch) {
  PlanInput::Stdio& stdio = plan.stdio[0];
  if (request.pipes[0]) {
    stdio.kind = StdioKind::Passed;
    stdio.index = *request.pipes[0];
    return {};
  }
  switch (service.standard_input.kind) {
    case unit::InputKind::Null:
      stdio.kind = StdioKind::Null;
      break;
    case unit::InputKind::File:
      stdio.kind = StdioKind::Read;
      stdio.path = service.standard_input.path;
      break;
    case unit::InputKind::Inherit:
      stdio.kind = StdioKind::Inherit;
      break;
    case unit::InputKind::Console:
      stdio.kind = StdioKind::Console;
      plan.controlling_tty = true;
      break;
    case unit::InputKind::Tty:
      stdio = terminal_of(service);
      plan.controlling_tty = true;
      break;
    case unit::InputKind::Data: {
      auto file = file_with(service.standard_input.path);
      if (!file) return Failure(file.error());
      stdio.kind = StdioKind::Passed;
      stdio.index = launch.pass(std::move(*file));
      break;
    }
  }
  return {};
}

}  // namespace init::manager
