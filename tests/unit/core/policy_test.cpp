#include "libinit/core/policy.h"

#include <gtest/gtest.h>

#include <array>

#include "libinit/core/dependency_table.h"
#include "tests/unit/core/lab.h"

namespace init::core {
namespace {

using unit::DependencyKind;
using unit::RestartPolicy;

TEST(DependencyTable, SaysWhatEachKindMeans) {
  // Rows: kinds in their order; columns: atoms in theirs.
  constexpr std::array<const char*, unit::kDependencyKinds> kMeanings = {
      "pulls needs stops-with",          // requires
      "pulls",                           // wants
      "needs checks-only stops-with",    // requisite
      "pulls needs stops-with follows",  // binds-to
      "stops-with for-good",             // part-of
      "pulls keeps-up",                  // upholds
      "excludes",                        // conflicts
      "",
      "",
      "",
      "",  // after, before, unordered, provides
      "after-failure",
      "after-success",
      "reloads-with",
      "runs-anew",
      "stop-order",
      "stop-order",
      "at-limit"};
  constexpr std::array<const char*, 14> kAtoms = {
      "pulls",    "needs",     "checks-only",   "stops-with",    "for-good",     "follows",    "keeps-up",
      "excludes", "runs-anew", "after-failure", "after-success", "reloads-with", "stop-order", "at-limit"};
  for (std::size_t kind = 0; kind < kMeanings.size(); ++kind) {
    const std::string words = std::string(" ") + kMeanings[kind] + " ";
    for (std::size_t atom = 0; atom < kAtoms.size(); ++atom) {
      const bool expected = words.find(std::string(" ") + kAtoms[atom] + " ") != std::string::npos;
      EXPECT_EQ(has(static_cast<DependencyKind>(kind), static_cast<Atom>(1U << atom)), expected)
          << "kind " << kind << ", " << kAtoms[atom];
    }
  }
}

TEST(RestartPolicies, SayForEachEndingWhetherToRunAgain) {
  struct Ending {
    Reason reason;
    Exit exit;
    std::array<bool, 7> again;  // by policy, in the order of the enum
  };
  const Exit none, clean{Exit::Kind::Code, 0}, code{Exit::Kind::Code, 1}, crash{Exit::Kind::Signal, 11},
      core_dump{Exit::Kind::Dumped, 6}, term{Exit::Kind::Signal, 15};
  const std::array<Ending, 7> endings = {{
      {Reason::None, clean, {false, true, false, false, false, false, true}},
      {Reason::None, term, {false, true, false, false, false, false, true}},
      {Reason::ExitCode, code, {false, false, true, false, false, false, true}},
      {Reason::Signal, crash, {false, false, true, true, true, false, true}},
      {Reason::Signal, core_dump, {false, false, true, true, true, false, true}},
      {Reason::StartTimeout, none, {false, false, true, true, false, false, true}},
      {Reason::Setup, none, {false, false, true, false, false, false, true}},
  }};
  for (const Ending& ending : endings) {
    for (std::size_t policy = 0; policy < ending.again.size(); ++policy) {
      Policy p;
      p.restart = static_cast<RestartPolicy>(policy);
      EXPECT_EQ(wants_restart(p, ending.reason, ending.exit), ending.again[policy])
          << "policy " << policy << ", " << name(ending.reason);
    }
  }
}

TEST(RestartPolicies, ExitSetsOverrule) {
  Policy p;
  p.restart = RestartPolicy::Always;
  p.prevent.codes[0] = 1U << 4U;
  EXPECT_FALSE(wants_restart(p, Reason::ExitCode, {Exit::Kind::Code, 4}));
  p.restart = RestartPolicy::No;
  p.force.codes[0] = 1U << 5U;
  EXPECT_TRUE(wants_restart(p, Reason::ExitCode, {Exit::Kind::Code, 5}));
  p.success.codes[0] = 1U << 3U;
  EXPECT_TRUE(is_clean(p, {Exit::Kind::Code, 3}));
}

TEST(ExitSets, KnowEverySignal) {
  for (const std::uint8_t signal : {1, 33, 63, 64}) {
    unit::Unit unit;
    unit.service.restart = RestartPolicy::OnFailure;
    unit.service.restart_prevent_exit.signals = {signal};
    const Policy p = make_policy(unit);
    EXPECT_FALSE(wants_restart(p, Reason::Signal, {Exit::Kind::Signal, signal}));
    EXPECT_TRUE(wants_restart(p, Reason::Signal, {Exit::Kind::Signal, 9}));
  }
}

TEST(RestartDelay, DoublesUpToItsCapAndNeverUndercuts) {
  Policy p;
  p.restart_delay = std::chrono::milliseconds(100);
  p.restart_delay_max = std::chrono::seconds(2);
  Duration last{0};
  for (std::uint32_t quick = 0; quick < 12; ++quick) {
    const Duration delay = restart_delay(p, quick, quick * 977);
    EXPECT_GE(delay, p.restart_delay);
    EXPECT_LE(delay, p.restart_delay_max);
    EXPECT_GE(delay, last);
    last = delay;
  }
  EXPECT_EQ(last, p.restart_delay_max);
}

TEST(Service, RestartsOnFailureUntilBurstIsSpent) {
  Lab lab("app burst=2 interval=60000 delay=10");
  lab.start("app");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(lab.log(), "spawn app");
    lab.runs("app");
    lab.exits("app", 1);
    lab.advance(100);
  }
  EXPECT_EQ(lab.state("app"), State::Failed);
  EXPECT_EQ(lab.view("app").reason, Reason::RestartLimit);
  EXPECT_EQ(lab.log(), "");
  lab.start("app");  // a manual start does not count, and begins a new count
  lab.runs("app");
  lab.exits("app", 1);
  EXPECT_EQ(lab.state("app"), State::Backoff);
}

TEST(Service, RestartLimitStartsTheUnitThatItsActionNames) {
  Lab lab("app burst=1 interval=60000 delay=10 on-restart-limit=rescue\nrescue");
  lab.start("app");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(lab.log(), "spawn app");
    lab.runs("app");
    lab.exits("app", 1);
    lab.advance(100);
  }
  EXPECT_EQ(lab.view("app").reason, Reason::RestartLimit);
  EXPECT_EQ(lab.log(), "spawn rescue");
}

TEST(Service, HealthResetsTheBackOff) {
  Lab lab("app delay=100 reset=1000");
  lab.start("app");
  for (int i = 0; i < 6; ++i) {
    lab.runs("app");
    lab.exits("app", 1);
    lab.advance(60000);
  }
  lab.runs("app");
  lab.advance(1000);
  lab.exits("app", 1);
  EXPECT_EQ(lab.state("app"), State::Backoff);
  EXPECT_LE(lab.view("app").next_try - lab.now, std::chrono::milliseconds(113));
}

TEST(Service, LongWaitsAreCalledFailures) {
  Lab lab("app delay=2000 delay-max=2000 on-failure=mail\n mail oneshot\n web requires=app");
  lab.start("app");
  lab.runs("app");
  lab.exits("app", 1);
  EXPECT_EQ(lab.view("app").state, PublicState::Failed);
  const JobId job = lab.start("web");
  EXPECT_EQ(lab.outcome(job), "waiting");  // the request made app try again at once
  EXPECT_EQ(lab.state("app"), State::Starting);
  lab.runs("app");
  lab.exits("app", 1);
  EXPECT_EQ(lab.log(), "spawn app, spawn mail, spawn app, spawn web");
}

TEST(Service, AFailureThatIsIgnoredIsNoReasonForARestart) {
  Lab lab("job oneshot restart=on-failure ignore-command");
  const JobId job = lab.start("job");
  lab.runs("job");
  lab.exits("job", 1);
  EXPECT_EQ(lab.outcome(job), "done");
  EXPECT_EQ(lab.state("job"), State::Inactive);
}

TEST(Service, LimitMayRebootTheMachine) {
  Lab lab("app burst=1 interval=60000 delay=10 reboot-on-limit");
  lab.start("app");
  lab.runs("app");
  lab.exits("app", 1);
  lab.advance(100);
  lab.runs("app");
  lab.log();
  lab.exits("app", 1);
  EXPECT_EQ(lab.log(), "power reboot");
}

TEST(Service, ReloadsByStepsOrBySignal) {
  Lab lab("steps reload=2\n signal reload-signal=1\n neither");
  for (const char* unit : {"steps", "signal", "neither"}) lab.start(unit);
  lab.all_goes_well();
  lab.log();
  EXPECT_EQ(lab.outcome(lab.ask(Verb::Reload, "neither")), "refused");
  EXPECT_EQ(lab.outcome(lab.ask(Verb::Reload, "signal")), "done");
  EXPECT_EQ(lab.log(), "HUP main signal");
  const JobId first = lab.ask(Verb::Reload, "steps");
  EXPECT_EQ(lab.view("steps").state, PublicState::Reloading);
  lab.reload_exits("steps", 0);
  const JobId second = lab.ask(Verb::Reload, "steps");
  lab.reload_exits("steps", 0);
  EXPECT_EQ(lab.outcome(first), "done");
  EXPECT_EQ(lab.outcome(second), "waiting");  // it is answered by a run of its own
  lab.reload_exits("steps", 1);
  EXPECT_EQ(lab.outcome(second), "failed");
  EXPECT_EQ(lab.state("steps"), State::Running);
}

}  // namespace
}  // namespace init::core
