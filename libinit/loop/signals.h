// Signals by RAII. A SignalGuard holds its signals back and hands them out as values, one after the other, in
// the order of the kernel: lowest number first, those of one number in the order sent. Nothing runs in a
// handler. Signals of real time (SIGRTMIN and up) queue, each is handed out; of an ordinary one the kernel
// keeps one until it is taken, however often it was sent (signal(7)).
//
//   auto signals = SignalGuard::create({SIGINT, SIGTERM});
//   ...
//   const Signal signal = co_await co_await signals->next();
#pragma once
#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "libinit/base/unique_fd.h"
#include "libinit/loop/task.h"

namespace init::loop {

class SignalSet {
 public:
  constexpr SignalSet() = default;
  constexpr SignalSet(std::initializer_list<int> signals) {
    for (const int signal : signals) add(signal);
  }
  // A number that is no signal is remembered; whoever uses the set gets EINVAL.
  constexpr SignalSet& add(int signal) {
    if (signal >= 1 && signal <= kLast) {
      bits_ |= bit(signal);
    } else {
      is_valid_ = false;
    }
    return *this;
  }
  [[nodiscard]] constexpr bool contains(int signal) const {
    return signal >= 1 && signal <= kLast && (bits_ & bit(signal)) != 0;
  }
  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool is_valid() const { return is_valid_; }

  static constexpr int kLast = 64;

 private:
  static constexpr std::uint64_t bit(int signal) { return std::uint64_t{1} << (signal - 1); }
  std::uint64_t bits_ = 0;
  bool is_valid_ = true;
};

struct Signal {
  int number = 0;
  pid_t sender = 0;  // 0 = the kernel
  uid_t uid = 0;     // of the sender
  int value = 0;     // of sigqueue(3)
};

class SignalGuard {
 public:
  // From here on the signals are blocked, in this thread and in those that it starts: create it before any
  // other thread, and before the first child. (A child that libinit spawns has nothing of it.) Dispositions
  // stay, but an ignored SIGCHLD becomes the default one: it would let children vanish. Errors: EINVAL for
  // what cannot wait (KILL, STOP, the faults) or is no signal; EBUSY when another guard holds one of them;
  // EMFILE.
  [[nodiscard]] static Result<SignalGuard> create(SignalSet signals);

  SignalGuard(SignalGuard&& other) noexcept;
  SignalGuard& operator=(SignalGuard&&) = delete;
  // In the thread that created it: mask and dispositions are as before. A signal that was sent and not taken
  // now acts by the old disposition; it is not lost.
  ~SignalGuard();

  // The next signal; waits for it. The guard must stay where it is meanwhile.
  [[nodiscard]] Task<Signal> next();
  // The next signal, if one is there.
  [[nodiscard]] Result<std::optional<Signal>> try_next();
  // Readable when a signal is there: for other loops.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  SignalGuard() noexcept = default;

  std::uint64_t held_ = 0;                        // 0 = moved from
  std::uint64_t blocked_ = 0;                     // those of them that were not blocked before
  std::optional<struct sigaction> child_action_;  // of SIGCHLD, where it was changed
  UniqueFd fd_;
};

}  // namespace init::loop
