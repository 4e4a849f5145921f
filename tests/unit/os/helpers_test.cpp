#include "daemon/manager/os/helpers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace init::manager {
namespace {

constexpr int kPatience = 20000;  // milliseconds

std::vector<Helpers::Done> wait_for(Helpers& helpers) {
  for (;;) {
    pollfd waiting{helpers.fd(), POLLIN, 0};
    if (poll(&waiting, 1, kPatience) <= 0) return {};
    if (auto done = helpers.take_done(); !done.empty()) return done;
  }
}

bool has_no_child() {
  return waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

TEST(Helpers, BringTheAnswerWhole) {
  auto helpers = *Helpers::create();
  const std::string large(1 << 20, 'x');
  ASSERT_TRUE(helpers.start(7, [&large] { return large; }));
  const auto done = wait_for(helpers);
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].key, 7U);
  EXPECT_EQ(done[0].answer, large);
}

TEST(Helpers, HaveNoneOfTheManagersDescriptors) {
  auto helpers = *Helpers::create();
  const int inherited = open("/dev/null", O_RDONLY);
  ASSERT_GT(inherited, 3);
  ASSERT_TRUE(
      helpers.start(1, [inherited] { return std::string(fcntl(inherited, F_GETFD) < 0 ? "none" : "some"); }));
  EXPECT_EQ(wait_for(helpers)[0].answer, "none");
  close(inherited);
}

TEST(Helpers, HaveWhatIsKeptForThem) {
  auto helpers = *Helpers::create();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  for (int number : {3, Helpers::kKept, 9}) {  // whatever number it has here
    const int taken = fcntl(ends[1], F_DUPFD_CLOEXEC, number);
    const auto speak = [] { return std::string(write(Helpers::kKept, "x", 1) == 1 ? "said" : "silent"); };
    ASSERT_TRUE(helpers.start(1, speak, kInfinity, taken));
    EXPECT_EQ(wait_for(helpers)[0].answer, "said") << taken;
    close(taken);
    char heard = 0;
    EXPECT_EQ(read(ends[0], &heard, 1), 1);
  }
  close(ends[0]);
  close(ends[1]);
}

TEST(Helpers, OneThatDiesAnswersNothing) {
  auto helpers = *Helpers::create();
  ASSERT_TRUE(helpers.start(1, []() -> std::string { _exit(3); }));
  const auto done = wait_for(helpers);
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].answer, "");
}

TEST(Helpers, NoneThatHasEndedIsLeftBehindWhereSigchldIsIgnored) {
  while (waitpid(-1, nullptr, 0) > 0) {
  }
  const auto before = signal(SIGCHLD, SIG_IGN);
  auto helpers = *Helpers::create();
  for (std::uint64_t key = 1; key <= 20; ++key) {
    ASSERT_TRUE(helpers.start(key, [] { return std::string("quick"); }));
    ASSERT_EQ(wait_for(helpers).size(), 1U);
  }
  EXPECT_EQ(waitpid(-1, nullptr, 0), -1) << "waits for all and finds no end of any";
  EXPECT_EQ(errno, ECHILD);
  signal(SIGCHLD, before);
}

TEST(Helpers, OneLearnsHowItsOwnChildrenEnd) {
  const auto before = signal(SIGCHLD, SIG_IGN);
  auto helpers = *Helpers::create();
  ASSERT_TRUE(helpers.start(1, [] {
    const pid_t child = fork();
    if (child == 0) _exit(7);
    int status = 0;
    return std::to_string(waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : -1);
  }));
  EXPECT_EQ(wait_for(helpers)[0].answer, "7");
  signal(SIGCHLD, before);
}

// F55: what hangs, hangs beside the manager.
TEST(Helpers, OneThatHangsIsCanceledAndTheOthersGoOn) {
  {
    auto helpers = *Helpers::create();
    ASSERT_TRUE(helpers.start(1, []() -> std::string {
      pause();
      return "never";
    }));
    ASSERT_TRUE(helpers.start(2, [] { return std::string("quick"); }));
    EXPECT_EQ(wait_for(helpers)[0].key, 2U);
    helpers.cancel(1);
    helpers.cancel(99);
    EXPECT_TRUE(helpers.take_done().empty());
    ASSERT_TRUE(helpers.start(3, [] { return std::string("again"); }));
    EXPECT_EQ(wait_for(helpers)[0].answer, "again");
  }
  while (waitpid(-1, nullptr, 0) > 0) {
  }
  EXPECT_TRUE(has_no_child());
}

}  // namespace
}  // namespace init::manager
