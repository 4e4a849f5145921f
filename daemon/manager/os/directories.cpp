#include "daemon/manager/os/directories.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "libinit/base/unique_fd.h"
#include "libinit/sys/calls.h"

namespace init::manager {
namespace {

// openat2(2): one component below dir, no link at all. Before Linux 5.6: O_NOFOLLOW on a single component
// says the same.
UniqueFd open_component(int dir, const std::string& name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = sys::openat2(dir, name.c_str(), how);
  errno = sys::error_of(fd);
  if (errno != ENOSYS) return UniqueFd(static_cast<int>(fd));
  return UniqueFd(openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

Result<UniqueFd> make_component(int dir, const std::string& name, mode_t mode, const std::string& shown) {
  if (mkdirat(dir, name.c_str(), mode) != 0 && errno != EEXIST) return failure(errno, "mkdir", shown);
  UniqueFd opened = open_component(dir, name);
  if (!opened) return failure(errno, "open directory", shown);
  return opened;
}

Result<> give(const UniqueFd& directory, uid_t uid, gid_t gid, const std::string& shown) {
  struct stat status {};
  if (fstat(directory.get(), &status) != 0) return failure(errno, "fstat", shown);
  if (status.st_uid == uid && status.st_gid == gid) return {};
  if (status.st_uid != geteuid()) {
    auto refused = failure(EPERM, "directory belongs to another user", shown);
    refused.value().hint =
        "it is owned by uid " + std::to_string(status.st_uid) + "; change its owner or the unit's user";
    return refused;
  }
  if (fchown(directory.get(), uid, gid) != 0) return failure(errno, "chown", shown);
  return {};
}

}  // namespace

const char* directory_base(unit::DirectoryKind kind) {
  switch (kind) {
    case unit::DirectoryKind::Runtime:
      return "/run";
    case unit::DirectoryKind::State:
      return "/var/lib";
    case unit::DirectoryKind::Cache:
      return "/var/cache";
    case unit::DirectoryKind::Logs:
      return "/var/log";
    case unit::DirectoryKind::Config:
      return "/etc";
  }
  return "/run";
}

Result<> make_unit_directory(const unit::Directory& directory, uid_t uid, gid_t gid) {
  std::string shown = directory_base(directory.kind);
  UniqueFd at(open(shown.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return failure(errno, "open directory", shown);
  std::string_view rest = directory.name;
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string name(rest.substr(0, slash));
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    shown += "/" + name;
    auto next = make_component(at.get(), name, rest.empty() ? 0700 : 0755, shown);
    if (!next) return Failure(next.error());
    at = std::move(*next);
  }
  if (directory.kind != unit::DirectoryKind::Config) {
    if (auto given = give(at, uid, gid, shown); !given) return given;
  }
  if (fchmod(at.get(), directory.mode) != 0) return failure(errno, "chmod", shown);
  return {};
}

}  // namespace init::manager
