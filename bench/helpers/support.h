// What the benchmark programs share: the clock, medians, and ending with a message.
#pragma once
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace init::bench {

inline std::uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(t.tv_nsec);
}

[[noreturn]] inline void die(const char* what) {
  std::fprintf(stderr, "bench: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

// Prints "p10 median p90" in microseconds, under a name.
inline void print_quantiles(const char* name, std::vector<std::uint64_t> ns) {
  std::sort(ns.begin(), ns.end());
  const auto at = [&](std::size_t percent) {
    return static_cast<double>(ns[(ns.size() - 1) * percent / 100]) / 1000.0;
  };
  std::printf("%s %.1f %.1f %.1f\n", name, at(10), at(50), at(90));
}

}  // namespace init::bench
