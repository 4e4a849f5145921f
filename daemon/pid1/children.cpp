// The manager's other words about children (signal, watch, acknowledge), the way from a pid to its slot, and
// taking over after PID 1 has executed itself anew.
#include "daemon/pid1/children.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "daemon/pid1/log.h"
#include "libinit/sys/calls.h"

namespace init::pid1 {
namespace {

constexpr int kReservedFds = 64;

// -1 where /proc is missing, or shows the pids of another namespace.
int open_child_list() noexcept {
  std::array<char, 16> self;
  std::int32_t pid = 0;
  const ssize_t size = readlink("/proc/self", self.data(), self.size());
  std::from_chars(self.data(), self.data() + std::max<ssize_t>(size, 0), pid);
  return pid == getpid() ? open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC) : -1;
}

}  // namespace

void Children::raise_limit() noexcept {
  getrlimit(RLIMIT_NOFILE, &limit_before_);
  rlimit raised = limit_before_;
  raised.rlim_cur = raised.rlim_max;
  setrlimit(RLIMIT_NOFILE, &raised);
  pidfd_end_ = static_cast<int>(std::min<rlim_t>(raised.rlim_cur, 1U << 30)) - kReservedFds;
}

void Children::start() noexcept {
  facts_.edit_resume().file_limit = limit_before_.rlim_cur;
  list_fd_ = raise_fd(open_child_list());
  make_areas();
}

void Children::resume() noexcept {
  const rlim_t before = facts_.resume().file_limit;
  start();
  facts_.edit_resume().file_limit = limit_before_.rlim_cur = before;
  facts_.own().low_owner.fill(0);
  for (std::uint32_t i = 0; i < facts_.header().slots_used; ++i) {
    resume_slot(i);
    facts_.announce(i);
  }
}

// Every descriptor but the report pipe has closed with the exec; pidfds can be had again, since nothing was
// reaped.
void Children::resume_slot(std::uint32_t index) noexcept {
  const Slot& slot = facts_.slot(index);
  if (!facts_.intact(index)) facts_.commit(index, [](Slot&) {});  // the fault came in the middle of a commit
  if (!lives(index)) return;
  const std::int32_t pid = *facts_.pid_cell(index);
  if (pid <= 0) {  // never cloned: the request was in hand, and a new manager repeats it
    facts_.commit(index, [](Slot& freed) { freed = Slot{.serial = freed.serial}; });
    return;
  }
  if (slot.pid != pid) facts_.commit(index, [&](Slot& changed) { changed.pid = pid; });
  Child& self = child(index);
  self.low_fds = 0;
  if (slot.state != SlotState::Spawning || fcntl(self.report, F_SETFD, FD_CLOEXEC) != 0) self.report = -1;
  if (self.report >= 0) static_cast<void>(loop_.add(self.report, EPOLLIN, {kReport, index}));
  hold_pidfd(index, pidfd_open(pid));
}

void Children::signal(const channel::Signal& request) noexcept {
  if (request.slot >= channel::kSlotCount) return;
  const Slot& slot = facts_.slot(request.slot);
  if (!lives(request.slot) || slot.attempt != request.attempt || slot.pid <= 0) return;
  const int pidfd = child(request.slot).pidfd;
  if (pidfd >= 0) {
    sys::pidfd_send_signal(pidfd, request.signal);
  } else {
    kill(slot.pid, request.signal);
  }
}

void Children::watch(const channel::WatchBody& request) noexcept {
  const std::uint32_t index = request.slot;
  if (index >= channel::kSlotCount || facts_.slot(index).state != SlotState::Free) return;
  if (request.pid <= 1 || slot_of(request.pid) != kNoSlot) return;
  facts_.commit(index, [&](Slot& slot) {
    slot = Slot{.tag = request.tag,
                .attempt = request.attempt,
                .role = request.role,
                .state = SlotState::Running,
                .pid = request.pid,
                .started_ns = static_cast<std::uint64_t>(monotonic_now().since_epoch.count()),
                .flags = channel::kSlotWatched,
                .serial = slot.serial};
  });
  child(index) = Child{};
  *facts_.pid_cell(index) = request.pid;
  hint(request.pid) = static_cast<std::uint16_t>(index);
  hold_pidfd(index, pidfd_open(request.pid));
  End end;
  if (child(index).pidfd >= 0 || peek(P_PID, request.pid, end) != Peek::NotOurs) return;
  const channel::Orphan* gone = facts_.find_orphan(request.pid);
  if (gone != nullptr)
    end = {.pid = gone->pid, .uid = gone->uid, .kind = gone->exit_kind, .value = gone->exit_value};
  commit_end(index, end, gone == nullptr ? channel::kSlotUncertain : 0U);
}

void Children::acknowledge(const channel::Ended& request) noexcept {
  if (request.slot >= channel::kSlotCount) return;
  const Slot& slot = facts_.slot(request.slot);
  if (slot.attempt != request.attempt || (slot.state != SlotState::Exited && slot.state != SlotState::Failed))
    return;
  *facts_.pid_cell(request.slot) = 0;
  let_end(request.slot);
  facts_.note(request.slot, [](Slot& freed) { freed = Slot{.serial = freed.serial}; });
}

bool Children::lives(std::uint32_t index) const noexcept {
  const SlotState state = facts_.slot(index).state;
  return state == SlotState::Spawning || state == SlotState::Running;
}

// The hint is right for a service; of an orphan only a look at all slots can tell that it is none.
std::uint32_t Children::slot_of(std::int32_t pid) const noexcept {
  const auto is_in = [&](std::uint32_t index) { return *facts_.pid_cell(index) == pid && lives(index); };
  if (is_in(hint(pid))) return hint(pid);
  for (std::uint32_t index = 0; index < facts_.header().slots_used; ++index) {
    if (is_in(index)) return index;
  }
  return kNoSlot;
}

}  // namespace init::pid1
