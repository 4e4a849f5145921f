// Jobs: who waits for what. A job never moves a unit; it watches one and has exactly one result.
#pragma once
#include <map>
#include <utility>
#include <vector>

#include "libinit/core/record.h"

namespace init::core {

struct Job {
  JobId id = 0;
  JobVerb verb = JobVerb::Start;
  JobPhase phase = JobPhase::Underway;
  UnitIndex unit = kNoUnit;
  std::uint32_t uid = 0;
  PowerKind power = PowerKind::Exit;
  JobOutcome outcome = JobOutcome::Done;
  UnitIndex cause = kNoUnit;
};

// By unit, then by id: the order is the same in every run.
struct Jobs {
  std::map<std::pair<UnitIndex, JobId>, Job> open;
  std::vector<Job> finished;  // during the last event
  bool changed = false;
};

// A set of verbs.
class Verbs {
 public:
  template <class... Verb>
  constexpr explicit Verbs(Verb... verbs) : bits_(((1U << static_cast<unsigned>(verbs)) | ...)) {}
  [[nodiscard]] constexpr bool contains(JobVerb verb) const {
    return (bits_ >> static_cast<unsigned>(verb) & 1U) != 0;
  }

 private:
  unsigned bits_;
};
inline constexpr Verbs kStarts(JobVerb::Start, JobVerb::Restart, JobVerb::TryRestart);
inline constexpr Verbs kStops(JobVerb::Stop);
inline constexpr Verbs kReloads(JobVerb::Reload);

struct World;
void add_job(World& world, const Job& job);
// It ends, and nobody else's does.
void finish_job(World& world, const Job& job, JobOutcome outcome, UnitIndex cause);
// Every job of the unit with one of these verbs ends.
void finish_jobs(World& world, UnitIndex unit, Verbs verbs, JobOutcome outcome, UnitIndex cause);
// The unit has entered a state: its jobs end or go on accordingly.
void follow_jobs(World& world, UnitIndex unit);
// A reload has ended: those who asked before it began are answered. True if somebody asked since, and it must
// run again.
bool finish_reload(World& world, UnitIndex unit, JobOutcome outcome);
void drop_job(World& world, JobId id);

}  // namespace init::core
