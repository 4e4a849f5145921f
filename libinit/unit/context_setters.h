// Setters of the process context (context_config.h).
#pragma once
#include "libinit/unit/setters.h"

namespace init::unit {

inline auto& owner_of(const Setting& s, const auto Scheduling::*) {
  return s.unit->service.context.scheduling;
}
inline auto& owner_of(const Setting& s, const auto Privileges::*) {
  return s.unit->service.context.privileges;
}
inline auto& owner_of(const Setting& s, const auto Terminal::*) {
  return s.unit->service.context.tty;
}
inline auto& owner_of(const Setting& s, const auto Resources::*) {
  return s.unit->service.context.resources;
}

// context_setters.cpp
[[nodiscard]] std::optional<std::vector<std::uint32_t>> read_numbers(const Setting& s, std::uint32_t end);
[[nodiscard]] std::optional<std::uint64_t> read_capabilities(const Setting& s);
[[nodiscard]] std::optional<Memory> read_memory(const Setting& s);
void set_securebits(const Setting& s);
void set_cpu_quota(const Setting& s);
void set_tasks_max(const Setting& s);
void set_credential(const Setting& s);
void set_slice(const Setting& s);
void set_utmp_id(const Setting& s);

// Numbers below End and ranges of them.
template <auto Member, std::uint32_t End>
void set_numbers(const Setting& s) {
  if (auto value = read_numbers(s, End)) owner_of(s, Member).*Member = std::move(*value);
}

template <auto Member>
void set_capabilities(const Setting& s) {
  if (const auto value = read_capabilities(s)) owner_of(s, Member).*Member = *value;
}

template <auto Member>
void set_memory(const Setting& s) {
  if (const auto value = read_memory(s)) owner_of(s, Member).*Member = *value;
}

template <auto Member>
void set_weight(const Setting& s) {
  if (const auto value = s.integer(s.entry.value, 1, 10'000))
    owner_of(s, Member).*Member = static_cast<std::uint32_t>(*value);
}

}  // namespace init::unit
