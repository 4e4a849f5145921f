#include "ctl/command_line.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "ctl/log_time.h"
#include "ctl/text.h"
#include "libinit/api/names.h"
#include "libinit/base/duration.h"
#include "libinit/base/time.h"
#include "libinit/log/line.h"
#include "libinit/pattern/pattern.h"
#include "libinit/process/exit_status.h"

namespace init::ctl {
namespace {

Failure usage(std::string message, std::string hint) {
  return Failure(Error{EINVAL, {}, std::move(message), {}, std::move(hint)});
}

const OptionInfo* option_named(std::string_view name) {
  for (const OptionInfo& row : options()) {
    if (row.name == name || (!row.letter.empty() && row.letter == name)) return &row;
  }
  return nullptr;
}

// The verb is the first word that is neither an option nor the value of one. People try --version.
std::size_t verb_index(std::span<const char* const> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.empty() || word[0] != '-' || word == "--version") return i;
    const OptionInfo* option = option_named(word);
    if (option != nullptr && !option->value.empty()) ++i;
  }
  return words.size();
}

bool store_timeout(Request& request, const std::string& value) {
  const std::optional<Duration> timeout = parse_typed_duration(value);
  if (timeout) request.timeout = *timeout;
  return timeout.has_value();
}

bool store_signal(Request& request, const std::string& value) {
  request.signal = process::parse_signal(value);
  return request.signal != 0;
}

bool store_color(Request& request, const std::string& value) {
  if (value != "auto" && value != "always" && value != "never") return false;
  request.color = value == "auto"     ? ColorWhen::Auto
                  : value == "always" ? ColorWhen::Always
                                      : ColorWhen::Never;
  return true;
}

bool store_whom(Request& request, const std::string& value) {
  const std::optional<api::Whom> whom = api::by_name<api::Whom>(value);
  if (whom) request.whom = *whom;
  return whom.has_value();
}

bool store_exit_code(Request& request, const std::string& value) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), request.exit_code);
  return error == std::errc() && *end == '\0' && request.exit_code >= 0 && request.exit_code <= 255;
}

template <class Number>
bool store_number(std::optional<Number>& number, const std::string& value) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number.emplace());
  return error == std::errc() && *end == '\0';
}

bool store_log_option(LogRequest& log, Option option, const std::string& value) {
  switch (option) {
    case Option::Follow:
      return log.follow = true;
    case Option::Raw:
      return log.raw = true;
    case Option::Lines:
      return store_number(log.lines, value);
    case Option::Boot:
      return store_number(log.boot, value) && *log.boot <= 0;
    case Option::Since:
    case Option::Until:
      (option == Option::Since ? log.since : log.until) = value;
      return parse_moment(value, wall_now().since_epoch / std::chrono::microseconds(1)).has_value();
    case Option::InvocationId:
      log.invocation = value;
      return !value.empty();
    case Option::Stream:
      log.stream = value;
      return value == "stdout" || value == "stderr" || value == "syslog";
    case Option::Priority: {
      const auto severity = log::parse_severity(value);
      log.severity = severity.value_or(7);
      return severity.has_value();
    }
    default:
      log.pattern = value;
      return Pattern::compile(value).has_value();
  }
}

// False: the option does not take that value. Flags come with an empty one.
bool store(Request& request, Option option, const std::string& value) {
  switch (option) {
    case Option::Runtime:
      request.runtime = value;
      return !value.empty();
    case Option::Json:
      return request.json = true;
    case Option::Quiet:
      return request.quiet = true;
    case Option::Help:
      return request.help = true;
    case Option::NoBlock:
      return request.no_block = true;
    case Option::Plan:
      return request.plan = true;
    case Option::Strict:
      return request.strict = true;
    case Option::System:
      return request.system = true;
    case Option::Maps:
      return request.maps = true;
    case Option::Kind:
      request.kind = value;
      return true;
    case Option::State:
      request.state = value;
      return true;
    case Option::Timeout:
      return store_timeout(request, value);
    case Option::Signal:
      return store_signal(request, value);
    case Option::Whom:
      return store_whom(request, value);
    case Option::ColorWhen:
      return store_color(request, value);
    case Option::ExitCode:
      return store_exit_code(request, value);
    default:
      return store_log_option(request.log, option, value);
  }
  return false;
}

void add_options(CLI::App& app, const VerbInfo& verb, Request& request) {
  for (const OptionInfo& row : options()) {
    if (!verb.takes(row.option)) continue;
    const auto take = [&request, &row](const std::string& value) {
      if (!store(request, row.option, value))
        throw CLI::ValidationError(std::string(row.name), "takes " + std::string(row.value));
    };
    const std::string name =
        row.letter.empty() ? std::string(row.name) : std::string(row.letter) + "," + std::string(row.name);
    if (row.value.empty()) {
      app.add_flag_callback(name, [take] { take({}); });
    } else {
      app.add_option_function<std::string>(name, take);
    }
  }
  app.add_option("words", request.words);
}

Result<> check_count(const VerbInfo& verb, const Request& request) {
  if (request.help || (request.words.size() >= verb.least && request.words.size() <= verb.most)) return {};
  const std::string name(verb.name);
  return usage("usage: initctl " + name + " " + std::string(verb.words), "initctl help " + name);
}

}  // namespace

Result<Invocation> parse_command_line(std::span<const char* const> words) {
  const std::size_t at = verb_index(words);
  const std::string_view word = at < words.size() ? words[at] : "status";
  const std::string_view name = word == "--version" ? "version" : word;
  Invocation invocation{find_verb(name), {}};
  if (invocation.verb == nullptr) {
    const std::string_view similar = similar_verb(name);
    return usage("there is no verb \"" + std::string(name) + "\"" +
                     (similar.empty() ? "" : "; did you mean \"" + std::string(similar) + "\"?"),
                 "initctl help");
  }
  invocation.request.verb = invocation.verb->name;
  if (const char* runtime = std::getenv("INITD_RUNTIME")) invocation.request.runtime = runtime;
  if (invocation.request.runtime.empty()) invocation.request.runtime = "/run/initd";
  CLI::App app;
  app.set_help_flag();
  add_options(app, *invocation.verb, invocation.request);
  std::vector<std::string> rest;  // CLI11 wants them last first
  for (std::size_t i = words.size(); i-- > 0;) {
    if (i != at) rest.emplace_back(words[i]);
  }
  try {
    app.parse(std::move(rest));
  } catch (const CLI::ParseError& error) {
    return usage(error.what(), "initctl help " + std::string(name));
  }
  if (at == words.size() && invocation.request.help) {
    invocation.verb = find_verb("help");
    invocation.request.help = false;
  }
  if (Result<> counted = check_count(*invocation.verb, invocation.request); !counted)
    return Failure(counted.error());
  return invocation;
}

}  // namespace init::ctl
