#include "daemon/manager/os/credentials.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "daemon/manager/os/directories.h"
#include "libinit/base/text_file.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {
namespace {

using Directory = std::unique_ptr<DIR, decltype([](DIR* one) { closedir(one); })>;

Result<> write_secret(int dir, const unit::Credential& credential, std::string_view bytes, uid_t uid,
                      gid_t gid) {
  const UniqueFd fd(
      openat(dir, credential.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400));
  if (!fd) return failure(errno, "create", credential.name);
  while (!bytes.empty()) {
    const ssize_t written = write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failure(errno, "write", credential.name);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fchown(fd.get(), uid, gid) != 0) return failure(errno, "chown", credential.name);
  return {};
}

Result<> copy_all(int dir, const std::vector<unit::Credential>& credentials, uid_t uid, gid_t gid) {
  std::size_t total = 0;
  for (const auto& credential : credentials) {
    const auto bytes = read_text_file(credential.path, kLargestCredential);
    if (!bytes) return Failure(bytes.error());
    total += bytes->size();
    if (total > kMostCredentials) return failure(EFBIG, "read", credential.path);
    if (auto written = write_secret(dir, credential, *bytes, uid, gid); !written) return written;
  }
  return {};
}

}  // namespace

Result<> make_credentials(const std::string& place, const std::string& unit,
                          const std::vector<unit::Credential>& credentials, uid_t uid, gid_t gid) {
  if (mkdir(place.c_str(), 0711) != 0 && errno != EEXIST) return failure(errno, "mkdir", place);
  if (auto removed = remove_credentials(place, unit); !removed) return removed;
  const std::string path = place + "/" + unit;
  if (mkdir(path.c_str(), 0700) != 0) return failure(errno, "mkdir", path);
  const UniqueFd dir(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!dir) return failure(errno, "open", path);
  if (auto copied = copy_all(dir.get(), credentials, uid, gid); !copied) return copied;
  // Its user cannot change it: what is removed at the stop is what was made here.
  if (fchmod(dir.get(), 0500) != 0 || fchown(dir.get(), uid, gid) != 0) return failure(errno, "chown", path);
  return {};
}

Result<> remove_credentials(const std::string& place, const std::string& unit) {
  const UniqueFd dir(open(place.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!dir) return errno == ENOENT ? Result<>() : failure(errno, "open", place);
  const int error = remove_tree(dir.get(), unit);
  return error == 0 ? Result<>() : failure(error, "remove", place + "/" + unit);
}

std::vector<std::string> units_with_credentials(const std::string& place) {
  std::vector<std::string> units;
  const Directory dir(opendir(place.c_str()));
  if (!dir) return units;
  while (const dirent* entry = readdir(dir.get())) {
    if (entry->d_name[0] != '.') units.emplace_back(entry->d_name);
  }
  return units;
}

}  // namespace init::manager
