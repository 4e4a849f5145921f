#include "libinit/core/history.h"

#include <gtest/gtest.h>

#include <set>

#include "libinit/core/graph.h"

namespace init::core {
namespace {

std::shared_ptr<const Graph> two_units() {
  std::vector<unit::Unit> units(2);
  units[0].id = "a.service";
  units[1].id = "b.service";
  return Graph::build(units);
}

const MonotonicTime kNow{Duration(42)};

std::vector<Event> all_events() {
  return {Requested{7, Verb::Restart, 1, 1000, false},
          JobDropped{9},
          Spawned{1, 2, 300},
          ExecSucceeded{1, 2},
          SpawnFailed{1, 2, SpawnError::Config, 5, 13, false},
          Exited{1, 2, {Exit::Kind::Signal, 9}, false, true},
          GroupEmpty{1},
          TimerFired{1, TimerKind::Watchdog, 77},
          Notified{1, 2, Notified::What::MainPid, 400},
          Probed{1, 2, ProbeOf::Health, 5, true},
          NameOwned{1, true},
          ShutdownRequested{PowerKind::Reboot, 3, 0},
          Starved{1, 2}};
}

std::vector<Action> all_actions() {
  return {Spawn{1, 2, Role::PreStart, 3},
          WatchMain{1, 2, 50},
          Probe{1, 2, ProbeOf::Ready, 4},
          Signal{1, 2, 15, SignalTarget::Group},
          KillGroup{1},
          ArmTimer{1, TimerKind::Run, 5, MonotonicTime{Duration(99)}},
          CancelTimer{1, TimerKind::Run},
          StateChanged{1, PublicState::Active, PublicState::Failed},
          JobFinished{8, 1, JobOutcome::Blocked, 0},
          Power{PowerKind::Halt}};
}

TEST(History, EveryEventComesBackFromItsEntry) {
  ASSERT_EQ(all_events().size(), std::variant_size_v<Event> - 1);  // all but Reloaded
  const auto graph = two_units();
  for (const Event& event : all_events()) {
    const Entry entry = entry_of(event, *graph, kNow);
    EXPECT_EQ(entry.at_ns, 42);
    const auto back = event_of(entry);
    ASSERT_TRUE(back) << text_of(event);
    EXPECT_EQ(back->index(), event.index());
    EXPECT_EQ(text_of(*back), text_of(event));
    EXPECT_FALSE(action_of(entry));
  }
}

TEST(History, EveryActionComesBackFromItsEntry) {
  ASSERT_EQ(all_actions().size(), std::variant_size_v<Action>);
  const auto graph = two_units();
  for (const Action& action : all_actions()) {
    const auto back = action_of(entry_of(action, *graph, kNow));
    ASSERT_TRUE(back) << text_of(action);
    EXPECT_EQ(back->index(), action.index());
    EXPECT_EQ(text_of(*back), text_of(action));
  }
}

TEST(History, OtherEventsHaveOtherTexts) {
  std::set<std::string> texts;
  for (const Event& event : all_events()) texts.insert(text_of(event));
  for (const Action& action : all_actions()) texts.insert(text_of(action));
  texts.insert(text_of(Event(Exited{1, 2, {Exit::Kind::Signal, 9}, true, true})));
  texts.insert(text_of(Event(Exited{1, 2, {Exit::Kind::Code, 9}, true, true})));
  texts.insert(text_of(Action(Spawn{1, 3, Role::PreStart, 3})));
  EXPECT_EQ(texts.size(), all_events().size() + all_actions().size() + 3);
}

TEST(History, AnEntryKnowsItsUnitByTag) {
  const auto graph = two_units();
  EXPECT_EQ(entry_of(Event(GroupEmpty{1}), *graph, kNow).tag, graph->tag(1));
  EXPECT_EQ(entry_of(Event(JobDropped{1}), *graph, kNow).tag, 0U);
  EXPECT_EQ(entry_of(Event(Reloaded{graph}), *graph, kNow).kind, Entry::Kind::Reload);
}

TEST(History, AnEntryThatDoesNotFitIsNone) {
  Entry entry = entry_of(Event(GroupEmpty{1}), *two_units(), kNow);
  ++entry.size;
  EXPECT_FALSE(event_of(entry));
  entry = entry_of(Event(GroupEmpty{1}), *two_units(), kNow);
  entry.index = 999;
  EXPECT_FALSE(event_of(entry));
}

TEST(History, ABeginningComesBackAndEveryShorterOneIsRefused) {
  Beginning beginning;
  beginning.units.resize(2);
  beginning.units[1].tag = 5;
  beginning.jobs.resize(1);
  beginning.processes.resize(3);
  beginning.processes[2].pid = 6;
  beginning.seed = 7;
  beginning.now = kNow;
  const std::string bytes = pack(beginning);
  const auto back = unpack_beginning(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->units[1].tag, 5U);
  EXPECT_EQ(back->jobs.size(), 1U);
  EXPECT_EQ(back->processes[2].pid, 6);
  EXPECT_EQ(back->seed, 7U);
  EXPECT_EQ(back->now, kNow);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(unpack_beginning(std::string_view(bytes).substr(0, size))) << size;
}

}  // namespace
}  // namespace init::core
