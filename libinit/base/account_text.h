// The text of /etc/passwd and /etc/group (passwd(5), group(5)), read in place and without a heap. A line that
// is not exactly as the format says is no line.
#pragma once
#include <sys/types.h>

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace init {

struct UserLine {
  std::string_view name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string_view home, shell;
};

inline constexpr std::size_t kUserFields = 7, kGroupFields = 4;

// The next line of `count` fields, with what was before it taken off the text. False: there is none.
[[nodiscard]] bool take_account_line(std::string_view& text, std::size_t count,
                                     std::array<std::string_view, kUserFields>& fields) noexcept;

// A plain number, as a user or group may have it.
[[nodiscard]] std::optional<std::uint32_t> account_id(std::string_view text) noexcept;
// By name, or by number when it is one.
[[nodiscard]] std::optional<UserLine> find_user_in(std::string_view users,
                                                   std::string_view name_or_number) noexcept;
// A plain number stands for itself.
[[nodiscard]] std::optional<gid_t> find_group_in(std::string_view groups,
                                                 std::string_view name_or_number) noexcept;
// The groups that list the user, as many as `found` holds. Gives how many there are.
[[nodiscard]] std::size_t find_memberships_in(std::string_view groups, std::string_view user,
                                              std::span<gid_t> found) noexcept;

}  // namespace init
