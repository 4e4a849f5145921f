// Threads, for programs that want them; nothing else in libinit starts one. What the thread works on is moved
// into it; what it returns comes back from join(); an exception in it becomes the error that join() gives.
//
//   auto counting = ThreadBuilder().stack_size(64 << 10).spawn([](Lines lines) { return lines.size(); },
//   read()); Result<std::size_t> count = counting->join();
#pragma once
#include <pthread.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "libinit/base/exception.h"
#include "libinit/base/result.h"

namespace init::thread {

// One thread that was started. Destroying it joins, unless the thread was detached.
template <class T>
class [[nodiscard]] Thread {
 public:
  using Outcome = std::optional<Result<T>>;

  Thread(Thread&& other) noexcept
      : id_(std::exchange(other.id_, std::nullopt)), outcome_(std::move(other.outcome_)) {}
  Thread& operator=(Thread&&) = delete;
  ~Thread() {
    if (id_) ::pthread_join(*id_, nullptr);
  }

  // Waits for its end; once. Errors: of the function; EINVAL when it is detached or was joined before.
  [[nodiscard]] Result<T> join() {
    if (!id_) return failure(EINVAL, "join a thread");
    if (const int error = ::pthread_join(*id_, nullptr); error != 0) return failure(error, "join a thread");
    id_.reset();
    if (!*outcome_) return failure(ECANCELED, "join a thread");  // it left by pthread_exit(3)
    return std::move(**outcome_);
  }

 private:
  friend class ThreadBuilder;
  Thread(std::optional<pthread_t> id, std::shared_ptr<Outcome> outcome) noexcept
      : id_(id), outcome_(std::move(outcome)) {}

  std::optional<pthread_t> id_;  // nothing: detached or joined
  std::shared_ptr<Outcome> outcome_;
};

class ThreadBuilder {
 public:
  // Bytes; rounded up to whole pages. Less than PTHREAD_STACK_MIN is an error of spawn().
  ThreadBuilder& stack_size(std::size_t bytes) {
    stack_size_ = bytes;
    return *this;
  }
  // The CPUs that it may run on; none is an error of spawn().
  ThreadBuilder& affinity(std::vector<int> cpus) {
    affinity_ = std::move(cpus);
    is_pinned_ = true;
    return *this;
  }
  // Nobody joins it; what it returns is dropped.
  ThreadBuilder& detached() {
    is_detached_ = true;
    return *this;
  }

  // Runs function(arguments...) in a new thread, on copies of its own or what was moved in; std::ref shares.
  // Errors: EINVAL with the attribute, EAGAIN.
  template <class Function, class... Arguments>
  [[nodiscard]] auto spawn(Function&& function, Arguments&&... arguments) const {
    using Work = std::tuple<std::decay_t<Function>, std::unwrap_ref_decay_t<Arguments>...>;
    using T = std::decay_t<decltype(call(std::declval<Work>()))>;
    auto outcome = std::make_shared<typename Thread<T>::Outcome>();
    Body body = [outcome, work = std::make_shared<Work>(std::forward<Function>(function),
                                                        std::forward<Arguments>(arguments)...)] {
      *outcome = run<T>(std::move(*work));
    };
    auto started = start(std::move(body));
    if (!started) return Result<Thread<T>>(Failure(started.error()));
    return Result<Thread<T>>(Thread<T>(*started, std::move(outcome)));
  }

 private:
  using Body = std::function<void()>;

  template <class Work>
  static decltype(auto) call(Work&& work) {
    return std::apply(
        [](auto&& function, auto&&... arguments) {
          return std::invoke(std::forward<decltype(function)>(function),
                             std::forward<decltype(arguments)>(arguments)...);
        },
        std::forward<Work>(work));
  }
  template <class T, class Work>
  static Result<T> run(Work&& work) noexcept {
    try {
      if constexpr (std::is_void_v<T>) {
        call(std::move(work));
        return {};
      } else {
        return call(std::move(work));
      }
    } catch (...) {
      return Failure(caught("run a thread"));
    }
  }
  // Nothing: it is detached.
  [[nodiscard]] Result<std::optional<pthread_t>> start(Body body) const;

  std::optional<std::size_t> stack_size_;
  std::vector<int> affinity_;
  bool is_pinned_ = false;
  bool is_detached_ = false;
};

}  // namespace init::thread
