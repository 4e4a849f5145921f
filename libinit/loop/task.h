// Task<T>: a coroutine that gives a Result<T>. It begins when it is awaited, or handed to an EventLoop, and
// ends early when it is destroyed: whatever it waited for is let go, its locals are destroyed. An exception
// in its body becomes its error.
//
//   Task<ExitStatus> once(EventLoop& loop, Command& command) {
//     Child child = co_await command.spawn();    // of a Result: the value, or the task ends with the error
//     co_return co_await loop.exited(child);     // of a Task: its Result
//   }
//
// So each co_await takes off one layer: of a Task its Result, of a Result its value.
#pragma once
#include <cerrno>
#include <coroutine>
#include <new>
#include <optional>
#include <utility>

#include "libinit/base/exception.h"
#include "libinit/base/result.h"

namespace init::loop {

class EventLoop;

namespace detail {

struct PromiseBase {
  EventLoop* loop = nullptr;
  std::coroutine_handle<> continuation;
  bool finished = false;

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> task) const noexcept {
      return task.promise().finish();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  std::coroutine_handle<> finish() noexcept {
    finished = true;
    return continuation ? continuation : std::noop_coroutine();
  }
};

template <class T>
struct PromiseOf : PromiseBase {
  std::optional<Result<T>> result;
  void unhandled_exception() noexcept { fail(caught("run a task")); }
  void fail(Error error) noexcept { result.emplace(Failure(std::move(error))); }
};

template <class T>
struct Promise : PromiseOf<T> {
  template <class From>
  void return_value(From&& from) {
    this->result.emplace(std::forward<From>(from));
  }
};
template <>
struct Promise<void> : PromiseOf<void> {
  void return_void() { result.emplace(); }
};

// co_await of a Result.
template <class T>
class Try {
 public:
  explicit Try(Result<T> result) : result_(std::move(result)) {}
  bool await_ready() const noexcept { return result_.has_value(); }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> task) noexcept {
    task.promise().fail(std::move(result_.error()));
    return task.promise().finish();
  }
  T await_resume() noexcept(std::is_nothrow_move_constructible_v<T> || std::is_void_v<T>) {
    if constexpr (!std::is_void_v<T>) return std::move(*result_);
  }

 private:
  Result<T> result_;
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::Promise<T> {
    Task get_return_object() noexcept {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    // No memory for the coroutine is an error as any other.
    static Task get_return_object_on_allocation_failure() noexcept { return {}; }
  };

  Task() noexcept = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this == &other) return *this;
    clear();
    handle_ = std::exchange(other.handle_, nullptr);
    return *this;
  }
  ~Task() { clear(); }

  // ---- for EventLoop
  // Runs to the first place where it waits.
  void start(EventLoop* loop) {
    handle_.promise().loop = loop;
    handle_.resume();
  }
  [[nodiscard]] bool done() const noexcept { return !handle_ || handle_.promise().finished; }
  // Once. Errors: of the task; ENOMEM when there was none for it; EALREADY the second time.
  [[nodiscard]] Result<T> take() {
    if (!handle_) return failure(ENOMEM, "start a task");
    std::optional<Result<T>> result = std::exchange(handle_.promise().result, std::nullopt);
    if (!result) return failure(EALREADY, "take the result of a task");
    return std::move(*result);
  }

  // ---- for co_await
  [[nodiscard]] bool await_ready() const noexcept { return done(); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    start(awaiting.promise().loop);
    if (done()) return false;  // without a detour, so that no number of them grows the stack
    handle_.promise().continuation = awaiting;
    return true;
  }
  [[nodiscard]] Result<T> await_resume() { return take(); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  void clear() noexcept {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  std::coroutine_handle<promise_type> handle_;
};

}  // namespace init::loop

namespace init {

template <class T>
loop::detail::Try<T> operator co_await(Result<T> result) {
  return loop::detail::Try<T>(std::move(result));
}
inline loop::detail::Try<void> operator co_await(Failure failure) {
  return loop::detail::Try<void>(std::move(failure));
}

}  // namespace init
