// latency ROUNDS NAME COMMAND... ::: NAME COMMAND... : spawns each command in turn, ROUNDS times, output to
// /dev/null, and waits for it. Prints "NAME P10 MEDIAN P90" in microseconds for each; a command that fails
// ends the run.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

#include "bench/helpers/support.h"

using namespace init::bench;

namespace {

struct Command {
  const char* name = nullptr;
  std::vector<char*> argv;
  std::vector<std::uint64_t> latencies;
};

std::vector<Command> split(int argc, char** argv) {
  std::vector<Command> commands(1);
  for (int i = 2; i < argc; ++i) {
    if (std::string_view(argv[i]) == ":::") {
      commands.emplace_back();
    } else if (commands.back().name == nullptr) {
      commands.back().name = argv[i];
    } else {
      commands.back().argv.push_back(argv[i]);
    }
  }
  for (Command& command : commands) command.argv.push_back(nullptr);
  return commands;
}

void run_once(Command& command, const posix_spawn_file_actions_t& actions) {
  const std::uint64_t begin = now_ns();
  pid_t pid = 0;
  int status = 0;
  if ((errno = posix_spawnp(&pid, command.argv[0], &actions, nullptr, command.argv.data(), environ)) != 0)
    die(command.argv[0]);
  waitpid(pid, &status, 0);
  command.latencies.push_back(now_ns() - begin);
  if (status != 0) {
    std::fprintf(stderr, "bench: %s ended with status %#x\n", command.name, static_cast<unsigned>(status));
    std::exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  std::vector<Command> commands = split(argc, argv);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  for (int round = std::atoi(argv[1]); round > 0; --round) {
    for (Command& command : commands) run_once(command, actions);
  }
  for (const Command& command : commands) print_quantiles(command.name, command.latencies);
  return 0;
}
