#include "libinit/supervisor/supervisor.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace init::supervisor {
namespace {

using loop::EventLoop;
using loop::Task;
using process::Command;
using process::ExitStatus;
using std::chrono::milliseconds;

Command shell(const std::string& script) {
  Command command("/bin/sh");
  command.arg("-c").arg(script);
  return command;
}

class Supervising : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "supervisor.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] std::string text(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void add(std::string name, Command command, Policy policy = {}) {
    const auto added = supervisor.add(std::move(name), std::move(command), std::move(policy));
    ASSERT_TRUE(added) << added.error().text();
  }
  void start(std::string_view name) { ASSERT_TRUE(supervisor.start(name)); }
  Status of(std::string_view name) { return *supervisor.status(name); }
  // Works until `name` is in `state`, then stops all.
  void until(std::string_view name, State state) {
    supervisor.on_change([this, name, state](const Status& now) {
      changes.push_back(now.name + " " + std::string(supervisor::name(now.state)));
      if (now.name == name && now.state == state) supervisor.stop_all();
    });
    const auto ended = loop.run(supervisor.work());
    ASSERT_TRUE(ended) << ended.error().text();
  }

  EventLoop loop;
  Supervisor supervisor{loop};
  std::vector<std::string> changes;
  std::filesystem::path folder_;
};

Policy quickly(std::uint32_t maximum = 0) {
  Policy policy;
  policy.maximum = maximum;
  policy.delay = policy.delay_max = milliseconds(1);
  return policy;
}

// Row 54.
TEST_F(Supervising, RunsTheWorkerOfTheEssays) {
  add("worker", Command("sleep").arg("10"), {.maximum = 3});
  start("worker");
  until("worker", State::Running);
  EXPECT_EQ(changes, (std::vector<std::string>{"worker starting", "worker running", "worker stopping",
                                               "worker inactive"}));
  EXPECT_EQ(of("worker").last_exit, (ExitStatus{ExitStatus::Kind::Signaled, SIGTERM}));
}

// Row 57.
TEST_F(Supervising, GivesUpAtTheFourthCrashAndSaysWhy) {
  add("worker", shell("echo run >>" + path("log") + "; exit 7"), quickly(3));
  start("worker");
  until("worker", State::Failed);
  EXPECT_EQ(text("log"), "run\nrun\nrun\nrun\n");
  EXPECT_EQ(of("worker").restarts, 3U);
  EXPECT_EQ(of("worker").reason, "restart limit of 3 reached; exit 7");
  EXPECT_EQ(changes.back(), "worker failed");
}

// Row 55.
TEST_F(Supervising, KnowsPidRestartsAndStartOfEach) {
  add("worker", shell("test -e " + path("again") + " && exec sleep 10; touch " + path("again") + "; exit 1"),
      quickly());
  EXPECT_FALSE(of("worker").started);
  EXPECT_EQ(of("worker").last_exit.kind, ExitStatus::Kind::None);
  start("worker");
  const WallTime before = wall_now();
  std::optional<Status> second;
  supervisor.on_change([&](const Status& now) {
    if (now.state != State::Running || now.restarts != 1) return;
    second = now;
    supervisor.stop_all();
  });
  ASSERT_TRUE(loop.run(supervisor.work()));
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->pid);
  EXPECT_GE(*second->started, before);
  EXPECT_EQ(second->last_exit, (ExitStatus{ExitStatus::Kind::Exited, 1}));
  EXPECT_FALSE(of("worker").pid);
}

// Row 58.
TEST_F(Supervising, GoesOnWithTheOthersWhenOneCannotStart) {
  add("bad", Command("/no/such/program"), {.restart = Restart::No});
  add("good", shell("exit 0"), {.restart = Restart::No});
  start("bad");
  start("good");
  ASSERT_TRUE(loop.run(supervisor.work()));
  EXPECT_EQ(of("bad").state, State::Failed);
  EXPECT_NE(of("bad").reason.find("/no/such/program: No such file or directory"), std::string::npos)
      << of("bad").reason;
  EXPECT_EQ(of("good").last_exit, (ExitStatus{ExitStatus::Kind::Exited, 0}));
  EXPECT_EQ(of("good").state, State::Inactive);
}

// Row 59.
TEST_F(Supervising, StopsGracefullySoThatEachCanTidyUp) {
  add("tidy", shell("trap 'echo tidied >" + path("tidied") + "; exit 0' TERM; echo >" + path("ready") +
                    "; while :; do sleep 0.01; done"));
  add("watch", shell("while ! test -e " + path("ready") + "; do sleep 0.01; done"), {.restart = Restart::No});
  start("tidy");
  start("watch");
  until("watch", State::Inactive);
  EXPECT_EQ(text("tidied"), "tidied\n");
  EXPECT_EQ(of("tidy").last_exit, (ExitStatus{ExitStatus::Kind::Exited, 0}));
}

TEST_F(Supervising, KillsWhatDoesNotHeedItsStopSignal) {
  Policy stubborn;
  stubborn.stop_wait = milliseconds(20);
  add("stubborn", shell("trap '' TERM; echo >" + path("ready") + "; while :; do sleep 0.01; done"), stubborn);
  add("watch", shell("while ! test -e " + path("ready") + "; do sleep 0.01; done"), {.restart = Restart::No});
  start("stubborn");
  start("watch");
  until("watch", State::Inactive);
  EXPECT_EQ(of("stubborn").last_exit, (ExitStatus{ExitStatus::Kind::Signaled, SIGKILL}));
}

TEST_F(Supervising, StartsWhatIsNeededFirstAndStopsItLast) {
  add("app", Command("sleep").arg("10"), {.needs = {"db"}});
  add("db", Command("sleep").arg("10"));
  start("app");
  until("app", State::Running);
  EXPECT_EQ(changes,
            (std::vector<std::string>{"db starting", "app waiting", "db running", "app running",
                                      "app stopping", "db stopping", "app inactive", "db inactive"}));
}

TEST_F(Supervising, SaysForWhomOneWaits) {
  add("app", Command("sleep").arg("10"), {.needs = {"db"}});
  add("db", Command("/no/such/db"), {.restart = Restart::No});
  start("app");
  ASSERT_TRUE(loop.run(supervisor.work()));
  EXPECT_EQ(of("app").state, State::Waiting);
  EXPECT_EQ(of("app").reason, "waits for db");
}

TEST_F(Supervising, LeavesNothingOfAGroupBehind) {
  add("leader", shell("sleep 100 & echo $! >" + path("pid") + "; exit 0"), {.restart = Restart::No});
  start("leader");
  ASSERT_TRUE(loop.run(supervisor.work()));
  const int left = std::stoi(text("pid"));
  const auto gone = [left] {
    std::ifstream stat("/proc/" + std::to_string(left) + "/stat");
    const std::string line{std::istreambuf_iterator<char>(stat), {}};
    return line.empty() || line.find(") Z ") != std::string::npos;
  };
  const MonotonicTime deadline = monotonic_now() + std::chrono::seconds(10);
  while (!gone() && monotonic_now() < deadline) ::sched_yield();  // KILL has been sent; it is on its way
  EXPECT_TRUE(gone());
}

TEST_F(Supervising, KillsWhatRunsWhenItIsDestroyed) {
  pid_t pid = 0;
  {
    Supervisor short_lived(loop);
    ASSERT_TRUE(short_lived.add("worker", Command("sleep").arg("100")));
    ASSERT_TRUE(short_lived.start("worker"));
    Task<> working = short_lived.work();
    working.start(&loop);
    const auto naps = [](EventLoop& on) -> Task<> { co_await on.sleep(milliseconds(1)); };
    ASSERT_TRUE(loop.run(naps(loop)));
    pid = short_lived.status("worker")->pid->raw();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(Supervising, WaitsLongerBeforeEachRestart) {
  Policy policy;
  policy.maximum = 3;
  policy.delay = milliseconds(10);
  add("worker", shell("exit 1"), policy);
  const MonotonicTime begin = monotonic_now();
  start("worker");
  until("worker", State::Failed);
  EXPECT_GE(monotonic_now() - begin, milliseconds(10 + 20 + 40));
}

TEST_F(Supervising, RestartsOnlyAsThePolicySays) {
  add("fails", shell("exit 1"), {.restart = Restart::OnSuccess});
  add("ends", shell("exit 0"), {.restart = Restart::OnFailure});
  start("fails");
  start("ends");
  ASSERT_TRUE(loop.run(supervisor.work()));
  EXPECT_EQ(of("fails").restarts, 0U);
  EXPECT_EQ(of("fails").state, State::Failed);
  EXPECT_EQ(of("ends").restarts, 0U);
}

TEST_F(Supervising, TakesCommandsWhileItWorks) {
  add("first", Command("sleep").arg("10"), quickly());
  start("first");
  bool added = false;
  supervisor.on_change([&](const Status& now) {
    if (now.name == "first" && now.state == State::Running && !added) {
      added = true;
      add("second", Command("sleep").arg("10"));
      start("second");
    } else if (now.name == "second" && now.state == State::Running) {
      EXPECT_TRUE(supervisor.signal("first", SIGKILL));
      EXPECT_TRUE(supervisor.stop("second"));
    } else if (now.name == "first" && now.restarts == 1 && now.state == State::Running) {
      supervisor.stop_all();
    }
  });
  ASSERT_TRUE(loop.run(supervisor.work()));
  EXPECT_TRUE(added);
  EXPECT_EQ(of("first").restarts, 1U);
  EXPECT_EQ(of("second").state, State::Inactive);
}

TEST_F(Supervising, RestartsByRequest) {
  add("worker", Command("sleep").arg("10"));
  start("worker");
  std::vector<process::Pid> pids;
  supervisor.on_change([&](const Status& now) {
    if (now.state != State::Running) return;
    pids.push_back(*now.pid);
    if (pids.size() == 1) {
      EXPECT_TRUE(supervisor.restart("worker"));
    } else {
      supervisor.stop_all();
    }
  });
  ASSERT_TRUE(loop.run(supervisor.work()));
  ASSERT_EQ(pids.size(), 2U);
  EXPECT_NE(pids[0], pids[1]);
}

TEST_F(Supervising, RefusesNamesItHasOrLacks) {
  add("worker", Command("sleep").arg("10"));
  EXPECT_EQ(supervisor.add("worker", Command("true")).error().code, EEXIST);
  EXPECT_EQ(supervisor.add("", Command("true")).error().code, EINVAL);
  EXPECT_EQ(supervisor.add("odd", Command("true"), {.stop_signal = 0}).error().code, EINVAL);
  EXPECT_EQ(supervisor.start("nobody").error().text(), "find a command: nobody: No such file or directory");
  EXPECT_EQ(supervisor.status("nobody").error().code, ENOENT);
  EXPECT_EQ(supervisor.signal("worker", SIGHUP).error().code, ESRCH);
}

TEST_F(Supervising, EndsWithWhatAListenerThrows) {
  add("worker", Command("sleep").arg("10"));
  start("worker");
  supervisor.on_change([](const Status&) { throw std::runtime_error("boom"); });
  EXPECT_EQ(loop.run(supervisor.work()).error().text(), "run a task: boom");
}

TEST_F(Supervising, EndsAtOnceWhenThereIsNothingToDo) {
  EXPECT_TRUE(supervisor.run());
  supervisor.stop_all();
  EXPECT_TRUE(supervisor.run());
}

// Row 56: nothing is polled.
TEST_F(Supervising, SleepsWhileNothingHappens) {
  add("worker", Command("sleep").arg("100"));
  start("worker");
  rusage before{}, after{};
  const auto look = [](EventLoop& on, Supervisor& all, rusage& from, rusage& to) -> Task<> {
    co_await on.sleep(milliseconds(100));
    ::getrusage(RUSAGE_THREAD, &from);
    co_await on.sleep(milliseconds(1000));
    ::getrusage(RUSAGE_THREAD, &to);
    all.stop_all();
  };
  supervisor.on_change([&](const Status& now) {
    if (now.state == State::Running) loop.spawn(look(loop, supervisor, before, after));
  });
  ASSERT_TRUE(loop.run(supervisor.work()));
  EXPECT_LE(after.ru_nvcsw - before.ru_nvcsw, 1);  // the sleep of this test itself
}

// By this thread, however busy the machine is.
Duration spent() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Row 53.
TEST_F(Supervising, KeepsAThousandAndListsThemQuickly) {
  constexpr int kMany = 1000;
  for (int i = 0; i < kMany; ++i) {
    add("worker" + std::to_string(i), Command("sleep").arg("100"));
    start("worker" + std::to_string(i));
  }
  int running = 0;
  Duration listing{};
  supervisor.on_change([&](const Status& now) {
    if (now.state != State::Running || ++running != kMany) return;
    const Duration begin = spent();
    const std::vector<Status> all = supervisor.status();
    listing = spent() - begin;
    EXPECT_EQ(all.size(), std::size_t{kMany});
    supervisor.stop_all();
  });
  ASSERT_TRUE(loop.run(supervisor.work()));
  EXPECT_EQ(running, kMany);
  EXPECT_LT(listing, milliseconds(50));
  for (const Status& each : supervisor.status()) EXPECT_EQ(each.state, State::Inactive) << each.name;
}

// Row 46: run() obeys signals.
TEST_F(Supervising, StopsAllAtATerm) {
  add("worker", Command("sleep").arg("100"));
  supervisor.on_change([](const Status& now) {
    if (now.state == State::Running) ::raise(SIGTERM);
  });
  EXPECT_TRUE(supervisor.run());
  EXPECT_EQ(of("worker").state, State::Inactive);
}

}  // namespace
}  // namespace init::supervisor
