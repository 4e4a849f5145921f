#include "libinit/process_info/parse.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "libinit/process_info/words.h"

namespace init::process_info {
namespace {

Failure not_understood(std::string what) {
  return failure(EBADMSG, "read /proc", std::move(what));
}

// Numbers in a row; the first that is none is remembered, and all after it are 0.
class Row {
 public:
  explicit Row(std::string_view text) : text_(text) {}

  template <class Integer>
  void take(Integer& into) {
    const auto value = number<Integer>(next_word(text_));
    if (value && good_) into = *value;
    good_ = good_ && value;
  }
  void skip(int words) {
    for (; words > 0; --words) (void)next_word(text_);
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::string_view text_;
  bool good_ = true;
};

Duration of_ticks(std::uint64_t ticks) {
  static const auto kPerSecond = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  return std::chrono::seconds(ticks / kPerSecond) +
         std::chrono::nanoseconds(1'000'000'000U / kPerSecond) * (ticks % kPerSecond);
}

std::optional<Pid> known_pid(std::int32_t number) {
  const Result<Pid> pid = Pid::from(number);
  return pid ? std::optional(*pid) : std::nullopt;
}

// Lines "Key:\tvalue". What a key lacks is remembered by the key's name.
class Keys {
 public:
  explicit Keys(std::string_view text) : text_(text) {}

  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const {
    for (std::string_view rest = text_; !rest.empty();) {
      std::string_view line = next_line(rest);
      if (!line.starts_with(key) || line.substr(key.size(), 1) != ":") continue;
      line.remove_prefix(key.size() + 1);
      line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
      return line.substr(0, line.find_last_not_of(kBlanks) + 1);
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string_view need(std::string_view key) {
    const auto value = find(key);
    if (!value) fail(key);
    return value.value_or(std::string_view());
  }

  template <class Integer>
  [[nodiscard]] Integer need_number(std::string_view key, int base = 10) {
    const auto value = number<Integer>(need(key), base);
    if (!value) fail(key);
    return value.value_or(Integer{0});
  }

  // For what an older kernel does not tell.
  template <class Integer>
  [[nodiscard]] Integer number_or_zero(std::string_view key, int base = 10) {
    return find(key) ? need_number<Integer>(key, base) : Integer{0};
  }

  // "   3060 kB"
  [[nodiscard]] std::uint64_t need_bytes(std::string_view key) {
    std::string_view value = need(key);
    const auto kilobytes = number<std::uint64_t>(next_word(value));
    if (!kilobytes || next_word(value) != "kB") fail(key);
    return kilobytes.value_or(0) * 1024;
  }

  [[nodiscard]] Ids need_ids(std::string_view key) {
    Ids ids;
    Row row(need(key));
    for (std::uint32_t* id : {&ids.real, &ids.effective, &ids.saved, &ids.file_system}) row.take(*id);
    if (!row.good()) fail(key);
    return ids;
  }

  [[nodiscard]] std::vector<std::uint32_t> need_list(std::string_view key) {
    std::vector<std::uint32_t> list;
    std::string_view value = need(key);
    for (auto word = next_word(value); !word.empty(); word = next_word(value)) {
      const auto one = number<std::uint32_t>(word);
      if (!one) fail(key);
      list.push_back(one.value_or(0));
    }
    return list;
  }

  void fail(std::string_view key) {
    if (bad_.empty()) bad_ = key;
  }
  [[nodiscard]] const std::string& bad() const { return bad_; }

 private:
  std::string_view text_;
  std::string bad_;
};

constexpr int kHexadecimal = 16;

Credentials read_credentials(Keys& keys) {
  Credentials it;
  it.uid = keys.need_ids("Uid");
  it.gid = keys.need_ids("Gid");
  it.groups = keys.need_list("Groups");
  it.inheritable.bits = keys.need_number<std::uint64_t>("CapInh", kHexadecimal);
  it.permitted.bits = keys.need_number<std::uint64_t>("CapPrm", kHexadecimal);
  it.effective.bits = keys.need_number<std::uint64_t>("CapEff", kHexadecimal);
  it.bounding.bits = keys.need_number<std::uint64_t>("CapBnd", kHexadecimal);
  it.ambient.bits = keys.number_or_zero<std::uint64_t>("CapAmb", kHexadecimal);
  it.no_new_privileges = keys.number_or_zero<int>("NoNewPrivs") != 0;
  it.seccomp = keys.number_or_zero<std::int32_t>("Seccomp");
  return it;
}

Signals read_signals(Keys& keys) {
  Signals it;
  it.pending.bits = keys.need_number<std::uint64_t>("ShdPnd", kHexadecimal);
  it.thread_pending.bits = keys.need_number<std::uint64_t>("SigPnd", kHexadecimal);
  it.blocked.bits = keys.need_number<std::uint64_t>("SigBlk", kHexadecimal);
  it.ignored.bits = keys.need_number<std::uint64_t>("SigIgn", kHexadecimal);
  it.caught.bits = keys.need_number<std::uint64_t>("SigCgt", kHexadecimal);
  std::string_view queue = keys.need("SigQ");
  const auto queued = number<std::uint64_t>(next_word(queue, "/"));
  const auto limit = number<std::uint64_t>(next_word(queue, "/"));
  if (!queued || !limit) keys.fail("SigQ");
  it.queued = queued.value_or(0);
  it.queue_limit = limit.value_or(0);
  return it;
}

Memory read_memory(Keys& keys) {
  Memory it;
  it.size = keys.need_bytes("VmSize");
  it.peak = keys.need_bytes("VmPeak");
  it.resident = keys.need_bytes("VmRSS");
  it.swapped = keys.find("VmSwap") ? keys.need_bytes("VmSwap") : 0;
  it.locked = keys.need_bytes("VmLck");
  return it;
}

std::optional<std::uint64_t> limit_of(std::string_view word) {
  return word == "unlimited" ? std::optional<std::uint64_t>(RLIM_INFINITY) : number<std::uint64_t>(word);
}

}  // namespace

Result<Stat> parse_stat(std::string_view text) {
  // The name may hold anything, parentheses and line breaks too; behind the last one there are none.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return not_understood("stat: no name");
  Stat it;
  it.name = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  const std::string_view state = next_word(rest);
  std::int32_t parent = 0;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  Row row(rest);
  row.take(parent);
  row.take(it.group);
  row.take(it.session);
  row.take(it.terminal);
  row.skip(6);  // foreground group, flags, faults
  row.take(user);
  row.take(system);
  row.skip(3);  // times of children, priority
  row.take(it.nice);
  row.take(it.threads);
  row.skip(1);
  row.take(it.start_ticks);
  row.skip(16);  // sizes, addresses, signals, exit signal
  row.take(it.processor);
  row.take(it.real_time_priority);
  row.take(it.policy);
  if (state.size() != 1 || !row.good()) return not_understood("stat: too few numbers");
  it.state = state.front();
  it.parent = known_pid(parent);
  it.user_time = of_ticks(user);
  it.system_time = of_ticks(system);
  return it;
}

Result<Status> parse_status(std::string_view text) {
  Keys keys(text);
  Status it;
  it.tracer = known_pid(keys.need_number<std::int32_t>("TracerPid"));
  if (keys.find("Umask")) it.umask = keys.need_number<std::uint32_t>("Umask", 8);
  it.credentials = read_credentials(keys);
  it.signals = read_signals(keys);
  if (keys.find("VmSize")) it.memory = read_memory(keys);
  it.processors = keys.find("Cpus_allowed_list").value_or(std::string_view());
  if (!keys.bad().empty()) return not_understood("status: " + keys.bad());
  return it;
}

// Columns of fixed width: the names hold blanks, the numbers do not. The rows stand in the order of RLIMIT_*.
Result<Limits> parse_limits(std::string_view text) {
  constexpr std::size_t kNameColumns = 26;
  Limits limits;
  (void)next_line(text);
  for (std::size_t resource = 0; resource < kLimits; ++resource) {
    const std::string_view line = next_line(text);
    std::string_view numbers = line.substr(std::min(line.size(), kNameColumns));
    const auto soft = limit_of(next_word(numbers));
    const auto hard = limit_of(next_word(numbers));
    if (!line.starts_with("Max ") || !soft || !hard) return not_understood("limits: " + std::string(line));
    limits[resource] = {*soft, *hard};
  }
  return limits;
}

Result<std::vector<Cgroup>> parse_cgroups(std::string_view text) {
  std::vector<Cgroup> cgroups;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    const auto hierarchy = number<std::int32_t>(line.substr(0, first));
    if (!hierarchy || second == std::string_view::npos) return not_understood("cgroup: " + std::string(line));
    cgroups.push_back({*hierarchy, std::string(line.substr(first + 1, second - first - 1)),
                       std::string(line.substr(second + 1))});
  }
  return cgroups;
}

std::vector<std::string> parse_arguments(std::string_view text) {
  std::vector<std::string> arguments;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('\0'));
    arguments.emplace_back(one);
    text.remove_prefix(std::min(one.size() + 1, text.size()));
  }
  return arguments;
}

Result<std::vector<Pid>> parse_pids(std::string_view text) {
  std::vector<Pid> pids;
  for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
    const Result<Pid> pid = Pid::parse(word);
    if (!pid) return not_understood("pid: " + std::string(word));
    pids.push_back(*pid);
  }
  return pids;
}

}  // namespace init::process_info
