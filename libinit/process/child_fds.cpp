#include "libinit/process/child_fds.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>

#include "libinit/sys/calls.h"

namespace init::process {
namespace {

constexpr int kFirstAfterStreams = 3;
constexpr int kHighestFd = 1 << 20;  // where a search without /proc ends, whatever the limit says

int open_file(const char* path, int flags, std::uint32_t mode) noexcept {
  long fd = 0;
  do {
    fd = sys::openat(AT_FDCWD, path, flags | O_CLOEXEC | O_NOCTTY, mode);
  } while (fd == -EINTR);
  return static_cast<int>(fd);
}

// Follows no link, wherever on the way; before Linux 5.6 only not at its end.
int open_straight(const char* path, int flags, std::uint32_t mode) noexcept {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NOCTTY);
  how.mode = mode;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const long fd = sys::openat2(AT_FDCWD, path, how);
  return fd == -ENOSYS ? open_file(path, flags | O_NOFOLLOW, mode) : static_cast<int>(fd);
}

// A file that is there already stays whose it is. One with a second name may be another file than it seems.
int open_owned(const char* path, int flags, const StdioPlan& stdio) noexcept {
  int fd = open_straight(path, flags | O_EXCL, stdio.mode);
  const bool made = fd >= 0;
  if (fd == -EEXIST) fd = open_straight(path, flags & ~(O_CREAT | O_TRUNC), 0);
  if (fd < 0) return fd;
  struct stat status {};
  long failed = made ? sys::fchown(fd, stdio.owner, stdio.group) : sys::fstat(fd, status);
  if (failed == 0 && status.st_nlink > 1) failed = -EMLINK;
  if (failed == 0 && (flags & O_TRUNC) != 0 && S_ISREG(status.st_mode)) failed = sys::ftruncate(fd, 0);
  if (failed == 0) return fd;
  sys::close(fd);
  return static_cast<int>(failed);
}

int duplicate_above(int fd, int lowest) noexcept {
  return static_cast<int>(sys::fcntl(fd, F_DUPFD_CLOEXEC, lowest));
}

int duplicate_to(int fd, int number) noexcept {
  return sys::error_of(sys::dup3(fd, number, 0));
}

// Where the other end is gone already nothing is waited for; from a stream a signal would come of that.
int await_end(int fd) noexcept {
  char byte = 0;
  if (sys::write(fd, &byte, 1) == 1) sys::read(fd, &byte, 1);
  return 0;
}

// As struct linux_dirent64 of getdents64(2).
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

// False when /proc is not there. The order of /proc/self/fd is by number, so `act` may close what it is
// given.
template <class Act>
bool walk_proc(int first, Act act) noexcept {
  const int directory = open_file("/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
  if (directory < 0) return false;
  alignas(DirectoryEntry) char buffer[2048];
  long filled = 0;
  while ((filled = sys::getdents64(directory, buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < filled;) {
      const auto* const entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      int fd = -1;  // of "." and ".."
      std::from_chars(entry->name, entry->name + std::strlen(entry->name), fd);
      if (fd >= first && fd != directory) act(fd);
      at += entry->size;
    }
  }
  sys::close(directory);
  return filled == 0;
}

template <class Act>
void for_each_fd(int first, Act act) noexcept {
  if (walk_proc(first, act)) return;
  sys::Limit limit;
  sys::prlimit(RLIMIT_NOFILE, nullptr, &limit);
  const int end = static_cast<int>(std::min<std::uint64_t>(limit.hard, kHighestFd));
  for (int fd = first; fd < end; ++fd) act(fd);
}

struct Opening {
  const char* path = nullptr;  // of a device; null = the plan's
  int flags = 0;
};

// flags < 0: nothing to open.
Opening opening_of(StdioKind kind) noexcept {
  switch (kind) {
    case StdioKind::Null:
      return {"/dev/null", O_RDWR};
    case StdioKind::Console:
      return {"/dev/console", O_RDWR};
    case StdioKind::Append:
      return {nullptr, O_WRONLY | O_APPEND | O_CREAT};
    case StdioKind::Truncate:
      return {nullptr, O_WRONLY | O_TRUNC | O_CREAT};
    case StdioKind::Read:
      return {nullptr, O_RDONLY};
    case StdioKind::Terminal:
      return {nullptr, O_RDWR};
    case StdioKind::Inherit:
    case StdioKind::Passed:
    case StdioKind::SameAsStdout:
      break;
  }
  return {nullptr, -1};
}

}  // namespace

ChildFds::ChildFds(const PlanView& plan, const ChildContext& context) noexcept
    : plan_(plan),
      shares_table_(context.shares_table),
      procs_fd_(context.cgroup_procs_fd),
      report_fd_(context.report_fd) {
  passed_count_ = static_cast<std::uint32_t>(std::min(context.passed_fds.size(), kMaxPassedFds));
  for (std::uint32_t index = 0; index < passed_count_; ++index) passed_[index] = context.passed_fds[index];
}

int ChildFds::own_from(int first) const noexcept {
  int lowest = INT_MAX;
  const auto consider = [&](int fd) { lowest = fd >= first ? std::min(fd, lowest) : lowest; };
  consider(report_fd_);
  consider(procs_fd_);
  for (std::uint32_t index = 0; index < passed_count_; ++index) consider(passed_[index]);
  return lowest;
}

Outcome ChildFds::keep_table() noexcept {
  if (sys::close_range(kFirstAfterStreams, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return {};
  for_each_fd(kFirstAfterStreams, [](int fd) { sys::fcntl(fd, F_SETFD, FD_CLOEXEC); });
  return {};
}

Outcome ChildFds::take_own_table() noexcept {
  int last = kFirstAfterStreams - 1;
  for (int fd = 0; (fd = own_from(last + 1)) != INT_MAX;) last = fd;
  if (sys::close_range(last + 1, ~0U, CLOSE_RANGE_UNSHARE) != 0) {
    // Refused, by an old kernel or a filter: a copy of the whole table, gone through one by one.
    const long copied = shares_table_ ? sys::unshare(CLONE_FILES) : 0;
    if (copied != 0) return {sys::error_of(copied)};
    for_each_fd(kFirstAfterStreams, [this](int fd) {
      if (own_from(fd) != fd) sys::close(fd);
    });
  }
  for (int first = kFirstAfterStreams; first <= last;) {
    const int own = own_from(first);
    if (own > first) sys::close_range(first, own - 1, 0);
    sys::fcntl(own, F_SETFD, FD_CLOEXEC);
    first = own + 1;
  }
  return {};
}

Outcome ChildFds::make_room() noexcept {
  int lowest = kFirstAfterStreams;
  for (std::uint32_t index = 0; index < plan_.header().passed_count; ++index) {
    const auto target = plan_.entry<PassedFdPlan>(plan_.header().passed, index).target;
    lowest = std::max(lowest, static_cast<int>(target) + 1);
  }
  if (report_fd_ >= 0 && report_fd_ < lowest) {
    const int moved = duplicate_above(report_fd_, lowest);
    if (moved < 0) return {-moved};
    report_fd_ = moved;
  }
  for (std::uint32_t index = 0; index < passed_count_; ++index) {
    if (passed_[index] >= lowest) continue;
    passed_[index] = duplicate_above(passed_[index], lowest);
    if (passed_[index] < 0) return {-passed_[index], index};
  }
  return {};
}

Outcome ChildFds::open_streams(bool as_root) noexcept {
  for (std::uint32_t stream = 0; stream < opened_.size(); ++stream) {
    const StdioPlan& stdio = plan_.header().stdio[stream];
    const bool is_device = stdio.kind == StdioKind::Null || stdio.kind == StdioKind::Console;
    if ((is_device || stdio.before_identity != 0) != as_root) continue;
    if (const int error = open_stream(stdio, opened_[stream]); error != 0) return {error, stream};
  }
  return {};
}

int ChildFds::open_stream(const StdioPlan& stdio, int& fd) noexcept {
  Opening opening = opening_of(stdio.kind);
  if (opening.flags < 0) return 0;
  if (opening.path == nullptr) {
    opening.path = plan_.string(stdio.path);
    if (stdio.before_identity != 0) opening.flags |= O_NOFOLLOW;
  }
  // A FIFO without a reader, or a line without a carrier, must not hold up the child.
  opening.flags |= O_NONBLOCK;
  const bool has_owner = (opening.flags & O_CREAT) != 0 && (stdio.owner & stdio.group) != kKeepId;
  fd = has_owner ? open_owned(opening.path, opening.flags, stdio)
                 : open_file(opening.path, opening.flags, stdio.mode);
  if (fd < 0) return -fd;
  sys::fcntl(fd, F_SETFL, opening.flags & O_APPEND);
  if (fd >= kFirstAfterStreams) return 0;
  const int low = fd;
  fd = duplicate_above(low, kFirstAfterStreams);
  sys::close(low);
  return fd < 0 ? -fd : 0;
}

Outcome ChildFds::place_streams() noexcept {
  for (int stream = 0; stream < kFirstAfterStreams; ++stream) {
    if (const int error = place_stream(stream); error != 0)
      return {error, static_cast<std::uint32_t>(stream)};
  }
  return {};
}

int ChildFds::place_stream(int stream) noexcept {
  const StdioPlan& stdio = plan_.header().stdio[static_cast<std::size_t>(stream)];
  if (stdio.kind == StdioKind::Inherit) return sys::error_of(sys::fcntl(stream, F_SETFD, 0));
  if (stdio.kind == StdioKind::SameAsStdout) return duplicate_to(1, stream);
  const int opened = opened_[static_cast<std::size_t>(stream)];
  return duplicate_to(stdio.kind == StdioKind::Passed ? passed(stdio.index) : opened, stream);
}

Outcome ChildFds::place_passed() noexcept {
  for (std::uint32_t index = 0; index < plan_.header().passed_count; ++index) {
    const auto wanted = plan_.entry<PassedFdPlan>(plan_.header().passed, index);
    const int fd = passed(wanted.index), target = static_cast<int>(wanted.target);
    const int error = target == kAwaitEnd ? await_end(fd) : duplicate_to(fd, target);
    if (error != 0) return {error, index};
  }
  return {};
}

}  // namespace init::process
