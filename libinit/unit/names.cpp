#include "libinit/unit/names.h"

#include <algorithm>
#include <array>

namespace init::unit {
namespace {

constexpr std::array<std::string_view, 8> kKinds = {".service", ".target", ".socket", ".timer",
                                                    ".path",    ".mount",  ".swap",   ".slice"};

// name without its kind; the whole name when it has none.
std::string_view stem_of(std::string_view name) {
  for (const std::string_view kind : kKinds) {
    if (name.ends_with(kind)) return name.substr(0, name.size() - kind.size());
  }
  return name;
}

bool allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '@' || c == ':' || c == '-';
}

}  // namespace

bool valid_unit_name(std::string_view name) {
  if (name.empty() || name.size() > kMaximumUnitName || name.front() == '.' || name.front() == '-')
    return false;
  if (!std::all_of(name.begin(), name.end(), allowed)) return false;
  const std::string_view stem = stem_of(name);
  return stem.size() < name.size() && stem_of(stem).size() == stem.size();
}

std::string canonical_name(std::string_view typed) {
  std::string name(typed);
  if (stem_of(typed).size() == typed.size()) name += ".service";
  return name;
}

std::optional<Kind> kind_of(std::string_view name) {
  if (name.ends_with(".service")) return Kind::Service;
  if (name.ends_with(".target")) return Kind::Target;
  if (name.ends_with(".slice")) return Kind::Slice;
  return std::nullopt;
}

bool is_template(std::string_view name) {
  return stem_of(name).ends_with('@');
}

}  // namespace init::unit
