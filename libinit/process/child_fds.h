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

// Gives the child a table of its own; the parent's stored fds (those from kStoredFds on) are not even copied,
// where close_range(2) is there.
[[nodiscard]] int unshare_table() noexcept;

class ChildFds {
 public:
  ChildFds(const PlanView& plan, const ChildContext& context) noexcept;

  [[nodiscard]] int report_fd() const noexcept { return report_fd_; }

  // Moves the report pipe and the passed fds away from the numbers that will be overwritten.
  [[nodiscard]] Outcome make_room() noexcept;
  // Devices and our own files; they are opened in the parent's root, with the parent's identity.
  [[nodiscard]] Outcome open_root_streams() noexcept { return open_streams(true); }
  [[nodiscard]] Outcome open_user_streams() noexcept { return open_streams(false); }
  [[nodiscard]] Outcome place_streams() noexcept;
  // After this nothing but 0, 1, 2 and the passed fds survives execve.
  [[nodiscard]] Outcome place_passed() noexcept;

 private:
  [[nodiscard]] Outcome open_streams(bool as_root) noexcept;
  [[nodiscard]] int open_stream(const StdioPlan& stdio, int& fd) noexcept;
  [[nodiscard]] int place_stream(int stream) noexcept;
  [[nodiscard]] int passed(std::uint32_t index) const noexcept {
    return index < passed_count_ ? passed_[index] : -1;
  }

  const PlanView& plan_;
  int report_fd_;
  std::array<int, 3> opened_{-1, -1, -1};
  std::uint32_t passed_count_ = 0;
  std::array<int, kMaxPassedFds> passed_;
};

}  // namespace init::process
