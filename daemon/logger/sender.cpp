#include "daemon/logger/sender.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "libinit/base/text_file.h"
#include "libinit/unit/names.h"
#include "libinit/unit/slices.h"

namespace init::logger {
namespace {

// PIDFD_GET_INFO of ioctl_pidfd(2), which the headers of Debian 12 lack.
struct PidfdInfo {
  std::uint64_t mask = (1U << 2U) | (1U << 3U);  // PIDFD_INFO_CGROUPID, PIDFD_INFO_EXIT
  std::uint64_t cgroup = 0;
  std::array<std::uint32_t, 12> others{};
};
constexpr unsigned long kGetInfo = _IOWR(0xff, 11, PidfdInfo);

// A file_handle with the number of a cgroup, as the kernel's kernfs has it.
struct Handle {
  unsigned bytes = sizeof(std::uint64_t);
  int type = 0xfe;  // FILEID_KERNFS
  std::uint64_t cgroup = 0;
};

bool has_ended(int pidfd) {
  pollfd look{pidfd, POLLIN, 0};
  return poll(&look, 1, 0) > 0;
}

std::string path_of(int fd) {
  std::array<char, 4096> path;
  const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path.data(), path.size());
  return {path.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::string path_of_living(pid_t pid) {
  const auto text = read_text_file("/proc/" + std::to_string(pid) + "/cgroup", 4096);
  std::string_view lines = text ? std::string_view(*text) : std::string_view();
  while (!lines.empty() && !lines.starts_with("0::"))
    lines.remove_prefix(std::min(lines.find('\n'), lines.size() - 1) + 1);
  return std::string(lines.substr(std::min<std::size_t>(3, lines.size()), lines.find('\n') - 3));
}

std::string unit_behind(std::string_view prefix, std::string_view path) {
  if (prefix.empty() || !path.starts_with(prefix)) return {};
  path.remove_prefix(prefix.size());
  std::string_view unit;
  do {
    unit = path.substr(0, path.find_first_of("/ "));  // " (deleted)"
    path.remove_prefix(std::min(path.size(), unit.size() + 1));
  } while (unit::is_slice(unit));
  return unit::valid_unit_name(unit) ? std::string(unit) : std::string();
}

}  // namespace

Senders::Senders(std::string prefix, UniqueFd directory)
    : prefix_(std::move(prefix)),
      // What is opened by its path only is no place to look from.
      directory_(openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (directory_) place_ = path_of(directory_.get()) + "/";
}

std::string Senders::unit_of(pid_t pid, int pidfd) const {
  const std::string path = pid > 0 ? path_of_living(pid) : std::string();
  // While it has not ended the number was its own.
  if (pidfd < 0 || !has_ended(pidfd)) return unit_behind(prefix_, path);
  return unit_behind(place_, path_of_ended(pidfd));
}

std::string Senders::path_of_ended(int pidfd) const {
  PidfdInfo info;
  if (!directory_ || ioctl(pidfd, kGetInfo, &info) != 0) return {};
  Handle handle;
  handle.cgroup = info.cgroup;
  file_handle* const name = static_cast<file_handle*>(static_cast<void*>(&handle));
  const UniqueFd group(open_by_handle_at(directory_.get(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return group ? path_of(group.get()) : std::string();
}

}  // namespace init::logger
