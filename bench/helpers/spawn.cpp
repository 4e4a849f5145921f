// spawn PROGRAM MEBIBYTES ROUNDS: spawn, exec and reap of PROGRAM from a parent with so much touched memory,
// by each way in turn, a few at once. Prints "WAY NANOSECONDS..." per way: one figure for each round, per
// process.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/helpers/support.h"
#include "libinit/process/command.h"

using namespace init::bench;

namespace {

constexpr int kAtOnce = 10;

char* program;

void reap(pid_t pid) {
  int status = 0;
  if (pid <= 0 || waitpid(pid, &status, 0) != pid || status != 0) die("spawn");
}

void by_command() {
  static const init::process::Command command{program};
  const auto status = command.status();
  if (!status || !status->success()) die("Command");
}

void by_vfork() {
  char* argv[] = {program, nullptr};
  const pid_t pid = vfork();
  if (pid == 0) {
    execve(program, argv, environ);
    _exit(127);
  }
  reap(pid);
}

void by_fork() {
  char* argv[] = {program, nullptr};
  const pid_t pid = fork();
  if (pid == 0) {
    execve(program, argv, environ);
    _exit(127);
  }
  reap(pid);
}

void by_posix_spawn() {
  char* argv[] = {program, nullptr};
  pid_t pid = 0;
  if (posix_spawn(&pid, program, nullptr, nullptr, argv, environ) != 0) die("posix_spawn");
  reap(pid);
}

struct Way {
  const char* name;
  void (*run)();
  std::vector<std::uint64_t> figures{};
};

}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  program = words[1];
  std::vector<char> memory(std::strtoul(words[2], nullptr, 10) << 20U);
  std::memset(memory.data(), 1, memory.size());
  Way ways[] = {
      {"initd", by_command}, {"limit", by_vfork}, {"fork+exec", by_fork}, {"posix_spawn", by_posix_spawn}};
  for (int round = std::atoi(words[3]); round > 0; --round) {
    for (Way& way : ways) {
      const std::uint64_t before = now_ns();
      for (int time = 0; time < kAtOnce; ++time) way.run();
      way.figures.push_back((now_ns() - before) / kAtOnce);
    }
  }
  for (const Way& way : ways) {
    std::printf("%s", way.name);
    for (const std::uint64_t figure : way.figures)
      std::printf(" %llu", static_cast<unsigned long long>(figure));
    std::printf("\n");
  }
}
