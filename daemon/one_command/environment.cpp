#include "daemon/one_command/environment.h"

#include <sys/mman.h>
#include <unistd.h>

#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "libinit/base/names.h"

namespace init::one_command {
namespace {

char listen_pid[] = "LISTEN_PID=          ";
constexpr std::size_t kListenName = sizeof "LISTEN_PID=" - 1;

bool is_listener() noexcept {
  const char* const meant = std::getenv("LISTEN_PID");
  return meant != nullptr && parse_decimal(meant, INT_MAX) == static_cast<std::uint64_t>(getpid());
}

}  // namespace

void write_listen_pid(long pid) noexcept {
  *std::to_chars(listen_pid + kListenName, listen_pid + sizeof listen_pid - 1, pid).ptr = '\0';
}

Environment make_environment(const char* const* inherited, const char* home, Changes changes) noexcept {
  if (*home != '\0' && !changes.concern("HOME")) changes.add(home);
  if (is_listener() && !changes.concern("LISTEN_PID")) changes.add(listen_pid);
  Environment made;
  std::size_t most = changes.all().size() + 1;
  for (const char* const* variable = inherited; *variable != nullptr; ++variable) ++most;
  void* const memory =
      mmap(nullptr, most * sizeof(char*), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return made;
  made.variables = static_cast<const char**>(memory);
  const char** next = made.variables;
  const auto add = [&](const char* variable) {
    *next++ = variable;
    if (std::strncmp(variable, "PATH=", 5) == 0) made.search_path = variable + 5;
  };
  for (; *inherited != nullptr; ++inherited) {
    if (!changes.concern(name_of(*inherited))) add(*inherited);
  }
  for (const char* const change : changes.all()) {
    if (std::strchr(change, '=') != nullptr) add(change);
  }
  return made;
}

}  // namespace init::one_command
