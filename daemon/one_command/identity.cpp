#include "daemon/one_command/identity.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "libinit/base/account_text.h"
#include "libinit/base/unique_fd.h"

namespace init::one_command {
namespace {

// The whole file, mapped for as long as initd lives; empty where it cannot be had.
std::string_view text_of(const char* path) noexcept {
  const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  struct stat about {};
  if (!fd || fstat(fd.get(), &about) != 0 || about.st_size <= 0) return {};
  const auto size = static_cast<std::size_t>(about.st_size);
  const void* const at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  return at == MAP_FAILED ? std::string_view{} : std::string_view(static_cast<const char*>(at), size);
}

bool set_home(std::string_view home, Identity& identity) noexcept {
  const auto size = static_cast<int>(std::min(home.size(), identity.home.size()));
  const int length = snprintf(identity.home.data(), identity.home.size(), "HOME=%.*s", size, home.data());
  return static_cast<std::size_t>(length) < identity.home.size();
}

// False: there is no room for them all.
bool add_memberships(std::string_view groups, std::string_view name, Identity& identity) noexcept {
  const std::span<gid_t> room = std::span(identity.groups).subspan(1);
  const std::size_t found = find_memberships_in(groups, name, room);
  if (found > room.size()) return false;
  const auto end = room.begin() + static_cast<std::ptrdiff_t>(found);
  identity.group_count +=
      static_cast<std::size_t>(std::remove(room.begin(), end, identity.gid) - room.begin());
  return true;
}

}  // namespace

const char* find_identity(std::string_view user, Identity& identity, const AccountFiles& files) noexcept {
  const std::size_t colon = std::min(user.find(':'), user.size());
  const bool names_group = colon < user.size();
  const std::string_view who = user.substr(0, colon);
  user.remove_prefix(names_group ? colon + 1 : colon);
  const auto account = find_user_in(text_of(files.passwd), who);
  const auto number = account ? account->uid : account_id(who);
  if (!number) return "no such user in /etc/passwd";
  if (!account && !names_group) return "not in /etc/passwd, so its group must be named: USER:GROUP";
  const std::string_view groups = text_of(files.group);
  const auto gid = names_group ? find_group_in(groups, user) : account->gid;
  if (!gid) return "no such group in /etc/group";
  identity.uid = *number;
  identity.gid = identity.groups[0] = *gid;
  identity.group_count = 1;
  if (account && !set_home(account->home, identity)) return "its directory in /etc/passwd is too long";
  if (!names_group && !add_memberships(groups, account->name, identity))
    return "a member of more than 1024 groups";
  return nullptr;
}

}  // namespace init::one_command
