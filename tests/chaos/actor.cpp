// The services of the chaos load. Each keeps its own books, so that nothing has to be believed of initd.
//   actor FILE hold                 lives until SIGTERM
//   actor FILE loop MS              lives up to MS milliseconds; exit code 1 + (ends so far) % 250
//   actor FILE crash MS             the same, and ends by a signal
//   actor FILE write                numbered lines to stdout, 100 a second, until SIGTERM
//   actor FILE orphans              ten processes a second that nobody waits for, until SIGTERM
//   actor FILE brood COUNT GATE     COUNT such processes, which end all at once when somebody opens GATE (a
//   FIFO) for writing actor FILE ready                ready a little later, says so on descriptor 3, lives
//   until SIGTERM actor FILE record               what initd says of the end of a run (a post-stop step)
//   actor FILE bomb                 forks, again and again, into as many as it may have; "full" when there
//   are actor FILE canary               lives on, and notes each signal that it gets
// A line is WORD PID INVOCATION NANOSECONDS VALUE..., by one write(2):
//   start      it runs; "contended" and "astray" follow if an earlier run still lives or it is in another
//   unit's cgroup ready      right before it says so lines N    so many it has written, right before its end
//   exit HOW   right before its end: "exited CODE" or "killed SIGNAL", in the words that initd uses for it
//   record HOW what initd recorded
// FILE.run is locked by the main process as long as it lives, and holds the number of ends so far. The unit
// is FILE's name.
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Death {
  int signal;
  const char* name;  // as EXIT_STATUS has it
};
constexpr std::array kDeaths{Death{SIGSEGV, "SEGV"}, Death{SIGABRT, "ABRT"}, Death{SIGKILL, "KILL"},
                             Death{SIGBUS, "BUS"},   Death{SIGUSR1, "USR1"}, Death{SIGFPE, "FPE"}};

int ledger = -1;
int run = -1;  // FILE.run

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? "-" : value;
}

[[gnu::format(printf, 1, 2)]] void note(const char* format, ...) {
  std::array<char, 256> value{};
  std::array<char, 400> line{};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(value.data(), value.size(), format, arguments);
  va_end(arguments);
  const auto word = static_cast<int>(std::strcspn(value.data(), " "));
  const int size =
      std::snprintf(line.data(), line.size(), "%.*s %d %s %lld%s\n", word, value.data(), getpid(),
                    variable("INVOCATION_ID"), static_cast<long long>(now()), value.data() + word);
  if (write(ledger, line.data(), static_cast<std::size_t>(size)) != size) std::_Exit(255);
}

// ---- The beginning

bool in_own_cgroup(const char* unit) {
  std::array<char, 4096> text{};
  const int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  const ssize_t got = read(fd, text.data(), text.size() - 1);
  close(fd);
  const char* own = got > 0 ? std::strstr(text.data(), "0::/") : nullptr;
  if (own == nullptr) return true;  // no such control groups here
  const std::string_view line(own, std::strcspn(own, "\n"));
  return line.ends_with(std::string_view(unit)) && line[line.size() - std::strlen(unit) - 1] == '/';
}

void begin(const char* file) {
  std::array<char, 4096> path{};
  std::snprintf(path.data(), path.size(), "%s.run", file);
  run = open(path.data(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (run < 0) std::_Exit(254);
  note("start");
  if (flock(run, LOCK_EX | LOCK_NB) != 0) note("contended");
  if (!in_own_cgroup(std::strrchr(file, '/') + 1)) note("astray");
}

// True at SIGTERM, false after so many nanoseconds; -1 = never.
bool told_to_end(std::int64_t within) {
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  if (within < 0) {
    int signal = 0;
    return sigwait(&terminate, &signal) == 0;
  }
  const timespec time{within / kSecond, within % kSecond};
  return sigtimedwait(&terminate, nullptr, &time) == SIGTERM;
}

// The pid is random enough to spread the ends.
std::int64_t some_of(int most_ms) {
  return getpid() * 7919LL % (most_ms + 1) * 1'000'000;
}

std::uint32_t count_end() {
  std::uint32_t count = 0;
  if (pread(run, &count, sizeof(count), 0) < 0) std::_Exit(253);
  const std::uint32_t next = count + 1;
  if (pwrite(run, &next, sizeof(next), 0) != sizeof(next)) std::_Exit(253);
  return count;
}

// ---- Roles

int end_well() {
  note("exit exited 0");
  return 0;
}

int hold() {
  told_to_end(-1);
  return end_well();
}

int loop(int most_ms) {
  if (told_to_end(some_of(most_ms))) return end_well();
  const int code = static_cast<int>(1 + count_end() % 250);
  note("exit exited %d", code);
  return code;
}

int crash(int most_ms) {
  if (told_to_end(some_of(most_ms))) return end_well();
  const Death& death = kDeaths[count_end() % kDeaths.size()];
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  note("exit killed %s", death.name);
  raise(death.signal);
  return 252;
}

// A reader can tell each line, and where it should end, from its number alone.
void write_numbered(unsigned number) {
  std::array<char, 200> line{};
  int size = std::snprintf(line.data(), line.size(), "%u ", number);
  for (unsigned i = 0; i < number * 7919 % 120; ++i) line[static_cast<std::size_t>(size++)] = 'x';
  line[static_cast<std::size_t>(size++)] = '\n';
  if (write(1, line.data(), static_cast<std::size_t>(size)) != size) note("unwritten %u", number);
}

int write_lines() {
  unsigned number = 0;
  while (!told_to_end(kSecond / 20)) {
    for (int i = 0; i < 5; ++i) write_numbered(++number);
  }
  note("lines %u", number);
  return end_well();
}

// Whoever has the lock is the main process; the others must not hold it.
template <class Life>
void leave_orphan(Life life) {
  const pid_t parent = fork();
  if (parent == 0) {
    close(run);
    setsid();
    if (fork() == 0) life();
    std::_Exit(0);
  }
  waitpid(parent, nullptr, 0);
}

int orphans() {
  while (!told_to_end(kSecond / 10)) leave_orphan([] { poll(nullptr, 0, 20); });
  return end_well();
}

int brood(int count, const char* gate) {
  for (int i = 0; i < count; ++i) leave_orphan([gate] { open(gate, O_RDONLY); });
  note("ready");
  return hold();
}

// One of them goes when another has come, so their numbers change all the time.
[[noreturn]] void multiply() {
  for (;;) {
    const pid_t child = fork();
    if (child > 0 && some_of(2) == 0) std::_Exit(0);
    if (child < 0) poll(nullptr, 0, 50);
  }
}

int bomb() {
  signal(SIGCHLD, SIG_IGN);  // nobody waits for them
  leave_orphan([] { multiply(); });
  while (!told_to_end(kSecond / 50)) {
    const pid_t child = fork();
    if (child == 0) multiply();
    if (child < 0) note("full");
  }
  return end_well();
}

int become_ready() {
  if (told_to_end(some_of(30))) return end_well();
  note("ready");
  if (write(3, "\n", 1) != 1) note("unwritten 0");
  return hold();
}

int record() {
  const char* how = variable("EXIT_CODE");
  note("record %s %s", std::strcmp(how, "dumped") == 0 ? "killed" : how, variable("EXIT_STATUS"));
  return 0;
}

int canary() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  note("ready");
  for (;;) {
    siginfo_t info{};
    if (sigwaitinfo(&all, &info) > 0) note("signal %d %d", info.si_signo, info.si_pid);
  }
}

int act(std::string_view role, char** words) {
  if (role == "hold") return hold();
  if (role == "loop") return loop(std::atoi(words[0]));
  if (role == "crash") return crash(std::atoi(words[0]));
  if (role == "write") return write_lines();
  if (role == "orphans") return orphans();
  if (role == "brood") return brood(std::atoi(words[0]), words[1]);
  if (role == "bomb") return bomb();
  if (role == "ready") return become_ready();
  return 251;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 251;
  ledger = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (ledger < 0) return 254;
  const std::string_view role(argv[2]);
  if (role == "record") return record();
  if (role == "canary") return canary();
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  sigprocmask(SIG_BLOCK, &terminate, nullptr);
  begin(argv[1]);
  return act(role, argv + 3);
}
