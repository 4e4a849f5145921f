#include "libinit/process_info/process_info.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <set>

#include "libinit/process_info/parse.h"
#include "libinit/process_info/words.h"

namespace init::process_info {
namespace {

constexpr std::size_t kLargestText = std::size_t{64}
                                     << 20;  // a process has 65,530 mappings if nobody changed that

int open_at(int directory, const char* path, int flags) {
  return openat(directory, path, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

// 0 or an errno. /proc gives at most a page at a time; the end is where it gives nothing.
int read_all(int fd, std::string& text, std::size_t most) {
  std::array<char, 4096> chunk;
  while (text.size() < most) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got == 0) return 0;
    if (got < 0 && errno != EINTR) return errno;
    if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  if (most == kLargestText) return EFBIG;
  text.resize(most);
  return 0;
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

// The value of a line "key:\tvalue" of /proc/PID/fdinfo/N; 0 when there is none.
std::uint64_t number_of(std::string_view text, std::string_view key, int base) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (next_word(line) == key) return number<std::uint64_t>(next_word(line), base).value_or(0);
  }
  return 0;
}

}  // namespace

Failure ProcessInfo::failed(int error, const char* step, const std::string& file) const {
  // What is opened below the directory of a process that is no more is not there.
  const bool gone = error == ENOENT && faccessat(directory_.get(), "stat", F_OK, 0) != 0;
  return failure(gone ? ESRCH : error, step, "/proc/" + pid_.text() + (file.empty() ? "" : "/" + file));
}

Result<ProcessInfo> ProcessInfo::open(Pid pid) {
  UniqueFd directory(open_at(AT_FDCWD, ("/proc/" + pid.text()).c_str(), O_DIRECTORY));
  if (!directory) return failure(errno == ENOENT ? ESRCH : errno, "open", "/proc/" + pid.text());
  return ProcessInfo(pid, std::move(directory));
}

Result<ProcessInfo> ProcessInfo::open(Pid pid, std::uint64_t start_ticks) {
  Result<ProcessInfo> process = open(pid);
  if (!process) return process;
  const Result<Stat> stat = process->stat();
  if (!stat) return Failure(stat.error());
  if (stat->start_ticks == start_ticks) return process;
  auto recycled = failure(ESRCH, "open", "/proc/" + pid.text());
  recycled.value().hint = "the number belongs to another process by now";
  return recycled;
}

Result<std::string> ProcessInfo::text_of(const std::string& file, std::size_t most) const {
  const UniqueFd fd(open_at(directory_.get(), file.c_str(), 0));
  if (!fd) return failed(errno, "open", file);
  std::string text;
  if (const int error = read_all(fd.get(), text, most); error != 0) return failed(error, "read", file);
  return text;
}

Result<std::string> ProcessInfo::link_of(const std::string& name) const {
  std::string target(256, '\0');
  while (true) {
    const ssize_t size = readlinkat(directory_.get(), name.c_str(), target.data(), target.size());
    if (size < 0) return failed(errno, "readlink", name);
    if (static_cast<std::size_t>(size) < target.size()) {
      target.resize(static_cast<std::size_t>(size));
      return target;
    }
    target.resize(2 * target.size());
  }
}

template <class T>
Result<T> ProcessInfo::parsed(const char* file, Result<T> (*parse)(std::string_view)) const {
  const Result<std::string> text = text_of(file);
  if (!text) return Failure(text.error());
  Result<T> value = parse(*text);
  if (!value) value.error().object = "/proc/" + pid_.text() + "/" + value.error().object;
  return value;
}

Result<Stat> ProcessInfo::stat() const {
  return parsed("stat", parse_stat);
}
Result<Status> ProcessInfo::status() const {
  return parsed("status", parse_status);
}
Result<Limits> ProcessInfo::limits() const {
  return parsed("limits", parse_limits);
}
Result<std::vector<Cgroup>> ProcessInfo::cgroups() const {
  return parsed("cgroup", parse_cgroups);
}
Result<std::vector<Mapping>> ProcessInfo::maps() const {
  return parsed("maps", parse_maps);
}

Result<std::vector<std::string>> ProcessInfo::arguments(std::size_t most) const {
  const Result<std::string> text = text_of("cmdline", most);
  if (!text) return Failure(text.error());
  return parse_arguments(*text);
}

Result<std::int32_t> ProcessInfo::oom_score_adjust() const {
  const Result<std::string> text = text_of("oom_score_adj");
  if (!text) return Failure(text.error());
  std::string_view rest = *text;
  const auto value = number<std::int32_t>(next_word(rest));
  if (!value) return failure(EBADMSG, "read /proc", "/proc/" + pid_.text() + "/oom_score_adj");
  return *value;
}

// The entries of a folder that are numbers, in order.
Result<std::vector<std::int32_t>> ProcessInfo::numbers_in(const char* folder) const {
  UniqueFd fd(open_at(directory_.get(), folder, O_DIRECTORY));
  if (!fd) return failed(errno, "open", folder);
  const std::unique_ptr<DIR, CloseFolder> opened(fdopendir(fd.get()));
  if (!opened) return failed(errno, "open", folder);
  (void)fd.release();  // the folder's by now
  std::vector<std::int32_t> numbers;
  errno = 0;
  while (const dirent* entry = readdir(opened.get())) {
    if (const auto one = number<std::int32_t>(entry->d_name)) numbers.push_back(*one);
  }
  if (errno != 0) return failed(errno, "read", folder);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<Descriptor> ProcessInfo::descriptor(std::int32_t number) const {
  const std::string name = std::to_string(number);
  Result<std::string> target = link_of("fd/" + name);
  if (!target) return Failure(target.error());
  const Result<std::string> text = text_of("fdinfo/" + name);
  if (!text) return Failure(text.error());
  return Descriptor{number, std::move(*target), number_of(*text, "pos:", 10),
                    static_cast<std::uint32_t>(number_of(*text, "flags:", 8))};
}

Result<std::vector<Descriptor>> ProcessInfo::descriptors() const {
  const auto numbers = numbers_in("fd");
  if (!numbers) return Failure(numbers.error());
  std::vector<Descriptor> list;
  for (const std::int32_t number : *numbers) {
    Result<Descriptor> one = descriptor(number);
    if (one) {
      list.push_back(std::move(*one));
    } else if (one.error().code != ENOENT) {  // closed since
      return Failure(one.error());
    }
  }
  return list;
}

// proc_pid_task(5): each thread has its own.
Result<std::vector<Pid>> ProcessInfo::children() const {
  const auto threads = numbers_in("task");
  if (!threads) return Failure(threads.error());
  std::set<Pid> all;
  bool told = false;
  for (const std::int32_t thread : *threads) {
    const auto text = text_of("task/" + std::to_string(thread) + "/children");
    const bool ended = !text && (text.error().code == ENOENT || text.error().code == ESRCH);
    if (ended) continue;
    if (!text) return Failure(text.error());
    const auto some = parse_pids(*text);
    if (!some) return Failure(some.error());
    all.insert(some->begin(), some->end());
    told = true;
  }
  if (!told) return failed(ENOENT, "open", "task/" + pid_.text() + "/children");
  return std::vector<Pid>(all.begin(), all.end());
}

Result<std::string> ProcessInfo::program() const {
  return link_of("exe");
}
Result<std::string> ProcessInfo::working_directory() const {
  return link_of("cwd");
}
Result<std::string> ProcessInfo::root_directory() const {
  return link_of("root");
}

}  // namespace init::process_info
