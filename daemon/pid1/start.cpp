#include "daemon/pid1/start.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "daemon/channel/layout.h"
#include "daemon/one_command/options.h"
#include "daemon/pid1/fault.h"
#include "daemon/pid1/log.h"
#include "libinit/base/version.h"

namespace init::pid1 {
namespace {

using channel::Environment;

constexpr int kFewDescriptors = 4096;
constexpr const char* kNamespace = "/proc/self/ns/pid";
constexpr ino_t kFirstNamespace = 0xeffffffc;  // as every kernel has numbered it
constexpr std::array<std::string_view, 8> kValued{"--units",  "--runtime", "--state",    "--log-dir",
                                                  "--target", "--manager", "--patience", kResumeOption};
constexpr const char* kUsage =
    "usage: initd [--units DIR]... [--runtime DIR] [--state DIR] [--log-dir DIR] [--target NAME] [--user]\n"
    "For tests: [--manager PROGRAM]  run PROGRAM instead of initd-manager\n"
    "           [--patience MS]      with a manager that does not answer, or is not there; 10000\n";

void take_number(const char* text, auto& number) noexcept {
  std::from_chars(text, text + std::strlen(text), number);
}

// Of a machine's words some are the kernel's.
void answer_or_refuse(const char* word, Environment where) noexcept {
  if (where == Environment::Machine) {
    log_line(Line("unknown argument ignored: ").text(word));
    return;
  }
  const std::string_view wish(word);
  if (wish == "--version") {
    dprintf(1, "initd %s\n", kVersion.data());
    _exit(0);
  }
  if (wish == channel::kLayoutOption) _exit(channel::print_layout());
  const bool asked = wish == "--help" || wish == "-h";
  if (!asked) dprintf(2, "initd: unknown argument or missing value: %s\n", word);
  dprintf(asked ? 1 : 2, "%s\n", kUsage);
  one_command::print_usage(asked ? 1 : 2);
  _exit(asked ? 0 : 2);
}

bool is_mount_point(const char* path) noexcept {
  std::array<char, 64> parent;
  snprintf(parent.data(), parent.size(), "%s/..", path);
  struct stat here {};
  struct stat above {};
  return stat(path, &here) == 0 && stat(parent.data(), &above) == 0 && here.st_dev != above.st_dev;
}

struct ApiMount {
  const char* type;
  const char* path;
  unsigned long flags;
  const char* data;
};

void mount_one(const ApiMount& api) noexcept {
  mkdir(api.path, 0755);
  if (is_mount_point(api.path)) return;
  if (mount(api.type, api.path, api.type, api.flags, api.data) != 0 && errno != EBUSY) {
    log_line(Line("mount ").text(api.path).text(": errno ").number(errno));
  }
}

// The folder that initd's own file lies in, with its '/'; empty when unknown.
std::array<char, 4096> own_folder() noexcept {
  std::array<char, 4096> path{};
  if (readlink("/proc/self/exe", path.data(), path.size() - 1) <= 0) {
    const auto* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
    snprintf(path.data(), path.size(), "%s", name != nullptr ? name : "");
  }
  char* slash = std::strrchr(path.data(), '/');
  *(slash != nullptr ? slash + 1 : path.data()) = '\0';
  return path;
}

}  // namespace

Options parse_options(std::span<char* const> words, Environment where) noexcept {
  Options options;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const char* word = words[i];
    const std::string_view name = std::string_view(word).substr(0, std::string_view(word).find('='));
    if (name == "--user") continue;
    const char* value = word[name.size()] == '=' ? word + name.size() + 1 : nullptr;
    const bool known = std::find(kValued.begin(), kValued.end(), name) != kValued.end();
    if (known && value == nullptr && i + 1 < words.size()) value = words[++i];
    if (!known || value == nullptr) {
      answer_or_refuse(word, where);
    } else if (name == "--manager") {
      options.manager = value;
    } else if (name == "--patience") {
      take_number(value, options.patience_ms);
    } else if (name == kResumeOption) {
      take_number(value, options.facts);
    }
  }
  return options;
}

Environment find_environment() noexcept {
  if (getpid() != 1) return Environment::Process;
  struct stat seen {};
  if (stat(kNamespace, &seen) != 0) {
    mount_one({"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr});
    static_cast<void>(stat(kNamespace, &seen));
  }
  return seen.st_ino == kFirstNamespace ? Environment::Machine : Environment::Container;
}

void mount_api_filesystems() noexcept {
  constexpr unsigned long kSafe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  for (const ApiMount& api :
       {ApiMount{"proc", "/proc", kSafe, nullptr}, ApiMount{"sysfs", "/sys", kSafe, nullptr},
        ApiMount{"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
        ApiMount{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666"},
        ApiMount{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
        ApiMount{"cgroup2", "/sys/fs/cgroup", kSafe, nullptr}}) {
    mount_one(api);
  }
}

void open_standard_streams(Environment where) noexcept {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    int opened = where == Environment::Machine ? open("/dev/console", O_RDWR | O_NOCTTY) : -1;
    if (opened < 0) opened = open("/dev/null", O_RDWR);
    if (opened < 0) opened = make_memfd("initd-null", false);  // the number must be taken, by whatever
  }
}

void settle_descriptors(bool resumed) noexcept {
  if (close_range(3, ~0U, resumed ? CLOSE_RANGE_CLOEXEC : 0) == 0) return;
  for (int fd = 3; fd < kFewDescriptors; ++fd) resumed ? fcntl(fd, F_SETFD, FD_CLOEXEC) : close(fd);
}

void open_log(Environment where) noexcept {
  constexpr int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC;
  int fd = where == Environment::Machine ? open("/dev/kmsg", flags) : -1;
  if (fd < 0) fd = open("/proc/self/fd/2", flags);
  if (fd >= 0) log_to(raise_fd(fd));
}

int copy_self() noexcept {
  const int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (from < 0) return -1;
  const int to = make_memfd("initd", true);
  while (to >= 0 && sendfile(to, from, nullptr, 1U << 20) > 0) {
  }
  close(from);
  if (to >= 0) fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  return to;
}

int open_manager(const char* option) noexcept {
  if (option != nullptr) return open(option, O_PATH | O_CLOEXEC);
  const std::array<char, 4096> folder = own_folder();
  for (const char* place : {"initd-manager", "../lib/initd/initd-manager"}) {
    std::array<char, 4200> path;
    snprintf(path.data(), path.size(), "%s%s", folder.data(), place);
    const int fd = open(path.data(), O_PATH | O_CLOEXEC);
    if (fd >= 0) return fd;
  }
  return -1;
}

int open_for_reading(int fd) noexcept {
  std::array<char, 64> path;
  snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
  return open(path.data(), O_RDONLY | O_CLOEXEC);
}

}  // namespace init::pid1
