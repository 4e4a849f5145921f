// Who the command runs as: USER[:GROUP] by /etc/passwd and /etc/group (passwd(5), group(5)).
#pragma once
#include <sys/types.h>

#include <array>
#include <climits>
#include <string_view>

namespace init::one_command {

inline constexpr std::size_t kMaxGroups = 1024;

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::array<gid_t, kMaxGroups> groups;  // gid first, then those that list the user; with a GROUP gid alone
  std::size_t group_count = 0;
  std::array<char, PATH_MAX> home{};  // a variable, "HOME=/root"; empty where the user is a bare number
};

struct AccountFiles {
  const char* passwd = "/etc/passwd";
  const char* group = "/etc/group";
};

// Names and numbers are looked up; a number that is not in the file stands for itself, but then the group
// must be named. nullptr, or why there is no such identity.
[[nodiscard]] const char* find_identity(std::string_view user, Identity& identity,
                                        const AccountFiles& files = {}) noexcept;

}  // namespace init::one_command
