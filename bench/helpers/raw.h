// Raw system calls for programs without libc: a service of the benchmarks must cost next to nothing itself.
#pragma once
#include <cstddef>
#include <cstdint>

namespace init::bench {

inline long raw_call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  long result = number;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

}  // namespace init::bench
