#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "libinit/base/unique_fd.h"
#include "libinit/unit/prescan.h"
#include "libinit/unit/unit_file.h"

namespace init::unit {
namespace {

constexpr int kReadAttempts = 3;  // for a file that is being written

bool is_dev_null(const struct stat& info) {
  return S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3);
}

bool same_moment(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

SourceFile refused(std::string problem, std::string help = {}) {
  return {FileState::Refused, {}, std::move(problem), std::move(help)};
}

SourceFile refused_by(const char* what, int code) {
  return refused(std::string("cannot ") + what + " it: " + strerrordesc_np(code));
}

// Why a file with this stat is not to be read, if so.
std::optional<SourceFile> judge(const struct stat& info, bool check_ownership) {
  if (is_dev_null(info)) return SourceFile{FileState::Masked, {}, {}, {}};
  if (!S_ISREG(info.st_mode)) return refused("it is not a regular file");
  if (check_ownership && info.st_uid != 0 && info.st_uid != geteuid()) {
    return refused("it belongs to uid " + std::to_string(info.st_uid), "chown root it");
  }
  if (check_ownership && (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refused("others than its owner may write it", "chmod go-w it");
  }
  if (info.st_size == 0) return SourceFile{FileState::Masked, {}, {}, {}};
  if (info.st_size > static_cast<off_t>(kMaximumFile)) return refused("it is larger than 256 KiB");
  return std::nullopt;
}

// One byte more than is expected is asked for, so that growth is seen.
bool read_all(int fd, std::size_t expected, std::string& text) {
  text.resize(expected + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = pread(fd, text.data() + size, text.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return true;
}

// One attempt; nothing when the file changed under it.
std::optional<SourceFile> read_at_rest(int fd, bool check_ownership) {
  struct stat before {};
  struct stat after {};
  if (fstat(fd, &before) != 0) return refused_by("stat", errno);
  if (auto verdict = judge(before, check_ownership)) return verdict;
  SourceFile file{FileState::Good, {}, {}, {}};
  if (!read_all(fd, static_cast<std::size_t>(before.st_size), file.text)) return refused_by("read", errno);
  if (fstat(fd, &after) != 0) return refused_by("stat", errno);
  if (!same_moment(before, after) || static_cast<off_t>(file.text.size()) != after.st_size)
    return std::nullopt;
  return file;
}

}  // namespace

SourceFile read_source(int directory, const char* name, bool check_ownership) {
  struct stat info {};
  // Looked at before it is opened: opening a device can do something.
  if (fstatat(directory, name, &info, 0) != 0) {
    return errno == ENOENT ? SourceFile{FileState::Missing, {}, {}, {}} : refused_by("stat", errno);
  }
  if (auto verdict = judge(info, check_ownership)) return *verdict;
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    const UniqueFd fd(openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return refused_by("open", errno);
    if (auto file = read_at_rest(fd.get(), check_ownership)) return *file;
  }
  return refused("it was changed while it was read", "load again when it is written");
}

}  // namespace init::unit
