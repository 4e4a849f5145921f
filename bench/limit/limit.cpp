// The bare limit: what a PID 1 could reach that knew no units, no policy and no errors.
//   limit services STAMPS N PROGRAM  spawns N times PROGRAM STAMPS NAME in a vfork loop, then reaps, and
//   spawns again at
//                                    once what dies; SIGTERM: TERM to all, reap all, end.
//   limit chain STAMPS N PROGRAM     spawns one after the other, each when the one before has exited.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <unordered_map>

#include "bench/helpers/support.h"

using namespace init::bench;

namespace {

struct Limit {
  char* stamps;
  char* program;
  std::vector<std::string> names;
  std::vector<pid_t> pids;
  std::unordered_map<pid_t, std::size_t> owner;
  sigset_t empty_mask{};

  pid_t spawn(std::size_t index) {
    char* argv[] = {program, stamps, names[index].data(), nullptr};
    const pid_t pid = vfork();
    if (pid == 0) {
      sigprocmask(SIG_SETMASK, &empty_mask, nullptr);
      execve(program, argv, environ);
      _exit(127);
    }
    if (pid < 0) die("vfork");
    return pid;
  }

  void start(std::size_t index) {
    pids[index] = spawn(index);
    owner[pids[index]] = index;
  }
};

void reap_and_respawn(Limit& limit) {
  pid_t pid = 0;
  while ((pid = waitpid(-1, nullptr, WNOHANG)) > 0) {
    const auto found = limit.owner.find(pid);
    if (found == limit.owner.end()) continue;
    const std::size_t index = found->second;
    limit.owner.erase(found);
    limit.start(index);
  }
}

int run_services(Limit& limit) {
  for (std::size_t i = 0; i < limit.names.size(); ++i) limit.start(i);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  for (;;) {
    int signal = 0;
    reap_and_respawn(limit);
    if (sigwait(&set, &signal) == 0 && signal == SIGTERM) break;
  }
  for (const pid_t pid : limit.pids) kill(pid, SIGTERM);
  while (wait(nullptr) > 0) continue;
  return 0;
}

int run_chain(Limit& limit) {
  for (std::size_t i = 0; i < limit.names.size(); ++i) waitpid(limit.spawn(i), nullptr, 0);
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  const bool chain = std::string(argv[1]) == "chain";
  if (!chain) sigprocmask(SIG_BLOCK, &set, nullptr);
  Limit limit{argv[2], argv[4], {}, {}, {}, {}};
  sigemptyset(&limit.empty_mask);
  const auto count = static_cast<std::size_t>(std::atoi(argv[3]));
  limit.pids.resize(count);
  limit.owner.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) limit.names.push_back("s" + std::to_string(i));
  return chain ? run_chain(limit) : run_services(limit);
}
