#include "libinit/base/accounts.h"

#include <algorithm>
#include <array>

#include "libinit/base/names.h"
#include "libinit/base/text_file.h"

namespace init {
namespace {

constexpr std::size_t kMaximumAccountFile = 16U << 20U;
constexpr std::uint64_t kMaximumId = 0xfffffffeU;  // -1 means "do not change" to the kernel

std::string_view take_until(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

// Calls visit(fields) for each line with exactly N fields until it returns true.
template <std::size_t N, class Visit>
void each_line(const std::string& path, Visit visit) {
  const auto text = read_text_file(path, kMaximumAccountFile);
  if (!text) return;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = take_until(rest, '\n');
    if (static_cast<std::size_t>(std::count(line.begin(), line.end(), ':')) != N - 1) continue;
    std::array<std::string_view, N> fields;
    std::string_view left = line;
    for (std::string_view& field : fields) field = take_until(left, ':');
    if (visit(fields)) return;
  }
}

constexpr std::size_t kPasswdFields = 7, kGroupFields = 4;

std::optional<std::uint32_t> id_of(std::string_view text) {
  const auto number = parse_decimal(text, kMaximumId);
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

bool lists_member(std::string_view members, std::string_view name) {
  while (!members.empty()) {
    if (take_until(members, ',') == name) return true;
  }
  return false;
}

template <std::size_t N>
std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  each_line<N>(path, [&names](const auto& fields) {
    names.emplace_back(fields[0]);
    return false;
  });
  return names;
}

}  // namespace

std::optional<User> find_user(std::string_view name_or_number, const AccountFiles& files) {
  if (!valid_identity(name_or_number)) return std::nullopt;
  const auto wanted = id_of(name_or_number);
  std::optional<User> user;
  each_line<kPasswdFields>(files.passwd, [&](const auto& fields) {
    const auto uid = id_of(fields[2]), gid = id_of(fields[3]);
    const bool match = wanted ? uid == wanted : fields[0] == name_or_number;
    if (!match || !uid || !gid) return false;
    user = User{std::string(fields[0]), *uid, *gid, std::string(fields[5]), std::string(fields[6]), {}};
    return true;
  });
  if (!user) return std::nullopt;
  each_line<kGroupFields>(files.group, [&user](const auto& fields) {
    const auto gid = id_of(fields[2]);
    if (gid && lists_member(fields[3], user->name)) user->groups.push_back(*gid);
    return false;
  });
  return user;
}

std::optional<gid_t> find_group(std::string_view name_or_number, const AccountFiles& files) {
  if (!valid_identity(name_or_number)) return std::nullopt;
  if (const auto number = id_of(name_or_number)) return *number;
  std::optional<gid_t> found;
  each_line<kGroupFields>(files.group, [&](const auto& fields) {
    if (fields[0] == name_or_number) found = id_of(fields[2]);
    return found.has_value();
  });
  return found;
}

std::vector<std::string> user_names(const AccountFiles& files) {
  return names_in<kPasswdFields>(files.passwd);
}

std::vector<std::string> group_names(const AccountFiles& files) {
  return names_in<kGroupFields>(files.group);
}

}  // namespace init
