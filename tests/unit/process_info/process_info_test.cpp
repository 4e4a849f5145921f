#include "libinit/process_info/process_info.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>

#include "tests/unit/process_info/child.h"

namespace init::process_info {
namespace {

int error_of(const auto& result) {
  return result ? 0 : result.error().code;
}

void nothing(int) {}

SignalSet set_of(std::initializer_list<int> signals) {
  SignalSet set;
  for (const int signal : signals) set.bits |= std::uint64_t{1} << (signal - 1);
  return set;
}

// The value of a line of the child's status, as the kernel wrote it.
std::string status_line(const Child& child, const std::string& key) {
  const std::string text = "\n" + child.text("status");
  const std::size_t at = text.find("\n" + key + ":\t");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + key.size() + 3;
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string hexadecimal(std::uint64_t bits) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(bits));
  return text.data();
}

TEST(ProcessInfo, TellsWhatTheChildWasPreparedToBe) {
  const Child child([] {
    umask(027);
    return prctl(PR_SET_NAME, "prepared") == 0 && setsid() > 0 && setpriority(PRIO_PROCESS, 0, 7) == 0 &&
           chdir("/usr") == 0;
  });
  ASSERT_TRUE(child.ready());
  const auto info = ProcessInfo::open(child.pid());
  ASSERT_TRUE(info);
  const auto stat = info->stat();
  ASSERT_TRUE(stat) << stat.error().text();
  EXPECT_EQ(stat->name, "prepared");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, Pid::self());
  EXPECT_EQ(stat->session, child.pid().raw());
  EXPECT_EQ(stat->group, child.pid().raw());
  EXPECT_EQ(stat->terminal, 0);
  EXPECT_EQ(stat->nice, 7);
  EXPECT_EQ(stat->threads, 1);
  EXPECT_EQ(info->status()->umask, 027U);
  EXPECT_EQ(*info->working_directory(), "/usr");
  EXPECT_EQ(*info->root_directory(), "/");
  EXPECT_EQ(*info->program(), *ProcessInfo::open(Pid::self())->program());
}

TEST(ProcessInfo, TellsOfSignalsBlockedIgnoredCaughtAndPending) {
  const Child child([] {
    sigset_t blocked;
    sigemptyset(&blocked);
    for (const int signal : {SIGUSR1, SIGTERM, SIGRTMAX}) sigaddset(&blocked, signal);
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, nothing);
    return sigprocmask(SIG_SETMASK, &blocked, nullptr) == 0 && kill(getpid(), SIGTERM) == 0 &&
           syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0;
  });
  ASSERT_TRUE(child.ready());
  const auto status = ProcessInfo::open(child.pid())->status();
  ASSERT_TRUE(status) << status.error().text();
  const Signals& signals = status->signals;
  EXPECT_EQ(signals.blocked, set_of({SIGUSR1, SIGTERM, SIGRTMAX}));
  EXPECT_EQ(signals.ignored, set_of({SIGPIPE}));
  EXPECT_EQ(signals.caught, set_of({SIGHUP}));
  EXPECT_EQ(signals.pending, set_of({SIGTERM}));
  EXPECT_EQ(signals.thread_pending, set_of({SIGUSR1}));
  EXPECT_EQ(signals.blocked.names(), (std::vector<std::string>{"USR1", "TERM", "RTMIN+30"}));
  EXPECT_EQ(hexadecimal(signals.blocked.bits), status_line(child, "SigBlk"));
}

TEST(ProcessInfo, TellsOfCredentialsAndCapabilities) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const Child child([] {
    const std::array<gid_t, 3> groups{5, 7, 4000000000U};
    return prctl(PR_CAPBSET_DROP, 21) == 0 && setgroups(groups.size(), groups.data()) == 0 &&
           setresgid(11, 12, 13) == 0 && setresuid(0, 22, 23) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  });
  ASSERT_TRUE(child.ready());
  const auto status = ProcessInfo::open(child.pid())->status();
  ASSERT_TRUE(status) << status.error().text();
  const Credentials& it = status->credentials;
  EXPECT_EQ(it.uid, (Ids{0, 22, 23, 22}));
  EXPECT_EQ(it.gid, (Ids{11, 12, 13, 12}));
  EXPECT_EQ(it.groups, (std::vector<std::uint32_t>{5, 7, 4000000000U}));
  EXPECT_TRUE(it.no_new_privileges);
  EXPECT_EQ(it.effective.bits, 0U) << "given up with the effective uid";
  EXPECT_FALSE(it.bounding.has(21));
  EXPECT_TRUE(it.bounding.has(10));
  EXPECT_EQ(hexadecimal(it.bounding.bits), status_line(child, "CapBnd"));
  EXPECT_EQ(hexadecimal(it.permitted.bits), status_line(child, "CapPrm"));
  const auto names = it.bounding.names();
  EXPECT_EQ(std::count(names.begin(), names.end(), "SYS_ADMIN"), 0);
  EXPECT_EQ(std::count(names.begin(), names.end(), "NET_BIND_SERVICE"), 1);
}

TEST(ProcessInfo, TellsOfSchedulingAndProcessors) {
  const Child child([] {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    const sched_param none{};
    return sched_setaffinity(0, sizeof cpus, &cpus) == 0 && sched_setscheduler(0, SCHED_BATCH, &none) == 0;
  });
  ASSERT_TRUE(child.ready());
  const auto info = ProcessInfo::open(child.pid());
  EXPECT_EQ(info->stat()->policy, SCHED_BATCH);
  EXPECT_EQ(info->stat()->real_time_priority, 0);
  EXPECT_EQ(info->stat()->processor, 0);
  EXPECT_EQ(info->status()->processors, "0");
}

TEST(ProcessInfo, TellsAllSixteenLimitsAsPrlimitDoes) {
  const Child child([] {
    const rlimit files{100, 200};
    const rlimit core{0, RLIM_INFINITY};
    return setrlimit(RLIMIT_NOFILE, &files) == 0 && setrlimit(RLIMIT_CORE, &core) == 0;
  });
  ASSERT_TRUE(child.ready());
  const auto limits = ProcessInfo::open(child.pid())->limits();
  ASSERT_TRUE(limits) << limits.error().text();
  EXPECT_EQ((*limits)[RLIMIT_NOFILE], (Limit{100, 200}));
  for (std::size_t resource = 0; resource < kLimits; ++resource) {
    rlimit64 asked{};
    ASSERT_EQ(syscall(SYS_prlimit64, child.pid().raw(), resource, nullptr, &asked), 0);
    EXPECT_EQ((*limits)[resource], (Limit{asked.rlim_cur, asked.rlim_max})) << resource;
  }
}

TEST(ProcessInfo, TellsEveryDescriptorAndNoOther) {
  const std::string path = testing::TempDir() + "file (with) a\nbreak";
  const Child child([&path] {
    syscall(SYS_close_range, 10, ~0U, 0);  // the pipe that tells of readiness is below
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return write(file, "12345", 5) == 5 && dup2(file, 40) == 40 && dup2(open("/dev/null", O_WRONLY), 0) == 0;
  });
  ASSERT_TRUE(child.ready());
  const auto list = ProcessInfo::open(child.pid())->descriptors();
  ASSERT_TRUE(list) << list.error().text();
  EXPECT_EQ(list->front().number, 0);
  EXPECT_EQ(list->front().target, "/dev/null");
  EXPECT_EQ(list->front().flags & O_ACCMODE, static_cast<unsigned>(O_WRONLY));
  const Descriptor& last = list->back();
  EXPECT_EQ(last.number, 40);
  EXPECT_EQ(last.target, path);
  EXPECT_EQ(last.position, 5U);
  EXPECT_EQ(last.flags & (O_ACCMODE | O_APPEND | O_CLOEXEC), static_cast<unsigned>(O_RDWR | O_APPEND));
  unlink(path.c_str());
  EXPECT_EQ(ProcessInfo::open(child.pid())->descriptors()->back().target, path + " (deleted)");
}

TEST(ProcessInfo, TellsCgroupsAndOomScoreAsProcHasThem) {
  const Child child([] {
    const int file = open("/proc/self/oom_score_adj", O_WRONLY);
    return write(file, "321", 3) == 3;
  });
  ASSERT_TRUE(child.ready());
  const auto info = ProcessInfo::open(child.pid());
  EXPECT_EQ(*info->oom_score_adjust(), 321);
  std::string text;
  const auto cgroups = info->cgroups();
  for (const Cgroup& one : *cgroups)
    text += std::to_string(one.hierarchy) + ":" + one.controllers + ":" + one.path + "\n";
  EXPECT_EQ(text, child.text("cgroup"));
}

TEST(ProcessInfo, TellsTheChildrenOfAllThreads) {
  const Child child([] {
    const pid_t parent = getpid();
    for (int i = 0; i < 3; ++i) {
      if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent) pause();
        _exit(0);
      }
    }
    return true;
  });
  ASSERT_TRUE(child.ready());
  const auto children = ProcessInfo::open(child.pid())->children();
  ASSERT_TRUE(children) << children.error().text();
  EXPECT_EQ(children->size(), 3U);
  for (const Pid pid : *children) EXPECT_EQ(ProcessInfo::open(pid)->stat()->parent, child.pid());
}

TEST(ProcessInfo, KeepsArgumentsByteByByte) {
  int channel[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
  const std::vector<std::string> given{"/bin/sh",   "-c",           "echo; read x", "", "a b",
                                       "new\nline", "\x1b[31m\xff", "(x) R 1",      ""};
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(channel[1], 0);
    dup2(channel[1], 1);
    std::vector<char*> argv;
    for (const std::string& one : given) argv.push_back(const_cast<char*>(one.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(channel[1]);
  char byte = 0;
  ASSERT_EQ(read(channel[0], &byte, 1), 1) << "it runs";
  EXPECT_EQ(*ProcessInfo::open(*Pid::from(pid))->arguments(), given);
  close(channel[0]);  // the end of its input
  waitpid(pid, nullptr, 0);
}

TEST(ProcessInfo, IsNotMisledByAName) {
  for (const char* name :
       {"a) R 1 1 1", "((((", "))))", ") Z 0", "new\nline", "\n\n", "Uid:\t0", "", "\xff\x1b"}) {
    const Child child([name] { return prctl(PR_SET_NAME, name) == 0; });
    ASSERT_TRUE(child.ready());
    const auto info = ProcessInfo::open(child.pid());
    const auto stat = info->stat();
    ASSERT_TRUE(stat) << stat.error().text();
    EXPECT_EQ(stat->name, name);
    EXPECT_EQ(stat->state, 'S');
    EXPECT_EQ(stat->parent, Pid::self());
    EXPECT_EQ(info->status()->credentials.uid.real, getuid());
  }
}

TEST(ProcessInfo, OfAZombieIsWhatIsLeftOfIt) {
  const pid_t pid = fork();
  if (pid == 0) _exit(3);
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);
  const auto info = ProcessInfo::open(*Pid::from(pid));
  EXPECT_EQ(info->stat()->state, 'Z');
  ASSERT_TRUE(info->status());
  EXPECT_FALSE(info->status()->memory);
  EXPECT_TRUE(info->arguments()->empty());
  waitpid(pid, nullptr, 0);
  EXPECT_EQ(error_of(info->stat()), ESRCH);
}

TEST(ProcessInfo, OfAProcessThatIsGoneIsAnErrorInEveryPart) {
  Child child([] { return true; });
  const auto info = ProcessInfo::open(child.pid());
  const Pid pid = child.pid();
  child.end();
  EXPECT_EQ(error_of(info->stat()), ESRCH);
  EXPECT_EQ(error_of(info->status()), ESRCH);
  EXPECT_EQ(error_of(info->limits()), ESRCH);
  EXPECT_EQ(error_of(info->maps()), ESRCH);
  EXPECT_EQ(error_of(info->arguments()), ESRCH);
  EXPECT_EQ(error_of(info->descriptors()), ESRCH);
  EXPECT_EQ(error_of(info->children()), ESRCH);
  EXPECT_EQ(error_of(info->program()), ESRCH);
  EXPECT_EQ(error_of(ProcessInfo::open(pid)), ESRCH);
  EXPECT_EQ(info->stat().error().text(), "open: /proc/" + pid.text() + "/stat: No such process");
}

// A new process that gets the number of one that has ended; -1: not permitted here.
pid_t fork_as(pid_t number) {
  clone_args args{};
  args.exit_signal = SIGCHLD;
  args.set_tid = reinterpret_cast<std::uintptr_t>(&number);
  args.set_tid_size = 1;
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (true) pause();
  }
  return static_cast<pid_t>(pid);
}

TEST(ProcessInfo, NoticesThatANumberHasBeenUsedAgain) {
  Child child([] { return true; });
  const Pid pid = child.pid();
  const auto first = ProcessInfo::open(pid);
  const std::uint64_t start = first->stat()->start_ticks;
  EXPECT_TRUE(ProcessInfo::open(pid, start));
  child.end();
  poll(nullptr, 0, 20);  // a start is told in ticks of 10 ms
  const pid_t second = fork_as(pid.raw());
  if (second < 0) GTEST_SKIP() << "no process number may be chosen here";
  ASSERT_EQ(second, pid.raw());
  EXPECT_EQ(error_of(first->stat()), ESRCH) << "it does not turn to the new one";
  const auto again = ProcessInfo::open(pid, start);
  EXPECT_EQ(error_of(again), ESRCH);
  EXPECT_NE(again.error().text().find("another process"), std::string::npos);
  EXPECT_TRUE(ProcessInfo::open(pid));
  kill(second, SIGKILL);
  waitpid(second, nullptr, 0);
}

TEST(ProcessInfo, TellsOthersNoMoreThanTheKernelDoes) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const Child child([] { return true; });
  const pid_t other = fork();
  if (other == 0) {
    if (setgroups(0, nullptr) != 0 || setresgid(65534, 65534, 65534) != 0 ||
        setresuid(65534, 65534, 65534) != 0)
      _exit(2);
    const auto info = ProcessInfo::open(child.pid());
    const bool seen = info && info->stat() && info->status() && info->limits() && info->arguments();
    const bool refused = error_of(info->descriptors()) == EACCES && error_of(info->maps()) == EACCES &&
                         error_of(info->program()) == EACCES;
    _exit(seen && refused ? 0 : 1);
  }
  int status = -1;
  waitpid(other, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace init::process_info
