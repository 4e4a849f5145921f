// The manager may die at any moment: nothing it asked for is lost, nothing it should know is.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <random>
#include <sstream>

#include "tests/unit/pid1/harness.h"

namespace init::test {
namespace {

using channel::MessageType;
using channel::SlotState;

channel::ResumedBody resumed(Manager& manager) {
  channel::Packet& packet = manager.receive();
  EXPECT_EQ(packet.header().type, MessageType::Resumed);
  return packet.body<channel::ResumedBody>();
}

TEST(Guard, StartsTheNextManagerAndLeavesServicesAlone) {
  Initd initd;
  EXPECT_EQ(resumed(initd.manager()).epoch, 1U);
  initd.manager().shell(0, "exec sleep 1000");
  ASSERT_TRUE(initd.manager().until_state(0, SlotState::Running));
  const std::int32_t pid = initd.manager().slot(0).pid;
  initd.kill_manager();
  initd.next_manager();
  EXPECT_EQ(resumed(initd.manager()).epoch, 2U);
  EXPECT_EQ(initd.manager().slot(0).pid, pid);
  EXPECT_EQ(initd.manager().slot(0).state, SlotState::Running);
  EXPECT_EQ(initd.manager().facts.header().manager_restarts, 1U);
  EXPECT_EQ(initd.manager().facts.header().manager_last_exit_value, SIGKILL);
}

TEST(Guard, WaitsAfterTheFifthDeathInARow) {
  Initd initd;
  initd.manager();
  std::string expected;
  for (int death = 1; death <= 6; ++death) {
    const auto begin = std::chrono::steady_clock::now();
    initd.manager().link.reset();  // the fake manager exits
    initd.next_manager();
    const std::chrono::seconds delay(death < 5 ? 0 : 1);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, delay) << death;
    expected += "initd: the manager has ended (exit 0), the next one starts in " +
                std::to_string(std::chrono::milliseconds(delay).count()) + " ms\n";
  }
  EXPECT_EQ(read_file(initd.folder + "/log"), expected);
}

TEST(Guard, CarriesOutWhatADeadManagerHadAskedFor) {
  constexpr std::uint32_t kAsked = 50;
  Initd initd;
  const process::PlanInput input = shell_plan("exit 7");
  initd.manager();
  initd.stop();
  // Its death and its words are there at once; a death is handled first.
  for (std::uint32_t i = 0; i < kAsked; ++i) initd.manager().spawn(i, input);
  initd.kill_manager();
  await_state(initd.manager().pid, 'Z');
  initd.go_on();
  initd.next_manager();
  for (std::uint32_t i = 0; i < kAsked; ++i) {
    ASSERT_TRUE(initd.manager().until_state(i, SlotState::Exited));
    EXPECT_EQ(initd.manager().slot(i).exit_value, 7);
  }
}

World impatient(const char* milliseconds) {
  World world;
  world.arguments = {"--patience", milliseconds};
  return world;
}

class HungManager : public testing::TestWithParam<bool> {};

// The test does not read the doorbell; a stopped process does not die of ABRT.
TEST_P(HungManager, IsAbortedThenKilledAndReplaced) {
  Initd initd(impatient("200"));
  if (GetParam()) kill(initd.manager().pid, SIGSTOP);
  initd.manager().shell(0, "exit 3");
  // All that there is to tell of it must have been told: the next manager is as impatiently looked at.
  while (initd.manager().slot(0).state != SlotState::Exited) sched_yield();
  pollfd end{initd.manager().link.get(), POLLIN, 0};
  ASSERT_EQ(poll(&end, 1, -1), 1);
  initd.next_manager();
  EXPECT_EQ(resumed(initd.manager()).epoch, 2U);
  EXPECT_EQ(initd.manager().facts.header().manager_last_exit_value, GetParam() ? SIGKILL : SIGABRT);
  EXPECT_EQ(initd.manager().slot(0).exit_value, 3);
}

INSTANTIATE_TEST_SUITE_P(Stopped, HungManager, testing::Bool());

TEST(Guard, LeavesAManagerAloneThatReadsTheDoorbell) {
  Initd initd(impatient("1000"));
  const Manager& manager = initd.manager();
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint32_t i = 0; std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(2500); ++i) {
    manager.shell(i, "sleep 0.2");
    ASSERT_TRUE(manager.until_state(i, SlotState::Exited));
  }
  EXPECT_EQ(manager.facts.header().manager_restarts, 0U);
}

std::string switches(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  return status.substr(status.find("voluntary_ctxt_switches"));
}

// Waits in epoll_wait(2), the fourth argument of which is its timeout, for whatever comes.
bool sleeps_for_ever(pid_t pid) {
  std::istringstream call(read_file("/proc/" + std::to_string(pid) + "/syscall"));
  std::string number, epoll, events, count, timeout;
  call >> number >> epoll >> events >> count >> timeout;
  return timeout == "0xffffffff" &&
         (number == std::to_string(SYS_epoll_wait) || number == std::to_string(SYS_epoll_pwait));
}

TEST(Guard, SleepsAsLongAsNothingHappens) {
  Initd initd(impatient("1000"));
  const Manager& manager = initd.manager();
  manager.shell(0, "exec sleep 1000");
  ASSERT_TRUE(manager.until_state(0, SlotState::Running));
  // Facts are written before the doorbell rings; PID 1 looks once more, since there was something to read.
  for (std::uint64_t rung = 0; !sleeps_for_ever(initd.pid);) {
    static_cast<void>(!read(manager.doorbell.get(), &rung, sizeof rung));
    sched_yield();
  }
  pollfd end_of_manager{manager.link.get(), POLLIN, 0};
  const std::string before = switches(initd.pid);
  EXPECT_EQ(poll(&end_of_manager, 1, 2000), 0);
  EXPECT_EQ(switches(initd.pid), before);
}

TEST(Guard, IsNotHeldUpByAFullLog) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const std::vector<char> page(4096);
  while (write(ends[1], page.data(), page.size()) > 0) {
  }
  fcntl(ends[1], F_SETFL, 0);
  World world;
  world.log_fd = ends[1];
  Initd initd(world);
  for (int death = 0; death < 3; ++death) {  // each of them is worth a line
    initd.manager();
    initd.kill_manager();
    initd.next_manager();
  }
  initd.manager().shell(0, "exit 4");
  EXPECT_TRUE(initd.manager().until_state(0, SlotState::Exited));
  close(ends[0]);
  close(ends[1]);
}

int count_of(const std::string& words, const std::string& text) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find(words, at)) != std::string::npos; ++at) ++count;
  return count;
}

class NoManager : public testing::TestWithParam<int> {};

TEST_P(NoManager, LetsTermAndIntEndEverything) {
  World world = impatient("300");
  world.arguments.insert(world.arguments.end(), {"--manager", "/bin/false"});
  world.new_pid_namespace = true;
  const auto begin = std::chrono::steady_clock::now();
  Initd initd(world);
  const auto log = [&initd] { return read_file(initd.folder + "/log"); };
  while (count_of("the manager has ended", log()) == 0) sched_yield();
  kill(initd.pid, GetParam());
  const int status = initd.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(300));
  EXPECT_LE(count_of("the manager has ended", log()), 5) << "it waited for the sixth manager";
}

TEST(Guard, LeavesNothingToAManagerThatNeverGetsReady) {
  World world = impatient("300");
  world.new_pid_namespace = true;
  Initd initd(world);
  initd.manager();
  kill(initd.pid, SIGTERM);
  EXPECT_EQ(WEXITSTATUS(initd.wait()), 1);
}

INSTANTIATE_TEST_SUITE_P(Signals, NoManager, testing::Values(SIGTERM, SIGINT));

TEST(Guard, LeavesTermToAManagerThatIsReady) {
  Initd initd(impatient("1000"));
  const Manager& manager = initd.manager();
  manager.say(MessageType::Ready);
  manager.shell(0, "sleep 1.5; exit 5");
  kill(initd.pid, SIGTERM);
  ASSERT_TRUE(manager.until_state(0, SlotState::Exited));
  EXPECT_EQ(manager.slot(0).exit_value, 5);
}

// The ledger: what each spawn must end with, by what the test knows to have sent.
TEST(Guard, LosesNothingWhenManagersDieAtRandomMomentsUnderLoad) {
  World world;
  world.new_pid_namespace = true;
  Initd initd(world);
  std::mt19937 random(7);
  constexpr std::uint32_t kSlots = 40;
  std::array<std::uint32_t, kSlots> attempt{};
  std::array<int, kSlots> expected{};
  int checked = 0;
  for (int round = 0; round < 60 || checked <= 200; ++round) {
    const std::uint32_t last = 1 + static_cast<std::uint32_t>(random()) % kSlots;
    for (std::uint32_t i = 0; i < last; ++i) {
      if (initd.manager().slot(i).state == SlotState::Exited) {
        EXPECT_EQ(initd.manager().slot(i).attempt, attempt[i]);
        EXPECT_EQ(initd.manager().slot(i).exit_value, expected[i]);
        ++checked;
        initd.manager().acknowledge(i, attempt[i]);
      } else if (attempt[i] != 0) {
        continue;
      }
      ++attempt[i];
      expected[i] = static_cast<int>(random() % 256);
      initd.manager().shell(i, "exit " + std::to_string(expected[i]), attempt[i]);
    }
    initd.kill_manager();
    initd.next_manager();
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      const channel::Slot slot = initd.manager().slot(i);
      EXPECT_EQ(slot.attempt, attempt[i]) << "a spawn was lost";
    }
  }
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    EXPECT_TRUE(attempt[i] == 0 || initd.manager().until_state(i, SlotState::Exited));
  }
}

TEST(Store, KeepsDescriptorsOverTheDeathOfTheManager) {
  Initd initd;
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  initd.manager().store(9, 77, ends[0]);
  initd.manager().store(9, 77, ends[1]);  // replaces it
  initd.kill_manager();
  initd.next_manager();
  static_cast<void>(resumed(initd.manager()));
  const auto fetch = [&](std::uint64_t tag) -> channel::Packet& {
    const channel::StoreBody body{.tag = tag, .kind = 9};
    initd.manager().send({.type = MessageType::FetchFd, .sequence = 5, .body = channel::body_bytes(body)});
    return initd.manager().receive();
  };
  EXPECT_EQ(fetch(78).fds().size(), 0U);
  channel::Packet& answer = fetch(77);
  ASSERT_EQ(answer.fds().size(), 1U);
  EXPECT_EQ(answer.header().sequence, 5U);
  EXPECT_EQ(write(answer.fds()[0], "x", 1), 1);
  const channel::StoreBody body{.tag = 77, .kind = 9};
  initd.manager().send({.type = MessageType::DropFd, .body = channel::body_bytes(body)});
  EXPECT_EQ(fetch(77).fds().size(), 0U);
  close(ends[0]);
  close(ends[1]);
}

TEST(Store, DoesNotWaitForAManagerThatReadsNothing) {
  Initd initd;
  const channel::StoreBody body{.tag = 1, .kind = 9};
  for (int i = 0; i < 5000; ++i) {
    if (!initd.manager().try_send({.type = MessageType::FetchFd, .body = channel::body_bytes(body)})) break;
  }
  initd.next_manager();  // the broken one was killed
  EXPECT_EQ(initd.manager().facts.header().manager_restarts, 1U);
}

TEST(Signals, AreToldToTheManager) {
  Initd initd;
  const Manager& manager = initd.manager();
  kill(initd.pid, SIGHUP);
  kill(initd.pid, SIGTERM);
  kill(initd.pid, SIGRTMIN + 3);
  const auto& signals = manager.facts.header().signals;
  const auto count = [&](int signal) { return signals[static_cast<std::size_t>(signal)].count; };
  EXPECT_TRUE(
      manager.until([&] { return count(SIGHUP) == 1 && count(SIGTERM) == 1 && count(SIGRTMIN + 3) == 1; }));
  EXPECT_EQ(signals[SIGHUP].sender_pid, getpid());
}

TEST(Signals, FromTheTerminalDoNotReachTheManagerItself) {
  Initd initd;
  const Manager& manager = initd.manager();
  EXPECT_EQ(getsid(manager.pid), manager.pid);
}

TEST(Notify, SaysReadyOnceAndHidesTheSocket) {
  World world;
  world.notify_socket = "@initd-test-" + std::to_string(getpid());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  world.notify_socket.copy(name.sun_path, sizeof(name.sun_path) - 1);
  name.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + world.notify_socket.size());
  ASSERT_EQ(bind(socket.get(), static_cast<const sockaddr*>(static_cast<void*>(&name)), size), 0);
  Initd initd(world);
  initd.manager().say(MessageType::Ready);
  char text[64];
  EXPECT_EQ(std::string(text, static_cast<std::size_t>(recv(socket.get(), text, sizeof(text), 0))),
            "READY=1\n");
  EXPECT_EQ(read_file("/proc/" + std::to_string(initd.manager().pid) + "/environ").find("NOTIFY_SOCKET"),
            std::string::npos);
}

TEST(Channel, SurvivesAHundredThousandRandomPackets) {
  World world;
  world.new_pid_namespace = true;
  Initd initd(world);
  const Manager& manager = initd.manager();
  std::mt19937 random(11);
  std::vector<std::byte> packet(300);
  for (int i = 0; i < 100'000; ++i) {
    for (std::byte& byte : packet) byte = static_cast<std::byte>(random());
    channel::MessageHeader header{};
    header.type = static_cast<MessageType>(random() % 40);
    if (header.type == MessageType::Finish) continue;
    const std::size_t body = channel::body_size(header.type);
    if (random() % 4 != 0 && body < 200) {  // well-formed but for what it says
      header.payload = static_cast<std::uint32_t>(random() % 64);
      std::memcpy(packet.data(), &header, sizeof(header));
      packet.resize(sizeof(header) + body + header.payload);
    } else {
      packet.resize(1 + random() % 300);
    }
    while (::send(manager.socket.get(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
           errno == EAGAIN) {
      sched_yield();
    }
    packet.resize(300);
    char answer[256];
    while (recv(manager.socket.get(), answer, sizeof(answer), MSG_DONTWAIT) > 0) {
    }
  }
  manager.shell(60'000, "exit 4", 9);
  ASSERT_TRUE(manager.until_state(60'000, SlotState::Exited));
  EXPECT_EQ(manager.slot(60'000).exit_value, 4);
  EXPECT_EQ(manager.facts.header().manager_restarts, 0U);
}

}  // namespace
}  // namespace init::test
