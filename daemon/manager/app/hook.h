// The hook of initd.toml: one command that is told when a unit has failed or was restarted. A few run at a
// time, some wait their turn, and what is too much is dropped and counted: nothing ever waits for it.
#pragma once
#include <cstdint>
#include <deque>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "daemon/manager/app/errands.h"
#include "daemon/manager/app/hook_variables.h"
#include "libinit/unit/system_config.h"

namespace init::manager {

// Runs as initd itself does, with a plain environment and these variables; its output goes where initd's own
// goes.
Result<std::vector<std::byte>> make_hook_plan(const std::vector<std::string>& command,
                                              const Variables& variables);

class Hook {
 public:
  static constexpr std::size_t kAtOnce = 4;
  static constexpr std::size_t kWaiting = 64;

  explicit Hook(Errands& errands) : errands_(errands) {}

  // Something has happened to a unit. Does nothing without a command.
  void tell(const unit::SystemConfig& config, Variables variables);
  // False: that errand is none of the hook's.
  bool take(const unit::SystemConfig& config, const Errands::Done& done);
  // Begins those that wait, as many as may. Once per turn of the loop.
  void begin(const unit::SystemConfig& config, MonotonicTime now);

 private:
  Errands& errands_;
  std::deque<Variables> waiting_;
  std::set<Errands::Id> running_;
  std::uint64_t dropped_ = 0;  // since the last one that found a place
};

}  // namespace init::manager
