#include "libinit/unit/context_setters.h"

#include <algorithm>

#include "libinit/base/capability.h"
#include "libinit/unit/slices.h"
#include "libinit/unit/values.h"

namespace init::unit {
namespace {

constexpr std::uint64_t kMostTasks = 4'194'304;   // PID_MAX_LIMIT of Linux
constexpr std::uint64_t kMostQuota = 100 * 8192;  // percent

using Members = std::vector<bool>;  // of a set of numbers, by number

// "0-3" or "2".
bool add_range(std::string_view text, Members& members) {
  const std::size_t dash = text.find('-');
  const auto first = parse_decimal(text.substr(0, dash), members.size() - 1);
  const auto last =
      dash == std::string_view::npos ? first : parse_decimal(text.substr(dash + 1), members.size() - 1);
  if (!first || !last || *first > *last) return false;
  for (std::uint64_t number = *first; number <= *last; ++number) members[number] = true;
  return true;
}

bool add_number(const Setting& s, const Node& node, Members& members) {
  if (node.type == NodeType::String) {
    if (add_range(node.text, members)) return true;
    s.bad_value(node, "is not a range of numbers below " + std::to_string(members.size()),
                "ranges look like \"0-3\"");
    return false;
  }
  const auto number = s.integer(node, 0, static_cast<std::int64_t>(members.size()) - 1);
  if (number) members[static_cast<std::size_t>(*number)] = true;
  return number.has_value();
}

bool valid_credential_name(std::string_view name) {
  constexpr std::size_t kLongest = 255;
  return !name.empty() && name.size() <= kLongest && !name.starts_with('.') &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '_' || c == '-';
         });
}

std::optional<std::uint64_t> percent(std::string_view text, std::uint64_t most) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  const auto value = parse_decimal(text, most);
  return value && *value > 0 ? value : std::nullopt;
}

std::optional<std::uint64_t> read_set(const Setting& s, const Node& node) {
  std::uint64_t set = 0;
  for (const Node& item : node.items) {
    const std::string* name = s.string(item);
    if (name == nullptr) return std::nullopt;
    const auto number = capability_number(*name);
    if (!number) {
      s.bad_value(item, "is not a capability", "names are those of capabilities(7), as \"NET_BIND_SERVICE\"");
      return std::nullopt;
    }
    set |= std::uint64_t{1} << static_cast<unsigned>(*number);
  }
  return set;
}

}  // namespace

std::optional<std::vector<std::uint32_t>> read_numbers(const Setting& s, std::uint32_t end) {
  const Node& node = s.entry.value;
  if (node.type != NodeType::Array) return s.wrong_type(node, "an array like [0, \"2-3\"]"), std::nullopt;
  if (node.items.empty()) return s.bad_value(node, "is empty", "leave the key out instead"), std::nullopt;
  Members members(end);
  for (const Node& item : node.items) {
    if (!add_number(s, item, members)) return std::nullopt;
  }
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t number = 0; number < end; ++number) {
    if (members[number]) numbers.push_back(number);
  }
  return numbers;
}

std::optional<std::uint64_t> read_capabilities(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type == NodeType::Array) return read_set(s, node);
  if (node.type != NodeType::Table)
    return s.wrong_type(node, "an array of names or { all-but = [..] }"), std::nullopt;
  if (!s.only_members(node, {"all-but"})) return std::nullopt;
  const Entry* member = find_entry(node, "all-but");
  if (member == nullptr || member->value.type != NodeType::Array)
    return s.bad_value(node, "needs an array all-but"), std::nullopt;
  const auto set = read_set(s, member->value);
  return set ? std::optional(~*set) : std::nullopt;
}

std::optional<Memory> read_memory(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type == NodeType::Integer && node.integer >= 0)
    return Memory{static_cast<std::uint64_t>(node.integer), false};
  if (node.type == NodeType::String) {
    if (node.text == "infinity") return Memory{kUnlimited, false};
    if (const auto share = percent(node.text, 100)) return Memory{*share, true};
    if (const auto size = parse_size(node.text)) return Memory{*size, false};
  } else if (node.type != NodeType::Integer) {
    s.wrong_type(node, "a size, a percentage or \"infinity\"");
    return std::nullopt;
  }
  s.bad_value(node, "is no amount of memory", "write \"64M\", \"50%\" or \"infinity\"");
  return std::nullopt;
}

void set_securebits(const Setting& s) {
  constexpr std::string_view kBits[] = {"noroot",          "noroot-locked",
                                        "no-setuid-fixup", "no-setuid-fixup-locked",
                                        "keep-caps",       "keep-caps-locked"};
  const Node& node = s.entry.value;
  if (node.type != NodeType::Array) return s.wrong_type(node, "an array like [\"noroot\"]");
  std::uint32_t bits = 0;
  for (const Node& item : node.items) {
    const auto bit = s.word_of(item, std::data(kBits), std::size(kBits));
    if (!bit) return;
    bits |= 1U << *bit;
  }
  s.unit->service.context.privileges.securebits = bits;
}

void set_cpu_quota(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type != NodeType::String) return s.wrong_type(node, "a percentage of one CPU, like \"150%\"");
  const auto share = percent(node.text, kMostQuota);
  if (!share) return s.bad_value(node, "is not a percentage", "one CPU is \"100%\"");
  s.unit->service.context.resources.cpu_quota = static_cast<std::uint32_t>(*share);
}

void set_tasks_max(const Setting& s) {
  const Node& node = s.entry.value;
  auto& tasks = s.unit->service.context.resources.tasks_max;
  if (node.type == NodeType::String && node.text == "infinity") {
    tasks = kUnlimited;
  } else if (node.type == NodeType::String) {
    s.bad_value(node, "is not a number of tasks", "write a number or \"infinity\"");
  } else if (const auto number = s.integer(node, 1, kMostTasks)) {
    tasks = static_cast<std::uint64_t>(*number);
  }
}

void set_slice(const Setting& s) {
  const std::string* name = s.string(s.entry.value);
  if (name == nullptr) return;
  auto id = slice_id(*name);
  if (!id) {
    return s.bad_value(s.entry.value, "is no name of a slice",
                       "dashes divide the names on the way to it: \"batch-nightly\" lies in \"batch\"");
  }
  s.unit->service.context.resources.slice = std::move(*id);
}

void set_utmp_id(const Setting& s) {
  const std::string* id = s.string(s.entry.value);
  if (id == nullptr) return;
  const bool printable = std::all_of(id->begin(), id->end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (id->empty() || !printable)
    return s.bad_value(s.entry.value, "is no id of an entry in utmp", "it is short and printable: \"tty1\"");
  s.unit->service.context.tty.utmp_id = *id;
}

// Of [credentials]: the key is the name of a file..
void set_credential(const Setting& s) {
  const std::string& name = s.entry.key;
  if (!valid_credential_name(name)) {
    s.report.error("E0105", s.entry.place, quoted(name) + " is not a name of a credential",
                   "names are made of letters, digits, '.', '_' and '-'");
  } else if (const std::string* path = s.path(s.entry.value)) {
    s.unit->service.context.credentials.push_back({name, *path});
  }
}

}  // namespace init::unit
