#include "daemon/manager/os/programs.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>

#include "daemon/channel/layout.h"
#include "daemon/manager/os/file.h"
#include "libinit/process/command.h"

namespace init::manager {
namespace {

constexpr Duration kPatience = std::chrono::seconds(5);  // for a program to tell its layout
constexpr std::size_t kLargest = std::size_t{32} << 20;
constexpr unsigned kMfdExec = 16;  // Linux 6.3
constexpr std::string_view kElf =
    "\x7f"
    "ELF";
constexpr std::array kFolders{"", "../../sbin/"};

struct Layout {
  unsigned facts = 0;
  unsigned channel = 0;
};

std::string own_folder() {
  std::string path(4096, '\0');
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return path.substr(0, path.rfind('/') + 1);
}

Result<Layout> layout_of(const std::string& program) {
  auto told = process::Command(program).arg(channel::kLayoutOption).output(kPatience);
  if (!told) return Failure(told.error());
  Layout layout;
  if (std::sscanf(told->standard_output.c_str(), channel::kLayoutFormat, &layout.facts, &layout.channel) != 2)
    return failure(EPROTO, "use", program + ", which does not tell its layout,");
  return layout;
}

}  // namespace

Result<Programs> find_programs() {
  const std::string folder = own_folder();
  Programs found{{}, folder + "initd-manager"};
  for (const char* const below : kFolders) {
    found.initd = folder + below + "initd";
    if (access(found.initd.c_str(), X_OK) == 0) break;
  }
  for (const std::string& program : {found.initd, found.manager, folder + "initd-logger"}) {
    if (access(program.c_str(), X_OK) != 0) return failure(errno, "run", program);
  }
  return found;
}

Result<std::string> read_successor(const Programs& programs) {
  const auto first = layout_of(programs.initd);
  if (!first) return Failure(first.error());
  const auto second = layout_of(programs.manager);
  if (!second) return Failure(second.error());
  if (first->facts != channel::kFactsVersion)
    return failure(EPROTO, "use", programs.initd + ", which cannot take over what runs (a reboot can),");
  if (first->facts != second->facts || first->channel != second->channel)
    return failure(EPROTO, "use", programs.initd + " together with a manager of another version,");
  auto bytes = read_file(AT_FDCWD, programs.initd, kLargest);
  // The kernel would as soon execute a script, and then PID 1 were a shell.
  if (bytes && !bytes->starts_with(kElf)) return failure(ENOEXEC, "use", programs.initd);
  return bytes;
}

Result<UniqueFd> executable_memfd(std::string_view bytes) {
  UniqueFd fd(memfd_create("initd", MFD_CLOEXEC | MFD_ALLOW_SEALING | kMfdExec));
  if (!fd && errno == EINVAL) fd.reset(memfd_create("initd", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failure(errno, "memfd_create", "initd");
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd.get(), bytes.data(), bytes.size());
    if (wrote < 0) return failure(errno, "write", "initd");
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
    return failure(errno, "seal", "initd");
  return fd;
}

}  // namespace init::manager
