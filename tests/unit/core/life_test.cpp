// The whole life of a service: readiness, hooks, watchdog, health.
#include <gtest/gtest.h>

#include "tests/unit/core/lab.h"

namespace init::core {
namespace {

using What = Notified::What;

TEST(Notify, IsUpWhenItSaysSoAndNotBefore) {
  Lab lab("db notify\napp requires=db");
  const JobId job = lab.start("app");
  lab.runs("db");
  EXPECT_EQ(lab.state("db"), State::Readying);
  EXPECT_EQ(lab.log(), "spawn db");
  lab.says("db", What::Ready);
  EXPECT_EQ(lab.log(), "spawn app");
  lab.says("db", What::Ready);  // twice is no news
  lab.runs("app");
  EXPECT_EQ(lab.outcome(job), "done");
}

TEST(Notify, ReadyThatOvertakesTheNewsOfExecCounts) {
  Lab lab("db notify");
  lab.start("db");
  lab.spawned("db");
  lab.says("db", What::Ready);
  lab.crash();
  lab.runs("db");
  EXPECT_EQ(lab.state("db"), State::Running);
}

TEST(Notify, NeverReadyIsATimeoutWhichItMayPutOff) {
  Lab lab("db notify start-timeout=1000 restart=no");
  const JobId job = lab.start("db");
  lab.runs("db");
  lab.advance(900);
  lab.says("db", What::ExtendTimeout, 500'000'000);
  lab.advance(400);
  EXPECT_EQ(lab.state("db"), State::Readying);
  lab.advance(200);
  EXPECT_EQ(lab.outcome(job), "timed out");
  EXPECT_EQ(lab.view("db").reason, Reason::ReadyTimeout);
  EXPECT_EQ(lab.log(), "spawn db, TERM db");
}

TEST(Notify, AnEndBeforeReadyBreaksTheProtocol) {
  Lab lab("db notify restart=no");
  lab.start("db");
  lab.runs("db");
  lab.exits("db", 0);
  EXPECT_EQ(lab.view("db").reason, Reason::Protocol);
  EXPECT_EQ(name(run_result(lab.view("db").reason, {})), "protocol");
}

TEST(Notify, ReloadsAndEndsByItsOwnWord) {
  Lab lab("db notify");
  lab.start("db");
  lab.runs("db");
  lab.says("db", What::Ready);
  lab.says("db", What::Reloading);
  EXPECT_EQ(lab.view("db").state, PublicState::Reloading);
  lab.says("db", What::Ready);
  EXPECT_EQ(lab.state("db"), State::Running);
  lab.says("db", What::Stopping);
  EXPECT_EQ(lab.view("db").state, PublicState::Deactivating);
  lab.log();
  lab.exits("db", 0);
  EXPECT_EQ(lab.state("db"), State::Inactive);
  EXPECT_EQ(lab.log(), "");
}

TEST(Notify, AnotherMainProcessTakesOver) {
  Lab lab("db notify restart=no");
  lab.start("db");
  lab.runs("db");
  lab.says("db", What::Ready);
  const Attempt old = lab.view("db").attempt;
  lab.says("db", What::MainPid, 77);
  EXPECT_EQ(lab.log(), "spawn db, watch db");
  lab.runs("db");
  lab.tell(Exited{lab.index("db"), old, {Exit::Kind::Code, 1}, false});
  EXPECT_EQ(lab.state("db"), State::Running);
  lab.exits("db", 3);
  EXPECT_EQ(lab.view("db").last_exit, (Exit{Exit::Kind::Code, 3}));
}

TEST(Forking, LooksForTheNextMainProcessUntilThereIsOne) {
  Lab lab("db forking restart=no");
  lab.start("db");
  lab.runs("db");
  lab.exits("db", 0, false);
  lab.runs("db");
  const Attempt on_the_way = lab.view("db").attempt;
  lab.log();
  lab.says("db", What::MainPid, 0);
  lab.tell(Exited{lab.index("db"), on_the_way, {Exit::Kind::Code, 0}, false});
  EXPECT_EQ(lab.state("db"), State::Running);
  EXPECT_EQ(lab.log(), "watch db");
  lab.runs("db");
  lab.exits("db", 0);
  EXPECT_EQ(lab.state("db"), State::Inactive);
}

TEST(Readiness, OfAProcessBeingBornIsWhatItWasStartedToTell) {
  Lab lab("db");
  const JobId job = lab.start("db");
  lab.reload("db notify");
  lab.runs("db");  // without a socket to say READY=1 to
  EXPECT_EQ(lab.outcome(job), "done");
  lab.restart("db");
  lab.all_goes_well();
  lab.runs("db");
  EXPECT_EQ(lab.state("db"), State::Readying);
}

TEST(Readiness, ThatAReloadNoLongerAsksForIsNotAwaited) {
  for (const char* type : {"notify", "dbus", "forking"}) {
    Lab lab("db " + std::string(type));
    const JobId job = lab.start("db");
    lab.runs("db");
    EXPECT_EQ(lab.outcome(job), "waiting") << type;
    lab.reload("db");
    EXPECT_EQ(lab.outcome(job), "done") << type;
  }
}

TEST(Watchdog, ThatIsMissedAbortsAndRestartsByItsPolicy) {
  Lab lab("db watchdog=1000 restart=on-watchdog delay=10");
  lab.start("db");
  lab.runs("db");
  lab.advance(900);
  lab.says("db", What::Watchdog);
  lab.advance(900);
  EXPECT_EQ(lab.state("db"), State::Running);
  lab.advance(200);
  EXPECT_EQ(lab.state("db"), State::Aborting);
  EXPECT_EQ(lab.log(), "spawn db, signal 6 db");
  lab.dies("db", 6);
  EXPECT_EQ(lab.view("db").reason, Reason::Watchdog);
  EXPECT_EQ(lab.state("db"), State::Backoff);
}

TEST(Forking, IsUpWhenTheFirstProcessEndedWellAndAnotherIsFound) {
  Lab lab("db forking restart=no");
  lab.start("db");
  lab.runs("db");
  lab.exits("db", 0, false);
  EXPECT_EQ(lab.log(), "spawn db, watch db");
  EXPECT_EQ(lab.state("db"), State::Forking);
  lab.runs("db");
  EXPECT_EQ(lab.state("db"), State::Running);
}

TEST(Forking, ItsLastEndIsThatOfItsMainProcessAndNotOfTheNextFirstOne) {
  Lab lab("db forking restart=always delay=10");
  const auto goes_into_the_background = [&lab] {
    lab.runs("db");
    lab.exits("db", 0, false);
    lab.runs("db");
  };
  lab.start("db");
  goes_into_the_background();
  EXPECT_EQ(lab.view("db").last_exit, Exit{});
  lab.dies("db", 9);
  lab.advance(1000);
  goes_into_the_background();
  EXPECT_EQ(lab.state("db"), State::Running);
  EXPECT_EQ(lab.view("db").last_exit, (Exit{Exit::Kind::Signal, 9}));
  lab.exits("db", 3);
  lab.advance(1000);
  lab.runs("db");
  lab.exits("db", 0);
  lab.fails_to_spawn("db", SpawnError::Setup);  // nobody is left, and nobody knows of what
  EXPECT_EQ(lab.view("db").last_exit, Exit{});
}

TEST(Forking, WithNothingLeftHasFailed) {
  Lab lab("db forking restart=no");
  lab.start("db");
  lab.runs("db");
  lab.exits("db", 0);
  lab.fails_to_spawn("db", SpawnError::Setup);
  EXPECT_EQ(lab.view("db").reason, Reason::Protocol);
}

TEST(OutOfMemory, StopsTheUnitWhoseOomPolicySaysSo) {
  Lab lab("db stop-when-starved restart=on-failure delay=10\nweb");
  lab.start("db");
  lab.start("web");
  lab.runs("db");
  lab.runs("web");
  lab.log();
  for (const char* unit : {"db", "web"}) lab.tell(Starved{lab.index(unit), lab.view(unit).attempt});
  EXPECT_EQ(lab.log(), "TERM db");
  lab.dies("db", 15);
  EXPECT_EQ(lab.view("db").reason, Reason::OutOfMemory);
  EXPECT_EQ(lab.state("db"), State::Backoff);
  EXPECT_EQ(lab.state("web"), State::Running);
}

TEST(OutOfMemory, IsTheCauseWhenTheKernelTookTheMainProcess) {
  Lab lab("db restart=no");
  lab.start("db");
  lab.runs("db");
  lab.tell(Exited{lab.index("db"), lab.view("db").attempt, {Exit::Kind::Signal, 9}, true, true});
  EXPECT_EQ(lab.state("db"), State::Failed);
  EXPECT_EQ(name(run_result(lab.view("db").reason, lab.view("db").last_exit)), "oom-kill");
}

TEST(Dbus, IsUpWithItsNameAndEndsWithoutIt) {
  Lab lab("db dbus");
  lab.start("db");
  lab.runs("db");
  EXPECT_EQ(lab.state("db"), State::Readying);
  lab.tell(NameOwned{lab.index("db"), true});
  EXPECT_EQ(lab.state("db"), State::Running);
  lab.tell(NameOwned{lab.index("db"), false});
  EXPECT_EQ(lab.state("db"), State::Leaving);
}

TEST(Idle, WaitsForQuietButNotForLong) {
  Lab lab("a idle\nb notify\nall.target wants=a wants=b");
  lab.start("all.target");
  EXPECT_EQ(lab.state("a"), State::Idling);
  EXPECT_EQ(lab.log(), "spawn b");
  lab.runs("b");
  lab.advance(4900);
  EXPECT_EQ(lab.log(), "");
  lab.advance(200);
  EXPECT_EQ(lab.log(), "spawn a");
  lab.stop("a");
  lab.exits("a");
  lab.says("b", What::Ready);
  lab.start("a");
  EXPECT_EQ(lab.log(), "TERM a, spawn a");
}

TEST(Probes, ReadinessIsAskedForUntilItIsThere) {
  Lab lab("db ready-tcp");
  lab.start("db");
  lab.runs("db");
  EXPECT_EQ(lab.log(), "spawn db, probe db");
  lab.answers("db", false);
  lab.advance(1000);
  EXPECT_EQ(lab.log(), "probe db");
  lab.crash();
  EXPECT_EQ(lab.log(), "probe db");
  lab.answers("db", true);
  EXPECT_EQ(lab.state("db"), State::Running);
}

TEST(Probes, UnhealthyThreeTimesInARowIsStoppedAndHasFailed) {
  Lab lab("db health=100 stop=1 delay=10");
  lab.start("db");
  lab.runs("db");
  for (const bool ok : {false, false, true, false, false, false}) {
    EXPECT_EQ(lab.state("db"), State::Running);
    lab.advance(100);
    lab.answers("db", ok);
  }
  EXPECT_EQ(lab.state("db"), State::StopStep);
  lab.hook_exits("db", 0);
  lab.dies("db", 15);
  EXPECT_EQ(lab.view("db").reason, Reason::Unhealthy);
  EXPECT_EQ(lab.state("db"), State::Backoff);
}

TEST(Notified, TheNextTryOfAReloadStepEndsWithItsRun) {
  Lab lab("app notify reload=1");
  lab.start("app");
  lab.runs("app");
  lab.says("app", Notified::What::Ready);
  lab.ask(Verb::Reload, "app");
  lab.tell(SpawnFailed{lab.index("app"), lab.view("app").attempt, SpawnError::Resources, 7, 12});
  lab.says("app", Notified::What::Stopping);
  lab.start("app");
  lab.log();
  lab.exits("app", 0);
  lab.runs("app");
  EXPECT_EQ(lab.log(), "spawn app");
  lab.advance(100);
  EXPECT_EQ(lab.log(), "");
  EXPECT_EQ(lab.state("app"), State::Readying);
}

TEST(Probes, AnAnswerToAQuestionThatAReloadTookAwayIsNone) {
  Lab lab("db notify");
  lab.start("db");
  lab.reload("db ready-tcp");
  lab.runs("db");
  EXPECT_EQ(lab.log(), "spawn db, probe db");
  lab.reload("db notify");
  lab.answers("db", true);
  EXPECT_EQ(lab.state("db"), State::Readying);
  lab.says("db", Notified::What::Ready);
  EXPECT_EQ(lab.state("db"), State::Running);
}

TEST(Probes, AliveForIsATime) {
  Lab lab("db alive-for=500");
  lab.start("db");
  lab.runs("db");
  lab.advance(499);
  EXPECT_EQ(lab.state("db"), State::Readying);
  lab.advance(1);
  EXPECT_EQ(lab.state("db"), State::Running);
}

TEST(Hooks, RunInTheirOrder) {
  Lab lab("db condition=1 pre=1 post-start=1 pre-stop=1 stop=1 post-stop=1");
  lab.start("db");
  lab.exits("db", 0);
  lab.exits("db", 0);
  lab.runs("db");
  lab.hook_exits("db", 0);
  EXPECT_EQ(lab.log(), "condition db, prepare db, spawn db, post-start db");
  EXPECT_EQ(lab.state("db"), State::Running);
  const JobId job = lab.stop("db");
  lab.hook_exits("db", 0);
  lab.hook_exits("db", 0);
  lab.dies("db", 15);
  EXPECT_EQ(lab.outcome(job), "waiting");
  lab.hook_exits("db", 0, true);
  EXPECT_EQ(lab.log(), "pre-stop db, stop db, TERM db, post-stop db");
  EXPECT_EQ(lab.outcome(job), "done");
}

TEST(Hooks, AConditionThatSaysNoSkipsAndWhatNeedsItGoesOn) {
  Lab lab("db condition=1 post-stop=1\napp requires=db");
  const JobId job = lab.start("db");
  lab.exits("db", 1);
  EXPECT_EQ(lab.outcome(job), "skipped");
  EXPECT_EQ(lab.state("db"), State::Inactive);
  EXPECT_EQ(lab.log(), "condition db");  // no run began
  lab.start("app");
  lab.exits("db", 1);
  EXPECT_EQ(lab.log(), "condition db, spawn app");
}

TEST(Hooks, AConditionThatBreaksIsAFailure) {
  Lab lab("db condition=1 restart=no");
  const JobId job = lab.start("db");
  lab.exits("db", 255);
  EXPECT_EQ(lab.outcome(job), "failed");
  EXPECT_EQ(lab.view("db").reason, Reason::Condition);
}

TEST(Hooks, PostStopFollowsAFailedStartAndACrash) {
  Lab lab("db pre=1 post-stop=1 restart=no");
  lab.start("db");
  lab.exits("db", 1);
  EXPECT_EQ(lab.log(), "prepare db, post-stop db");
  lab.crash();
  EXPECT_EQ(lab.log(), "");
  lab.hook_exits("db", 0, true);
  EXPECT_EQ(lab.state("db"), State::Failed);
  EXPECT_EQ(lab.view("db").reason, Reason::PreStart);
}

// Its record of the end would be lost, as in a machine where one manager after the other got no further.
TEST(Hooks, AStepThatNoManagerHasBegunHasItsWholeTime) {
  Lab lab("db post-stop=1 stop-timeout=1000 restart=no");
  lab.start("db");
  lab.runs("db");
  lab.exits("db", 1);
  EXPECT_EQ(lab.log(), "spawn db, post-stop db");
  lab.crash_before_spawn("db", 5000);
  lab.advance(999);
  EXPECT_EQ(lab.log(), "post-stop db");
  EXPECT_EQ(lab.state("db"), State::PostStop);
  lab.advance(1);
  EXPECT_EQ(lab.log(), "kill db");
}

TEST(Hooks, AStartThatNoManagerHasBegunHasItsWholeTime) {
  Lab lab("db notify start-timeout=1000 restart=no");
  lab.start("db");
  lab.crash_before_spawn("db", 5000);
  lab.runs("db");
  lab.advance(999);
  EXPECT_EQ(lab.state("db"), State::Readying);
  lab.advance(1);
  EXPECT_EQ(lab.view("db").reason, Reason::ReadyTimeout);
}

TEST(Hooks, AStopInterruptsAnyPhaseOfAStart) {
  for (const int phase : {0, 1, 2, 3}) {
    Lab lab("db notify condition=1 pre=1 post-start=1 stop=1");
    lab.start("db");
    if (phase > 0) lab.exits("db", 0);
    if (phase > 1) lab.exits("db", 0);
    if (phase > 2) lab.runs("db");
    const JobId job = lab.stop("db");
    lab.dies("db", 15);
    EXPECT_EQ(lab.outcome(job), "done") << phase;
    EXPECT_EQ(lab.state("db"), State::Inactive);
  }
}

TEST(Stop, ThatTakesTooLongLeavesACoreWhereAsked) {
  Lab lab("db abort stop-timeout=1000");
  lab.start("db");
  lab.runs("db");
  lab.stop("db");
  lab.advance(1000);
  EXPECT_EQ(lab.state("db"), State::Aborting);
  lab.advance(1000);
  EXPECT_EQ(lab.log(), "spawn db, TERM db, signal 6 db, kill db");
}

TEST(RunTimeout, EndsTheRunAsAFailure) {
  Lab lab("db run-timeout=1000 restart=no");
  lab.start("db");
  lab.runs("db");
  lab.advance(1000);
  EXPECT_EQ(lab.log(), "spawn db, TERM db");
  lab.dies("db", 15);
  EXPECT_EQ(lab.view("db").reason, Reason::RunTimeout);
}

}  // namespace
}  // namespace init::core
