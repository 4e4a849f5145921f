#include "libinit/loop/reaper.h"

#include <sys/prctl.h>

#include <cerrno>

#include "libinit/loop/reap.h"
#include "libinit/sys/calls.h"

namespace init::loop {
namespace {

process::ExitStatus status_of(const siginfo_t& info) {
  using Kind = process::ExitStatus::Kind;
  if (info.si_code == CLD_EXITED) return {Kind::Exited, info.si_status};
  return {info.si_code == CLD_DUMPED ? Kind::Dumped : Kind::Signaled, info.si_status};
}

}  // namespace

Result<std::optional<Reaped>> reap(idtype_t type, id_t id) {
  siginfo_t info{};
  int error = 0;
  do error = sys::error_of(sys::waitid(type, static_cast<int>(id), &info, WEXITED | WNOHANG, nullptr));
  while (error == EINTR);
  if (error != 0) return failure(error, "wait for a child");
  if (info.si_pid == 0) return std::optional<Reaped>();
  const auto pid = process::Pid::from(info.si_pid);
  if (!pid) return Failure(pid.error());
  return std::optional(Reaped{*pid, status_of(info)});
}

Result<Reaper> Reaper::create(Options options) {
  auto news = SignalGuard::create({SIGCHLD});
  if (!news) return Failure(news.error());
  const int error = options.adopt ? sys::error_of(sys::prctl(PR_SET_CHILD_SUBREAPER, 1)) : 0;
  if (error != 0) return failure(error, "adopt orphans");
  return Reaper(std::move(*news));
}

Task<Reaped> Reaper::next() {
  for (;;) {
    const Result<std::optional<Reaped>> reaped = reap(P_ALL, 0);
    if (reaped && *reaped) co_return **reaped;
    if (!reaped && reaped.error().code != ECHILD) co_return Failure(reaped.error());
    co_await co_await news_.next();
  }
}

}  // namespace init::loop
