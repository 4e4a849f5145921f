// System calls without libc: no errno, no cancellation, no state. For the child between fork and exec alone,
// which may share its memory with the parent. Each call gives the kernel's word: a value, or -errno.
#pragma once
#include <sys/syscall.h>

#include <type_traits>

namespace init::process::raw {

inline long enter(long number, long a, long b, long c, long d, long e) noexcept {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  long result = number;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#else
#error "raw system calls are written for x86_64 and aarch64"
#endif
}

template <class T>
long word(T value) noexcept {
  if constexpr (std::is_null_pointer_v<T>) {
    return 0;
  } else if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<long>(value);
  } else {
    return static_cast<long>(value);
  }
}

// At most five arguments: none of the calls between fork and exec takes more.
template <class... Arguments>
long call(long number, Arguments... arguments) noexcept {
  static_assert(sizeof...(arguments) <= 5);
  const long words[6] = {word(arguments)..., 0};
  return enter(number, words[0], words[1], words[2], words[3], words[4]);
}

// The errno of a result, 0 when the call succeeded.
inline int error_of(long result) noexcept {
  return result < 0 ? static_cast<int>(-result) : 0;
}

}  // namespace init::process::raw
