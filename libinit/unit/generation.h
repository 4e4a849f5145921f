// The compiled generation: all units of one load in a sealed memfd, so that a manager that comes up again
// reads what was in force and not what is on disk by now.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"
#include "libinit/unit/config.h"
#include "libinit/unit/system_config.h"

namespace init::unit {

// A memfd sealed against writing, shrinking and growing; unit number i is units[i]. Ids must differ.
// Errors: memfd_create(2), write(2), fcntl(2); EINVAL for an id that is there twice; EFBIG above 1 GiB.
[[nodiscard]] Result<UniqueFd> compile_generation(std::span<const Unit> units, const SystemConfig& config);

// A generation mapped read-only. Every byte is checked before it is used: whoever wrote the memfd, nothing
// worse than an error comes of it.
class Generation {
 public:
  // Takes the memfd. Errors: EINVAL when it is not sealed, EBADMSG when it is damaged or of another version.
  [[nodiscard]] static Result<Generation> open(UniqueFd fd);

  Generation(Generation&& other) noexcept;
  Generation& operator=(Generation&& other) noexcept;
  ~Generation();

  [[nodiscard]] std::uint32_t size() const { return count_; }
  [[nodiscard]] std::string_view id(std::uint32_t index) const;           // empty for an index past the end
  [[nodiscard]] std::string_view description(std::uint32_t index) const;  // the same; decodes no more than it
  [[nodiscard]] Result<Unit> unit(std::uint32_t index) const;
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view id) const;  // O(log size)
  [[nodiscard]] Result<SystemConfig> config() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Generation(UniqueFd fd, std::string_view bytes) : fd_(std::move(fd)), bytes_(bytes) {}
  [[nodiscard]] bool check();
  [[nodiscard]] std::uint32_t word(std::size_t offset) const;
  [[nodiscard]] std::string_view record(std::uint32_t index) const;

  UniqueFd fd_;
  std::string_view bytes_;  // the mapping
  std::uint32_t count_ = 0;
};

}  // namespace init::unit
