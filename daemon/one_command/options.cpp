#include "daemon/one_command/options.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string_view>

#include "libinit/base/duration.h"
#include "libinit/base/names.h"
#include "libinit/process/exit_status.h"

namespace init::one_command {
namespace {

struct Option {
  const char* name;
  const char* value;  // what it takes; in brackets: or not; empty = nothing
  const char* help;
  bool (*take)(Options& options, const char* value);
};

bool take_time(const char* text, Duration& time) noexcept {
  const auto parsed = parse_typed_duration(text);
  if (parsed) time = *parsed;
  return parsed.has_value();
}

// The two sides of FROM=TO; TO is nullptr where there is none.
struct Pair {
  explicit Pair(std::string_view text) noexcept : from(name_of(text)) {
    if (from.size() < text.size()) to = text.data() + from.size() + 1;
  }
  std::string_view from;
  const char* to = nullptr;
};

bool take_signal(Options& options, const char* value) noexcept {
  const Pair pair(value);
  if (pair.to == nullptr) return false;
  const std::string_view to = pair.to;
  const bool nothing = to.empty() || to == "0";
  const int received = process::parse_signal(pair.from);
  const int passed = nothing ? 0 : process::parse_signal(to);
  if (received == 0 || (passed == 0 && !nothing)) return false;
  if (received == SIGKILL || received == SIGSTOP || received == SIGCHLD) return false;
  options.passed_as[static_cast<std::size_t>(received)] = static_cast<std::uint8_t>(passed);
  return true;
}

bool take_exit_code(Options& options, const char* value) noexcept {
  const Pair pair(value);
  const auto code = parse_decimal(pair.from, 255);
  const auto as = parse_decimal(pair.to != nullptr ? pair.to : "", 255);
  if (code && as) options.ends_as[*code] = static_cast<std::uint8_t>(*as);
  return code && as;
}

bool take_wait_all(Options& options, const char* value) noexcept {
  options.wait_all = true;
  return value == nullptr || take_time(value, options.wait_limit);
}

bool take_parent_death(Options& options, const char* value) noexcept {
  options.parent_death = process::parse_signal(value);
  return options.parent_death != 0;
}

bool take_change(Options& options, const char* value, bool sets) noexcept {
  const std::string_view name = name_of(value);
  const bool fits = !name.empty() && (name.size() < std::strlen(value)) == sets &&
                    options.changes.all().size() <= kMaxVariables;
  if (fits) options.changes.add(value);
  return fits;
}

bool take_text(const char*& to, const char* value) noexcept {
  to = value;
  return *value != '\0';
}

constexpr Option kOptions[] = {
    {"--group", "", "pass signals to the whole process group of the command",
     [](Options& o, const char*) { return o.group = true; }},
    {"--session", "", "the command leads a session of its own, and gets the terminal",
     [](Options& o, const char*) { return o.session = true; }},
    {"--signal", "FROM=TO", "pass TO where FROM comes (but KILL, STOP, CHLD); FROM= passes nothing",
     take_signal},
    {"--exit-code", "CODE=AS", "end with AS where the command ends with CODE (128 + n: by signal n)",
     take_exit_code},
    {"--grace", "TIME", "pass the first TERM after TIME",
     [](Options& o, const char* value) { return take_time(value, o.grace); }},
    {"--kill-after", "TIME", "when TERM, INT or QUIT has not helped within TIME: TERM to all, then KILL",
     [](Options& o, const char* value) { return take_time(value, o.kill_after); }},
    {"--wait-all", "[=TIME]", "after the command: TERM to all that is left, KILL after TIME (10s); then end",
     take_wait_all},
    {"--parent-death", "SIGNAL", "get SIGNAL when initd's own parent ends", take_parent_death},
    {"--directory", "DIR", "run the command there",
     [](Options& o, const char* value) { return take_text(o.directory, value); }},
    {"--user", "USER[:GROUP]", "run it as this user, by name or number",
     [](Options& o, const char* value) { return take_text(o.user, value); }},
    {"--env", "NAME=VALUE", "set a variable (at most 128 of them)",
     [](Options& o, const char* value) { return take_change(o, value, true); }},
    {"--unset", "NAME", "remove one",
     [](Options& o, const char* value) { return take_change(o, value, false); }},
    {"--pause", "", "no command: reap orphans until TERM, INT or QUIT",
     [](Options& o, const char*) { return o.pause = true; }},
    {"--verbose", "", "tell of signals and ends on standard error",
     [](Options& o, const char*) { return o.verbose = true; }},
};

const Option* find(std::string_view name) noexcept {
  const Option* const found = std::find_if(std::begin(kOptions), std::end(kOptions),
                                           [name](const Option& option) { return name == option.name; });
  return found != std::end(kOptions) ? found : nullptr;
}

}  // namespace

bool Changes::concern(std::string_view name) const noexcept {
  return std::any_of(all().begin(), all().end(), [name](const char* at) { return name_of(at) == name; });
}

void Changes::add(const char* change) noexcept {
  const auto end = changes_.begin() + static_cast<std::ptrdiff_t>(count_);
  const auto same = std::find_if(changes_.begin(), end,
                                 [change](const char* at) { return name_of(at) == name_of(change); });
  *same = change;
  if (same == end) ++count_;
}

Options::Options() noexcept {
  std::iota(passed_as.begin(), passed_as.end(), std::uint8_t{0});
  std::iota(ends_as.begin(), ends_as.end(), std::uint8_t{0});
}

Complaint take_options(std::span<char* const> words, Options& options) noexcept {
  for (std::size_t at = 0; at < words.size(); ++at) {
    const char* const word = words[at];
    const Pair pair(word);
    const Option* const option = find(pair.from);
    const char* value = pair.to;
    if (option == nullptr) return {word, nullptr, "no such option"};
    if (*option->value == '\0' && value != nullptr) return {option->name, value, "takes no value"};
    if (*option->value != '\0' && *option->value != '[' && value == nullptr) {
      if (++at == words.size()) return {option->name, nullptr, "needs ", option->value};
      value = words[at];
    }
    if (!option->take(options, value)) return {option->name, value, "needs ", option->value};
  }
  return {};
}

void print_usage(int fd) noexcept {
  dprintf(
      fd,
      "usage: initd [OPTION]... -- COMMAND [ARGUMENT]...\n"
      "Runs one command as a container needs it: passes signals on, reaps orphans, ends with its code.\n");
  for (const Option& option : kOptions) {
    const char* const gap = *option.value == '[' ? "" : " ";
    const int width = 21 - static_cast<int>(std::strlen(option.name) + std::strlen(gap));
    dprintf(fd, "  %s%s%-*s %s\n", option.name, gap, width, option.value, option.help);
  }
  dprintf(fd, "TIME is 5, 5s, 500ms or 1min 30s. Options in INITD_OPTIONS, between blanks, come first.\n");
}

}  // namespace init::one_command
