#include "libinit/core/graph.h"

#include <algorithm>

#include "libinit/base/checksum.h"

namespace init::core {

bool ExitBits::contains(const Exit& exit) const noexcept {
  const auto value = static_cast<std::uint32_t>(exit.value);
  switch (exit.kind) {
    case Exit::Kind::Code:
      return value < 256 && (codes[value / 64] >> (value % 64) & 1U) != 0;
    case Exit::Kind::Signal:
    case Exit::Kind::Dumped:
      return value - 1 < 64 && (signals >> (value - 1) & 1U) != 0;
    case Exit::Kind::None:
      break;
  }
  return false;
}

std::optional<UnitIndex> Graph::find_tag(std::uint64_t tag) const noexcept {
  const auto found =
      std::lower_bound(by_tag_.begin(), by_tag_.end(), tag,
                       [this](UnitIndex unit, std::uint64_t t) { return nodes_[unit].tag < t; });
  if (found == by_tag_.end() || nodes_[*found].tag != tag) return std::nullopt;
  return *found;
}

std::optional<UnitIndex> Graph::find(std::string_view name) const noexcept {
  const std::uint64_t tag = fnv1a64(name);
  if (const auto unit = find_tag(tag); unit && this->name(*unit) == name) return unit;
  const auto found =
      std::lower_bound(virtual_names_.begin(), virtual_names_.end(), std::pair(tag, UnitIndex{0}));
  if (found == virtual_names_.end() || found->first != tag) return std::nullopt;
  return found->second;
}

std::string_view Graph::name(UnitIndex unit) const noexcept {
  return std::string_view(names_).substr(nodes_[unit].name_begin, nodes_[unit].name_size);
}

std::span<const Link> Graph::says(UnitIndex unit) const noexcept {
  return says_.row(unit);
}
std::span<const Link> Graph::said_of(UnitIndex unit) const noexcept {
  return said_of_.row(unit);
}
std::span<const Gate> Graph::start_gates(UnitIndex unit) const noexcept {
  return start_gates_.row(unit);
}
std::span<const Gate> Graph::stop_gates(UnitIndex unit) const noexcept {
  return stop_gates_.row(unit);
}
std::span<const UnitIndex> Graph::watchers(UnitIndex unit) const noexcept {
  return watchers_.row(unit);
}

std::size_t Graph::memory() const noexcept {
  const auto rows = [](const auto& r) {
    return r.begin.capacity() * sizeof(std::uint32_t) + r.items.capacity() * sizeof(r.items[0]);
  };
  std::size_t policies = 0;
  for (const Policy& policy : policies_) {
    policies += sizeof(Policy) + policy.stop_schedule.capacity() * sizeof(unit::StopStep);
  }
  return sizeof(*this) + nodes_.capacity() * sizeof(Node) + names_.capacity() + policies +
         by_tag_.capacity() * sizeof(UnitIndex) +
         virtual_names_.capacity() * sizeof(std::pair<std::uint64_t, UnitIndex>) + rows(says_) +
         rows(said_of_) + rows(start_gates_) + rows(stop_gates_) + rows(watchers_);
}

}  // namespace init::core
