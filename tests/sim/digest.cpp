// S18: the worlds of `digests` go as they went when somebody last said that they go well.
#include "libinit/core/history.h"
#include "tests/sim/simulation.h"

namespace init::sim {

void Simulation::digest(std::string_view bytes) {
  for (const char c : bytes) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
}

// What it did, and the records that it changed, each of which is its bytes and nothing else.
void Simulation::digest_event() {
  for (const core::Action& action : wanted_) digest(core::text_of(action));
  for (const core::UnitIndex unit : engine_.changed()) {
    const core::UnitRecord& record = engine_.record(unit);
    digest({static_cast<const char*>(static_cast<const void*>(&record)), sizeof(record)});
  }
  digest(std::to_string(static_cast<int>(engine_.system_state())));
}

void Simulation::digest_told(core::UnitIndex unit) {
  const core::UnitView view = engine_.view(unit);
  std::string told = shown(name(unit)) + " " +
                     std::to_string(static_cast<int>(core::run_result(view.reason, view.last_exit)));
  for (const core::WantedReason& reason : engine_.wanted_by(unit))
    told += " " + std::to_string(static_cast<int>(reason.kind)) + " " + name(reason.unit) + " " +
            std::to_string(static_cast<int>(reason.dependency_kind)) + " " +
            std::to_string(reason.dependency) + " " + std::to_string(reason.uid);
  for (const core::Cause& cause : engine_.why(unit))
    told += " " + std::to_string(static_cast<int>(cause.relation)) + " " + name(cause.other) + " " +
            std::to_string(cause.uid) + " " + name(cause.owner) + " " +
            std::to_string(static_cast<int>(cause.kind)) + " " + std::to_string(cause.dependency) + " " +
            std::to_string(static_cast<int>(cause.reason));
  for (const core::JobView& job : engine_.jobs())
    told += " " + std::to_string(job.job) + " " + std::to_string(static_cast<int>(job.phase)) + " " +
            std::to_string(static_cast<int>(job.verb)) + " " + name(job.unit) + " " + std::to_string(job.uid);
  digest(told);
}

void Simulation::digest_plan(const core::Plan& plan) {
  for (const core::PlanStep& step : plan.steps)
    digest(std::to_string(static_cast<int>(step.verb)) + name(step.unit) + name(step.cause) +
           name(step.owner) + std::to_string(static_cast<int>(step.kind)) + std::to_string(step.dependency));
  digest(std::to_string(static_cast<int>(plan.outcome)) + name(plan.cause));
}

}  // namespace init::sim
