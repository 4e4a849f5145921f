// Flag: how one task tells others. It stays up until it is lowered, so that nothing depends on who came
// first.
#pragma once
#include <algorithm>
#include <vector>

#include "libinit/loop/event_loop.h"

namespace init::loop {

class Flag {
 public:
  class Raised;

  explicit Flag(EventLoop& loop) noexcept : loop_(loop) {}
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  ~Flag();  // who waits for it now, waits for ever

  // Whoever waits goes on in the loop's next turn.
  void raise();
  void lower() noexcept { is_up_ = false; }
  [[nodiscard]] bool is_up() const noexcept { return is_up_; }
  // `co_await flag.raised();`
  [[nodiscard]] Raised raised();

 private:
  EventLoop& loop_;
  std::vector<Raised*> waiting_;
  bool is_up_ = false;
};

class Flag::Raised : public Wait {
 public:
  explicit Raised(Flag& flag) noexcept : Wait(flag.loop_, -1, 0, {}), flag_(&flag) {}
  ~Raised() {
    if (flag_ != nullptr) std::erase(flag_->waiting_, this);
  }

  [[nodiscard]] bool await_ready() const noexcept { return flag_->is_up_; }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> task) {
    flag_->waiting_.push_back(this);
    return Wait::await_suspend(task);
  }
  void await_resume() const noexcept {}

 private:
  friend class Flag;
  Flag* flag_;
};

inline Flag::~Flag() {
  for (Raised* wait : waiting_) wait->flag_ = nullptr;
}

inline void Flag::raise() {
  is_up_ = true;
  for (Raised* wait : waiting_) loop_.hasten(*wait);
}

inline Flag::Raised Flag::raised() {
  return Raised(*this);
}

}  // namespace init::loop
