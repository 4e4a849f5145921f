// One line of the stamps file: who started, and when. Appended with one write, so records of many processes
// never mix.
#pragma once
#include <cstdint>

namespace init::bench {

struct StampRecord {
  std::uint64_t ns = 0;  // CLOCK_MONOTONIC
  std::int32_t pid = 0;  // as the process sees itself
  char name[20] = {};
};
static_assert(sizeof(StampRecord) == 32);

}  // namespace init::bench
