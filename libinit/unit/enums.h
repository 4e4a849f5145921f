// The words of enumerations: index = value. One list serves the parser, the printer and the compiled
// generation.
#pragma once
#include <string_view>

#include "libinit/unit/config.h"
#include "libinit/unit/system_config.h"

namespace init::unit {

template <class E>
struct Words;

template <>
struct Words<Kind> {
  static constexpr std::string_view list[] = {"service", "target", "slice"};
};
template <>
struct Words<DependencyKind> {
  static constexpr std::string_view list[kDependencyKinds] = {
      "requires",   "wants",       "requisite",   "binds-to",   "part-of",     "upholds",
      "conflicts",  "after",       "before",      "unordered",  "provides",    "on-failure",
      "on-success", "reload-with", "prepared-by", "stop-after", "stop-before", "on-restart-limit"};
};
template <>
struct Words<ServiceType> {
  static constexpr std::string_view list[] = {"exec", "oneshot", "notify", "forking", "dbus", "idle"};
};
template <>
struct Words<NotifyAccess> {
  static constexpr std::string_view list[] = {"default", "none", "main", "exec", "all"};
};
// The keys that say which kind of probe it is.
template <>
struct Words<ProbeKind> {
  static constexpr std::string_view list[] = {"none",    "http",     "tcp",       "unix",   "path",
                                              "command", "log-line", "alive-for", "trigger"};
};
template <>
struct Words<RestartPolicy> {
  static constexpr std::string_view list[] = {"no",       "on-success",  "on-failure", "on-abnormal",
                                              "on-abort", "on-watchdog", "always"};
};
template <>
struct Words<KillMode> {
  static constexpr std::string_view list[] = {"group", "mixed", "main", "none"};
};
template <>
struct Words<FailureAction> {
  static constexpr std::string_view list[] = {"none", "reboot", "poweroff", "exit"};
};
template <>
struct Words<OutputKind> {
  static constexpr std::string_view list[] = {"log",     "null", "file", "truncate", "inherit",
                                              "console", "tty",  "unit", "syslog",   "kmsg"};
};
template <>
struct Words<Overflow> {
  static constexpr std::string_view list[] = {"drop", "block"};
};
template <>
struct Words<InputKind> {
  static constexpr std::string_view list[] = {"null", "file", "inherit", "console", "tty", "data"};
};
template <>
struct Words<DirectoryKind> {
  static constexpr std::string_view list[kDirectoryKinds] = {"runtime", "state", "cache", "logs", "config"};
};
template <>
struct Words<IoClass> {
  static constexpr std::string_view list[] = {"realtime", "best-effort", "idle"};
};
template <>
struct Words<CpuPolicy> {
  static constexpr std::string_view list[] = {"other", "fifo", "rr", "batch", "idle"};
};
template <>
struct Words<NumaPolicy> {
  static constexpr std::string_view list[] = {"default", "preferred", "bind", "interleave", "local"};
};
template <>
struct Words<OomPolicy> {
  static constexpr std::string_view list[] = {"continue", "kill", "stop"};
};
template <>
struct Words<ContainerExit> {
  static constexpr std::string_view list[] = {"all-ended", "one-ended", "one-failed", "never"};
};

// "on-failure" for RestartPolicy::OnFailure.
template <class E>
[[nodiscard]] constexpr std::string_view word(E value) {
  return Words<E>::list[static_cast<std::size_t>(value)];
}

}  // namespace init::unit
