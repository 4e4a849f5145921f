#include "libinit/loop/reaper.h"

#include <sys/prctl.h>

#include <cerrno>
#include <optional>

#include "libinit/sys/calls.h"

namespace init::loop {
namespace {

process::ExitStatus status_of(const siginfo_t& info) {
  using Kind = process::ExitStatus::Kind;
  if (info.si_code == CLD_EXITED) return {Kind::Exited, info.si_status};
  return {info.si_code == CLD_DUMPED ? Kind::Dumped : Kind::Signaled, info.si_status};
}

// The next one that has ended, which is gone then; nothing while all live. Errors: ECHILD.
Result<std::optional<Reaped>> reap() {
  siginfo_t info{};
  int error = 0;
  do error = sys::error_of(sys::waitid(P_ALL, 0, &info, WEXITED | WNOHANG, nullptr));
  while (error == EINTR);
  if (error != 0) return failure(error, "wait for a child");
  if (info.si_pid == 0) return std::optional<Reaped>();
  const auto pid = process::Pid::from(info.si_pid);
  if (!pid) return Failure(pid.error());
  return std::optional(Reaped{*pid, status_of(info)});
}

}  // namespace

Result<Reaper> Reaper::create(Options options) {
  auto news = SignalGuard::create({SIGCHLD});
  if (!news) return Failure(news.error());
  const int error = options.adopt ? sys::error_of(sys::prctl(PR_SET_CHILD_SUBREAPER, 1)) : 0;
  if (error != 0) return failure(error, "adopt orphans");
  return Reaper(std::move(*news));
}

Task<Reaped> Reaper::next() {
  for (;;) {
    const Result<std::optional<Reaped>> reaped = reap();
    if (reaped && *reaped) co_return **reaped;
    if (!reaped && reaped.error().code != ECHILD) co_return Failure(reaped.error());
    co_await co_await news_.next();
  }
}

}  // namespace init::loop
