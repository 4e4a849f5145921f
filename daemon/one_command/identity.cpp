#include "daemon/one_command/identity.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "libinit/base/unique_fd.h"

namespace init::one_command {
namespace {

constexpr std::uint32_t kMaxId = 0xfffffffeU;  // -1 means "as it is" to the kernel

std::string_view take_until(std::string_view& text, char separator) noexcept {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

bool take_id(std::string_view text, std::uint32_t& id) noexcept {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  return error == std::errc{} && stop == end && id <= kMaxId;
}

// The whole file, mapped for as long as initd lives; empty where it cannot be had.
std::string_view text_of(const char* path) noexcept {
  const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  struct stat about {};
  if (!fd || fstat(fd.get(), &about) != 0 || about.st_size <= 0) return {};
  const auto size = static_cast<std::size_t>(about.st_size);
  const void* const at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  return at == MAP_FAILED ? std::string_view{} : std::string_view(static_cast<const char*>(at), size);
}

// Calls visit(fields) for each line of N fields, until it returns true. True: it did.
template <std::size_t N, class Visit>
bool each_line(std::string_view text, Visit visit) noexcept {
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (std::count(line.begin(), line.end(), ':') != N - 1) continue;
    std::array<std::string_view, N> fields;
    for (std::string_view& field : fields) field = take_until(line, ':');
    if (visit(fields)) return true;
  }
  return false;
}

bool lists(std::string_view members, std::string_view name) noexcept {
  while (!members.empty()) {
    if (take_until(members, ',') == name) return true;
  }
  return false;
}

// name is what the file calls the user.
bool find_user(std::string_view text, std::string_view user, Identity& identity,
               std::string_view& name) noexcept {
  std::uint32_t wanted = 0;
  const bool is_number = take_id(user, wanted);
  return each_line<7>(text, [&](const auto& fields) {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    if (!take_id(fields[2], uid) || !take_id(fields[3], gid)) return false;
    if (is_number ? uid != wanted : fields[0] != user) return false;
    identity.uid = uid;
    identity.gid = gid;
    identity.home = fields[5];
    name = fields[0];
    return true;
  });
}

bool find_group(std::string_view text, std::string_view group, gid_t& gid) noexcept {
  if (take_id(group, gid)) return true;
  return each_line<4>(text,
                      [&](const auto& fields) { return fields[0] == group && take_id(fields[2], gid); });
}

// False: there is no room for them all.
bool add_memberships(std::string_view text, std::string_view name, Identity& identity) noexcept {
  return !each_line<4>(text, [&](const auto& fields) {
    gid_t gid = 0;
    if (!lists(fields[3], name) || !take_id(fields[2], gid) || gid == identity.gid) return false;
    if (identity.group_count == identity.groups.size()) return true;
    identity.groups[identity.group_count++] = gid;
    return false;
  });
}

}  // namespace

const char* find_identity(std::string_view user, Identity& identity, const AccountFiles& files) noexcept {
  const bool names_group = user.find(':') != std::string_view::npos;
  const std::string_view who = take_until(user, ':');
  std::string_view name;
  if (!find_user(text_of(files.passwd), who, identity, name)) {
    if (!take_id(who, identity.uid)) return "no such user in /etc/passwd";
    if (!names_group) return "not in /etc/passwd, so its group must be named: USER:GROUP";
  }
  const std::string_view groups = text_of(files.group);
  if (names_group && !find_group(groups, user, identity.gid)) return "no such group in /etc/group";
  identity.groups[0] = identity.gid;
  identity.group_count = 1;
  if (!names_group && !add_memberships(groups, name, identity)) return "a member of more than 1024 groups";
  return nullptr;
}

}  // namespace init::one_command
