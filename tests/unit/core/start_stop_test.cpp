#include <gtest/gtest.h>

#include "tests/unit/core/lab.h"

namespace init::core {
namespace {

TEST(Start, BringsUpRequirementsFirst) {
  Lab lab("app requires=db\n db requires=disk\n disk");
  const JobId job = lab.start("app");
  EXPECT_EQ(lab.log(), "spawn disk");
  lab.runs("disk");
  EXPECT_EQ(lab.log(), "spawn db");
  EXPECT_EQ(lab.state("app"), State::Waiting);
  lab.runs("db");
  EXPECT_EQ(lab.log(), "spawn app");
  EXPECT_EQ(lab.outcome(job), "waiting");
  lab.runs("app");
  EXPECT_EQ(lab.outcome(job), "done");
}

TEST(Start, StartsWhatIsIndependentAtOnce) {
  Lab lab("app.target wants=a wants=b wants=c\n a\n b\n c after=a");
  lab.start("app.target");
  EXPECT_EQ(lab.log(), "spawn a, spawn b");
  lab.runs("a");
  EXPECT_EQ(lab.log(), "spawn c");
}

TEST(Start, OfWhatIsUpIsDoneAtOnce) {
  Lab lab("app");
  lab.start("app");
  lab.runs("app");
  EXPECT_EQ(lab.outcome(lab.start("app")), "done");
}

TEST(Start, FailsWhenExecFailsAndIsTriedAgain) {
  Lab lab("app delay=100");
  const JobId job = lab.start("app");
  lab.fails_to_spawn("app", SpawnError::Setup);
  EXPECT_EQ(lab.outcome(job), "failed");
  EXPECT_EQ(lab.view("app").reason, Reason::Setup);
  EXPECT_EQ(lab.view("app").error, 2);
  EXPECT_EQ(lab.state("app"), State::Backoff);
  lab.log();
  lab.advance(200);
  EXPECT_EQ(lab.log(), "spawn app");
}

TEST(Start, LackOfResourcesIsNoFailure) {
  Lab lab("app burst=1 interval=100000 restart=no");
  const JobId job = lab.start("app");
  for (int i = 0; i < 10; ++i) {
    lab.fails_to_spawn("app", SpawnError::Resources);
    EXPECT_EQ(lab.state("app"), State::Starting);
    lab.advance(1000);
  }
  lab.runs("app");
  EXPECT_EQ(lab.outcome(job), "done");
  EXPECT_EQ(lab.view("app").restarts, 0U);
}

TEST(Start, TheEndOfAnEarlierRunIsNotThatOfOneThatLacksResources) {
  Lab lab("app restart=no");
  lab.start("app");
  lab.runs("app");
  lab.exits("app", 3);
  lab.start("app");
  lab.fails_to_spawn("app", SpawnError::Resources);
  EXPECT_EQ(lab.view("app").last_exit, Exit{});
}

TEST(Start, RunsPreStartStepsInOrder) {
  Lab lab("app pre=2");
  lab.start("app");
  EXPECT_EQ(lab.log(), "prepare app");
  lab.exits("app");
  EXPECT_EQ(lab.log(), "prepare app");
  lab.exits("app");
  EXPECT_EQ(lab.log(), "spawn app");
}

TEST(Start, AFailedPreStartStepFailsTheStartUnlessIgnored) {
  Lab lab("app pre=1 restart=no\n lax pre=1 ignore-pre");
  const JobId job = lab.start("app");
  lab.exits("app", 1);
  EXPECT_EQ(lab.outcome(job), "failed");
  EXPECT_EQ(lab.state("app"), State::Failed);
  EXPECT_EQ(lab.view("app").reason, Reason::PreStart);
  lab.start("lax");
  lab.exits("lax", 1);
  lab.runs("lax");
  EXPECT_EQ(lab.state("lax"), State::Running);
}

TEST(Start, ThatTakesTooLongIsEndedAndTimesOut) {
  Lab lab("app oneshot start-timeout=1000 stop-timeout=500 restart=no");
  const JobId job = lab.start("app");
  lab.spawned("app");
  lab.log();
  lab.advance(1000);
  EXPECT_EQ(lab.outcome(job), "timed out");
  EXPECT_EQ(lab.log(), "TERM app");
  lab.advance(500);
  EXPECT_EQ(lab.log(), "kill app");
  lab.dies("app", 9);
  EXPECT_EQ(lab.state("app"), State::Failed);
  EXPECT_EQ(lab.view("app").reason, Reason::StartTimeout);
}

TEST(Stop, StopsInReverseOrderOfStarting) {
  Lab lab("app requires=db\n db requires=disk\n disk");
  lab.start("app");
  lab.all_goes_well();
  lab.log();
  const JobId job = lab.stop("disk");
  EXPECT_EQ(lab.log(), "TERM app");
  lab.exits("app");
  EXPECT_EQ(lab.log(), "TERM db");
  lab.exits("db");
  EXPECT_EQ(lab.log(), "TERM disk");
  lab.exits("disk");
  EXPECT_EQ(lab.outcome(job), "done");
  EXPECT_EQ(lab.state("app"), State::Blocked);
}

TEST(Stop, DependentsComeBackUnlessTheyWereStoppedToo) {
  Lab lab("app requires=db\n web requires=db\n db");
  lab.start("app");
  lab.start("web");
  lab.all_goes_well();
  lab.stop("db");
  lab.stop("web");
  lab.all_goes_well();
  lab.start("db");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
  EXPECT_EQ(lab.state("web"), State::Inactive);
}

TEST(Stop, FollowsItsSchedule) {
  Lab lab("app step=15 step=2");
  lab.start("app");
  lab.runs("app");
  lab.stop("app");
  lab.log();
  lab.advance(1000);
  EXPECT_EQ(lab.log(), "INT app");
  lab.advance(1000);
  EXPECT_EQ(lab.log(), "kill app");
  EXPECT_EQ(lab.state("app"), State::KillWait);
}

TEST(Stop, GivesUpOnWhatSurvivesKill) {
  Lab lab("app step=9");
  lab.start("app");
  lab.runs("app");
  const JobId job = lab.stop("app");
  lab.advance(5000);
  EXPECT_EQ(lab.outcome(job), "failed");
  EXPECT_EQ(lab.view("app").reason, Reason::Unkillable);
  lab.dies("app", 9);
  lab.start("app");
  EXPECT_EQ(lab.state("app"), State::Starting);
}

TEST(Start, KillsOnceMoreWhatHasSurvivedKill) {
  Lab lab("app step=9");
  lab.start("app");
  lab.runs("app");
  lab.stop("app");
  lab.advance(5000);
  lab.log();
  const JobId job = lab.start("app");
  EXPECT_EQ(lab.log(), "kill app");
  lab.advance(5000);
  EXPECT_EQ(lab.outcome(job), "failed");
  lab.dies("app", 9);
  EXPECT_EQ(lab.log(), "spawn app");
}

TEST(Stop, WaitsForTheWholeGroup) {
  Lab lab("app");
  lab.start("app");
  lab.runs("app");
  const JobId job = lab.stop("app");
  lab.exits("app", 0, false);
  EXPECT_EQ(lab.outcome(job), "waiting");
  lab.group_empties("app");
  EXPECT_EQ(lab.outcome(job), "done");
}

TEST(Stop, KillModesSayWhomToSignal) {
  Lab lab("mixed kill-mode=mixed\n main kill-mode=main\n none kill-mode=none stop-timeout=100");
  for (const char* unit : {"mixed", "main", "none"}) lab.start(unit);
  lab.all_goes_well();
  lab.log();
  lab.stop("mixed");
  EXPECT_EQ(lab.log(), "TERM main mixed");
  lab.exits("mixed", 0, false);
  EXPECT_EQ(lab.log(), "kill mixed");
  const JobId main = lab.stop("main");
  EXPECT_EQ(lab.log(), "TERM main main");
  lab.exits("main", 0, false);
  EXPECT_EQ(lab.outcome(main), "done");
  const JobId none = lab.stop("none");
  EXPECT_EQ(lab.log(), "");
  lab.advance(100);
  EXPECT_EQ(lab.outcome(none), "timed out");
  lab.exits("none");
  EXPECT_EQ(lab.state("none"), State::Inactive);
}

TEST(LastVerb, StartWhileStoppingComesBack) {
  Lab lab("app");
  lab.start("app");
  lab.runs("app");
  const JobId stop = lab.stop("app");
  const JobId start = lab.start("app");
  EXPECT_EQ(lab.outcome(stop), "canceled");
  lab.log();
  lab.exits("app");
  EXPECT_EQ(lab.log(), "spawn app");
  lab.runs("app");
  EXPECT_EQ(lab.outcome(start), "done");
}

TEST(LastVerb, StopWhileStartingStops) {
  Lab lab("app");
  const JobId start = lab.start("app");
  const JobId stop = lab.stop("app");
  EXPECT_EQ(lab.outcome(start), "canceled");
  EXPECT_EQ(lab.log(), "spawn app, TERM app");
  lab.dies("app", 15);
  EXPECT_EQ(lab.outcome(stop), "done");
  EXPECT_EQ(lab.state("app"), State::Inactive);
}

TEST(LastVerb, StopWinsOverAPendingRestart) {
  Lab lab("app restart=always");
  lab.start("app");
  lab.runs("app");
  lab.exits("app", 1);
  EXPECT_EQ(lab.state("app"), State::Backoff);
  EXPECT_EQ(lab.outcome(lab.stop("app")), "done");
  lab.log();
  lab.advance(100000);
  EXPECT_EQ(lab.log(), "");
}

TEST(Restart, StopsDependentsFirstAndBringsThemBack) {
  Lab lab("app requires=db\n db");
  lab.start("app");
  lab.all_goes_well();
  lab.log();
  const JobId job = lab.restart("db");
  EXPECT_EQ(lab.outcome(job), "waiting");
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "TERM app, TERM db, spawn db, spawn app");
  EXPECT_EQ(lab.outcome(job), "done");
}

TEST(Restart, OfWhatIsDownIsAStart) {
  Lab lab("app");
  const JobId job = lab.restart("app");
  lab.runs("app");
  EXPECT_EQ(lab.outcome(job), "done");
}

TEST(Restart, TryRestartLeavesWhatIsDownAlone) {
  Lab lab("app");
  EXPECT_EQ(lab.outcome(lab.ask(Verb::TryRestart, "app")), "done");
  EXPECT_EQ(lab.log(), "");
}

TEST(Restart, TheAnswerToOneIsNoAnswerToAnother) {
  Lab lab("app");
  lab.start("app");
  lab.runs("app");
  const JobId first = lab.ask(Verb::TryRestart, "app");
  const JobId second = lab.ask(Verb::TryRestart, "app");  // there is nothing up that could be restarted
  EXPECT_EQ(lab.outcome(second), "done");
  EXPECT_EQ(lab.outcome(first), "waiting");
  lab.all_goes_well();
  EXPECT_EQ(lab.outcome(first), "done");
}

TEST(Shutdown, StopsAllInReverseOrderAndThenPowersOff) {
  Lab lab("app requires=db restart=always\n db\n slow oneshot");
  lab.start("app");
  lab.all_goes_well();
  const JobId starting = lab.start("slow");
  lab.log();
  const JobId job = lab.shut_down(PowerKind::Poweroff);
  EXPECT_EQ(lab.outcome(starting), "canceled by nobody");
  EXPECT_EQ(lab.log(), "TERM app, TERM slow");
  EXPECT_EQ(lab.outcome(lab.start("db")), "refused");
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "TERM db, power poweroff");
  EXPECT_EQ(lab.outcome(job), "done");
}

TEST(Shutdown, EndsEvenIfSomethingSurvivesKill) {
  Lab lab("app");
  lab.start("app");
  lab.runs("app");
  lab.shut_down(PowerKind::Exit);
  lab.log();
  lab.advance(90000);
  lab.advance(5000);
  EXPECT_EQ(lab.log(), "kill app, power exit");
}

TEST(Leader, IsKnownAsLongAsSomethingOfTheUnitMayBeLeft) {
  Lab lab("a restart=no");
  const auto leader = [&lab] { return lab.engine.record(lab.index("a")).leader; };
  lab.start("a");
  lab.runs("a");
  const auto pid = lab.view("a").main_pid;
  EXPECT_NE(pid, 0);
  EXPECT_EQ(leader(), pid);
  lab.exits("a", 0, false);
  EXPECT_EQ(lab.view("a").main_pid, 0);
  EXPECT_EQ(leader(), pid) << "the rest is found by it";
  lab.crash();
  EXPECT_EQ(leader(), pid) << "by the next manager too";
  lab.group_empties("a");
  EXPECT_EQ(leader(), 0) << "the number may be another's from now on";
}

TEST(FailedSpawn, IsToldWithTheStepItWasOf) {
  Lab lab("a pre=2 restart=no");
  lab.start("a");
  lab.runs("a");
  lab.exits("a");
  lab.fails_to_spawn("a", SpawnError::Setup);
  EXPECT_EQ(lab.view("a").reason, Reason::Setup);
  EXPECT_EQ(lab.view("a").error_role, Role::PreStart);
  EXPECT_EQ(lab.view("a").step, 1);
  lab.start("a");
  for (int step = 0; step < 2; ++step) {
    lab.runs("a");
    lab.exits("a");
  }
  lab.fails_to_spawn("a", SpawnError::Setup);
  EXPECT_EQ(lab.view("a").error_role, Role::Main);
}

TEST(Requests, ManualStartAndStopCanBeRefused) {
  Lab lab("a no-manual-start\n b no-manual-stop");
  EXPECT_EQ(lab.outcome(lab.start("a")), "refused");
  lab.start("b");
  lab.runs("b");
  EXPECT_EQ(lab.outcome(lab.stop("b")), "refused");
  EXPECT_EQ(lab.outcome(lab.restart("b")), "refused");
}

TEST(Requests, OfAUnitThatIsNotThereAreRefused) {
  Lab lab("a");
  lab.tell(Requested{77, Verb::Start, 12345});
  EXPECT_EQ(lab.outcome(77), "refused");
}

TEST(Crash, ARestartThatIsToldAgainIsCarriedOutOnce) {
  Lab lab("db");
  lab.start("db");
  lab.runs("db");
  for (const Verb verb : {Verb::Restart, Verb::TryRestart}) {
    const JobId job = lab.ask(verb, "db");
    lab.all_goes_well();
    lab.log();
    lab.tell(Requested{job, verb, lab.index("db")});  // its job was lost with the manager
    EXPECT_EQ(lab.log(), "");
    EXPECT_EQ(lab.outcome(job), "answered twice: done");
  }
}

}  // namespace
}  // namespace init::core
