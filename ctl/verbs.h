// The table of verbs: dispatch, option parsing, help and completion all read it.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/api/types.h"
#include "libinit/base/time.h"

namespace init::ctl {

enum class Option : std::uint8_t {
  Runtime,
  Json,
  Quiet,
  ColorWhen,
  Help,  // every verb has these
  NoBlock,
  Timeout,
  Plan,
  Signal,
  Whom,
  Kind,
  State,
  ExitCode,
  Strict,
  System,
  Maps,
  Follow,
  Lines,
  Since,
  Until,
  Boot,
  InvocationId,
  Stream,
  Priority,
  Grep,
  Raw,
};

struct OptionInfo {
  Option option = Option::Help;
  std::string_view name;   // "--no-block"
  std::string_view value;  // what it takes, for help; empty = nothing
  std::string_view help;
  std::string_view letter = {};  // "-n"
};
[[nodiscard]] std::span<const OptionInfo> options();
inline constexpr std::size_t kCommonOptions = 5;

enum class ColorWhen : std::uint8_t { Auto, Always, Never };

// Which lines `logs` shows.
struct LogRequest {
  bool follow = false;
  bool raw = false;
  std::optional<std::uint64_t> lines;  // the last so many
  std::string since, until;            // as log_time.h has it
  std::optional<std::int32_t> boot;    // 0 = this one, -1 = the one before
  std::string invocation;              // its first digits are enough
  std::string stream;                  // "stdout", "stderr"
  std::uint8_t severity = 7;           // and what is more severe
  std::string pattern;
};

// A command line, understood.
struct Request {
  std::string_view verb;
  std::vector<std::string> words;  // what follows the verb
  std::string runtime;
  bool json = false;
  bool quiet = false;
  bool help = false;
  ColorWhen color = ColorWhen::Auto;
  bool no_block = false;
  bool plan = false;
  bool strict = false;
  bool system = false;  // report
  bool maps = false;
  Duration timeout = kInfinity;
  std::int32_t signal = 15;
  api::Whom whom = api::Whom::All;
  std::string kind;
  std::string state;
  std::int32_t exit_code = 0;
  LogRequest log;
};

struct Output;  // output.h
using Run = int (*)(const Request& request, Output& output);

struct VerbInfo {
  std::string_view name;
  std::string_view words;  // what follows, for help: "UNIT...", "[UNIT...]"
  std::size_t least = 0;   // how many
  std::size_t most = 0;
  std::uint32_t options = 0;  // besides the common ones: bit n = Option n
  std::string_view help;
  Run run = nullptr;

  [[nodiscard]] constexpr bool takes(Option option) const {
    const auto bit = static_cast<std::uint32_t>(option);
    return bit < kCommonOptions || ((options >> bit) & 1U) != 0;
  }
};

[[nodiscard]] std::span<const VerbInfo> verbs();
[[nodiscard]] const VerbInfo* find_verb(std::string_view name);
// The closest verb, for "did you mean"; empty = none is close.
[[nodiscard]] std::string_view similar_verb(std::string_view name);

// "help" itself, and what a usage error shows.
[[nodiscard]] std::string general_help();
[[nodiscard]] std::string verb_help(const VerbInfo& verb);

}  // namespace init::ctl
