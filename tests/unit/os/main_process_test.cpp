#include "daemon/manager/os/main_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace init::manager {
namespace {

// This test stands in initd's place: what a daemon leaves behind becomes its child.
class MainProcess : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/main-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    processes_ = UnitProcesses::create(channel::Environment::Process, getpid());
    if (!processes_.has_cgroups()) GTEST_SKIP() << processes_.why_no_cgroups();
    ASSERT_TRUE(processes_.join_by_procs());
  }
  void TearDown() override {
    if (processes_.has_cgroups()) {
      processes_.kill(search_.of);
      while (waitpid(-1, nullptr, 0) > 0) {
      }
      processes_.remove(search_.of.unit);
    }
    processes_.remove_subtree();
    std::filesystem::remove_all(directory_);
  }

  // A process of the unit that runs `then` and sleeps; its pid.
  template <class Then>
  pid_t start(Then then) {
    const auto place = processes_.place(search_.of.unit);
    EXPECT_TRUE(place.has_value());
    const pid_t child = fork();
    if (child == 0) {
      if (write(place->procs.get(), "0", 1) != 1) _exit(1);
      then();
      for (;;) pause();
    }
    return child;
  }
  pid_t start() {
    return start([] {});
  }
  void await_members(std::size_t count) {
    for (int i = 0; i < 500 && processes_.list(search_.of).size() != count; ++i) tick();
    ASSERT_EQ(processes_.list(search_.of).size(), count);
  }
  static void tick() {
    const timespec length{0, 10'000'000};
    sigset_t none;
    sigemptyset(&none);
    (void)pselect(0, nullptr, nullptr, nullptr, &length, &none);
  }
  pid_t found() { return find_main_process(processes_, search_); }
  std::string write_pid_file(const std::string& text) {
    search_.pid_file = directory_ + "/pid";
    std::ofstream(search_.pid_file) << text;
    return search_.pid_file;
  }

  std::string directory_;
  UnitProcesses processes_ = UnitProcesses::without_cgroups("not asked for");
  MainSearch search_{{"daemon.service", 0}, getpid(), {}, {}};
};

TEST_F(MainProcess, TheOnlyProcessIsIt) {
  EXPECT_EQ(found(), 0);
  const pid_t only = start();
  await_members(1);
  EXPECT_EQ(found(), only);
}

TEST_F(MainProcess, OfSeveralItIsTheOldestThatWasLeftToInitd) {
  const pid_t main = start([] {
    if (fork() == 0) return;  // a worker, whose parent is the main process
  });
  await_members(2);
  const pid_t later = start();
  await_members(3);
  EXPECT_EQ(found(), main);
  EXPECT_NE(found(), later);
}

TEST_F(MainProcess, TheHintCountsWhenItNamesAProcessOfTheUnit) {
  start();
  await_members(1);
  const pid_t second = start();
  await_members(2);
  write_pid_file(std::to_string(second) + "\n");
  EXPECT_EQ(found(), second);
}

using F16 = MainProcess;
TEST_F(F16, AHintThatNamesAnotherProcessIsNotFollowed) {
  const pid_t main = start();
  await_members(1);
  const pid_t stranger = fork();
  if (stranger == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  for (const pid_t hint : {1, static_cast<int>(getpid()), static_cast<int>(stranger), 4194304}) {
    write_pid_file(std::to_string(hint) + "\n");
    EXPECT_EQ(found(), main) << hint;
  }
  ::kill(stranger, SIGKILL);
  waitpid(stranger, nullptr, 0);
}

TEST_F(F16, AProcessThatHasEndedIsNoMainProcess) {
  const pid_t main = start();
  const pid_t other = start();
  await_members(2);
  ::kill(other, SIGKILL);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(other), &info, WEXITED | WNOWAIT);  // a zombie now
  write_pid_file(std::to_string(other));
  EXPECT_EQ(found(), main);
}

TEST(PidFile, OnlyANumberIsANumber) {
  const std::string path = testing::TempDir() + "/pid-" + std::to_string(getpid());
  const std::pair<std::string, pid_t> table[] = {{"4711", 4711},
                                                 {"4711\n", 4711},
                                                 {" 4711 \r\n", 4711},
                                                 {"", 0},
                                                 {"\n", 0},
                                                 {"0", 0},
                                                 {"1", 0},
                                                 {"-4711", 0},
                                                 {"+4711", 0},
                                                 {"4711 4712", 0},
                                                 {"0x4711", 0},
                                                 {"47x", 0},
                                                 {"99999999999", 0},
                                                 {"4711\n\n", 4711},
                                                 {std::string(70, ' ') + "4711", 0}};
  for (const auto& [text, pid] : table) {
    std::ofstream(path) << text;
    EXPECT_EQ(read_pid_file(path), pid) << text;
  }
  unlink(path.c_str());
}

TEST(PidFile, F16ThatIsNoPlainFileIsNotRead) {
  const std::string path = testing::TempDir() + "/odd-" + std::to_string(getpid());
  const std::string target = path + ".target";
  std::ofstream(target) << "4711\n";
  EXPECT_EQ(read_pid_file(target), 4711);
  ASSERT_EQ(symlink(target.c_str(), path.c_str()), 0);
  EXPECT_EQ(read_pid_file(path), 0);
  unlink(path.c_str());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(read_pid_file(path), 0);  // and does not wait for a writer
  unlink(path.c_str());
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  EXPECT_EQ(read_pid_file(path), 0);
  rmdir(path.c_str());
  EXPECT_EQ(read_pid_file(path), 0);
  EXPECT_EQ(read_pid_file("/dev/zero"), 0);
  unlink(target.c_str());
}

}  // namespace
}  // namespace init::manager
