// The file descriptors of a child between fork and exec: a table of its own, the three streams, the passed
// fds, and nothing else. Private to the child steps.
#pragma once
#include <array>
#include <cstdint>

#include "libinit/process/child_steps.h"
#include "libinit/process/plan_view.h"

namespace init::process {

struct Outcome {
  int error = 0;  // an errno; 0 = done
  std::uint32_t detail = 0;
};

class ChildFds {
 public:
  ChildFds(const PlanView& plan, const ChildContext& context) noexcept;

  [[nodiscard]] int report_fd() const noexcept { return report_fd_; }

  // Gives the child a table of its own, in which nothing is open from 3 on but what the context names, and
  // that close-on-exec: a child that hangs in a later step holds no other child's pipe. What lies above the
  // named fds is not even copied, where close_range(2) is there.
  [[nodiscard]] Outcome take_own_table() noexcept;
  // For a caller that replaces itself: nothing is closed before the exec, and everything by it.
  [[nodiscard]] static Outcome keep_table() noexcept;
  // Moves the report pipe and the passed fds away from the numbers that will be overwritten.
  [[nodiscard]] Outcome make_room() noexcept;
  // Devices and our own files; they are opened in the parent's root, with the parent's identity.
  [[nodiscard]] Outcome open_root_streams() noexcept { return open_streams(true); }
  [[nodiscard]] Outcome open_user_streams() noexcept { return open_streams(false); }
  [[nodiscard]] Outcome place_streams() noexcept;
  [[nodiscard]] Outcome place_passed() noexcept;

 private:
  [[nodiscard]] Outcome open_streams(bool as_root) noexcept;
  [[nodiscard]] int open_stream(const StdioPlan& stdio, int& fd) noexcept;
  [[nodiscard]] int place_stream(int stream) noexcept;
  // The lowest of the context's fds that is not below `first`; INT_MAX when there is none.
  [[nodiscard]] int own_from(int first) const noexcept;
  [[nodiscard]] int passed(std::uint32_t index) const noexcept {
    return index < passed_count_ ? passed_[index] : -1;
  }

  const PlanView& plan_;
  const bool shares_table_;
  const int procs_fd_;
  int report_fd_;
  std::array<int, 3> opened_{-1, -1, -1};
  std::uint32_t passed_count_ = 0;
  std::array<int, kMaxPassedFds> passed_;
};

}  // namespace init::process
