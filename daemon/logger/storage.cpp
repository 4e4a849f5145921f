#include "daemon/logger/storage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "libinit/log/line.h"

namespace init::logger {
namespace {

constexpr mode_t kDirectoryMode = 0750;
constexpr mode_t kFileMode = 0640;
constexpr std::size_t kTailBytes = 2 * log::kLongestText;  // no stored line is longer

std::uint64_t unsigned_size(off_t size) {
  return static_cast<std::uint64_t>(size);
}

Result<> write_all(int fd, std::string_view bytes, off_t at) {
  while (!bytes.empty()) {
    const ssize_t wrote = pwrite(fd, bytes.data(), bytes.size(), at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return failure(wrote < 0 ? errno : ENOSPC, "write");
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
    at += wrote;
  }
  return {};
}

Result<> copy_all(int from, int to) {
  std::array<char, 8 * 1024> buffer;
  off_t at = 0;
  for (;;) {
    const ssize_t got = pread(from, buffer.data(), buffer.size(), at);
    if (got == 0) return {};
    if (got < 0) return failure(errno, "read");
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (auto wrote = write_all(to, bytes, at); !wrote) return wrote;
    at += got;
  }
}

std::vector<std::string> past_in(int directory) {
  std::vector<std::string> names;
  UniqueFd own(fcntl(directory, F_DUPFD_CLOEXEC, 0));
  const std::unique_ptr<DIR, int (*)(DIR*)> list(own ? fdopendir(own.get()) : nullptr, closedir);
  if (list) (void)own.release();
  if (list) rewinddir(list.get());  // the place is shared with the descriptor
  while (const dirent* entry = list ? readdir(list.get()) : nullptr) {
    if (log::parse_rotated_name(entry->d_name)) names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<std::string> directories_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(opendir(path.c_str()), closedir);
  while (const dirent* entry = list ? readdir(list.get()) : nullptr) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  return names;
}

Result<UniqueFd> Storage::open_directory() const {
  UniqueFd directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return failure(errno, "open", directory_);
  return directory;
}

Result<UniqueFd> Storage::make_directory() const {
  const std::string parent = directory_.substr(0, directory_.rfind('/'));
  if (mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) return failure(errno, "mkdir", parent);
  const bool made = mkdir(directory_.c_str(), kDirectoryMode) == 0;
  if (!made && errno != EEXIST) return failure(errno, "mkdir", directory_);
  auto directory = open_directory();
  if (directory && made) (void)!fchown(directory->get(), static_cast<uid_t>(-1), group_);
  return directory;
}

Result<> Storage::open() {
  file_.reset();
  auto directory = make_directory();
  if (!directory) return Failure(directory.error());
  const std::string name(log::kCurrent);
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  UniqueFd file(openat(directory->get(), name.c_str(), kFlags));
  if (!file && errno == ENOENT) {
    file.reset(openat(directory->get(), name.c_str(), kFlags | O_CREAT | O_EXCL, kFileMode));
    if (file) (void)!fchown(file.get(), static_cast<uid_t>(-1), group_);
  }
  if (!file) return failure(errno, "open", path(name));
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return failure(errno, "stat", path(name));
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
    return failure(EINVAL, "use as a log, for it is no plain file,", path(name));
  file_ = std::move(file);
  if (auto fresh = refresh(); !fresh) return fresh;
  if (auto whole = repair(); !whole) return whole;
  read_first();
  return {};
}

Result<> Storage::refresh() {
  struct stat status {};
  if (fstat(file_.get(), &status) != 0) return failure(errno, "stat", path(log::kCurrent));
  if (status.st_nlink == 0) return failure(ESTALE, "write", path(log::kCurrent));
  if (unsigned_size(status.st_size) < size_) first_us_ = 0;  // somebody has emptied it
  size_ = unsigned_size(status.st_size);
  inode_ = status.st_ino;
  return {};
}

// A line is written at once, but a power cut may leave half of it, or zeros.
Result<> Storage::repair() {
  if (size_ == 0) return {};
  const std::uint64_t begin = size_ - std::min<std::uint64_t>(size_, kTailBytes);
  std::string tail(size_ - begin, '\0');
  const ssize_t got = pread(file_.get(), tail.data(), tail.size(), static_cast<off_t>(begin));
  if (got < 0) return failure(errno, "read", path(log::kCurrent));
  tail.resize(static_cast<std::size_t>(got));
  if (!tail.empty() && tail.back() == '\n') return {};
  const std::size_t last = tail.rfind('\n');
  const std::uint64_t whole = last == std::string::npos ? begin : begin + last + 1;
  if (ftruncate(file_.get(), static_cast<off_t>(whole)) != 0)
    return failure(errno, "cut off a torn line", path(log::kCurrent));
  size_ = whole;
  return {};
}

void Storage::read_first() {
  std::array<char, log::kStampBytes> text{};
  const ssize_t got = pread(file_.get(), text.data(), text.size(), 0);
  const auto time = log::parse_stamp({text.data(), got > 0 ? static_cast<std::size_t>(got) : 0});
  first_us_ = time.value_or(0);
}

Result<> Storage::append(std::string_view lines, std::int64_t time_us) {
  if (auto wrote = write_all(file_.get(), lines, static_cast<off_t>(size_)); !wrote) {
    (void)!ftruncate(file_.get(), static_cast<off_t>(size_));
    Error error = wrote.error();
    error.object = path(log::kCurrent);
    return Failure(std::move(error));
  }
  if (first_us_ == 0) first_us_ = time_us;
  size_ += lines.size();
  return {};
}

void Storage::cut(std::uint64_t offset, std::uint64_t inode) {
  const auto directory = open_directory();
  if (!directory) return;
  const std::string name(log::kCurrent);
  const UniqueFd file(openat(directory->get(), name.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0 || status.st_ino != inode || !S_ISREG(status.st_mode)) return;
  if (unsigned_size(status.st_size) > offset) (void)!ftruncate(file.get(), static_cast<off_t>(offset));
}

Result<std::string> Storage::rotate() {
  if (size_ == 0) return std::string();
  const auto directory = open_directory();
  if (!directory) return Failure(directory.error());
  std::int64_t time = first_us_;
  std::string name = log::rotated_name(time);
  const auto taken = [&](const std::string& other) {
    return faccessat(directory->get(), other.c_str(), F_OK, 0) == 0;
  };
  // A clock that was set back may have led here before.
  while (taken(name) || taken(name + ".zst")) name = log::rotated_name(++time);
  const std::string current(log::kCurrent);
  if (renameat(directory->get(), current.c_str(), directory->get(), name.c_str()) != 0)
    return failure(errno, "rename", path(current));
  file_.reset();
  size_ = 0;
  first_us_ = 0;
  return name;
}

std::vector<std::string> Storage::past() const {
  auto opened = open_directory();
  return opened ? past_in(opened->get()) : std::vector<std::string>();
}

std::size_t Storage::prune(const Bounds& bounds) {
  const auto directory = open_directory();
  if (!directory) return 0;
  const auto names = past_in(directory->get());
  std::size_t left = names.size();
  std::vector<std::uint64_t> sizes;
  std::uint64_t total = 0;
  for (const auto& name : names) {
    struct stat status {};
    const bool there = fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    sizes.push_back(there ? unsigned_size(status.st_size) : 0);
    total += sizes.back();
  }
  std::size_t removed = 0;
  for (std::size_t i = 0; i < names.size() && (left > bounds.count || total > bounds.total); ++i, --left) {
    total -= sizes[i];
    if (unlinkat(directory->get(), names[i].c_str(), 0) == 0) ++removed;
  }
  return removed;
}

// Begun again after a crash it finds the copy there, whole, or not at all.
Result<> Storage::take_in(const Storage& from, const std::string& name) {
  const auto theirs = from.open_directory();
  if (!theirs) return Failure(theirs.error());
  const auto ours = open_directory();
  if (!ours) return Failure(ours.error());
  const UniqueFd source(openat(theirs->get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!source) return failure(errno, "open", from.path(name));
  struct stat old {
  }, now{};
  const bool copied = fstat(source.get(), &old) == 0 &&
                      fstatat(ours->get(), name.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
                      old.st_size == now.st_size;
  if (!copied) {
    const std::string half = name + ".half";
    (void)unlinkat(ours->get(), half.c_str(), 0);
    constexpr int kNew = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    const UniqueFd copy(openat(ours->get(), half.c_str(), kNew, kFileMode));
    if (!copy) return failure(errno, "open", path(half));
    (void)!fchown(copy.get(), static_cast<uid_t>(-1), group_);
    auto done = copy_all(source.get(), copy.get());
    if (done && renameat(ours->get(), half.c_str(), ours->get(), name.c_str()) != 0)
      done = failure(errno, "rename", path(half));
    if (!done) {
      (void)unlinkat(ours->get(), half.c_str(), 0);
      return done;
    }
  }
  (void)unlinkat(theirs->get(), name.c_str(), 0);
  return {};
}

void Storage::remove() {
  const std::string current(log::kCurrent);
  if (const auto directory = open_directory()) (void)unlinkat(directory->get(), current.c_str(), 0);
  (void)rmdir(directory_.c_str());
}

}  // namespace init::logger
