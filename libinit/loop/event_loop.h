// EventLoop: one thread's tasks, and what they wait for: descriptors, time, signals (signals.h), children
// (exited(), reaper.h), each other (flag.h). Built on the poller, or on any other Backend.
//
//   EventLoop loop;
//   loop.spawn(serve(loop));           // Task<> serve(EventLoop& loop) { ... co_await loop.sleep(5ms); ... }
//   if (auto ended = loop.run(); !ended) return report(ended.error());
//
// A loop and its tasks belong to one thread. It must outlive the tasks that wait in it.
#pragma once
#include <coroutine>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>

#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"
#include "libinit/loop/backend.h"
#include "libinit/loop/task.h"
#include "libinit/process/child.h"

namespace init::loop {

// The order in one turn of the loop: signals are seen before deaths, deaths before the rest.
enum class Priority : std::uint32_t { Signals, Children, Normal, Idle };

struct WaitOptions {
  MonotonicTime deadline = MonotonicTime::never();
  Priority priority = Priority::Normal;
};

// One wait of one task, for a descriptor, a time, or both; lives in the task's frame.
class Wait {
 public:
  Wait(EventLoop& loop, int fd, std::uint32_t events, WaitOptions options) noexcept
      : loop_(loop), fd_(fd), events_(events), options_(options) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  ~Wait();

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> task);  // false: it need not wait
  // The events of epoll(7) that are there. Errors: ETIMEDOUT, EBADF, EMFILE.
  [[nodiscard]] Result<std::uint32_t> await_resume() { return std::move(outcome_); }

 private:
  friend class EventLoop;
  using Timers = std::multimap<MonotonicTime, Wait*>;

  EventLoop& loop_;
  int fd_;  // -1 = time alone
  std::uint32_t events_;
  WaitOptions options_;
  std::coroutine_handle<> task_;
  std::uint32_t id_ = 0;  // 0 = its fd is not watched
  UniqueFd duplicate_;    // watched in place of an fd that another task waits for
  std::optional<Timers::iterator> timer_;
  Result<std::uint32_t> outcome_ = failure(ETIMEDOUT, "wait");
};

class Sleep : public Wait {
 public:
  Sleep(EventLoop& loop, MonotonicTime until) noexcept : Wait(loop, -1, 0, {until, Priority::Normal}) {}
  void await_resume() const noexcept {}
};

class EventLoop {
 public:
  EventLoop() : EventLoop(std::make_unique<EpollBackend>()) {}
  explicit EventLoop(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();  // ends the tasks that were spawned, where they wait

  // ---- co_await
  // Until fd (which stays the caller's, and open meanwhile) can be read or written, or has an end or an error
  // to tell. A regular file always can.
  [[nodiscard]] Wait readable(int fd, WaitOptions options = {});
  [[nodiscard]] Wait writable(int fd, WaitOptions options = {});
  [[nodiscard]] Sleep sleep(Duration duration) { return {*this, monotonic_now() + duration}; }
  [[nodiscard]] Sleep sleep_until(MonotonicTime time) { return {*this, time}; }
  // Until it has ended; reaps it. `co_await child.exited()` is the same in the loop that runs the task. The
  // child must stay where it is meanwhile. Errors: ECHILD when somebody else has reaped it, EBADF after a
  // move.
  [[nodiscard]] Task<process::ExitStatus> exited(process::Child& child);
  // `EventLoop& loop = co_await EventLoop::current();`: the loop that runs the task.
  struct Current;
  [[nodiscard]] static Current current() noexcept;

  // ---- running
  // Begins the task at once and keeps it. If it ends with an error nobody else would hear of it: run() ends
  // with that error.
  void spawn(Task<> task);
  // Until every spawned task has ended, one has failed, or stop() was called. Errors: of that task, of the
  // backend; EBUSY when it runs already; EDEADLK when nothing is left that could wake a task.
  [[nodiscard]] Result<> run();
  // Until the task has ended. Errors: as above, of the task, and ECANCELED after stop().
  template <class T>
  [[nodiscard]] Result<T> run(Task<T> task);
  void stop() noexcept { stopped_ = true; }

 private:
  friend class Wait;
  friend class Flag;
  struct Root;

  static Root mind(EventLoop& loop, Task<> task);
  bool begin(Wait& wait);
  bool watch(Wait& wait);
  void end(Wait& wait) noexcept;
  void hasten(Wait& wait);
  void wake(Wait& wait, Result<std::uint32_t> outcome);
  [[nodiscard]] Result<> turn();
  void fire_timers();
  [[nodiscard]] bool can_wake() const noexcept;
  // Turns until over(of), stop() or a failure.
  [[nodiscard]] Result<> turn_until(bool (*over)(const void* of), const void* of);

  std::unique_ptr<Backend> backend_;
  std::unordered_map<std::uint32_t, Wait*> watched_;  // by id: an event of one that is gone finds nobody
  std::uint32_t last_id_ = 0;
  Wait::Timers timers_;
  std::set<void*> roots_;        // frames of Root that live
  std::optional<Error> failed_;  // of the first spawned task that did
  bool running_ = false;
  bool stopped_ = false;
};

struct EventLoop::Current {
  EventLoop* loop = nullptr;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> task) noexcept {
    loop = task.promise().loop;
    return false;
  }
  [[nodiscard]] EventLoop& await_resume() const noexcept { return *loop; }
};

inline EventLoop::Current EventLoop::current() noexcept {
  return {};
}

template <class T>
Result<T> EventLoop::run(Task<T> task) {
  if (!task.done()) task.start(this);
  const auto over = [](const void* of) { return static_cast<const Task<T>*>(of)->done(); };
  if (auto ended = turn_until(over, &task); !ended) return Failure(ended.error());
  if (!task.done()) return failure(ECANCELED, "run a task");
  return task.take();
}

}  // namespace init::loop

namespace init::process {

[[nodiscard]] loop::Task<ExitStatus> operator co_await(Child::Exited exited);

}  // namespace init::process
