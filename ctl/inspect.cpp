#include "ctl/inspect.h"

#include <unistd.h>

#include <cerrno>

namespace init::ctl {
namespace {

using process_info::ProcessInfo;

// Reads the parts one after the other; the first error that is no refusal ends it.
class Reader {
 public:
  explicit Reader(Inspection& into) : into_(into) {}

  template <class T>
  void need(Result<T> part, T& into) {
    if (part) {
      into = std::move(*part);
    } else if (!error_) {
      error_ = part.error();
    }
  }

  template <class T>
  void want(const char* name, Result<T> part, std::optional<T>& into) {
    if (part) {
      into = std::move(*part);
    } else if (part.error().code == EACCES || part.error().code == EPERM) {
      into_.denied.emplace_back(name);
    } else if (part.error().code != ENOENT && !error_) {
      error_ = part.error();
    }
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  Inspection& into_;
  std::optional<Error> error_;
};

std::int64_t microseconds_since(std::uint64_t start_ticks) {
  const auto per_tick = std::chrono::nanoseconds(std::chrono::seconds(1)) / sysconf(_SC_CLK_TCK);
  const Duration started = per_tick * static_cast<std::int64_t>(start_ticks);
  return std::max<std::int64_t>(0, (boot_now().since_epoch - started) / std::chrono::microseconds(1));
}

}  // namespace

Result<Inspection> inspect_process(const api::Process& process, bool main) {
  const auto pid = process::Pid::from(process.pid);
  if (!pid) return Failure(pid.error());
  const auto info = ProcessInfo::open(*pid, static_cast<std::uint64_t>(process.start_ticks));
  if (!info) return Failure(info.error());
  Inspection it(*pid, main);
  Reader reader(it);
  reader.need(info->stat(), it.stat);
  reader.need(info->status(), it.status);
  reader.need(info->limits(), it.limits);
  reader.need(info->cgroups(), it.cgroups);
  reader.need(info->oom_score_adjust(), it.oom_score_adjust);
  if (!process.command.empty()) reader.need(info->arguments(), it.arguments);
  reader.want("program", info->program(), it.program);
  reader.want("working_directory", info->working_directory(), it.working_directory);
  reader.want("root_directory", info->root_directory(), it.root_directory);
  reader.want("children", info->children(), it.children);
  reader.want("descriptors", info->descriptors(), it.descriptors);
  reader.want("maps", info->maps(), it.maps);
  if (reader.error()) return Failure(*reader.error());
  it.running_for_us = microseconds_since(it.stat.start_ticks);
  return it;
}

}  // namespace init::ctl
