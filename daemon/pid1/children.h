// The children of PID 1: services that the manager asked for, processes it asked to watch, and orphans.
// Spawning is in spawn.cpp, ends and sweeps in reap.cpp. Everything that happens is committed to the facts;
// nothing is answered.
#pragma once
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "daemon/channel/messages.h"
#include "daemon/channel/packet.h"
#include "daemon/pid1/facts.h"
#include "libinit/base/time.h"
#include "libinit/process/child_steps.h"
#include "libinit/process/poller.h"

namespace init::pid1 {

// Tokens of the loop, in the order in which one turn handles them: what children said and how they ended
// comes before what the manager wants next.
enum Kind : std::uint32_t { kReport = 0, kExit = 1, kSignals = 2, kChannel = 3, kCaller = 4 };

[[nodiscard]] int pidfd_open(std::int32_t pid) noexcept;

// A process ended: what waitid(2) told.
struct End {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t kind = 0;  // process::ExitStatus::Kind
  std::int32_t value = 0;
  rusage usage{};
};

class Children {
 public:
  Children(Facts& facts, process::Poller& loop) noexcept : facts_(facts), loop_(loop) {}

  // Raises the limit on open files.
  void raise_limit() noexcept;
  // Opens the list of children.
  void start() noexcept;
  // Instead of start(): takes over what the facts say was there before.
  void resume() noexcept;

  void spawn(channel::Packet& packet) noexcept;
  void watch(const channel::WatchBody& request) noexcept;
  void signal(const channel::Signal& request) noexcept;
  void acknowledge(const channel::Ended& request) noexcept;

  // Starts what is kept and has ended a while ago. When there will be more to do.
  [[nodiscard]] MonotonicTime start_kept(MonotonicTime now) noexcept;
  [[nodiscard]] bool is_kept(std::uint32_t index) noexcept { return child(index).kept_fds != 0; }
  void let_end(std::uint32_t index) noexcept;

  // The memory that a burst of spawns has touched.
  static void give_back_areas() noexcept;

  // Takes in what the child of a slot has reported so far.
  void read_reports(std::uint32_t index) noexcept;
  void exit_ready(std::uint32_t index) noexcept;

  // Reaps what has ended. Not `all`: the services that have a pidfd are left to it, which saves a waitid for
  // each.
  void sweep(bool all) noexcept;
  // SIGCHLD came. A sweep costs by the number of living children, and so does the distance between two.
  void child_signal() noexcept;
  [[nodiscard]] MonotonicTime sweep_due() const noexcept { return sweep_due_; }
  // Sends a signal to each child there is.
  void signal_all(int signal) noexcept;

  // The manager's pid, whose end is not an orphan's; 0 = there is none.
  void reserve(std::int32_t pid) noexcept { reserved_ = pid; }

 private:
  struct Request;
  // spawn.cpp
  [[nodiscard]] Request read_request(const channel::SpawnBody& body, std::span<const int> fds,
                                     std::span<const std::byte> payload) noexcept;
  [[nodiscard]] bool start(Request& request) noexcept;
  void keep(const channel::SpawnBody& body, std::span<const int> fds) noexcept;
  void start_again(std::uint32_t index) noexcept;
  [[nodiscard]] bool launch(Request& request) noexcept;
  [[nodiscard]] std::int32_t clone_child(Request& request, int& pidfd) noexcept;
  [[nodiscard]] std::int32_t clone_once(const Request& request, bool into_cgroup, int* pidfd) noexcept;
  void free_area(std::uint32_t index) noexcept;
  static void make_areas() noexcept;
  void fail(std::uint32_t index, process::ChildStep step, int error) noexcept;
  void hold_pidfd(std::uint32_t index, int pidfd) noexcept;
  void own_low_fd(std::uint32_t index, int fd) noexcept;
  void close_low_fds(std::uint32_t index) noexcept;
  void resume_slot(std::uint32_t index) noexcept;
  // reap.cpp
  void close_report(std::uint32_t index) noexcept;
  void drop_pidfd(std::uint32_t index) noexcept;
  bool collect(std::int32_t pid) noexcept;
  void commit_end(std::uint32_t index, const End& end, std::uint32_t flags) noexcept;
  void sweep_by_wait() noexcept;

  // The slot of a pid, or kNoSlot.
  static constexpr std::uint32_t kNoSlot = 0xffffffffU;
  [[nodiscard]] std::uint32_t slot_of(std::int32_t pid) const noexcept;
  [[nodiscard]] bool lives(std::uint32_t index) const noexcept;
  [[nodiscard]] std::uint16_t& hint(std::int32_t pid) const noexcept {
    return facts_.own().hints[static_cast<std::uint32_t>(pid) % channel::kSlotCount];
  }

  [[nodiscard]] Child& child(std::uint32_t index) noexcept { return facts_.own().children[index]; }

  Facts& facts_;
  process::Poller& loop_;
  rlimit limit_before_{};
  int pidfd_end_ = 0;  // pidfds stay below: the rest is for reports and the store
  int list_fd_ = -1;   // /proc/thread-self/children
  std::int32_t reserved_ = 0;
  std::uint32_t without_pidfd_ = 0;
  MonotonicTime sweep_due_ = MonotonicTime::never();
  MonotonicTime next_sweep_{};
  bool has_clone3_ = true;
};

// Visits each child on a list of proc(5), read in pieces of text. It is in the order of arrival, and what
// visit(pid) says it took away moves the rest forward by just the bytes of its number. False: there is no
// list.
template <class Visit>
bool walk_children(int list, std::span<char> text, Visit visit) noexcept {
  for (off_t offset = 0;;) {
    const ssize_t got = pread(list, text.data(), text.size(), offset);
    if (got < 0) return false;
    const char* at = text.data();
    const char* const end = at + got;
    for (const char* stop = nullptr; (stop = std::find(at, end, ' ')) != end; at = stop + 1) {
      std::int32_t pid = 0;
      std::from_chars(at, stop, pid);
      if (!visit(pid)) offset += stop + 1 - at;
    }
    if (at == text.data()) return true;
  }
}

// Looks at the end of a child without taking it away; reap() does. Both follow waitid(2).
enum class Peek { Ended, Alive, NotOurs };
[[nodiscard]] Peek peek(idtype_t type, std::int32_t pid, End& end) noexcept;
void reap(std::int32_t pid) noexcept;

}  // namespace init::pid1
