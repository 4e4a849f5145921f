#include "daemon/one_command/plan.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "libinit/process/exec_plan.h"

namespace init::one_command {
namespace {

using process::ExecPlanHeader;

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// "17" when it is this process' number.
bool is_own_pid(const char* text) noexcept {
  pid_t pid = 0;
  const char* const end = text != nullptr ? text + std::strlen(text) : nullptr;
  return end != nullptr && std::from_chars(text, end, pid).ptr == end && pid == getpid();
}

class Writer {
 public:
  explicit Writer(const PlanSource& source) noexcept;

  std::span<std::byte> write() noexcept;

 private:
  [[nodiscard]] bool is_chosen(std::string_view name) const noexcept;
  [[nodiscard]] bool is_kept(std::string_view name) const noexcept;
  template <class Visit>
  void each_variable(Visit visit) const noexcept;
  [[nodiscard]] std::size_t most_bytes() const noexcept;

  std::uint32_t room(std::size_t bytes) noexcept;
  std::uint32_t put(std::string_view first, std::string_view second = {}) noexcept;
  void put_entry(std::uint32_t table, std::uint32_t index, std::uint64_t offset) const noexcept;
  void put_command() noexcept;
  void put_environment() noexcept;
  void put_identity() noexcept;

  const PlanSource& source_;
  const bool listens_;     // initd was socket-activated: LISTEN_PID is to be the command's
  std::string_view home_;  // of the identity; empty = as it is
  std::string_view search_path_ = kDefaultPath;
  ExecPlanHeader header_;
  std::byte* base_ = nullptr;
  std::size_t used_ = 0;
};

Writer::Writer(const PlanSource& source) noexcept
    : source_(source), listens_(!is_chosen("LISTEN_PID") && is_own_pid(std::getenv("LISTEN_PID"))) {
  if (source.identity != nullptr && !is_chosen("HOME")) home_ = source.identity->home;
  each_variable([this](std::string_view variable) {
    if (!variable.starts_with("PATH=")) return;
    search_path_ = variable;
    search_path_.remove_prefix(sizeof "PATH=" - 1);
  });
}

// By an option.
bool Writer::is_chosen(std::string_view name) const noexcept {
  const Options& options = source_.options;
  const auto end = options.variables.begin() + static_cast<std::ptrdiff_t>(options.variable_count);
  return std::any_of(options.variables.begin(), end, [&](const char* v) { return name_of(v) == name; });
}

bool Writer::is_kept(std::string_view name) const noexcept {
  return name != "INITD_OPTIONS" && !(name == "HOME" && !home_.empty()) &&
         !(name == "LISTEN_PID" && listens_) && !is_chosen(name);
}

// Every variable that the command gets, but those two.
template <class Visit>
void Writer::each_variable(Visit visit) const noexcept {
  for (char* const* variable = source_.environment; *variable != nullptr; ++variable) {
    if (is_kept(name_of(*variable))) visit(*variable);
  }
  for (std::size_t i = 0; i < source_.options.variable_count; ++i) {
    const char* const variable = source_.options.variables[i];
    if (std::strchr(variable, '=') != nullptr) visit(variable);
  }
}

std::size_t Writer::most_bytes() const noexcept {
  constexpr std::size_t kEntry = sizeof(std::uint64_t) + 1;  // of a table, and a NUL
  std::size_t bytes = sizeof header_ + sizeof process::kListenPidSlot + sizeof "HOME=" + home_.size() +
                      search_path_.size() + 4 * kEntry;
  const auto add = [&](const char* text) { bytes += std::strlen(text) + kEntry; };
  for (const char* const word : source_.command) add(word);
  each_variable(add);
  if (source_.options.directory != nullptr) add(source_.options.directory);
  add(source_.command.front());
  if (source_.identity != nullptr) bytes += source_.identity->group_count * sizeof(gid_t);
  return bytes;
}

std::uint32_t Writer::room(std::size_t bytes) noexcept {
  const std::size_t offset = used_;
  used_ += bytes;
  return static_cast<std::uint32_t>(offset);
}

// A string of two parts, and its NUL, which the memory has.
std::uint32_t Writer::put(std::string_view first, std::string_view second) noexcept {
  const std::uint32_t offset = room(first.size() + second.size() + 1);
  std::copy(second.begin(), second.end(),
            std::copy(first.begin(), first.end(), reinterpret_cast<char*>(base_ + offset)));
  return offset;
}

void Writer::put_entry(std::uint32_t table, std::uint32_t index, std::uint64_t offset) const noexcept {
  std::memcpy(base_ + table + index * sizeof offset, &offset, sizeof offset);
}

void Writer::put_command() noexcept {
  std::uint32_t index = 0;
  for (const char* const word : source_.command) put_entry(header_.argv, index++, put(word));
  header_.program = put(source_.command.front());
  if (std::strchr(source_.command.front(), '/') == nullptr) header_.search_path = put(search_path_);
  if (source_.options.directory != nullptr) header_.working_directory = put(source_.options.directory);
}

void Writer::put_environment() noexcept {
  std::uint32_t index = 0;
  each_variable([&](const char* variable) { put_entry(header_.envp, index++, put(variable)); });
  if (!home_.empty()) put_entry(header_.envp, index++, put("HOME=", home_));
  if (!listens_) return;
  header_.listen_pid = put({process::kListenPidSlot, sizeof process::kListenPidSlot - 1});
  put_entry(header_.envp, index, header_.listen_pid);
}

void Writer::put_identity() noexcept {
  if (source_.identity == nullptr) return;
  const Identity& identity = *source_.identity;
  header_.uid = identity.uid;
  header_.gid = identity.gid;
  header_.group_count = static_cast<std::uint32_t>(identity.group_count);
  header_.groups = room(identity.group_count * sizeof(gid_t));
  std::memcpy(base_ + header_.groups, identity.groups.data(), identity.group_count * sizeof(gid_t));
}

// Tables first, so that they are aligned; then the strings, so that the plan ends in a NUL.
std::span<std::byte> Writer::write() noexcept {
  void* const memory =
      mmap(nullptr, most_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {};
  base_ = static_cast<std::byte*>(memory);
  header_.header_size = sizeof header_;
  header_.umask = process::kKeepId;
  for (process::StdioPlan& stream : header_.stdio) stream.kind = process::StdioKind::Inherit;
  // Who wants initd to be killed with its parent wants the command to go with initd.
  if (source_.options.parent_death == SIGKILL) header_.parent_death_signal = SIGKILL;
  if (source_.options.session) header_.flags |= process::kPlanNewSession;
  if (source_.controlling_terminal) header_.flags |= process::kPlanControllingTty;
  header_.argc = static_cast<std::uint32_t>(source_.command.size());
  header_.envc = (home_.empty() ? 0U : 1U) + (listens_ ? 1U : 0U);
  each_variable([this](const char*) { ++header_.envc; });
  used_ = sizeof header_;
  header_.argv = room((header_.argc + std::size_t{1}) * sizeof(std::uint64_t));
  header_.envp = room((header_.envc + std::size_t{1}) * sizeof(std::uint64_t));
  put_identity();
  put_command();
  put_environment();
  header_.size = static_cast<std::uint32_t>(used_);
  std::memcpy(base_, &header_, sizeof header_);
  return {base_, used_};
}

}  // namespace

std::span<std::byte> make_plan(const PlanSource& source) noexcept {
  return Writer(source).write();
}

}  // namespace init::one_command
