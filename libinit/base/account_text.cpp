#include "libinit/base/account_text.h"

#include <algorithm>

#include "libinit/base/names.h"

namespace init {
namespace {

constexpr std::uint64_t kMaximumId = 0xfffffffeU;  // -1 means "do not change" to the kernel

std::string_view take_until(std::string_view& text, char separator) noexcept {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

bool lists_member(std::string_view members, std::string_view name) noexcept {
  while (!members.empty()) {
    if (take_until(members, ',') == name) return true;
  }
  return false;
}

}  // namespace

bool take_account_line(std::string_view& text, std::size_t count,
                       std::array<std::string_view, kUserFields>& fields) noexcept {
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (static_cast<std::size_t>(std::count(line.begin(), line.end(), ':')) != count - 1) continue;
    for (std::size_t at = 0; at < count; ++at) fields[at] = take_until(line, ':');
    return true;
  }
  return false;
}

std::optional<std::uint32_t> account_id(std::string_view text) noexcept {
  const auto number = parse_decimal(text, kMaximumId);
  return number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

std::optional<UserLine> find_user_in(std::string_view users, std::string_view name_or_number) noexcept {
  const auto wanted = account_id(name_or_number);
  std::array<std::string_view, kUserFields> fields;
  while (!name_or_number.empty() && take_account_line(users, kUserFields, fields)) {
    const auto uid = account_id(fields[2]), gid = account_id(fields[3]);
    const bool is_it = wanted ? uid == wanted : fields[0] == name_or_number;
    if (is_it && uid && gid) return UserLine{fields[0], *uid, *gid, fields[5], fields[6]};
  }
  return std::nullopt;
}

std::optional<gid_t> find_group_in(std::string_view groups, std::string_view name_or_number) noexcept {
  if (const auto number = account_id(name_or_number)) return *number;
  std::array<std::string_view, kUserFields> fields;
  while (!name_or_number.empty() && take_account_line(groups, kGroupFields, fields)) {
    const auto gid = account_id(fields[2]);
    if (gid && fields[0] == name_or_number) return *gid;
  }
  return std::nullopt;
}

std::size_t find_memberships_in(std::string_view groups, std::string_view user,
                                std::span<gid_t> found) noexcept {
  std::size_t count = 0;
  std::array<std::string_view, kUserFields> fields;
  while (take_account_line(groups, kGroupFields, fields)) {
    const auto gid = account_id(fields[2]);
    if (!gid || !lists_member(fields[3], user)) continue;
    if (count < found.size()) found[count] = *gid;
    ++count;
  }
  return count;
}

}  // namespace init
