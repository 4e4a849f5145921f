#include "libinit/loop/event_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>

namespace init::loop {

Wait::~Wait() {
  loop_.end(*this);
}

bool Wait::await_suspend(std::coroutine_handle<> task) {
  task_ = task;
  return loop_.begin(*this);
}

// The frame of a spawned task: there from spawn() to the task's end or the loop's.
struct EventLoop::Root {
  struct promise_type : detail::PromiseBase {
    promise_type(EventLoop& of, const Task<>& /*task*/) {
      loop = &of;
      loop->roots_.insert(frame());
    }
    promise_type(const promise_type&) = delete;
    promise_type& operator=(const promise_type&) = delete;
    ~promise_type() { loop->roots_.erase(frame()); }

    Root get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { loop->failed_ = caught("run a task"); }
    void* frame() noexcept { return std::coroutine_handle<promise_type>::from_promise(*this).address(); }
  };
};

EventLoop::Root EventLoop::mind(EventLoop& loop, Task<> task) {
  const Result<> ended = co_await task;
  if (!ended && !loop.failed_) loop.failed_ = ended.error();
}

EventLoop::~EventLoop() {
  while (!roots_.empty()) std::coroutine_handle<>::from_address(*roots_.begin()).destroy();
}

void EventLoop::spawn(Task<> task) {
  mind(*this, std::move(task));
}

Wait EventLoop::readable(int fd, WaitOptions options) {
  return {*this, fd, EPOLLIN, options};
}

Wait EventLoop::writable(int fd, WaitOptions options) {
  return {*this, fd, EPOLLOUT, options};
}

Task<process::ExitStatus> EventLoop::exited(process::Child& child) {
  for (;;) {
    const std::optional<process::ExitStatus> status = co_await child.try_wait();
    if (status) co_return *status;
    co_await co_await readable(child.pidfd(), {MonotonicTime::never(), Priority::Children});
  }
}

Result<> EventLoop::run() {
  return turn_until([](const void* loop) { return static_cast<const EventLoop*>(loop)->roots_.empty(); },
                    this);
}

Result<> EventLoop::turn_until(bool (*over)(const void* of), const void* of) {
  if (running_) return failure(EBUSY, "run a loop");
  running_ = true;
  Result<> turned;
  while (turned && !failed_ && !stopped_ && !over(of)) turned = turn();
  running_ = stopped_ = false;
  if (failed_) return Failure(*std::exchange(failed_, std::nullopt));
  return turned;
}

// One look at what is ready. A task that is resumed may end others, or the waits of others: so each is looked
// up by its id, and each timer taken from the front.
Result<> EventLoop::turn() {
  if (watched_.empty() && timers_.empty() && !backend_->serves_others()) {
    return Failure(Error{EDEADLK, "run a loop", {}, {}, "nothing is left that could wake its tasks"});
  }
  const auto ready = backend_->wait(timers_.empty() ? MonotonicTime::never() : timers_.begin()->first);
  if (!ready) return Failure(ready.error());
  for (const process::Ready& one : *ready) {
    if (const auto found = watched_.find(one.token.index); found != watched_.end())
      wake(*found->second, one.events);
  }
  fire_timers();
  return {};
}

void EventLoop::fire_timers() {
  if (timers_.empty()) return;
  const MonotonicTime now = monotonic_now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    wake(*timers_.begin()->second, failure(ETIMEDOUT, "wait"));
  }
}

bool EventLoop::begin(Wait& wait) {
  if (wait.fd_ >= 0 && !watch(wait)) return false;
  if (wait.options_.deadline != MonotonicTime::never())
    wait.timer_ = timers_.emplace(wait.options_.deadline, &wait);
  return true;
}

// False: there is nothing to wait for, its outcome says why.
bool EventLoop::watch(Wait& wait) {
  do ++last_id_;
  while (last_id_ == 0 || watched_.contains(last_id_));
  const process::Token token{static_cast<std::uint32_t>(wait.options_.priority), last_id_};
  auto added = backend_->add(wait.fd_, wait.events_, token);
  if (!added && added.error().code == EEXIST) {
    wait.duplicate_.reset(::fcntl(wait.fd_, F_DUPFD_CLOEXEC, 0));
    added = wait.duplicate_ ? backend_->add(wait.duplicate_.get(), wait.events_, token)
                            : failure(errno, "watch", "fd " + std::to_string(wait.fd_));
  }
  if (added) {
    watched_.emplace(last_id_, &wait);
    wait.id_ = last_id_;
  } else if (added.error().code == EPERM) {
    wait.outcome_ = Result<std::uint32_t>(wait.events_);
  } else {
    wait.outcome_ = Failure(added.error());
  }
  return added.has_value();
}

void EventLoop::end(Wait& wait) noexcept {
  if (wait.timer_) timers_.erase(*std::exchange(wait.timer_, std::nullopt));
  if (wait.id_ == 0) return;
  backend_->remove(wait.duplicate_ ? wait.duplicate_.get() : wait.fd_);
  wait.duplicate_.reset();
  watched_.erase(std::exchange(wait.id_, 0));
}

// For what waits for another task: it is resumed from the loop, never from inside of that task.
void EventLoop::hasten(Wait& wait) {
  if (wait.timer_) timers_.erase(*wait.timer_);
  wait.timer_ = timers_.emplace(MonotonicTime{}, &wait);
}

void EventLoop::wake(Wait& wait, Result<std::uint32_t> outcome) {
  end(wait);
  wait.outcome_ = std::move(outcome);
  wait.task_.resume();
}

}  // namespace init::loop

namespace init::process {

loop::Task<ExitStatus> operator co_await(Child::Exited exited) {
  loop::EventLoop& loop = co_await loop::EventLoop::current();
  co_return co_await loop.exited(*exited.child);
}

}  // namespace init::process
