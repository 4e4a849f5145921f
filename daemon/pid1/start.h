// What initd does before its loop, the only time it may open files and mount: where it runs, its options, its
// own copy.
#pragma once
#include <span>

#include "daemon/channel/facts.h"

namespace init::pid1 {

struct Options {
  const char* manager = nullptr;  // --manager PATH: run this program as the manager; for tests
  // --patience MS: with a manager that does not answer, or is not there; for tests
  std::int64_t patience_ms = 10'000;
  int facts = -1;  // --resume FD: given by an earlier self only, as the first word (fault.h)
};

// words: argv. Takes what initd knows; the manager gets all of them, and takes the rest. On a machine unknown
// words, which the kernel passes on from its command line, are logged; elsewhere they end the program with
// status 2.
[[nodiscard]] Options parse_options(std::span<char* const> words, channel::Environment where) noexcept;

// PID 1 of the machine, of a PID namespace, or no PID 1. Mounts /proc for PID 1 where there is none, to be
// able to tell.
[[nodiscard]] channel::Environment find_environment() noexcept;
// The API file systems, those that are not there yet; machine only.
void mount_api_filesystems() noexcept;
// 0, 1 and 2 are open afterwards: the console on a machine, else /dev/null.
void open_standard_streams(channel::Environment where) noexcept;
// Whoever started initd may have left descriptors open: they are closed. Those from an earlier self get
// O_CLOEXEC back.
void settle_descriptors(bool resumed) noexcept;
// The log goes to a non-blocking descriptor of its own: the kernel's log on a machine, else standard error
// opened anew.
void open_log(channel::Environment where) noexcept;
// initd's own program as a sealed memfd, for re-exec; -1 = cannot be had.
[[nodiscard]] int copy_self() noexcept;
// The manager's program, O_PATH: the option's, or next to initd, or in ../lib/initd. -1 = not found.
[[nodiscard]] int open_manager(const char* option) noexcept;
// A descriptor of the facts that can only read.
[[nodiscard]] int open_for_reading(int fd) noexcept;

}  // namespace init::pid1
