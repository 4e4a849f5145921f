#include "daemon/one_command/options.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <numeric>
#include <string_view>

#include "libinit/process/exit_status.h"

namespace init::one_command {
namespace {

constexpr std::uint64_t kLongest = 1'000'000'000;  // of any unit of time

using Take = bool (*)(Options& options, const char* value);

struct Option {
  const char* name;
  const char* wants;  // what its value must be; nullptr = it has none
  Take take;
  bool may_lack_value = false;
};

// False for anything but decimal digits, and beyond `most`.
bool take_number(std::string_view text, std::uint64_t most, std::uint64_t& number) noexcept {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end && number <= most;
}

// "5s", "500ms", "2min"; a number alone means seconds.
bool take_time(std::string_view text, Duration& time) noexcept {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit(text.data() + digits, text.size() - digits);
  std::uint64_t number = 0;
  if (!take_number(text.substr(0, digits), kLongest, number)) return false;
  if (unit == "ms") {
    time = std::chrono::milliseconds(number);
  } else if (unit == "s" || unit.empty()) {
    time = std::chrono::seconds(number);
  } else if (unit == "min" || unit == "m") {
    time = std::chrono::minutes(number);
  } else {
    return false;
  }
  return true;
}

// The two sides of FROM=TO.
bool split(std::string_view text, std::string_view& from, std::string_view& to) noexcept {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  from = text.substr(0, equals);
  to = text;
  to.remove_prefix(equals + 1);
  return true;
}

bool take_signal(Options& options, const char* value) {
  std::string_view from;
  std::string_view to;
  if (!split(value, from, to)) return false;
  const bool nothing = to.empty() || to == "0";
  const int received = process::parse_signal(from);
  const int passed = nothing ? 0 : process::parse_signal(to);
  if (received == 0 || (passed == 0 && !nothing)) return false;
  if (received == SIGKILL || received == SIGSTOP || received == SIGCHLD) return false;
  options.passed_as[static_cast<std::size_t>(received)] = static_cast<std::uint8_t>(passed);
  return true;
}

bool take_exit_code(Options& options, const char* value) {
  std::string_view from;
  std::string_view to;
  std::uint64_t code = 0;
  std::uint64_t as = 0;
  if (!split(value, from, to) || !take_number(from, 255, code) || !take_number(to, 255, as)) return false;
  options.ends_as[code] = static_cast<std::uint8_t>(as);
  return true;
}

bool take_wait_all(Options& options, const char* value) {
  options.wait_all = true;
  return value == nullptr || take_time(value, options.wait_limit);
}

bool take_parent_death(Options& options, const char* value) {
  options.parent_death = process::parse_signal(value);
  return options.parent_death != 0;
}

// The last word about a variable is the one that counts.
bool add_variable(Options& options, const char* text) {
  for (std::size_t i = 0; i < options.variable_count; ++i) {
    if (name_of(options.variables[i]) != name_of(text)) continue;
    options.variables[i] = text;
    return true;
  }
  if (options.variable_count == options.variables.size()) return false;
  options.variables[options.variable_count++] = text;
  return true;
}

bool take_variable(Options& options, const char* value) {
  const char* const equals = std::strchr(value, '=');
  return equals != nullptr && equals != value && add_variable(options, value);
}

bool take_removal(Options& options, const char* value) {
  return *value != '\0' && std::strchr(value, '=') == nullptr && add_variable(options, value);
}

bool take_path(const char*& to, const char* value) {
  to = value;
  return *value != '\0';
}

constexpr const char* kTime = "a time such as 5s, 500ms or 2min";

constexpr Option kOptions[] = {
    {"--group", nullptr, [](Options& o, const char*) { return o.group = true; }},
    {"--session", nullptr, [](Options& o, const char*) { return o.session = true; }},
    {"--pause", nullptr, [](Options& o, const char*) { return o.pause = true; }},
    {"--verbose", nullptr, [](Options& o, const char*) { return o.verbose = true; }},
    {"--wait-all", kTime, take_wait_all, true},
    {"--signal", "FROM=TO or FROM=, two signals; KILL, STOP and CHLD cannot be FROM", take_signal},
    {"--exit-code", "CODE=OTHER, both 0 to 255", take_exit_code},
    {"--grace", kTime, [](Options& o, const char* value) { return take_time(value, o.grace); }},
    {"--kill-after", kTime, [](Options& o, const char* value) { return take_time(value, o.kill_after); }},
    {"--parent-death", "a signal", take_parent_death},
    {"--directory", "a directory",
     [](Options& o, const char* value) { return take_path(o.directory, value); }},
    {"--user", "USER or USER:GROUP", [](Options& o, const char* value) { return take_path(o.user, value); }},
    {"--env", "NAME=VALUE, at most 128 of them", take_variable},
    {"--unset", "the name of a variable", take_removal},
};

const Option* find(const char* word, std::size_t size) noexcept {
  for (const Option& option : kOptions) {
    if (std::strncmp(option.name, word, size) == 0 && option.name[size] == '\0') return &option;
  }
  return nullptr;
}

}  // namespace

Options::Options() noexcept {
  std::iota(passed_as.begin(), passed_as.end(), std::uint8_t{0});
  std::iota(ends_as.begin(), ends_as.end(), std::uint8_t{0});
}

Complaint take_options(std::span<char* const> words, Options& options) noexcept {
  for (std::size_t at = 0; at < words.size(); ++at) {
    const char* const word = words[at];
    const std::size_t size = std::strcspn(word, "=");
    const Option* const option = find(word, size);
    if (option == nullptr) return {word, nullptr, "no such option"};
    const char* value = word[size] == '=' ? word + size + 1 : nullptr;
    if (option->wants == nullptr && value != nullptr) return {option->name, value, "takes no value"};
    if (option->wants != nullptr && value == nullptr && !option->may_lack_value) {
      if (++at == words.size()) return {option->name, nullptr, option->wants};
      value = words[at];
    }
    if (!option->take(options, value)) return {option->name, value, option->wants};
  }
  return {};
}

}  // namespace init::one_command
