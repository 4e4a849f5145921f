#include "daemon/one_command/one_command.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "daemon/one_command/command.h"
#include "daemon/one_command/options.h"
#include "daemon/one_command/runner.h"
#include "libinit/sys/calls.h"

namespace init::one_command {

namespace {

constexpr int kUsageError = 2;
constexpr std::size_t kMaxWords = 64;  // of INITD_OPTIONS

[[noreturn]] void refuse_use(const Complaint& complaint) noexcept {
  const bool has_value = complaint.value != nullptr;
  dprintf(STDERR_FILENO, "initd: %s%s%s%s: %s%s\n", complaint.option, has_value ? " '" : "",
          has_value ? complaint.value : "", has_value ? "'" : "", complaint.why, complaint.needs);
  print_usage(STDERR_FILENO);
  _exit(kUsageError);
}

void take_or_refuse(std::span<char* const> words, Options& options) noexcept {
  const Complaint complaint = take_options(words, options);
  if (complaint.option != nullptr) refuse_use(complaint);
}

// The variable is not the command's, so its text may be cut up.
void take_variable_options(Options& options) noexcept {
  char* text = std::getenv("INITD_OPTIONS");
  if (text == nullptr) return;
  std::array<char*, kMaxWords> words;
  std::size_t count = 0;
  char* rest = nullptr;
  for (char* word = strtok_r(text, " \t\n", &rest); word != nullptr;
       word = strtok_r(nullptr, " \t\n", &rest)) {
    if (count == words.size()) refuse_use({"INITD_OPTIONS", nullptr, "at most 64 words"});
    words[count++] = word;
  }
  take_or_refuse(std::span(words).first(count), options);
}

std::size_t separator_of(std::span<char* const> words) noexcept {
  const auto found =
      std::find_if(words.begin(), words.end(), [](const char* w) { return std::strcmp(w, "--") == 0; });
  return static_cast<std::size_t>(found - words.begin());
}

// All, and those that libc keeps to itself: none may end or stop initd from the first instruction on.
void block_signals() noexcept {
  constexpr sys::SignalSet all = ~sys::SignalSet{0};
  sys::rt_sigprocmask(SIG_SETMASK, &all, nullptr);
  // Ignored, as a parent may leave it, it would make the kernel reap for us. All others stay as the parent
  // has them, for the command.
  signal(SIGCHLD, SIG_DFL);
}

// So that no descriptor of initd gets one of their numbers. Where there is no /dev/null the number is taken
// by what can neither be read nor written.
void take_standard_streams() noexcept {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) static_cast<void>(open("/", O_PATH));
  }
}

// The kernel tells of a death that is still to come only.
void follow_parent(long parent, int signal) noexcept {
  prctl(PR_SET_PDEATHSIG, signal);
  if (sys::getppid() != parent) kill(getpid(), signal);
}

}  // namespace

bool is_asked_for(std::span<char* const> words) noexcept {
  return separator_of(words) < words.size();
}

void run(std::span<char* const> words) noexcept {
  const long parent = sys::getppid();
  block_signals();
  Options options;
  const std::size_t separator = separator_of(words);
  const std::span<char* const> command = words.subspan(separator + 1);
  take_variable_options(options);
  take_or_refuse(words.first(separator), options);
  if (command.empty() != options.pause) {
    refuse_use({"--", nullptr, options.pause ? "--pause runs no command" : "a command must follow"});
  }
  take_standard_streams();
  if (getpid() != 1) prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (options.parent_death != 0) follow_parent(parent, options.parent_death);
  Terminal terminal;
  terminal.look();
  Runner runner(options, terminal);
  if (const int error = runner.open(); error != 0) {
    dprintf(STDERR_FILENO, "initd: signalfd: %s\n", strerrordesc_np(error));
    _exit(kCannotRun);
  }
  runner.run(options.pause ? Command{} : start_command(command, options, terminal));
}

}  // namespace init::one_command
