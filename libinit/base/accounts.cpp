#include "libinit/base/accounts.h"

#include "libinit/base/account_text.h"
#include "libinit/base/names.h"
#include "libinit/base/text_file.h"

namespace init {
namespace {

constexpr std::size_t kMaximumAccountFile = 16U << 20U;

// Empty when it cannot be read.
std::string text_of(const std::string& path) {
  auto text = read_text_file(path, kMaximumAccountFile);
  return text ? std::move(*text) : std::string();
}

std::vector<std::string> names_in(const std::string& path, std::size_t field_count) {
  const std::string text = text_of(path);
  std::string_view rest = text;
  std::vector<std::string> names;
  std::array<std::string_view, kUserFields> fields;
  while (take_account_line(rest, field_count, fields)) names.emplace_back(fields[0]);
  return names;
}

}  // namespace

std::optional<User> find_user(std::string_view name_or_number, const AccountFiles& files) {
  if (!valid_identity(name_or_number)) return std::nullopt;
  const std::string users = text_of(files.passwd);
  const auto line = find_user_in(users, name_or_number);
  if (!line) return std::nullopt;
  const std::string groups = text_of(files.group);
  User user{std::string(line->name),  line->uid, line->gid, std::string(line->home),
            std::string(line->shell), {}};
  user.groups.resize(find_memberships_in(groups, line->name, {}));
  static_cast<void>(find_memberships_in(groups, line->name, user.groups));
  return user;
}

std::optional<gid_t> find_group(std::string_view name_or_number, const AccountFiles& files) {
  if (!valid_identity(name_or_number)) return std::nullopt;
  if (const auto number = account_id(name_or_number)) return *number;
  return find_group_in(text_of(files.group), name_or_number);
}

std::vector<std::string> user_names(const AccountFiles& files) {
  return names_in(files.passwd, kUserFields);
}

std::vector<std::string> group_names(const AccountFiles& files) {
  return names_in(files.group, kGroupFields);
}

}  // namespace init
