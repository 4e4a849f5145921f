// Setters, one per type of value. The member to fill is the template's argument, so that a row of the key
// table names it and nothing else does.
#pragma once
#include "libinit/unit/enums.h"
#include "libinit/unit/setting.h"

namespace init::unit {

inline auto& owner_of(const Setting& s, const auto Unit::*) {
  return *s.unit;
}
inline auto& owner_of(const Setting& s, const auto ServiceConfig::*) {
  return s.unit->service;
}
inline auto& owner_of(const Setting& s, const auto LogConfig::*) {
  return s.unit->service.log;
}
inline auto& owner_of(const Setting& s, const auto InstallConfig::*) {
  return s.unit->install;
}
inline auto& owner_of(const Setting& s, const auto SystemConfig::*) {
  return *s.system;
}
template <auto Member>
auto& target(const Setting& s) {
  return owner_of(s, Member).*Member;
}

[[nodiscard]] std::optional<std::uint64_t> read_log_size(const Setting& s);  // setters.cpp

template <auto Member>
void set_boolean(const Setting& s) {
  if (const auto value = s.boolean(s.entry.value)) target<Member>(s) = *value;
}

template <auto Member, std::int64_t Least, std::int64_t Most>
void set_integer(const Setting& s) {
  if (const auto value = s.integer(s.entry.value, Least, Most))
    target<Member>(s) = static_cast<std::int32_t>(*value);
}

template <auto Member, auto Reader>
void set_string(const Setting& s) {
  if (const std::string* value = (s.*Reader)(s.entry.value)) target<Member>(s) = *value;
}

template <auto Member, auto Reader>
void set_strings(const Setting& s) {
  if (auto value = s.strings(Reader)) target<Member>(s) = std::move(*value);
}

template <auto Member, class E>
void set_word(const Setting& s) {
  const auto index = s.word_of(s.entry.value, std::data(Words<E>::list), std::size(Words<E>::list));
  if (index) target<Member>(s) = static_cast<E>(*index);
}

// For waits, where no time at all makes no sense and "never" has a word of its own.
template <auto Member>
void set_timeout(const Setting& s) {
  const auto value = s.duration(s.entry.value);
  if (value && *value == Duration::zero())
    return s.bad_value(s.entry.value, "is no time", "for no limit write \"infinity\"");
  if (value) target<Member>(s) = *value;
}

template <auto Member>
void set_delay(const Setting& s) {
  const auto value = s.duration(s.entry.value);
  if (value && *value == kInfinity) return s.bad_value(s.entry.value, "is no delay", "use restart = \"no\"");
  if (value) target<Member>(s) = *value;
}

// At least 64 KiB, as no file is shorter than one reading.
template <auto Member>
void set_log_size(const Setting& s) {
  if (const auto value = read_log_size(s)) target<Member>(s) = *value;
}

template <auto Member>
void set_mode(const Setting& s) {
  if (const auto value = s.mode(s.entry.value)) target<Member>(s) = *value;
}

template <auto Member>
void set_signal(const Setting& s) {
  if (const auto value = s.signal(s.entry.value)) target<Member>(s) = *value;
}

template <DependencyKind Kind>
void set_dependencies(const Setting& s) {
  const auto names = s.strings(&Setting::unit_name);
  for (std::size_t i = 0; names && i < names->size(); ++i) {
    s.unit->dependencies.push_back({Kind, (*names)[i], location_of(s.entry.value.items[i].place), false});
  }
}

// setters.cpp
[[nodiscard]] std::optional<std::vector<Step>> read_steps(const Setting& s);
[[nodiscard]] std::optional<ExitSet> read_exits(const Setting& s);
[[nodiscard]] std::optional<Limit> read_limit(const Setting& s);
void append_directories(const Setting& s, DirectoryKind kind);
void set_type(const Setting& s);
void set_restart_limit(const Setting& s);
void set_stop_schedule(const Setting& s);
void set_working_directory(const Setting& s);
void set_input(const Setting& s);
void set_variable(const Setting& s);
void set_log_count(const Setting& s);
void set_rate_limit(const Setting& s);
[[nodiscard]] std::optional<std::string> read_pattern(const Setting& s);
[[nodiscard]] std::optional<std::vector<std::string>> read_patterns(const Setting& s);
void set_output(const Setting& s, Output& output);

template <auto Member>
void set_steps(const Setting& s) {
  if (auto value = read_steps(s)) target<Member>(s) = std::move(*value);
}

template <auto Member>
void set_exits(const Setting& s) {
  if (auto value = read_exits(s)) target<Member>(s) = std::move(*value);
}

template <auto Member>
void set_output(const Setting& s) {
  set_output(s, target<Member>(s));
}

template <auto Member>
void set_patterns(const Setting& s) {
  if (auto value = read_patterns(s)) target<Member>(s) = std::move(*value);
}

template <std::size_t Resource>
void set_limit(const Setting& s) {
  if (const auto value = read_limit(s)) s.unit->service.limits[Resource] = *value;
}

// setters_probe.cpp: [ready] and [health]
void set_bus_name(const Setting& s);
void set_log_identifier(const Setting& s);
void set_notify_access(const Setting& s);
void read_http(const Setting& s, Probe& probe);
void read_tcp(const Setting& s, Probe& probe);
void read_probe_command(const Setting& s, Probe& probe);
void read_alive_for(const Setting& s, Probe& probe);
void read_trigger(const Setting& s, Probe& probe);
// Takes the place of nothing: a probe is of one kind.
[[nodiscard]] bool choose(const Setting& s, Probe& probe, ProbeKind kind);

template <auto Which>
void set_http(const Setting& s) {
  read_http(s, target<Which>(s));
}
template <auto Which>
void set_body(const Setting& s) {
  if (const std::string* text = s.string(s.entry.value)) target<Which>(s).body = *text;
}
template <auto Which>
void set_status(const Setting& s) {
  if (const auto value = s.integer(s.entry.value, 100, 599))
    target<Which>(s).status = static_cast<std::int32_t>(*value);
}
template <auto Which>
void set_tcp(const Setting& s) {
  read_tcp(s, target<Which>(s));
}
template <auto Which, ProbeKind Kind>
void set_probe_path(const Setting& s) {
  const std::string* text = s.path(s.entry.value);
  if (text != nullptr && choose(s, target<Which>(s), Kind)) target<Which>(s).target = *text;
}
template <auto Which>
void set_probe_command(const Setting& s) {
  read_probe_command(s, target<Which>(s));
}
template <auto Which>
void set_log_line(const Setting& s) {
  const auto pattern = read_pattern(s);
  if (pattern && choose(s, target<Which>(s), ProbeKind::LogLine)) target<Which>(s).target = *pattern;
}
template <auto Which>
void set_alive_for(const Setting& s) {
  read_alive_for(s, target<Which>(s));
}
template <auto Which>
void set_trigger(const Setting& s) {
  read_trigger(s, target<Which>(s));
}
template <auto Which, auto Member>
void set_probe_time(const Setting& s) {
  const auto value = s.duration(s.entry.value);
  if (value && *value == Duration::zero()) return s.bad_value(s.entry.value, "is no time");
  if (value) target<Which>(s).*Member = *value;
}
template <auto Which, std::int64_t Least>
void set_failures(const Setting& s) {
  if (const auto value = s.integer(s.entry.value, Least, 10'000))
    target<Which>(s).failures = static_cast<std::uint32_t>(*value);
}

template <DirectoryKind Kind>
void set_directories(const Setting& s) {
  append_directories(s, Kind);
}

}  // namespace init::unit
