#include "libinit/loop/signals.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "libinit/process/command.h"
#include "tests/unit/loop/backends.h"

namespace init::loop {
namespace {

volatile std::sig_atomic_t g_handled = 0;

void count_handled(int) {
  g_handled = g_handled + 1;
}

// A disposition for the time of a test.
class Handler {
 public:
  Handler(int signal, void (*handler)(int), int flags = 0) : signal_(signal) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    ::sigfillset(&action.sa_mask);
    ::sigaction(signal_, &action, &before_);
    g_handled = 0;
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  ~Handler() { ::sigaction(signal_, &before_, nullptr); }

 private:
  int signal_;
  struct sigaction before_ {};
};

SignalGuard guard(SignalSet signals) {
  auto made = SignalGuard::create(signals);
  EXPECT_TRUE(made) << made.error().text();
  return std::move(*made);
}

// A child that runs `body` and exits; its pid.
template <class Body>
pid_t child_that(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  return pid;
}

class Signals : public OnEveryBackend {};
INIT_ON_EVERY_BACKEND(Signals);

TEST_P(Signals, ComeAsValuesWithTheirSender) {
  SignalGuard signals = guard({SIGUSR1, SIGUSR2});
  const auto waits = [](SignalGuard& from) -> Task<Signal> { co_return co_await from.next(); };
  loop.spawn([](EventLoop& on) -> Task<> {
    co_await on.sleep(std::chrono::milliseconds(2));
    ::kill(::getpid(), SIGUSR2);
  }(loop));
  const auto signal = loop.run(waits(signals));
  ASSERT_TRUE(signal);
  EXPECT_EQ(signal->number, SIGUSR2);
  EXPECT_EQ(signal->sender, ::getpid());
  EXPECT_EQ(signal->uid, ::getuid());
}

// Row 46: a main loop that Ctrl-C ends, without a flag that a handler sets.
TEST_P(Signals, OfCtrlCEndAMainLoopCleanly) {
  SignalGuard signals = guard({SIGINT, SIGTERM});
  int turns = 0;
  bool cleaned_up = false;
  loop.spawn([](EventLoop& on, int& count) -> Task<> {
    for (;; ++count) {
      co_await on.sleep(std::chrono::milliseconds(1));
      if (count == 3) ::raise(SIGINT);
    }
  }(loop, turns));
  loop.spawn([](EventLoop& on, SignalGuard& from, bool& flag) -> Task<> {
    const Signal signal = co_await co_await from.next();
    EXPECT_EQ(signal.number, SIGINT);
    flag = true;
    on.stop();
  }(loop, signals, cleaned_up));
  EXPECT_TRUE(loop.run());
  EXPECT_TRUE(cleaned_up);
  EXPECT_GE(turns, 3);
}

// Rows 48, 49. The queue of a user is bounded (RLIMIT_SIGPENDING), so the sender waits while it is full.
TEST_P(Signals, OfAStormOfAHundredThousandAreCountedToTheLast) {
  constexpr int kStorm = 100'000;
  SignalGuard signals = guard({SIGRTMIN});
  const pid_t target = ::getpid();
  const pid_t storm = child_that([target] {
    for (int i = 0; i < kStorm; ++i) {
      while (::sigqueue(target, SIGRTMIN, sigval{.sival_int = i}) != 0 && errno == EAGAIN) ::sched_yield();
    }
  });
  const auto counts = [](SignalGuard& from, pid_t sender) -> Task<int> {
    for (int count = 0;; ++count) {
      if (count == kStorm) co_return count;
      const Signal signal = co_await co_await from.next();
      const bool right = signal.sender == sender && signal.value == count;  // in the order sent
      if (!right) co_await failure(EBADMSG, "count", std::to_string(signal.value));
    }
  };
  const auto counted = loop.run(counts(signals, storm));
  ASSERT_TRUE(counted) << counted.error().text();
  EXPECT_EQ(*counted, kStorm);
  EXPECT_FALSE(*signals.try_next());
  EXPECT_EQ(::waitpid(storm, nullptr, 0), storm);
}

// Of ordinary signals the kernel keeps one of a kind: at least one comes, none is made up.
TEST_P(Signals, OfAnOrdinaryKindCoalesceButNeverVanish) {
  constexpr int kSent = 100'000;
  SignalGuard signals = guard({SIGUSR1, SIGUSR2});
  const pid_t target = ::getpid();
  const pid_t storm = child_that([target] {
    for (int i = 0; i < kSent; ++i) ::kill(target, SIGUSR1);
    ::kill(target, SIGUSR2);
  });
  const auto counts = [](SignalGuard& from) -> Task<int> {
    for (int count = 0;; ++count) {
      const Signal signal = co_await co_await from.next();
      if (signal.number == SIGUSR2) co_return count;
    }
  };
  const auto counted = loop.run(counts(signals));
  ASSERT_TRUE(counted);
  EXPECT_GE(*counted, 1);
  EXPECT_LE(*counted, kSent);
  EXPECT_EQ(::waitpid(storm, nullptr, 0), storm);
}

// Row 47.
TEST(SignalGuards, RestoreMaskAndDispositions) {
  const Handler handler(SIGUSR1, count_handled, SA_RESTART);
  {
    SignalGuard signals = guard({SIGUSR1, SIGUSR2});
    ::raise(SIGUSR1);
    EXPECT_EQ((*signals.try_next())->number, SIGUSR1);
    EXPECT_EQ(g_handled, 0);  // nothing runs in a handler
  }
  struct sigaction now {};
  ::sigaction(SIGUSR1, nullptr, &now);
  EXPECT_EQ(now.sa_handler, count_handled);
  EXPECT_TRUE(now.sa_flags & SA_RESTART);
  ::raise(SIGUSR1);
  EXPECT_EQ(g_handled, 1);
}

TEST(SignalGuards, LeaveWhatWasNotTakenToTheOldDisposition) {
  const Handler handler(SIGUSR1, count_handled);
  {
    const SignalGuard signals = guard({SIGUSR1});
    ::raise(SIGUSR1);
    EXPECT_EQ(g_handled, 0);
  }
  EXPECT_EQ(g_handled, 1);
}

TEST(SignalGuards, KeepASignalBlockedThatWasBlockedBefore) {
  sigset_t usr1, now;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
  { const SignalGuard signals = guard({SIGUSR1, SIGUSR2}); }
  ::pthread_sigmask(SIG_UNBLOCK, &usr1, &now);
  EXPECT_EQ(::sigismember(&now, SIGUSR1), 1);
  EXPECT_EQ(::sigismember(&now, SIGUSR2), 0);
}

TEST(SignalGuards, HearASignalThatIsIgnored) {
  const Handler handler(SIGHUP, SIG_IGN);
  SignalGuard signals = guard({SIGHUP});
  ::raise(SIGHUP);
  EXPECT_EQ((*signals.try_next())->number, SIGHUP);
}

TEST(SignalGuards, EndAnIgnoredSigchldForTheirTime) {
  const Handler handler(SIGCHLD, SIG_IGN);
  {
    SignalGuard signals = guard({SIGCHLD});
    const pid_t child = child_that([] {});
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);  // it has not vanished
    EXPECT_EQ((*signals.try_next())->sender, child);
  }
  struct sigaction now {};
  ::sigaction(SIGCHLD, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_IGN);
}

// Row 50.
TEST(SignalGuards, HoldEachSignalOnceAndGiveItUp) {
  {
    const SignalGuard signals = guard({SIGUSR1, SIGTERM});
    const auto second = SignalGuard::create({SIGTERM, SIGHUP});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().text(), "guard signals: TERM: Device or resource busy");
    const SignalGuard other = guard({SIGHUP});  // nothing of the refused one is held
  }
  const SignalGuard again = guard({SIGTERM, SIGHUP});
}

TEST(SignalGuards, RefuseWhatCannotWait) {
  EXPECT_EQ(SignalGuard::create({SIGKILL, SIGTERM}).error().text(), "guard signals: KILL: Invalid argument");
  for (const int signal : {SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0, -1, 65, 32, 33}) {
    EXPECT_EQ(SignalGuard::create({signal}).error().code, EINVAL) << signal;
  }
  EXPECT_EQ(SignalGuard::create({}).error().code, EINVAL);
  EXPECT_TRUE(SignalGuard::create({SIGRTMAX}));
}

TEST(SignalGuards, CanBeMoved) {
  const Handler handler(SIGUSR1, count_handled);
  {
    SignalGuard first = guard({SIGUSR1});
    SignalGuard second = std::move(first);
    ::raise(SIGUSR1);
    EXPECT_EQ((*second.try_next())->number, SIGUSR1);
  }
  ::raise(SIGUSR1);
  EXPECT_EQ(g_handled, 1);
}

// Row 51: a storm goes on from before the guard is made. Once it is, everything that is sent comes.
TEST(SignalGuards, LoseNothingThatIsSentWhileTheyAreMade) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer puts handlers off and merges them";
#endif
  const Handler handler(SIGRTMIN, count_handled);
  const pid_t target = ::getpid();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t storm = child_that([&] {
    for (int i = 0; i < 3000; ++i) {
      while (::sigqueue(target, SIGRTMIN, {}) != 0 && errno == EAGAIN) continue;
      if (i == 0) static_cast<void>(!::write(ends[1], "", 1));
    }
  });
  char byte = 0;
  while (::read(ends[0], &byte, 1) < 0) continue;  // under way
  int taken = 0;
  for (int round = 0; round < 50; ++round) {
    SignalGuard signals = guard({SIGRTMIN});
    while (*signals.try_next()) ++taken;
  }
  while (::waitpid(storm, nullptr, 0) < 0) continue;
  {
    SignalGuard signals = guard({SIGRTMIN});
    while (*signals.try_next()) ++taken;
  }
  EXPECT_EQ(taken + g_handled, 3000);
  ::close(ends[0]);
  ::close(ends[1]);
}

// Row 51, the other half: the first signal comes while the first child is still on its way to its program.
TEST(SignalGuards, HearASignalFromAChildThatIsNotYetItsProgram) {
  SignalGuard signals = guard({SIGUSR1, SIGTERM});
  process::Command command("/bin/grep");
  command.arg("-c").arg("SigBlk:.0000000000000000").arg("/proc/self/status");
  command.pre_exec([]() noexcept { return ::kill(::getppid(), SIGUSR1) == 0 ? 0 : errno; });
  const auto output = command.output();
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(output->standard_output, "1\n");  // the child holds nothing back
  const auto signal = signals.try_next();
  ASSERT_TRUE(signal && *signal);
  EXPECT_EQ((*signal)->number, SIGUSR1);
}

}  // namespace
}  // namespace init::loop
