#include "daemon/manager/app/hook.h"

#include <cstring>

#include "daemon/manager/os/log.h"
#include "libinit/process/exec_plan.h"
#include "libinit/process/exit_status.h"

namespace init::manager {

Result<std::vector<std::byte>> make_hook_plan(const std::vector<std::string>& command,
                                              const Variables& variables) {
  process::PlanInput plan;
  plan.program = command.front();
  plan.arguments = command;
  plan.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  for (const auto& [name, value] : variables) plan.environment.push_back(name + "=" + value);
  plan.working_directory = "/";
  plan.stdio[1].kind = process::StdioKind::Inherit;
  plan.stdio[2].kind = process::StdioKind::Inherit;
  return process::encode_plan(plan);
}

void Hook::tell(const unit::SystemConfig& config, Variables variables) {
  if (config.hook_command.empty()) return;
  if (waiting_.size() >= kWaiting) {
    if (dropped_++ == 0) log_warning("the hook is slower than what happens: it is not told of everything");
    return;
  }
  waiting_.push_back(std::move(variables));
}

void Hook::begin(const unit::SystemConfig& config, MonotonicTime now) {
  while (!waiting_.empty() && running_.size() < kAtOnce) {
    const Variables variables = std::move(waiting_.front());
    waiting_.pop_front();
    if (dropped_ > 0) log_warning("the hook was not told of " + std::to_string(dropped_) + " events");
    dropped_ = 0;
    if (config.hook_command.empty()) continue;  // a reload has taken it away
    const auto plan = make_hook_plan(config.hook_command, variables);
    const auto begun = plan ? errands_.begin(*plan, {}, now + config.hook_timeout) : Failure(plan.error());
    if (begun) {
      running_.insert(*begun);
    } else {
      log_warning("the hook cannot run: " + begun.error().text());
    }
  }
}

bool Hook::take(const unit::SystemConfig& config, const Errands::Done& done) {
  if (running_.erase(done.id) == 0) return false;
  const std::string name =
      config.hook_command.empty() ? "the hook" : "the hook " + config.hook_command.front();
  if (done.how == Errands::Done::How::TooLong) log_warning(name + " took too long and was killed");
  if (done.how == Errands::Done::How::NeverRan)
    log_warning(name + " does not run: " + strerrordesc_np(done.error));
  const process::ExitStatus exit{static_cast<process::ExitStatus::Kind>(done.exit.kind), done.exit.value};
  if (done.how == Errands::Done::How::Ended && !exit.success()) log_warning(name + " failed: " + exit.text());
  return true;
}

}  // namespace init::manager
