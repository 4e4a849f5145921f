#include "daemon/pid1/start.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "daemon/one_command/options.h"
#include "daemon/pid1/facts.h"
#include "daemon/pid1/log.h"
#include "libinit/base/version.h"

namespace init::pid1 {
namespace {

using channel::Environment;

constexpr int kMaxArguments = 256;
constexpr int kFewDescriptors = 4096;
constexpr std::int64_t kLongestPatience = 1'000'000'000;  // ms
constexpr const char* kUsage =
    "usage: initd [--units DIR]... [--runtime DIR] [--state DIR] [--log-dir DIR] [--target NAME] [--user]\n"
    "For tests: [--manager PROGRAM]  run PROGRAM instead of initd-manager\n"
    "           [--patience MS]      with a manager that does not answer, or is not there; 10000\n";

std::array<char*, kMaxArguments> manager_argv;

bool equals(const char* a, const char* b) noexcept {
  return std::strcmp(a, b) == 0;
}

// --name or --name=value
bool is_option(const char* word, const char* name) noexcept {
  const std::size_t size = std::strlen(name);
  return std::strncmp(word, name, size) == 0 && (word[size] == '\0' || word[size] == '=');
}

// Whatever is no digit ends it.
std::int64_t number_from(const char* text) noexcept {
  std::int64_t value = 0;
  for (; *text >= '0' && *text <= '9' && value < kLongestPatience; ++text) value = value * 10 + (*text - '0');
  return value;
}

bool takes_value(const char* word) noexcept {
  for (const char* name :
       {"--units", "--runtime", "--state", "--log-dir", "--target", "--manager", "--patience", "--resume"}) {
    if (is_option(word, name)) return true;
  }
  return false;
}

// Of a machine's words some are the kernel's.
void answer_or_refuse(const char* word, Environment where) noexcept {
  if (where == Environment::Machine) {
    log_line(Line("unknown argument ignored: ").text(word));
    return;
  }
  if (equals(word, "--version")) {
    dprintf(1, "initd %s\n", kVersion.data());
    _exit(0);
  }
  const bool asked = equals(word, "--help") || equals(word, "-h");
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

bool namespace_is_first(bool& known) noexcept {
  std::array<char, 64> name{};
  const ssize_t size = readlink("/proc/self/ns/pid", name.data(), name.size() - 1);
  known = size > 0;
  return equals(name.data(), "pid:[4026531836]");
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

Options parse_options(int argc, char** argv, Environment where) noexcept {
  static char manager_name[] = "initd-manager";
  Options options;
  std::size_t count = 0;
  manager_argv[count++] = manager_name;
  for (int i = 1; i < argc && count + 3 < manager_argv.size(); ++i) {
    char* word = argv[i];
    const bool valued = takes_value(word);
    const char* equal = std::strchr(word, '=');
    if ((!valued && !equals(word, "--user")) || (valued && equal == nullptr && i + 1 == argc)) {
      answer_or_refuse(word, where);
      continue;
    }
    const char* value = !valued ? nullptr : equal != nullptr ? equal + 1 : argv[i + 1];
    if (is_option(word, "--manager")) options.manager = value;
    if (is_option(word, "--resume")) options.resume = value;
    if (is_option(word, "--patience")) options.patience_ms = number_from(value);
    const bool own =
        is_option(word, "--manager") || is_option(word, "--patience") || is_option(word, "--resume");
    if (!own) manager_argv[count++] = word;
    if (valued && equal == nullptr) {
      ++i;
      if (!own) manager_argv[count++] = argv[i];
    }
  }
  manager_argv[count] = nullptr;
  options.manager_argv = manager_argv.data();
  return options;
}

Environment find_environment() noexcept {
  if (getpid() != 1) return Environment::Process;
  bool known = false;
  bool first = namespace_is_first(known);
  if (!known) {
    mount_one({"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr});
    first = namespace_is_first(known);
  }
  return first ? Environment::Machine : Environment::Container;
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
  if (fd >= 0) log_to(fd);
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
