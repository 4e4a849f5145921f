#include <gtest/gtest.h>

#include "tests/unit/core/lab.h"

namespace init::core {
namespace {

TEST(Requires, BlocksByNameAndStartsWhenItRecovers) {
  Lab lab("app requires=db\n db restart=no");
  const JobId job = lab.start("app");
  lab.fails_to_spawn("db", SpawnError::Setup);
  EXPECT_EQ(lab.outcome(job), "blocked by db");
  EXPECT_EQ(lab.view("app").blocked_by, lab.index("db"));
  EXPECT_EQ(lab.view("app").blocked_dependency, 0);
  lab.start("db");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
}

TEST(Requires, ACrashDoesNotBounceDependents) {
  Lab lab("app requires=db\n db delay=10");
  lab.start("app");
  lab.all_goes_well();
  lab.dies("db", 11);
  EXPECT_EQ(lab.state("app"), State::Running);
  lab.advance(100);
  lab.all_goes_well();
  EXPECT_EQ(lab.state("db"), State::Running);
}

TEST(Requires, SomethingThatIsNotThereBlocks) {
  Lab lab("app requires=ghost\n lax wants=ghost");
  EXPECT_EQ(lab.outcome(lab.start("app")), "blocked by ghost");
  lab.start("lax");
  EXPECT_EQ(lab.log(), "spawn lax");
  lab.reload("app requires=ghost\n lax wants=ghost\n ghost");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
}

TEST(Requires, AOneshotNeedsOnlyToHaveSucceeded) {
  Lab lab("app requires=setup\n setup oneshot");
  lab.start("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("setup"), State::Inactive);
  EXPECT_TRUE(lab.view("setup").done);
  EXPECT_EQ(lab.log(), "spawn setup, spawn app");
  lab.restart("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "TERM app, spawn app");
}

TEST(Requires, AOneshotThatIsAskedToRunOnceMoreIsWaitedFor) {
  Lab lab(
      "all requires=app\n app requires=setup restart=no\n"
      " setup oneshot restart=always delay=9000 delay-max=9000");
  lab.start("app");
  lab.runs("setup");
  lab.exits("setup");
  lab.runs("app");
  lab.exits("app", 1);
  EXPECT_EQ(lab.state("setup"), State::LongBackoff);
  lab.log();
  lab.start("all");
  EXPECT_EQ(lab.log(), "spawn setup");
  lab.runs("setup");
  lab.exits("setup");
  EXPECT_EQ(lab.log(), "spawn app");
}

TEST(Requires, ARequestIsNotBlockedByWhatItTriesAgain) {
  Lab lab("app requires=mid\n mid requires=db\n db restart=no");
  lab.start("app");
  lab.fails_to_spawn("db", SpawnError::Setup);
  EXPECT_EQ(lab.state("mid"), State::Blocked);
  const JobId job = lab.start("app");
  EXPECT_EQ(lab.outcome(job), "waiting");
  lab.all_goes_well();
  EXPECT_EQ(lab.outcome(job), "done");
}

TEST(Wants, AFailureIsIgnored) {
  Lab lab("app wants=db\n db restart=no");
  lab.start("app");
  lab.fails_to_spawn("db", SpawnError::Config);
  EXPECT_EQ(lab.log(), "spawn db, spawn app");
}

TEST(Requisite, MustBeUpAlready) {
  Lab lab("app requisite=db\n db");
  const JobId job = lab.start("app");
  EXPECT_EQ(lab.outcome(job), "skipped by db");
  EXPECT_EQ(lab.log(), "");
  // It was only checked: nothing starts later that nobody waits for.
  EXPECT_EQ(lab.view("app").goal, Goal::Idle);
  lab.start("db");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Inactive);
  lab.start("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
  // What was up comes back with its requisite.
  lab.restart("db");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
}

TEST(Requisite, TheWishStaysWhileSomethingElseWantsTheUnit) {
  Lab lab("pod.target wants=app\n app requisite=db\n db");
  lab.start("pod.target");
  EXPECT_EQ(lab.outcome(lab.start("app")), "skipped by db");
  lab.start("db");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
}

TEST(Requisite, TheWishEndsWithWhatElseWantedTheUnit) {
  Lab lab("db\n app requisite=db\n user upholds=app");
  lab.start("user");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Blocked);
  lab.stop("user");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Inactive);
  lab.start("db");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Inactive);
}

TEST(BindsTo, FollowsUnexpectedExits) {
  Lab lab("app binds-to=db\n db delay=10");
  lab.start("app");
  lab.all_goes_well();
  lab.log();
  lab.dies("db", 11);
  EXPECT_EQ(lab.log(), "TERM app");
  lab.all_goes_well();
  lab.advance(100);
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "spawn db, spawn app");
}

TEST(PartOf, FollowsStopAndRestartOnly) {
  Lab lab("part part-of=whole after=whole\n whole");
  lab.start("whole");
  lab.start("part");
  lab.all_goes_well();
  lab.log();
  lab.restart("whole");
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "TERM part, TERM whole, spawn whole, spawn part");
  lab.stop("whole");
  lab.all_goes_well();
  lab.start("whole");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("part"), State::Inactive);
}

TEST(Upholds, KeepsUpUntilAnAdminStops) {
  Lab lab("app upholds=helper\n helper restart=no delay=10");
  lab.start("app");
  lab.all_goes_well();
  lab.log();
  lab.exits("helper");
  lab.advance(100);
  EXPECT_EQ(lab.log(), "spawn helper");
  lab.runs("helper");
  lab.stop("helper");
  lab.all_goes_well();
  lab.advance(100000);
  EXPECT_EQ(lab.state("helper"), State::Inactive);
}

TEST(Conflicts, WhoeverIsAskedForLastWins) {
  Lab lab("a conflicts=b restart=always\n b");
  lab.start("a");
  lab.all_goes_well();
  lab.log();
  lab.start("b");
  EXPECT_EQ(lab.log(), "TERM a");
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "spawn b");
  EXPECT_EQ(lab.view("a").goal, Goal::Held);
}

TEST(Requires, IsBlockedByWhatIsMissingWhateverElseIsOnItsWay) {
  for (const std::string_view order : {"requires=bad requires=slow", "requires=slow requires=bad"}) {
    Lab lab("app " + std::string(order) + "\n bad restart=no\n slow oneshot");
    const JobId job = lab.start("app");
    lab.exits("bad", 1);
    EXPECT_EQ(lab.outcome(job), "blocked by bad") << order;
  }
}

TEST(PreparedBy, RunsAnewBeforeEachStart) {
  Lab lab("app prepared-by=prep delay=10\n prep oneshot");
  lab.start("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "spawn prep, spawn app");
  lab.dies("app", 11);
  lab.advance(100);
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "spawn prep, spawn app");
}

TEST(PreparedBy, ARequestStopsWhatExcludesThePreparation) {
  Lab lab("app prepared-by=migrate\n migrate oneshot requires=tool\n tool\n reader conflicts=tool");
  lab.start("reader");
  lab.all_goes_well();
  lab.start("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
  EXPECT_EQ(lab.view("reader").goal, Goal::Held);
}

TEST(PreparedBy, WhatExcludesItsOwnPreparationIsBlocked) {
  Lab lab("app prepared-by=prep conflicts=prep\n prep oneshot remain");
  EXPECT_EQ(lab.outcome(lab.start("app")), "blocked by prep");
  EXPECT_EQ(lab.state("app"), State::Blocked);
}

TEST(PreparedBy, ARequirementMayBeAPreparationToo) {
  Lab lab("app prepared-by=prep requires=prep\n prep oneshot remain");
  lab.start("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
}

TEST(PreparedBy, StartsWhenWhatExcludesThePreparationIsNoLongerWanted) {
  Lab lab("app prepared-by=prep\n prep oneshot\n reader restart=no conflicts=prep");
  lab.start("reader");
  lab.all_goes_well();
  const JobId job = lab.start("app");
  lab.start("reader");
  lab.all_goes_well();
  EXPECT_EQ(lab.outcome(job).substr(0, 7), "blocked");
  EXPECT_EQ(lab.state("app"), State::Blocked);
  lab.exits("reader");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
}

TEST(PreparedBy, IsBlockedWhileAnAdminHasStoppedThePreparation) {
  Lab lab("app prepared-by=prep\n prep oneshot");
  const JobId job = lab.start("app");
  lab.stop("prep");
  lab.all_goes_well();
  EXPECT_EQ(lab.outcome(job), "blocked by prep");
  EXPECT_EQ(lab.log(), "spawn prep, TERM prep");
  lab.start("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "spawn prep, spawn app");
}

TEST(PreparedBy, AnEarlierNoOfAConditionIsNoPreparation) {
  Lab lab("app prepared-by=prep\n prep oneshot condition=1 after=slow\n slow");
  lab.start("prep");
  lab.exits("prep", 1);
  lab.start("slow");
  const JobId job = lab.start("app");
  lab.stop("prep");
  lab.all_goes_well();
  EXPECT_EQ(lab.outcome(job), "blocked by prep");
}

TEST(PreparedBy, PullsAgainWhatIsNeededAndWentAway) {
  Lab lab("app prepared-by=prep requires=db\n prep oneshot\n db restart=no delay=10");
  lab.start("app");
  lab.runs("db");
  EXPECT_EQ(lab.state("app"), State::Preparing);
  lab.exits("db");
  lab.exits("prep");
  lab.advance(100);
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
}

TEST(PreparedBy, ThePreparationIsNeededAsLongAsTheUnitIsWanted) {
  Lab lab("app prepared-by=job prepared-by=data\n job oneshot wants=data\n data oneshot remain unneeded");
  lab.start("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("app"), State::Running);
  EXPECT_EQ(lab.state("data"), State::Up);
  lab.stop("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("data"), State::Inactive);
}

TEST(PreparedBy, WaitsInNoStateThatMustBeStopped) {
  Lab lab("app prepared-by=prep\n prep oneshot");
  lab.start("app");
  EXPECT_EQ(lab.state("app"), State::Preparing);
  EXPECT_EQ(lab.outcome(lab.stop("app")), "done");
  EXPECT_EQ(lab.state("app"), State::Inactive);
}

TEST(Provides, AVirtualNameStandsForItsFirstProvider) {
  Lab lab("app requires=mta.service\n exim provides=mta.service\n postfix provides=mta.service");
  lab.start("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("exim"), State::Running);
  EXPECT_EQ(lab.state("postfix"), State::Inactive);
}

TEST(OnSuccess, StartsWhatIsToFollow) {
  Lab lab("job oneshot on-success=next\n next");
  lab.start("job");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("next"), State::Running);
}

TEST(StopOrder, StopAfterTurnsTheNaturalOrderAround) {
  Lab lab("app after=db stop-after=db\n db");
  lab.start("app");
  lab.start("db");
  lab.all_goes_well();
  lab.log();
  lab.shut_down(PowerKind::Exit);
  EXPECT_EQ(lab.log(), "TERM db");
  lab.exits("db");
  EXPECT_EQ(lab.log(), "TERM app");
}

TEST(Unneeded, StopsWithItsLastUser) {
  Lab lab("app requires=db\n web requires=db\n db unneeded");
  lab.start("app");
  lab.start("web");
  lab.all_goes_well();
  lab.stop("app");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("db"), State::Running);
  lab.log();
  lab.stop("web");
  EXPECT_EQ(lab.log(), "TERM web");
  lab.all_goes_well();
  EXPECT_EQ(lab.log(), "TERM db");
}

TEST(Unneeded, ComesBackNoSoonerThanItsBackOffAllows) {
  // The end of app releases db, which waits for its next try; pod needs app, and so db, again at once.
  Lab lab("pod.target binds-to=app\n app restart=no delay=10 requires=db\n db unneeded delay=500");
  lab.start("pod.target");
  lab.all_goes_well();
  lab.dies("db", 11);
  EXPECT_EQ(lab.state("db"), State::Backoff);
  lab.log();
  lab.exits("app");
  lab.advance(400);
  EXPECT_EQ(lab.log(), "");
  lab.advance(800);
  EXPECT_EQ(lab.log(), "spawn db");
}

TEST(Cycles, AStrongOneRefusesItsServicesAndNothingElse) {
  Lab lab("boot.target wants=a wants=ok\n a requires=b\n b requires=a\n ok");
  lab.boot("boot.target");
  EXPECT_EQ(lab.log(), "spawn ok");
  lab.runs("ok");
  EXPECT_EQ(lab.state("boot.target"), State::Up);
  EXPECT_EQ(lab.view("a").reason, Reason::Cycle);
  EXPECT_EQ(lab.engine.graph()->cycles().size(), 1U);
}

TEST(Cycles, AWeakEdgeGivesWay) {
  Lab lab("a wants=b after=b\n b wants=a\n");
  lab.start("a");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("a"), State::Running);
  EXPECT_EQ(lab.state("b"), State::Running);
}

TEST(Why, FollowsTheChainToItsEndAndThenTheWish) {
  Lab lab("app requires=db\n db requires=disk\n disk restart=no");
  lab.start("app");
  lab.fails_to_spawn("disk", SpawnError::Setup);
  const std::vector<Cause> chain = lab.engine.why(lab.index("app"));
  ASSERT_EQ(chain.size(), 6U);
  EXPECT_EQ(chain[0].relation, Cause::Relation::BlockedBy);
  EXPECT_EQ(chain[0].other, lab.index("db"));
  EXPECT_EQ(chain[1].other, lab.index("disk"));
  EXPECT_EQ(chain[2].relation, Cause::Relation::Itself);
  EXPECT_EQ(chain[2].reason, Reason::Setup);
  EXPECT_EQ(chain[3].relation, Cause::Relation::PulledBy);
  EXPECT_EQ(chain[5].relation, Cause::Relation::AskedBy);
}

TEST(Plan, IsWhatThenHappensAndDoesNothing) {
  Lab lab("app requires=db\n report requires=db\n db requires=disk\n disk");
  EXPECT_EQ(lab.plan(Verb::Start, "app"), "start disk for db, start db for app, start app");
  lab.start("app");
  lab.start("report");
  lab.all_goes_well();
  lab.log();
  EXPECT_EQ(lab.plan(Verb::Stop, "db"), "stop app for db, stop report for db, stop db");
  EXPECT_EQ(lab.log(), "");
  EXPECT_EQ(lab.state("db"), State::Running);
}

TEST(Plan, NamesWhoPullsEachUnitAndByWhichDependency) {
  Lab lab("app stop-after=db requires=db wants=log prepared-by=setup\n db\n log\n setup oneshot");
  EXPECT_EQ(lab.plan(Verb::Start, "app"),
            "start log for app, start db for app, start setup for app, start app");
  const Plan plan = lab.engine.plan({0, Verb::Start, lab.index("app")}, lab.now);
  for (const PlanStep& step : plan.steps) {
    EXPECT_EQ(step.owner, step.unit == lab.index("app") ? kNoUnit : lab.index("app"));
  }
  EXPECT_EQ(plan.steps[0].kind, unit::DependencyKind::Wants);
  EXPECT_EQ(plan.steps[1].kind, unit::DependencyKind::Requires);
  EXPECT_EQ(plan.steps[1].dependency, 1);
  EXPECT_EQ(plan.steps[2].kind, unit::DependencyKind::PreparedBy);
}

TEST(Plan, NamesWhoPullsWhatWasAskedForBeforeAndHasFailed) {
  Lab lab("app requires=db\n db restart=no");
  lab.start("db");
  lab.fails_to_spawn("db", SpawnError::Setup);
  EXPECT_EQ(lab.plan(Verb::Start, "app"), "start db for app, start app");
}

TEST(Plan, NamesWhyDependentsStopAndComeBack) {
  Lab lab("pod.target wants=app\n app requires=db\n db\n rival conflicts=app");
  lab.start("pod.target");
  lab.all_goes_well();
  EXPECT_EQ(lab.plan(Verb::Restart, "db"), "stop app for db, stop db, start db, start app for db");
  EXPECT_EQ(lab.plan(Verb::Start, "rival"), "stop app for rival, start rival");
}

TEST(Crash, LosesNothingInAnyStateOfAStart) {
  Lab lab("app requires=db pre=1\n db");
  const JobId job = lab.start("app");
  lab.crash();
  lab.runs("db");
  lab.crash();
  lab.exits("app");
  lab.crash();
  lab.runs("app");
  lab.crash();
  EXPECT_EQ(lab.state("app"), State::Running);
  EXPECT_EQ(lab.outcome(job).find("failed"), std::string::npos);
  const JobId stop = lab.stop("db");
  lab.crash();
  lab.all_goes_well();
  lab.crash();
  EXPECT_NE(lab.outcome(stop).find("done"), std::string::npos);
  EXPECT_EQ(lab.state("db"), State::Inactive);
  EXPECT_EQ(lab.state("app"), State::Blocked);
}

TEST(Reloaded, WhatRunsWithoutAFileStaysKnownUntilItStops) {
  Lab lab("app\n other");
  lab.start("app");
  lab.runs("app");
  lab.reload("other");
  EXPECT_EQ(lab.state("app"), State::Running);
  EXPECT_FALSE(lab.engine.graph()->is_loaded(lab.index("app")));
  lab.stop("app");
  lab.exits("app");
  EXPECT_EQ(lab.state("app"), State::Inactive);
  lab.reload("other");
  EXPECT_EQ(lab.index("app"), kNoUnit);
}

TEST(Reloaded, AReloadThatAwaitsItsTurnIsAnsweredWhereItsStepsAreGone) {
  Lab lab("app reload=1");
  lab.start("app");
  lab.runs("app");
  lab.ask(Verb::Reload, "app");
  const JobId second = lab.ask(Verb::Reload, "app");
  lab.reload("app");
  lab.reload_exits("app", 0);
  EXPECT_EQ(lab.outcome(second), "refused");
}

TEST(Reloaded, AOneshotThatIsDoneAndHasNoFileServesNobody) {
  Lab lab("app requires=setup\n setup oneshot");
  lab.start("setup");
  lab.reload("app requires=setup");
  lab.all_goes_well();
  EXPECT_TRUE(lab.view("setup").done);
  EXPECT_EQ(lab.outcome(lab.start("app")), "blocked by setup");
}

TEST(Reloaded, AnExclusionBetweenTwoThatRunBlocksWhicheverIsStartedAnew) {
  Lab lab("a restart=always delay=10\n b");
  lab.start("a");
  lab.start("b");
  lab.all_goes_well();
  lab.reload("a restart=always delay=10\n b conflicts=a");
  EXPECT_EQ(lab.state("a"), State::Running);
  lab.exits("a");
  lab.advance(1000);
  EXPECT_EQ(lab.state("a"), State::Blocked);
  lab.stop("b");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("a"), State::Running);
}

TEST(Reloaded, AStopWithoutALimitIsRepeatedOnlyForAnotherPolicy) {
  Lab lab("app stop-for-ever");
  lab.start("app");
  lab.runs("app");
  lab.stop("app");
  EXPECT_EQ(lab.log(), "spawn app, TERM app");
  lab.reload("app stop-for-ever");
  EXPECT_EQ(lab.log(), "");
  lab.reload("app stop-timeout=100");
  EXPECT_EQ(lab.log(), "TERM app");
  lab.advance(100);
  EXPECT_EQ(lab.log(), "kill app");
}

TEST(Reloaded, WhatIsLeftOfAUnitWithoutAFileIsNotEndedForAStartThatCannotBe) {
  Lab lab("app kill-mode=main\n user requires=app");
  lab.start("app");
  lab.runs("app");
  lab.reload("user requires=app");
  lab.exits("app", 0, false);
  EXPECT_EQ(lab.outcome(lab.start("app")), "blocked");
  EXPECT_EQ(lab.log(), "spawn app");
  lab.reload("user requires=app");
  EXPECT_EQ(lab.log(), "");
}

TEST(Reloaded, WhatIsLeftBesideASurvivorOfKillIsEndedOnceThatHasEnded) {
  Lab lab("app kill-mode=main step=9");
  lab.start("app");
  lab.runs("app");
  lab.restart("app");
  lab.advance(5000);
  EXPECT_EQ(lab.view("app").reason, Reason::Unkillable);
  lab.reload("app step=9");
  lab.log();
  lab.dies("app", 9, false);
  EXPECT_EQ(lab.log(), "kill app");
  lab.group_empties("app");
  EXPECT_EQ(lab.log(), "spawn app");
}

TEST(Reloaded, WhatHasLostItsMainProcessIsKilledWhenTheKillModeBecomesMixed) {
  Lab lab("app");
  lab.start("app");
  lab.runs("app");
  lab.stop("app");
  lab.exits("app", 0, false);
  EXPECT_EQ(lab.log(), "spawn app, TERM app");
  lab.reload("app kill-mode=mixed");
  EXPECT_EQ(lab.log(), "kill app");
}

TEST(Reloaded, WhatAnotherKillModeEndsTooIsKilledAtOnce) {
  Lab lab("app kill-mode=main step=9");
  lab.start("app");
  lab.runs("app");
  lab.stop("app");
  EXPECT_EQ(lab.log(), "spawn app, KILL main app");
  lab.reload("app kill-mode=main step=9");
  EXPECT_EQ(lab.log(), "");
  lab.reload("app step=9");
  EXPECT_EQ(lab.log(), "kill app");
}

TEST(Scale, TenThousandUnitsBootInLinearTime) {
  std::string text = "boot.target";
  for (int i = 0; i < 10000; ++i) text += " wants=s" + std::to_string(i);
  text += "\nbase.target\n";
  for (int i = 0; i < 10000; ++i)
    text += "s" + std::to_string(i) + " after=base.target requires=base.target\n";
  Lab lab(text);
  EXPECT_LE(lab.engine.graph()->memory() / 10000, 250U);
  lab.boot("boot.target");
  lab.all_goes_well();
  EXPECT_EQ(lab.state("boot.target"), State::Up);
  const std::uint64_t boot = lab.engine.looks();
  EXPECT_LE(boot, 10U * 10000U);
  // One event costs what its neighbours cost, not what there is.
  lab.stop("s17");
  lab.exits("s17");
  EXPECT_LE(lab.engine.looks() - boot, 20U);
}

}  // namespace
}  // namespace init::core
