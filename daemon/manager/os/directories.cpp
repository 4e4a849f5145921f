#include "daemon/manager/os/directories.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "libinit/base/unique_fd.h"
#include "libinit/sys/calls.h"

namespace init::manager {
namespace {

// openat2(2): one component below dir, no link at all. Before Linux 5.6: O_NOFOLLOW on a single component
// says the same.
UniqueFd open_component(int dir, const std::string& name, std::uint64_t also = 0) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | also;
  const long fd = sys::openat2(dir, name.c_str(), how);
  errno = sys::error_of(fd);
  if (errno != ENOSYS) return UniqueFd(static_cast<int>(fd));
  return UniqueFd(openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

Result<UniqueFd> make_component(int dir, const std::string& name, mode_t mode, const std::string& shown) {
  if (mkdirat(dir, name.c_str(), mode) != 0 && errno != EEXIST) return failure(errno, "mkdir", shown);
  UniqueFd opened = open_component(dir, name);
  if (opened) return opened;
  auto refused = failure(errno, "open directory", shown);
  if (errno == ELOOP || errno == ENOTDIR)
    refused.value().hint = "it is a link or no directory; no link is followed in [directories]";
  return refused;
}

Result<> give(const UniqueFd& directory, uid_t uid, gid_t gid, const std::string& shown) {
  struct stat status {};
  if (fstat(directory.get(), &status) != 0) return failure(errno, "fstat", shown);
  if (status.st_uid == uid && status.st_gid == gid) return {};
  if (status.st_uid != geteuid() && status.st_uid != uid) {
    auto refused = failure(EPERM, "directory belongs to another user", shown);
    refused.value().hint =
        "it is owned by uid " + std::to_string(status.st_uid) + "; change its owner or the unit's user";
    return refused;
  }
  if (fchown(directory.get(), uid, gid) != 0) return failure(errno, "chown", shown);
  return {};
}

// Takes the first name off a path.
std::string next_component(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string name(path.substr(0, slash));
  path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  return name;
}

// A tree that its owner may change meanwhile: every step goes from a directory that is held to one name in
// it.
class Remover {
 public:
  // 0 or an errno; ENOENT is none.
  int remove(int dir, const std::string& name, int depth = 0) {
    if (unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return errno;
    if (const int error = empty(dir, name, depth); error != 0) return error;
    return unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
  }

 private:
  static constexpr int kDeepest = 64;
  static constexpr int kEntries = 65536;

  int empty(int dir, const std::string& name, int depth) {
    if (depth == kDeepest) return EOVERFLOW;
    UniqueFd fd = open_component(dir, name, RESOLVE_NO_XDEV);
    if (!fd) return errno == EXDEV ? EBUSY : errno;
    const int held = fd.get();
    const std::unique_ptr<DIR, decltype([](DIR* one) { closedir(one); })> opened(fdopendir(held));
    if (!opened) return errno;
    (void)fd.release();  // closedir(3) closes it
    while (const dirent* entry = readdir(opened.get())) {
      const std::string_view child = entry->d_name;
      if (child == "." || child == "..") continue;
      if (++entries_ > kEntries) return EOVERFLOW;
      if (const int error = remove(held, entry->d_name, depth + 1); error != 0) return error;
    }
    return 0;
  }

  int entries_ = 0;
};

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
    const std::string name = next_component(rest);
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

int remove_tree(int dir, const std::string& name) {
  return Remover().remove(dir, name);
}

Result<> remove_unit_directory(const unit::Directory& directory) {
  const std::string base = directory_base(directory.kind);
  const std::string shown = base + "/" + directory.name;
  UniqueFd at(open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return failure(errno, "open directory", base);
  std::string_view rest = directory.name;
  std::string name = next_component(rest);
  while (!rest.empty()) {
    UniqueFd next = open_component(at.get(), name);
    if (!next && errno == ENOENT) return {};
    if (!next) return failure(errno, "open directory", shown);
    at = std::move(next);
    name = next_component(rest);
  }
  const int error = remove_tree(at.get(), name);
  return error == 0 ? Result<>() : failure(error, "remove directory", shown);
}

}  // namespace init::manager
