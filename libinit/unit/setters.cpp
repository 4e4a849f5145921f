#include "libinit/unit/setters.h"

#include <algorithm>

#include "libinit/unit/names.h"
#include "libinit/unit/values.h"

namespace init::unit {
namespace {

constexpr std::string_view kStepHelp =
    "a step is [\"/bin/x\", \"arg\"] or { command = [..], ignore-failure = true }";

std::string array_of_words(std::string_view line) {
  std::string out = "write [";
  while (!line.empty()) {
    const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
    const std::string_view word = line.substr(begin, line.find(' ', begin) - begin);
    line.remove_prefix(std::min(begin + word.size(), line.size()));
    if (!word.empty()) out += (out.size() > 7 ? ", \"" : "\"") + std::string(word) + '"';
  }
  return out + "]";
}

// The name of a program: an absolute path, or a bare name that is looked up in PATH when it is started.
bool check_program(const Setting& s, const Node& word) {
  const std::string* text = s.string(word);
  if (text == nullptr) return false;
  if (text->find_first_of("-+!@:") == 0) {
    s.bad_value(word, "begins with a prefix",
                "write { command = [..], ignore-failure = true } or as-root = true");
    return false;
  }
  const bool has_variable = text->find('$') != std::string::npos;
  if (has_variable || text->find('/') == std::string::npos || valid_path(*text)) return true;
  s.bad_value(word, "is neither an absolute path nor a bare name");
  return false;
}

bool read_arguments(const Setting& s, const Node& array, std::vector<std::string>& argv) {
  if (array.items.empty()) {
    s.report.error("E0105", array.place, '"' + s.entry.key + "\": the command is empty");
    return false;
  }
  for (const Node& word : array.items) {
    if (word.type != NodeType::String) {
      s.wrong_type(word, "strings as words of a command", std::string(kStepHelp));
      return false;
    }
    argv.push_back(word.text);
  }
  return check_program(s, array.items.front());
}

bool read_member(const Setting& s, const Entry& member, Step& step) {
  if (member.key == "command") {
    if (member.value.type == NodeType::Array) return read_arguments(s, member.value, step.argv);
    s.wrong_type(member.value, "an array of strings as its command");
    return false;
  }
  if (member.key == "argv0") {
    const std::string* text = s.string(member.value);
    if (text != nullptr) step.argv0 = *text;
    return text != nullptr;
  }
  const auto flag = s.boolean(member.value);
  if (flag) (member.key == "as-root" ? step.as_root : step.ignore_failure) = *flag;
  return flag.has_value();
}

bool read_step(const Setting& s, const Node& node, Step& step) {
  step.where = location_of(node.place);
  if (node.type == NodeType::Array) return read_arguments(s, node, step.argv);
  if (node.type != NodeType::Table) {
    s.wrong_type(node, "steps", std::string(kStepHelp));
    return false;
  }
  if (!s.only_members(node, {"command", "ignore-failure", "as-root", "argv0"})) return false;
  for (const Entry& member : node.entries) {
    if (!read_member(s, member, step)) return false;
  }
  if (step.argv.empty())
    s.report.error("E0106", node.place, '"' + s.entry.key + "\": a step needs a command");
  return !step.argv.empty();
}

// What stands alone: one step that is not in an array of steps.
bool is_single_step(const Node& node) {
  if (node.type != NodeType::Array) return true;
  return node.items.empty() ||
         (node.items.front().type != NodeType::Array && node.items.front().type != NodeType::Table);
}

// A word, or the unit that is started then.
void set_limit_action(const Setting& s, const Node& node) {
  const auto& words = Words<FailureAction>::list;
  if (node.type == NodeType::String && node.text.find('.') != std::string::npos) {
    if (const std::string* name = s.unit_name(node))
      s.unit->dependencies.push_back({DependencyKind::OnRestartLimit, *name, location_of(node.place), false});
    return;
  }
  const auto index = s.word_of(node, words, std::size(words));
  s.unit->service.restart_limit.action = static_cast<FailureAction>(index.value_or(0));
}

std::optional<std::uint64_t> read_amount(const Setting& s, const Node& node) {
  if (node.type == NodeType::Integer) {
    if (node.integer >= 0) return static_cast<std::uint64_t>(node.integer);
    s.bad_value(node, "is below 0", "for no limit write \"infinity\"");
    return std::nullopt;
  }
  if (node.type != NodeType::String) {
    s.wrong_type(node, "a number, a size, \"infinity\" or { soft, hard }");
    return std::nullopt;
  }
  if (node.text == "infinity") return kUnlimited;
  const auto size = parse_size(node.text);
  if (!size) s.bad_value(node, "is not a size", "sizes look like \"64M\"");
  return size;
}

bool valid_directory_name(std::string_view name) {
  return !name.starts_with('/') && !name.ends_with('/') && valid_path("/" + std::string(name)) &&
         name.find("//") == std::string_view::npos;
}

bool read_directory(const Setting& s, const Node& node, Directory& directory) {
  if (node.type == NodeType::String) {
    const std::string* name = s.string(node);
    if (name == nullptr) return false;
    directory.name = *name;
    if (!valid_directory_name(*name)) s.bad_value(node, "is not a relative path without \".\" and \"..\"");
    return valid_directory_name(*name);
  }
  if (node.type != NodeType::Table) {
    s.wrong_type(node, "a name, { name, mode } or an array of them");
    return false;
  }
  if (!s.only_members(node, {"name", "mode"})) return false;
  const Entry* name = find_entry(node, "name");
  if (name == nullptr || name->value.type != NodeType::String) {
    s.report.error("E0106", node.place, '"' + s.entry.key + "\": a directory needs a name");
    return false;
  }
  const Entry* mode = find_entry(node, "mode");
  if (mode != nullptr) {
    const auto bits = s.mode(mode->value);
    if (!bits) return false;
    directory.mode = *bits;
  }
  return read_directory(s, name->value, directory);
}

// "file:/path" cut at the colon; path is empty when there is none.
struct Sink {
  std::string_view word, path;
};
Sink split_sink(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

template <class E>
std::optional<E> read_sink(const Setting& s, std::string& path) {
  const std::string* text = s.string(s.entry.value);
  if (text == nullptr) return std::nullopt;
  const Sink sink = split_sink(*text);
  for (const std::string_view later : {"socket"}) {
    if (sink.word == later) return s.bad_value(s.entry.value, "is not supported yet"), std::nullopt;
  }
  const auto* found = std::find(std::begin(Words<E>::list), std::end(Words<E>::list), sink.word);
  const bool has_path = sink.word == "file" || sink.word == "truncate";
  const bool other = sink.word == "data" || sink.word == "unit";  // read elsewhere
  if (found == std::end(Words<E>::list) || other || has_path != valid_path(sink.path) ||
      (!has_path && sink.word != *text)) {
    s.bad_value(s.entry.value, "is not known", "write \"null\", \"inherit\", \"console\" or \"file:/path\"");
    return std::nullopt;
  }
  path = sink.path;
  return static_cast<E>(found - std::begin(Words<E>::list));
}

}  // namespace

std::optional<std::vector<Step>> read_steps(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type == NodeType::String) {
    s.wrong_type(node, "an array of strings", array_of_words(node.text));
    return std::nullopt;
  }
  if (is_single_step(node)) {
    std::vector<Step> one(1);
    if (!read_step(s, node, one[0])) return std::nullopt;
    return one;
  }
  std::vector<Step> steps(node.items.size());
  bool good = true;
  for (std::size_t i = 0; i < steps.size(); ++i) good = read_step(s, node.items[i], steps[i]) && good;
  if (!good) return std::nullopt;
  return steps;
}

std::optional<ExitSet> read_exits(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type != NodeType::Array) return s.wrong_type(node, "an array like [3, \"TERM\"]"), std::nullopt;
  ExitSet set;
  for (const Node& item : node.items) {
    if (item.type == NodeType::Integer) {
      const auto code = s.integer(item, 0, 255);
      if (!code) return std::nullopt;
      set.codes.push_back(static_cast<std::uint8_t>(*code));
    } else {
      const auto signal = s.signal(item);
      if (!signal) return std::nullopt;
      set.signals.push_back(static_cast<std::uint8_t>(*signal));
    }
  }
  return set;
}

std::optional<Limit> read_limit(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type != NodeType::Table) {
    const auto both = read_amount(s, node);
    if (!both) return std::nullopt;
    return Limit{*both, *both};
  }
  if (!s.only_members(node, {"soft", "hard"})) return std::nullopt;
  const Entry* soft = find_entry(node, "soft");
  const Entry* hard = find_entry(node, "hard");
  if (soft == nullptr || hard == nullptr) return s.bad_value(node, "needs both soft and hard"), std::nullopt;
  const auto low = read_amount(s, soft->value);
  const auto high = read_amount(s, hard->value);
  if (!low || !high) return std::nullopt;
  if (*low > *high) return s.bad_value(node, "has soft above hard"), std::nullopt;
  return Limit{*low, *high};
}

void append_directories(const Setting& s, DirectoryKind kind) {
  const Node& node = s.entry.value;
  const bool many = node.type == NodeType::Array;
  for (std::size_t i = 0; i < (many ? node.items.size() : 1); ++i) {
    Directory directory;
    directory.kind = kind;
    if (read_directory(s, many ? node.items[i] : node, directory))
      s.unit->service.directories.push_back(directory);
  }
}

void set_type(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type == NodeType::String && node.text == "simple")
    return s.bad_value(node, "is not known", "write \"exec\"");
  set_word<&ServiceConfig::type, ServiceType>(s);
}

void set_restart_limit(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type != NodeType::Table)
    return s.wrong_type(node, "a table like { burst = 5, interval = \"10s\" }");
  if (!s.only_members(node, {"burst", "interval", "action"})) return;
  RestartLimit& limit = s.unit->service.restart_limit;
  const Entry* burst = find_entry(node, "burst");
  if (burst == nullptr) return s.bad_value(node, "needs a burst");
  if (const auto count = s.integer(burst->value, 1, 1'000'000))
    limit.burst = static_cast<std::uint32_t>(*count);
  if (const Entry* interval = find_entry(node, "interval")) {
    limit.interval = s.duration(interval->value).value_or(kInfinity);
  }
  if (const Entry* action = find_entry(node, "action")) {
    set_limit_action(s, action->value);
  }
}

void set_stop_schedule(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type != NodeType::Array) return s.wrong_type(node, "an array like [\"TERM\", \"5s\", \"KILL\"]");
  std::vector<StopStep> schedule;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    if (i % 2 == 0) {
      const auto signal = s.signal(node.items[i]);
      if (!signal) return;
      schedule.push_back({*signal, kInfinity});
    } else {
      const auto wait = s.duration(node.items[i]);
      if (!wait) return;
      schedule.back().wait = *wait;
    }
  }
  if (schedule.empty()) return s.bad_value(node, "is empty");
  s.unit->service.stop_schedule = std::move(schedule);
}

void set_working_directory(const Setting& s) {
  const Node& node = s.entry.value;
  ServiceConfig& service = s.unit->service;
  if (node.type != NodeType::Table) return set_string<&ServiceConfig::working_directory, &Setting::path>(s);
  if (!s.only_members(node, {"path", "may-miss"})) return;
  const Entry* path = find_entry(node, "path");
  if (path == nullptr) return s.bad_value(node, "needs a path");
  if (const std::string* text = s.path(path->value)) service.working_directory = *text;
  if (const Entry* flag = find_entry(node, "may-miss")) {
    service.working_directory_may_miss = s.boolean(flag->value).value_or(false);
  }
}

// What a program reads may have any number of lines.
bool read_data(const Setting& s, Input& input) {
  constexpr std::string_view kData = "data:";
  const Node& node = s.entry.value;
  if (node.type != NodeType::String || !node.text.starts_with(kData)) return false;
  input = {InputKind::Data, node.text.substr(kData.size())};
  return true;
}

void set_input(const Setting& s) {
  Input& input = s.unit->service.standard_input;
  if (read_data(s, input)) return;
  if (const auto kind = read_sink<InputKind>(s, input.path)) input.kind = *kind;
}

// { file = "/p" } or { truncate = "/p" }, with what a file that is created gets.
void set_output_file(const Setting& s, Output& output) {
  const Node& node = s.entry.value;
  if (!s.only_members(node, {"file", "truncate", "mode", "user", "group"})) return;
  const Entry* appended = find_entry(node, "file");
  const Entry* truncated = find_entry(node, "truncate");
  if ((appended == nullptr) == (truncated == nullptr))
    return s.bad_value(node, "needs one path", "write { file = \"/path\" } or { truncate = \"/path\" }");
  output.kind = appended != nullptr ? OutputKind::File : OutputKind::Truncate;
  output.by_initd = true;
  const auto member = [&](const Entry* entry, std::string& to, Setting::StringReader reader) {
    const std::string* text = entry != nullptr ? (s.*reader)(entry->value) : nullptr;
    if (text != nullptr) to = *text;
  };
  member(appended != nullptr ? appended : truncated, output.path, &Setting::path);
  member(find_entry(node, "user"), output.user, &Setting::identity);
  member(find_entry(node, "group"), output.group, &Setting::identity);
  if (const Entry* mode = find_entry(node, "mode")) output.mode = s.mode(mode->value).value_or(output.mode);
}

// "unit:NAME". What reads it is wanted, and comes first.
void set_output_unit(const Setting& s, Output& output) {
  const std::string name = s.entry.value.text.substr(std::string_view("unit:").size());
  if (!valid_unit_name(name) || kind_of(name) != Kind::Service)
    return s.bad_value(s.entry.value, "names no service", "write \"unit:NAME.service\"");
  if (name == s.unit->id) return s.bad_value(s.entry.value, "is the unit itself");
  output.kind = OutputKind::Unit;
  output.path = name;
  s.unit->dependencies.push_back({DependencyKind::Wants, name, location_of(s.entry.value.place), false});
}

void set_output(const Setting& s, Output& output) {
  output = {};
  if (s.entry.value.type == NodeType::String && s.entry.value.text.starts_with("unit:"))
    return set_output_unit(s, output);
  if (s.entry.value.type == NodeType::Table) return set_output_file(s, output);
  if (const auto kind = read_sink<OutputKind>(s, output.path)) output.kind = *kind;
}

// Of [environment]: the key is the variable's name; its value may be empty and have several lines.
void set_variable(const Setting& s) {
  if (!valid_environment_name(s.entry.key)) {
    s.report.error("E0105", s.entry.place,
                   quoted(s.entry.key) + " is not a name of a variable ([A-Za-z_][A-Za-z0-9_]*)");
  } else if (s.entry.value.type != NodeType::String) {
    s.wrong_type(s.entry.value, "a string", "put the value in quotes");
  } else {
    s.unit->service.environment.emplace_back(s.entry.key, s.entry.value.text);
  }
}

}  // namespace init::unit
