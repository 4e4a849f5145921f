// The descriptors that one service gave away to have them back at its next start (FDSTORE of sd_notify(3)).
// They, and a memfd with their names, lie in PID 1's store too, each under its place here; so they outlive
// both the service and the manager.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {

inline constexpr std::uint32_t kMostServiceFds = 120;  // a spawn passes 128 at most

class ServiceFds {
 public:
  struct Kept {
    std::uint32_t place = 0;  // 0 to kMostServiceFds - 1
    std::string name;
    bool poll = true;  // it goes when it hangs up
    UniqueFd fd;
  };

  // Errors: those of memfd_create(2).
  static Result<ServiceFds> create();
  // The names that an earlier manager kept; the descriptors are given back with put_back().
  explicit ServiceFds(UniqueFd names) noexcept : names_(std::move(names)) {}
  const Kept& put_back(std::uint32_t place, UniqueFd fd);

  [[nodiscard]] int names_fd() const { return names_.get(); }
  [[nodiscard]] const std::vector<Kept>& all() const { return kept_; }

  // Writes down the name at a free place and takes the descriptor; to be stored under that place then.
  // Errors: EEXIST: the same open file is kept already, ENOSPC: there are `most` of them.
  Result<const Kept*> add(std::string_view name, bool poll, UniqueFd fd, std::uint32_t most);
  // Null: the place is free. Valid until the next change.
  [[nodiscard]] const Kept* find(std::uint32_t place) const;
  void remove(std::uint32_t place);

 private:
  [[nodiscard]] std::uint32_t free_place() const;

  UniqueFd names_;
  std::vector<Kept> kept_;
};

}  // namespace init::manager
