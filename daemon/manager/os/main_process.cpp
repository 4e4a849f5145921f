#include "daemon/manager/os/main_process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "daemon/manager/os/file.h"
#include "libinit/base/unique_fd.h"
#include "libinit/process_info/parse.h"

namespace init::manager {
namespace {

struct Candidate {
  pid_t pid = 0;
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;
};

std::optional<Candidate> candidate(pid_t pid) {
  const auto text = read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!text) return std::nullopt;
  const auto stat = process_info::parse_stat(*text);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return Candidate{pid, stat->parent ? stat->parent->raw() : 0, stat->start_ticks};
}

bool has_variable(pid_t pid, const std::string& variable) {
  auto text = read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/environ", 256 * 1024);
  if (!text) return false;
  text->insert(text->begin(), '\0');
  std::string sought(1, '\0');
  sought += variable;
  sought += '\0';
  return text->find(sought) != std::string::npos;
}

// Without cgroups: what was left to initd and still has the invocation's name in its environment.
std::vector<pid_t> marked_children(const MainSearch& search) {
  const std::string initd = std::to_string(search.initd);
  const auto text = read_file(AT_FDCWD, "/proc/" + initd + "/task/" + initd + "/children", 1 << 20);
  const auto children = text ? process_info::parse_pids(*text) : Result<std::vector<process_info::Pid>>();
  std::vector<pid_t> pids;
  if (!children || search.invocation_id.empty()) return pids;
  for (const auto& child : *children) {
    if (has_variable(child.raw(), "INVOCATION_ID=" + search.invocation_id)) pids.push_back(child.raw());
  }
  return pids;
}

}  // namespace

pid_t read_pid_file(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  std::array<char, 64> text;
  const ssize_t got = pread(fd.get(), text.data(), text.size(), 0);
  if (got <= 0) return 0;
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  const char* const end = text.data() + got;
  const char* const begin = std::find_if_not(static_cast<const char*>(text.data()), end, blank);
  pid_t pid = 0;
  const auto [stopped, error] = std::from_chars(begin, end, pid);
  const bool whole = error == std::errc() && std::all_of(stopped, end, blank);
  return whole && pid > 1 ? pid : 0;
}

pid_t find_main_process(const UnitProcesses& processes, const MainSearch& search) {
  const bool groups = processes.has_cgroups();
  const std::vector<pid_t> pids = groups ? processes.list(search.of) : marked_children(search);
  std::vector<Candidate> living;
  for (const pid_t pid : pids) {
    if (const auto found = candidate(pid)) living.push_back(*found);
  }
  const pid_t hint = search.pid_file.empty() ? 0 : read_pid_file(search.pid_file);
  const auto is_hint = [hint](const Candidate& one) { return one.pid == hint; };
  if (hint != 0 && std::any_of(living.begin(), living.end(), is_hint)) return hint;
  if (living.size() == 1) return living.front().pid;
  std::erase_if(living, [&search](const Candidate& one) { return one.parent != search.initd; });
  const auto oldest =
      std::min_element(living.begin(), living.end(), [](const Candidate& a, const Candidate& b) {
        return std::pair(a.start_ticks, a.pid) < std::pair(b.start_ticks, b.pid);
      });
  return oldest == living.end() ? 0 : oldest->pid;
}

}  // namespace init::manager
