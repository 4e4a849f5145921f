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

const char* const kUsage =
    "usage: initd [OPTION]... -- COMMAND [ARGUMENT]...\n"
    "Runs one command as a container needs it: passes signals on, reaps orphans, ends with the command's "
    "code.\n"
    "  --group               pass signals to the whole process group of the command\n"
    "  --session             the command leads a session of its own, and gets the terminal\n"
    "  --signal FROM=TO      pass TO where FROM comes; FROM= passes nothing\n"
    "  --exit-code CODE=AS   end with AS where the command ends with CODE (128 + n: by signal n)\n"
    "  --grace TIME          pass the first TERM after TIME\n"
    "  --kill-after TIME     when TERM, INT or QUIT has not helped within TIME: TERM to all, and KILL after "
    "TIME\n"
    "  --wait-all[=TIME]     after the command: TERM to all that is left, KILL after TIME (10s); then end\n"
    "  --parent-death SIGNAL get SIGNAL when initd's own parent ends\n"
    "  --directory DIR       run the command there\n"
    "  --user USER[:GROUP]   run it as this user, by name or number\n"
    "  --env NAME=VALUE      set a variable; --unset NAME removes one\n"
    "  --pause               no command: reap orphans until TERM, INT or QUIT\n"
    "  --verbose             tell of signals and ends on standard error\n"
    "TIME is 5s, 500ms or 2min. INITD_OPTIONS in the environment: options that come first, between blanks.\n";

namespace {

constexpr int kUsageError = 2;
constexpr std::size_t kMaxWords = 64;  // of INITD_OPTIONS

[[noreturn]] void refuse_use(const Complaint& complaint) noexcept {
  dprintf(STDERR_FILENO, "initd: %s%s%s%s%s\n%s", complaint.option, complaint.value != nullptr ? " '" : "",
          complaint.value != nullptr ? complaint.value : "", complaint.value != nullptr ? "': " : ": ",
          complaint.why, kUsage);
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

}  // namespace

bool is_asked_for(std::span<char* const> words) noexcept {
  return separator_of(words) < words.size();
}

void run(std::span<char* const> words) noexcept {
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
  if (options.parent_death != 0) prctl(PR_SET_PDEATHSIG, options.parent_death);
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
