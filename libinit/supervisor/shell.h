// The engine's hands: what it wants done is done here by Commands, Children and timers of the loop, and what
// becomes of it is told back as events. Private to this room.
//
// One task, work(), talks to the engine. All others (one per process, one per timer) and all callers only
// queue events and raise the flag, so that the engine is never entered twice and no task ever ends itself.
#pragma once
#include <array>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "libinit/core/engine.h"
#include "libinit/loop/flag.h"
#include "libinit/supervisor/supervisor.h"
#include "libinit/unit/config.h"

namespace init::supervisor {

struct Timer {
  std::uint32_t serial = 0;
  loop::Task<> task;
};

// One command: what it is, and what runs of it.
struct Worker {
  process::Command command;
  unit::Unit unit;
  std::optional<process::Child> child;
  loop::Task<> watch;                                          // ends with the child
  std::array<std::optional<Timer>, core::kTimerKinds> timers;  // by core::TimerKind
  core::Attempt attempt = 0;
  std::optional<WallTime> started;
  std::string error;  // of the last spawn, if it failed
};

class Supervisor::Shell final : public core::ActionSink {
 public:
  explicit Shell(loop::EventLoop& loop);
  ~Shell() override;

  void add(process::Command command, unit::Unit unit);
  [[nodiscard]] Result<core::UnitIndex> find(std::string_view name) const;
  [[nodiscard]] Worker& worker(core::UnitIndex unit) { return workers_[unit]; }
  [[nodiscard]] std::size_t size() const { return workers_.size(); }
  [[nodiscard]] Status status(core::UnitIndex unit) const;
  [[nodiscard]] Result<> ask(core::Verb verb, std::string_view name);
  void post(core::Event event);
  void kill_all() noexcept;
  [[nodiscard]] loop::Task<> work();

  loop::EventLoop& loop;
  std::function<void(const Status&)> listener;

 private:
  void emit(const core::Action& action) override { actions_.push_back(action); }
  void handle(const core::Event& event);
  void tell(const core::Event& event);
  void take_up_new_commands();
  [[nodiscard]] bool is_over() const;
  [[nodiscard]] std::string reason_of(core::UnitIndex unit, const core::UnitView& view) const;
  [[nodiscard]] loop::Task<> watch(core::UnitIndex unit);
  [[nodiscard]] loop::Task<> ring(core::ArmTimer timer);

  void carry_out(const core::Spawn& spawn);
  void carry_out(const core::WatchMain& /*watch*/) {}  // commands neither fork away nor are probed
  void carry_out(const core::Probe& /*probe*/) {}
  void carry_out(const core::Signal& signal);
  void carry_out(const core::KillGroup& kill);
  void carry_out(const core::ArmTimer& timer);
  void carry_out(const core::CancelTimer& timer);
  void carry_out(const core::StateChanged& change);
  void carry_out(const core::JobFinished& /*job*/) {}
  void carry_out(const core::Power& power);

  std::deque<Worker> workers_;  // by index in the graph; stays where it is
  std::unordered_map<std::string, core::UnitIndex> by_name_;
  core::Engine engine_;
  std::size_t known_ = 0;  // workers that the engine knows
  std::deque<core::Event> events_;
  std::vector<core::Action> actions_;
  loop::Flag news_;
  std::size_t pending_ = 0;  // processes and timers: what will bring an event by itself
  bool is_working_ = false;
  bool has_stopped_ = false;
};

}  // namespace init::supervisor
