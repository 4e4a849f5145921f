#include "daemon/manager/os/unit_processes.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace init::manager {
namespace {

constexpr uid_t kBomber = 64321;

// A child that leads a session with one grandchild, both asleep; ended with the test.
class Family {
 public:
  explicit Family(int cgroup_procs) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    leader_ = fork();
    if (leader_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      setsid();
      if (cgroup_procs >= 0 && write(cgroup_procs, "0", 1) != 1) _exit(1);
      if (fork() == 0) {
        (void)!write(ready[1], "x", 1);
        for (;;) pause();
      }
      for (;;) pause();
    }
    char one = 0;
    EXPECT_EQ(read(ready[0], &one, 1), 1);
    close(ready[0]);
    close(ready[1]);
  }
  ~Family() {
    if (leader_ > 0) ::kill(-leader_, SIGKILL);
    reap();
  }
  void reap() {
    if (leader_ > 0) waitpid(leader_, nullptr, 0);
    leader_ = 0;
  }
  [[nodiscard]] pid_t leader() const { return leader_; }

 private:
  pid_t leader_ = 0;
};

void await_empty(UnitProcesses& processes, const UnitProcess& of) {
  while (processes.watch(of)) {
    pollfd ready{processes.fd(), POLLIN, 0};
    ASSERT_GE(poll(&ready, 1, processes.has_cgroups() ? 5000 : 20), 0);
    const auto emptied = processes.take_emptied();
    if (std::find(emptied.begin(), emptied.end(), of.unit) != emptied.end()) return;
  }
}

class OfAUnit : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!GetParam()) return;  // without cgroups: what create() makes of a kernel that has none
    processes_ = UnitProcesses::create(channel::Environment::Process, getpid());
    if (!processes_.has_cgroups()) GTEST_SKIP() << processes_.why_no_cgroups();
    ASSERT_TRUE(processes_.join_by_procs());  // the children of these tests join by themselves
  }
  void TearDown() override { processes_.remove_subtree(); }
  UnitProcesses processes_ = UnitProcesses::without_cgroups("not asked for");
};

TEST_P(OfAUnit, AllAreListedKilledAndTheEndIsTold) {
  auto place = processes_.place("family.service");
  ASSERT_TRUE(place.has_value());
  Family family(place->procs ? place->procs.get() : -1);
  const UnitProcess of{"family.service", family.leader()};
  EXPECT_FALSE(processes_.empty(of));
  EXPECT_EQ(processes_.list(of).size(), 2U);
  EXPECT_TRUE(processes_.watch(of));
  processes_.kill(of);
  family.reap();
  await_empty(processes_, of);
  EXPECT_TRUE(processes_.empty(of));
  processes_.remove("family.service");
}

TEST_P(OfAUnit, OthersAreSignalledAndTheLeaderIsLeftAlone) {
  auto place = processes_.place("others.service");
  ASSERT_TRUE(place.has_value());
  Family family(place->procs ? place->procs.get() : -1);
  const UnitProcess of{"others.service", family.leader()};
  processes_.signal_others(of, SIGKILL);
  // The grandchild ends and is reaped by whoever adopts it; until then only the leader counts as living.
  for (int i = 0; i < 500 && processes_.list(of).size() > 1; ++i) {
    ASSERT_EQ(poll(nullptr, 0, 10), 0);
  }
  const auto left = processes_.list(of);
  EXPECT_NE(std::find(left.begin(), left.end(), family.leader()), left.end());
  EXPECT_EQ(kill(family.leader(), 0), 0);
  processes_.kill(of);
  family.reap();
  await_empty(processes_, of);
  processes_.remove("others.service");
}

TEST_P(OfAUnit, AnEmptyUnitNeedsNoWatch) {
  auto place = processes_.place("nothing.service");
  ASSERT_TRUE(place.has_value());
  EXPECT_TRUE(processes_.empty({"nothing.service", 0}));
  EXPECT_FALSE(processes_.watch({"nothing.service", 0}));
  EXPECT_EQ(processes_.next_look(), MonotonicTime::never());
  processes_.remove("nothing.service");
}

// Forks without end, and every child does so too; none of them hears a signal that can be blocked.
pid_t fork_bomb(int cgroup_procs, bool deaf) {
  const pid_t leader = fork();
  if (leader != 0) return leader;
  setsid();
  if (cgroup_procs >= 0 && write(cgroup_procs, "0", 1) != 1) _exit(1);
  const rlimit most{250, 250};  // of this user: it counts only where that is not root
  if (setrlimit(RLIMIT_NPROC, &most) != 0 || setresuid(kBomber, kBomber, kBomber) != 0) _exit(1);
  if (deaf) signal(SIGTERM, SIG_IGN);
  for (;;) {
    if (fork() < 0) poll(nullptr, 0, 20);
  }
}

// By this thread, whatever the bomb leaves to it.
Duration spent() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

class F23AForkBomb : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    processes_ = UnitProcesses::create(channel::Environment::Process, getpid());
    if (!processes_.has_cgroups() || geteuid() != 0) GTEST_SKIP() << "needs root and cgroups";
    ASSERT_TRUE(processes_.join_by_procs());
    if (!GetParam()) processes_.kill_one_by_one();
    auto place = processes_.place(of_.unit);
    ASSERT_TRUE(place.has_value());
    procs_ = std::move(place->procs);
  }
  void TearDown() override {
    processes_.kill(of_);
    processes_.remove_subtree();
  }
  // Until it has as many processes as it may.
  void explode(bool deaf) {
    leader_ = fork_bomb(procs_.get(), deaf);
    const auto limit = monotonic_now() + std::chrono::seconds(30);
    while (processes_.list(of_).size() < 200 && monotonic_now() < limit) ASSERT_EQ(poll(nullptr, 0, 5), 0);
  }
  void await_end() {
    for (auto end = monotonic_now() + std::chrono::seconds(30); !processes_.empty(of_);) {
      ASSERT_LT(monotonic_now(), end) << processes_.list(of_).size() << " are left";
      pollfd ready{processes_.fd(), POLLIN, 0};
      ASSERT_GE(poll(&ready, 1, 5), 0);
      processes_.tend_crowds(monotonic_now());
    }
    EXPECT_EQ(waitpid(leader_, nullptr, 0), leader_);
  }
  UnitProcesses processes_ = UnitProcesses::without_cgroups("not asked for");
  UnitProcess of_{"bomb.service", 0};
  UniqueFd procs_;
  pid_t leader_ = 0;
};

TEST_P(F23AForkBomb, IsKilledWhole) {
  explode(true);
  const auto begun = spent();
  processes_.kill(of_);
  EXPECT_LT(spent() - begun, std::chrono::seconds(1));
  await_end();
}

TEST_P(F23AForkBomb, IsEndedByASignalThatItDoesNotIgnore) {
  explode(false);
  processes_.signal_others(of_, SIGTERM);
  await_end();
}

INSTANTIATE_TEST_SUITE_P(AtOnceAndOneByOne, F23AForkBomb, testing::Bool(),
                         [](const auto& parameter) { return parameter.param ? "AtOnce" : "OneByOne"; });

INSTANTIATE_TEST_SUITE_P(ByCgroupAndBySession, OfAUnit, testing::Bool(),
                         [](const auto& parameter) { return parameter.param ? "Cgroup" : "Session"; });

}  // namespace
}  // namespace init::manager
