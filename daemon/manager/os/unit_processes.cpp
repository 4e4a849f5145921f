#include "daemon/manager/os/unit_processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "daemon/manager/os/file.h"
#include "libinit/process_info/parse.h"
#include "libinit/sys/calls.h"
#include "libinit/unit/slices.h"

namespace init::manager {
namespace {

constexpr Duration kLookInterval = std::chrono::milliseconds(50);
// More processes than this are made to stand still while they are signalled, that long at most.
constexpr std::size_t kCrowd = 128;
constexpr Duration kStandstill = std::chrono::seconds(2);
constexpr int kPasses = 16;  // through a session that is killed while it forks

std::string line_after(const std::string& text, std::string_view prefix) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line(text.data() + at, end - at);
    if (line.starts_with(prefix)) return std::string(line.substr(prefix.size()));
    at = end + 1;
  }
  return {};
}

// Field 5 of a line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
std::string mount_point(const std::string& line) {
  std::size_t begin = 0;
  for (int field = 1; field < 5; ++field) begin = line.find(' ', begin) + 1;
  return line.substr(begin, line.find(' ', begin) - begin);
}

// Where cgroup2 is mounted; empty when nowhere. A mount may lie hidden under a later one: what counts is what
// is seen.
std::string cgroup2_mount() {
  const auto text = read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20);
  if (!text) return {};
  std::size_t at = 0;
  while (at < text->size()) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string line = text->substr(at, end - at);
    at = end + 1;
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::string place = mount_point(line);
    struct statfs seen {};
    if (statfs(place.c_str(), &seen) == 0 && seen.f_type == CGROUP2_SUPER_MAGIC) return place;
  }
  return {};
}

int make_directory(int dir, const std::string& path) {
  return mkdirat(dir, path.c_str(), 0755) == 0 || errno == EEXIST ? 0 : errno;
}

std::vector<pid_t> parse_pids(const std::string& text) {
  std::vector<pid_t> pids;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    if (error == std::errc() && pid > 0) pids.push_back(pid);
    at = std::find(next, end, '\n') + 1;
  }
  return pids;
}

// The directory that it lies in; empty at the top.
std::string above(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

using Directory = std::unique_ptr<DIR, decltype([](DIR* dir) { closedir(dir); })>;

Directory open_directory(int dir, const std::string& path) {
  const int fd = openat(dir, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  return Directory(fd >= 0 ? fdopendir(fd) : nullptr);
}

// Subdirectories of a cgroup: everything in one that is a directory. Most have none, which the number of
// links tells.
std::vector<std::string> children_of(int dir, const std::string& path) {
  std::vector<std::string> names;
  struct stat status {};
  if (fstatat(dir, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_nlink == 2) return names;
  const auto opened = open_directory(dir, path);
  if (!opened) return names;
  while (const dirent* entry = readdir(opened.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.push_back(path + "/" + entry->d_name);
  }
  return names;
}

// Of a process that lives; a zombie is its parent's business.
std::optional<process_info::Stat> stat_of(pid_t pid) {
  const auto text = read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!text) return std::nullopt;
  const auto stat = process_info::parse_stat(*text);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return *stat;
}

bool led_by(pid_t pid, pid_t leader) {
  const auto stat = stat_of(pid);
  return stat && (stat->session == leader || stat->group == leader);
}

std::vector<pid_t> session_members(pid_t leader) {
  std::vector<pid_t> pids;
  const auto proc = open_directory(AT_FDCWD, "/proc");
  if (leader <= 0 || !proc) return pids;
  while (const dirent* entry = readdir(proc.get())) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(entry->d_name, entry->d_name + std::strlen(entry->d_name), pid);
    if (error != std::errc() || *end != '\0') continue;
    if (led_by(pid, leader)) pids.push_back(pid);
  }
  return pids;
}

}  // namespace

UnitProcesses UnitProcesses::without_cgroups(std::string reason) {
  UnitProcesses made;
  made.inotify_.reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  made.reason_ = std::move(reason);
  return made;
}

UnitProcesses UnitProcesses::create(channel::Environment environment, pid_t initd) {
  UnitProcesses made = without_cgroups({});
  if (auto found = made.find_subtree(environment, initd); !found)
    return without_cgroups(found.error().text());
  return made;
}

Result<> UnitProcesses::find_subtree(channel::Environment environment, pid_t initd) {
  const std::string mount = cgroup2_mount();
  if (mount.empty()) return failure(ENOENT, "find cgroup2", "/proc/self/mountinfo");
  const auto own = read_file(AT_FDCWD, "/proc/self/cgroup");
  if (!own) return Failure(own.error());
  std::string path = line_after(*own, "0::");
  if (!path.starts_with('/') || path.starts_with("/..")) return failure(ENOENT, "find own cgroup", path);
  if (path == "/") path.clear();
  // A restarted manager finds itself where the first one put it.
  if (path.ends_with("/initd")) path.resize(path.size() - std::strlen("/initd"));
  const bool alone = environment == channel::Environment::Process;
  if (alone) path += "/initd-" + std::to_string(initd);
  const std::string subtree = mount + path;
  if (alone) {
    if (const int error = make_directory(AT_FDCWD, subtree); error != 0)
      return failure(error, "mkdir", subtree);
  }
  for (const char* name : {"/initd", "/system"}) {
    if (const int error = make_directory(AT_FDCWD, subtree + name); error != 0)
      return failure(error, "mkdir", subtree + name);
  }
  if (!alone) {
    for (const std::string& pid : {std::to_string(initd), std::string("0")}) {
      if (auto moved = write_file(AT_FDCWD, subtree + "/initd/cgroup.procs", pid); !moved) return moved;
    }
  }
  units_path_ = subtree + "/system";
  if (alone) own_subtree_ = subtree;
  own_prefix_ = path + "/system/";
  units_dir_.reset(open(units_path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!units_dir_) return failure(errno, "open", units_path_);
  const auto writable = openat(units_dir_.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (writable < 0) return failure(errno, "open", units_path_ + "/cgroup.procs");
  close(writable);
  find_leaves();
  return {};
}

std::string UnitProcesses::leaf(std::string_view unit) const {
  if (unit::is_slice(unit)) return unit::slice_path(unit);
  const auto at = in_slices_.find(unit);
  return at == in_slices_.end() ? std::string(unit) : at->second;
}

// What an earlier manager has left.
void UnitProcesses::find_leaves() {
  constexpr std::string_view kHere = "./";
  std::vector<std::string> slices{"."};
  for (std::size_t i = 0; i < slices.size() && slices.size() < 4096; ++i) {
    for (const std::string& path : children_of(units_dir_.get(), slices[i])) {
      if (unit::is_slice(path)) {
        slices.push_back(path);
      } else if (i > 0) {
        in_slices_[path.substr(path.rfind('/') + 1)] = path.substr(kHere.size());
      }
    }
  }
}

Result<> UnitProcesses::make_leaf(const std::string& path) {
  for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1))
    (void)make_directory(units_dir_.get(), path.substr(0, at));
  const int error = make_directory(units_dir_.get(), path);
  return error == 0 ? Result<>() : failure(error, "mkdir", units_path_ + "/" + path);
}

Result<UnitProcesses::Place> UnitProcesses::place(std::string_view unit, std::string_view slice) {
  if (!has_cgroups()) return Place{};
  const std::string name(unit);
  const std::string wanted = slice.empty() ? name : unit::slice_path(slice) + "/" + name;
  std::string path = leaf(name);
  const bool made_now = path == wanted && mkdirat(units_dir_.get(), path.c_str(), 0755) == 0;
  // Linux 6.18 kills at once what is cloned into a cgroup whose cgroup.kill was ever written: such a leaf is
  // used up. One that an earlier manager made may be.
  if (!made_now && (path != wanted || !unspent_.contains(name))) {
    if (empty({name, 0})) {
      remove(name);
      if (auto made = make_leaf(wanted); !made) return Failure(made.error());
      if (!slice.empty()) in_slices_[name] = wanted;
      path = wanted;
    } else {
      freeze({name, 0}, false);  // a manager may have died while it stood still
    }
  }
  unspent_.insert(name);
  Place made;
  made.directory.reset(openat(units_dir_.get(), path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!made.directory) return failure(errno, "open", units_path_ + "/" + path);
  if (!joins_by_procs_) return made;
  made.procs.reset(openat(made.directory.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!made.procs) return failure(errno, "open", units_path_ + "/" + path + "/cgroup.procs");
  return made;
}

void UnitProcesses::remove(std::string_view unit) {
  if (!has_cgroups()) return;
  const std::string name(unit);
  std::string path = leaf(name);
  unspent_.erase(name);
  std::erase_if(memories_, [&name](const auto& watched) { return watched.second == name; });
  if (!unit::is_slice(name)) {
    remove_leaf(path);
    if (faccessat(units_dir_.get(), path.c_str(), F_OK, 0) == 0) return;
    in_slices_.erase(name);
    path = above(path);
  }
  while (!path.empty() && unlinkat(units_dir_.get(), path.c_str(), AT_REMOVEDIR) == 0) path = above(path);
}

void UnitProcesses::remove_leaf(const std::string& path) {
  if (unlinkat(units_dir_.get(), path.c_str(), AT_REMOVEDIR) == 0 || errno != EBUSY) return;
  std::vector<std::string> paths{path};
  for (std::size_t i = 0; i < paths.size() && paths.size() < 4096; ++i) {
    const auto below = children_of(units_dir_.get(), paths[i]);
    paths.insert(paths.end(), below.begin(), below.end());
  }
  for (auto at = paths.rbegin(); at != paths.rend(); ++at)
    (void)unlinkat(units_dir_.get(), at->c_str(), AT_REMOVEDIR);
}

void UnitProcesses::remove_subtree() {
  if (own_subtree_.empty()) return;
  for (const auto& leaf : children_of(units_dir_.get(), ".")) remove_leaf(leaf);
  for (const char* part : {"/system", "/initd", ""}) (void)rmdir((own_subtree_ + part).c_str());
}

bool UnitProcesses::empty(const UnitProcess& of) const {
  if (!has_cgroups()) return session_members(of.leader).empty();
  const auto events = read_file(units_dir_.get(), leaf(of.unit) + "/cgroup.events", 4096);
  return !events || line_after(*events, "populated ") != "1";
}

void UnitProcesses::list_cgroup(const std::string& path, std::vector<pid_t>& into) const {
  std::vector<std::string> paths{path};
  for (std::size_t i = 0; i < paths.size() && paths.size() < 4096; ++i) {
    if (const auto text = read_file(units_dir_.get(), paths[i] + "/cgroup.procs", 1 << 20)) {
      const auto pids = parse_pids(*text);
      into.insert(into.end(), pids.begin(), pids.end());
    }
    const auto below = children_of(units_dir_.get(), paths[i]);
    paths.insert(paths.end(), below.begin(), below.end());
  }
}

std::vector<pid_t> UnitProcesses::list(const UnitProcess& of) const {
  if (!has_cgroups()) return session_members(of.leader);
  std::vector<pid_t> pids;
  list_cgroup(leaf(of.unit), pids);
  return pids;
}

bool UnitProcesses::member(pid_t pid, const UnitProcess& of) const {
  if (!has_cgroups()) return led_by(pid, of.leader);
  const auto text = read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/cgroup", 4096);
  if (!text) return false;
  const std::string path = line_after(*text, "0::");
  const std::string own = own_prefix_ + leaf(of.unit);
  return path == own || path.starts_with(own + "/");
}

void UnitProcesses::signal_one(pid_t pid, const UnitProcess& of, int signal) const {
  const long opened = sys::pidfd_open(pid);
  const UniqueFd pidfd(static_cast<int>(opened));
  if (pidfd) {
    if (member(pid, of)) sys::pidfd_send_signal(pidfd.get(), signal);
  } else if (opened == -ENOSYS && member(pid, of)) {
    (void)::kill(pid, signal);
  }
}

void UnitProcesses::freeze(const UnitProcess& of, bool on) const {
  if (has_cgroups()) (void)write_file(units_dir_.get(), leaf(of.unit) + "/cgroup.freeze", on ? "1" : "0");
}

void UnitProcesses::signal_others(const UnitProcess& of, int signal) {
  auto pids = list(of);
  std::erase(pids, of.leader);
  if (pids.size() > kCrowd && has_cgroups()) return halt({of, signal, {of.leader}, {}});
  for (const pid_t pid : pids) signal_one(pid, of, signal);
}

void UnitProcesses::kill(const UnitProcess& of) {
  unspent_.erase(of.unit);
  if (kills_at_once_ && has_cgroups() && write_file(units_dir_.get(), leaf(of.unit) + "/cgroup.kill", "1"))
    return;
  if (has_cgroups()) return halt({of, SIGKILL, {}, {}});
  for (int pass = 0; pass < kPasses && !empty(of); ++pass) {
    if (of.leader > 0) (void)::kill(-of.leader, SIGKILL);
    signal_others(of, SIGKILL);
  }
}

// Each process stops when it next returns from the kernel; a fork that is on its way ends before that, and
// its child stands still from the start. So all are told once now, and once more when everything stands.
void UnitProcesses::halt(Crowd crowd) {
  const std::string events = units_path_ + "/" + leaf(crowd.of.unit) + "/cgroup.events";
  (void)inotify_add_watch(inotify_.get(), events.c_str(), IN_MODIFY);
  freeze(crowd.of, true);
  tell(crowd);
  crowd.end = monotonic_now() + kStandstill;
  crowds_.insert_or_assign(crowd.of.unit, std::move(crowd));
}

void UnitProcesses::tell(Crowd& crowd) const {
  for (const pid_t pid : list(crowd.of)) {
    if (crowd.told.insert(pid).second) signal_one(pid, crowd.of, crowd.signal);
  }
}

void UnitProcesses::tend_crowds(MonotonicTime now) {
  for (auto at = crowds_.begin(); at != crowds_.end();) {
    Crowd& crowd = at->second;
    const auto events = read_file(units_dir_.get(), leaf(crowd.of.unit) + "/cgroup.events", 4096);
    if (events && line_after(*events, "frozen ") != "1" && now < crowd.end) {
      ++at;
      continue;
    }
    tell(crowd);
    freeze(crowd.of, false);
    at = crowds_.erase(at);
  }
}

bool UnitProcesses::watch(const UnitProcess& of) {
  for (const auto& [key, watched] : watched_) {
    if (watched.unit == of.unit) return true;
  }
  int key = -1;
  if (has_cgroups()) {
    key = inotify_add_watch(inotify_.get(), (units_path_ + "/" + leaf(of.unit) + "/cgroup.events").c_str(),
                            IN_MODIFY);
  }
  // Looked at after the watch stands, so that no change falls between the two.
  if (empty(of)) {
    if (key >= 0) (void)inotify_rm_watch(inotify_.get(), key);
    return false;
  }
  watched_[key >= 0 ? key : next_key_--] = of;
  return true;
}

void UnitProcesses::watch_memory(const std::string& unit) {
  if (!has_cgroups()) return;
  const std::string events = units_path_ + "/" + leaf(unit) + "/memory.events";
  if (const int key = inotify_add_watch(inotify_.get(), events.c_str(), IN_MODIFY); key >= 0)
    memories_[key] = unit;
}

std::vector<int> UnitProcesses::fired_watches() {
  std::vector<int> keys;
  for (auto at = watched_.begin(); at != watched_.end() && at->first < 0; ++at) keys.push_back(at->first);
  alignas(inotify_event) char buffer[8192];
  ssize_t got = 0;
  while ((got = read(inotify_.get(), buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < got;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        for (const auto& [key, watched] : watched_) keys.push_back(key);
        for (const auto& [key, unit] : memories_) keys.push_back(key);
      }
      keys.push_back(event.wd);
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  return keys;
}

std::vector<std::string> UnitProcesses::take_emptied() {
  std::vector<std::string> emptied;
  for (const int key : fired_watches()) {
    if (const auto memory = memories_.find(key); memory != memories_.end())
      pressed_.push_back(memory->second);
    const auto at = watched_.find(key);
    if (at == watched_.end() || !empty(at->second)) continue;
    emptied.push_back(at->second.unit);
    if (key >= 0) (void)inotify_rm_watch(inotify_.get(), key);
    watched_.erase(at);
  }
  return emptied;
}

MonotonicTime UnitProcesses::next_look() const {
  const bool blind = !watched_.empty() && watched_.begin()->first < 0;
  MonotonicTime next = blind ? monotonic_now() + kLookInterval : MonotonicTime::never();
  for (const auto& [unit, crowd] : crowds_) next = std::min(next, crowd.end);
  return next;
}

}  // namespace init::manager
