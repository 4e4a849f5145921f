// Users and groups from /etc/passwd and /etc/group (passwd(5), group(5)): a static program has no NSS.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace init {

struct AccountFiles {
  std::string passwd = "/etc/passwd";
  std::string group = "/etc/group";
};

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home, shell;
  std::vector<gid_t> groups;  // that list the user as a member; without gid unless it lists the user too
};

// By name, or by number when it is one. Nothing for what is no valid identity (valid_identity()), for who is
// not in the file, and when the file cannot be read: an identity is never guessed.
[[nodiscard]] std::optional<User> find_user(std::string_view name_or_number, const AccountFiles& files = {});

// The number of a group; a plain number stands for itself.
[[nodiscard]] std::optional<gid_t> find_group(std::string_view name_or_number,
                                              const AccountFiles& files = {});

// All names, for hints.
[[nodiscard]] std::vector<std::string> user_names(const AccountFiles& files = {});
[[nodiscard]] std::vector<std::string> group_names(const AccountFiles& files = {});

}  // namespace init
