// From a Spawn message to a running program. The child shares PID 1's table of descriptors until its first
// step, which copies only what is below kLowFds: thousands of held descriptors cost a spawn nothing. Until
// the child says that its exec comes next, the descriptors it takes along stay open here; they are owned by
// its slot in Private::low_owner.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "daemon/pid1/channel.h"
#include "daemon/pid1/children.h"
#include "daemon/pid1/log.h"
#include "daemon/pid1/memory.h"
#include "libinit/process/exec_plan.h"
#include "libinit/sys/calls.h"
#include "libinit/sys/start_child.h"

namespace init::pid1 {
namespace {

using channel::kSpawnHasCgroup;
using channel::kSpawnHasCgroupProcs;
using channel::kSpawnPlanInMemfd;
using process::ChildStep;

// A plan that came as a memfd, mapped private. Only a sealed one: a file that shrinks under PID 1 is a
// SIGBUS.
std::span<std::byte> map_plan(int fd) noexcept {
  constexpr int needed = F_SEAL_SHRINK | F_SEAL_WRITE;
  const int seals = fcntl(fd, F_GET_SEALS);
  const off_t size = lseek(fd, 0, SEEK_END);
  if (seals < 0 || (seals & needed) != needed || size <= 0 ||
      size > static_cast<off_t>(process::kPlanMaxBytes))
    return {};
  void* at = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (at == MAP_FAILED) return {};
  return {static_cast<std::byte*>(at), static_cast<std::size_t>(size)};
}

// What a child has beside the program: a stack, and its orders. PID 1 goes on with the next packet while a
// child still works through its plan, so each has an area of its own until its exec. They are shared memory,
// in which neither side pays for what it writes; only the last is private, which the fork keeps apart for any
// number of children that hang.
struct alignas(16) Orders {
  std::span<std::byte> plan;
  process::ChildContext context;
  sys::Limit files;
  std::array<int, channel::kMaxMessageFds> fds;
};
// What most children use of the stack, and the orders, lie in one page, a short plan in the next.
struct alignas(channel::kPage) Area {
  std::array<std::byte, 36 * 1024 - sizeof(Orders)> stack;
  Orders orders;
  std::array<std::byte, channel::kMaxMessage> plan;
};
constexpr Duration kAgainDelay = std::chrono::seconds(1);
constexpr std::size_t kShared = 8;
std::array<Area*, kShared + 1> areas;
std::array<std::uint32_t, kShared> area_owners;  // slot + 1

channel::StoreBody kept_entry(std::uint32_t index, std::uint32_t number) noexcept {
  return {.tag = index, .kind = channel::kStoreKept + number, .reserved = 0};
}

Area& take_area(std::uint32_t index) noexcept {
  std::size_t at = 0;
  while (at < kShared && area_owners[at] != 0) ++at;
  if (at < kShared) area_owners[at] = index + 1;
  return *areas[at];
}

template <class T>
std::span<T> copy_for_child(std::span<const T> from, std::span<T> to) noexcept {
  std::copy(from.begin(), from.end(), to.begin());
  return to.first(from.size());
}

// No libc that may look at what a child does not have.
__attribute__((no_sanitize("address", "thread"))) void become_child(void* shared) noexcept {
  const Orders& orders = *static_cast<const Orders*>(shared);
  // PID 1 raised its own limit on descriptors; a program that still uses select(2) must not see that.
  sys::prlimit(RLIMIT_NOFILE, &orders.files, nullptr);
  process::run_child_steps(orders.plan, orders.context);
}

std::uint64_t now_ns() noexcept {
  return static_cast<std::uint64_t>(monotonic_now().since_epoch.count());
}

}  // namespace

struct Children::Request {
  channel::SpawnBody body;
  Area& area;
  std::span<std::byte> plan{};
  std::span<const int> passed{};
  int cgroup = -1;
  int procs = -1;
  int memfd = -1;       // of the plan
  int report = -1;      // the child's end
  bool shares = false;  // the table, until the child has unshared
  bool join = false;    // the child enters its cgroup by itself
};

int pidfd_open(std::int32_t pid) noexcept {
  return static_cast<int>(sys::pidfd_open(pid));
}

// Descriptors come in a fixed order; one that is flagged but absent reads as -1.
Children::Request Children::read_request(const channel::SpawnBody& body, std::span<const int> fds,
                                         std::span<const std::byte> payload) noexcept {
  Request request{.body = body, .area = take_area(body.slot)};
  std::size_t next = 0;
  const auto flagged = [&](std::uint32_t flag) {
    return (body.flags & flag) != 0 && next < fds.size() ? fds[next++] : -1;
  };
  request.cgroup = flagged(kSpawnHasCgroup);
  request.procs = flagged(kSpawnHasCgroupProcs);
  request.memfd = flagged(kSpawnPlanInMemfd);
  request.passed = copy_for_child<int>(fds.subspan(next), request.area.orders.fds);
  request.plan =
      request.memfd >= 0 ? map_plan(request.memfd) : copy_for_child<std::byte>(payload, request.area.plan);
  return request;
}

// Whether a process has come of it; else the slot says why not.
bool Children::start(Request& request) noexcept {
  const channel::SpawnBody& body = request.body;
  facts_.note(body.slot, [&](Slot& slot) {
    slot = Slot{.tag = body.tag,
                .attempt = body.attempt,
                .role = body.role,
                .state = SlotState::Spawning,
                .started_ns = now_ns(),
                .serial = slot.serial};
  });
  *facts_.pid_cell(body.slot) = 0;
  const Child before = std::exchange(child(body.slot), Child{});
  child(body.slot).kept_fds = before.kept_fds;
  child(body.slot).kept_flags = before.kept_flags;
  const bool well_formed = process::plan_is_well_formed(request.plan);
  if (!well_formed) fail(body.slot, ChildStep::Fork, EINVAL);
  const bool launched = well_formed && launch(request);
  if (child(body.slot).report < 0) free_area(body.slot);
  if (request.memfd >= 0 && !request.plan.empty()) munmap(request.plan.data(), request.plan.size());
  return launched;
}

void Children::spawn(channel::Packet& packet) noexcept {
  const auto body = packet.body<channel::SpawnBody>();
  if (body.slot >= channel::kSlotCount || facts_.slot(body.slot).state != SlotState::Free) return;
  keep(body, packet.fds());
  Request request = read_request(body, packet.fds(), packet.payload());
  if (!start(request) || !request.shares) return;
  for (std::size_t i = 0; i < packet.fds().size(); ++i) {
    const int fd = packet.fds()[i];
    if (fd != request.cgroup && fd != request.memfd) own_low_fd(body.slot, packet.take_fd(i));
  }
}

void Children::keep(const channel::SpawnBody& body, std::span<const int> fds) noexcept {
  constexpr std::uint32_t needed = channel::kSpawnKept | kSpawnPlanInMemfd;
  child(body.slot) = Child{};
  if ((body.flags & needed) != needed) return;
  for (const int fd : fds)
    store_put(facts_, kept_entry(body.slot, child(body.slot).kept_fds++), fcntl(fd, F_DUPFD_CLOEXEC, 0));
  child(body.slot).kept_flags = body.flags;
}

void Children::let_end(std::uint32_t index) noexcept {
  for (std::uint32_t& left = child(index).kept_fds; left > 0; --left)
    store_drop(facts_, kept_entry(index, left - 1));
}

MonotonicTime Children::start_kept(MonotonicTime now) noexcept {
  MonotonicTime next = MonotonicTime::never();
  for (std::uint32_t i = 0; i < facts_.header().slots_used; ++i) {
    const Slot& slot = facts_.slot(i);
    if (!is_kept(i) || (slot.state != SlotState::Exited && slot.state != SlotState::Failed)) continue;
    const MonotonicTime at = MonotonicTime{Duration(static_cast<std::int64_t>(slot.ended_ns))} + kAgainDelay;
    if (at > now) {
      next = std::min(next, at);
    } else {
      start_again(i);
    }
  }
  return next;
}

// Its end and what it was started with are all that is left of the run before; to a manager this is the same
// attempt, which runs on.
void Children::start_again(std::uint32_t index) noexcept {
  std::array<int, channel::kMaxMessageFds> fds;
  const std::size_t count = child(index).kept_fds;
  for (std::uint32_t i = 0; i < count; ++i) fds[i] = store_find(facts_, kept_entry(index, i));
  if (fds[0] < 0) return let_end(index);  // a manager had begun to stop it
  const Slot was = facts_.slot(index);
  log_line(
      Line("slot ").number(index).text(", pid ").number(was.pid).text(" has ended, it is started again"));
  Request request = read_request({.tag = was.tag,
                                  .slot = index,
                                  .attempt = was.attempt,
                                  .role = was.role,
                                  .flags = child(index).kept_flags},
                                 std::span<const int>(fds).first(count), {});
  static_cast<void>(start(request));
  facts_.note(index, [](Slot& slot) { slot.flags |= channel::kSlotAgain; });
}

// Nobody uses it any more: the end of the report pipe comes after the child has left its memory.
void Children::free_area(std::uint32_t index) noexcept {
  const auto owner = std::find(area_owners.begin(), area_owners.end(), index + 1);
  if (owner != area_owners.end()) *owner = 0;
}

void Children::give_back_areas() noexcept {
  if (std::count(area_owners.begin(), area_owners.end(), 0U) != kShared) return;
  madvise(areas[1], (kShared - 1) * sizeof(Area), MADV_REMOVE);
}

void Children::make_areas() noexcept {
  auto* const shared = reinterpret_cast<Area*>(shared_memory(kShared * sizeof(Area), end_of_program()));
  for (std::size_t at = 0; at < kShared; ++at) areas[at] = shared + at;
  void* own = mmap(nullptr, sizeof(Area), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (own == MAP_FAILED) _exit(70);
  areas[kShared] = static_cast<Area*>(own);
}

// False: nothing was started, the slot says why.
bool Children::launch(Request& request) noexcept {
  const std::uint32_t index = request.body.slot;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    fail(index, ChildStep::Fork, errno);
    return false;
  }
  request.report = ends[1];
  const auto low = [](int fd) { return fd < static_cast<int>(kLowFds); };
  request.shares = low(request.report) && low(request.procs) &&
                   std::all_of(request.passed.begin(), request.passed.end(), low);
  const int report = raise_fd(ends[0]);
  // Before the clone: after a fault the next self goes on reading, else the child would die of SIGPIPE.
  child(index).report = report;
  const int deaf = loop_.add(report, EPOLLIN, {kReport, index});
  int pidfd = -1;
  const std::int32_t pid = deaf != 0 ? -deaf : clone_child(request, pidfd);
  if (pid <= 0) {
    loop_.remove(report);
    close(request.report);
    close(report);
    child(index).report = -1;
    fail(index, request.join && request.procs < 0 ? ChildStep::Cgroup : ChildStep::Fork, -pid);
    return false;
  }
  // That it runs, or why not, is the news, and soon to come; a signal finds it by its slot.
  facts_.note(index, [&](Slot& slot) {
    slot.pid = pid;
    if (request.join) slot.flags |= channel::kSlotNoCgroup;
  });
  hint(pid) = static_cast<std::uint16_t>(index);
  if (request.shares) {
    own_low_fd(index, request.report);
  } else {
    close(request.report);
  }
  hold_pidfd(index, pidfd >= 0 ? pidfd : pidfd_open(pid));
  return true;
}

// The pid, or a negative errno. What the kernel or a filter refuses is left out, one thing after the other.
std::int32_t Children::clone_child(Request& request, int& pidfd) noexcept {
  bool into_cgroup = request.cgroup >= 0;
  int* where = &pidfd;
  for (;;) {
    if (!has_clone3_) {
      into_cgroup = false;
      where = nullptr;
    }
    request.join = request.cgroup >= 0 && !into_cgroup;
    if (request.join && request.procs < 0) return -EOPNOTSUPP;
    const std::int32_t pid = clone_once(request, into_cgroup, where);
    if (pid > 0 || pid == -EAGAIN || pid == -ENOMEM) return pid;
    if ((pid == -EMFILE || pid == -ENFILE) && where != nullptr) {
      where = nullptr;
    } else if (into_cgroup && pid != -ENOSYS) {
      into_cgroup = false;
    } else if (has_clone3_ && (pid == -ENOSYS || pid == -EPERM || pid == -EINVAL)) {
      has_clone3_ = false;
    } else {
      return pid;
    }
  }
}

std::int32_t Children::clone_once(const Request& request, bool into_cgroup, int* pidfd) noexcept {
  std::int32_t* cell = facts_.pid_cell(request.body.slot);
  const std::uint64_t flags = CLONE_PARENT_SETTID | (request.shares ? CLONE_FILES : 0U);
  Area& area = request.area;
  area.orders.plan = request.plan;
  area.orders.context = {.report_fd = request.report,
                         .passed_fds = request.passed,
                         .cgroup_procs_fd = request.join ? request.procs : -1,
                         .shares_table = request.shares,
                         .signals_default = has_clone3_};
  area.orders.files = {limit_before_.rlim_cur, limit_before_.rlim_max};
  if (!has_clone3_)
    return static_cast<std::int32_t>(
        sys::start_child(flags, area.stack.data(), area.stack.size(), become_child, &area.orders, cell));
  clone_args args{};
  args.flags = flags | CLONE_CLEAR_SIGHAND | (into_cgroup ? CLONE_INTO_CGROUP : 0U) |
               (pidfd != nullptr ? CLONE_PIDFD : 0U);
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<std::uintptr_t>(area.stack.data());
  args.stack_size = area.stack.size();
  args.parent_tid = reinterpret_cast<std::uintptr_t>(cell);
  args.pidfd = reinterpret_cast<std::uintptr_t>(pidfd);
  if (into_cgroup) args.cgroup = static_cast<std::uint64_t>(request.cgroup);
  return static_cast<std::int32_t>(sys::start_child(args, become_child, &area.orders));
}

void Children::fail(std::uint32_t index, ChildStep step, int error) noexcept {
  facts_.commit(index, [&](Slot& slot) {
    slot.state = SlotState::Failed;
    slot.failed_step = static_cast<std::uint32_t>(step);
    slot.failed_errno = error;
    slot.ended_ns = now_ns();
  });
}

// Takes the pidfd. Without one, or where there is no room for it, the end shows in a sweep.
void Children::hold_pidfd(std::uint32_t index, int pidfd) noexcept {
  if (pidfd >= 0) pidfd = raise_fd(pidfd);
  const bool room =
      pidfd < pidfd_end_ && (pidfd >= static_cast<int>(kLowFds) || pidfd_end_ <= static_cast<int>(kLowFds));
  if (pidfd >= 0 && (!room || loop_.add(pidfd, EPOLLIN, {kExit, index}) != 0)) {
    close(pidfd);
    pidfd = -1;
  }
  child(index).pidfd = pidfd;
  if (pidfd < 0) ++without_pidfd_;
}

void Children::own_low_fd(std::uint32_t index, int fd) noexcept {
  facts_.own().low_owner[static_cast<std::size_t>(fd)] = index + 1;
  ++child(index).low_fds;
}

void Children::close_low_fds(std::uint32_t index) noexcept {
  auto& owners = facts_.own().low_owner;
  std::uint32_t& left = child(index).low_fds;
  for (std::size_t fd = 0; left > 0 && fd < owners.size(); ++fd) {
    if (owners[fd] != index + 1) continue;
    owners[fd] = 0;
    --left;
    close(static_cast<int>(fd));
  }
}

}  // namespace init::pid1
