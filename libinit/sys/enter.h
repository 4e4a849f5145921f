// The door to the kernel: every system call of this room goes through enter(). It knows nothing of libc: no
// errno, no cancellation, no state, so that a child between fork and exec may call it while it shares its
// memory with the parent. A test that links an enter() of its own stands between the program and the kernel
// (tests/support/fake_kernel.h).
#pragma once
#include <type_traits>

namespace init::sys {

// The kernel's word: a value, or -errno.
[[nodiscard]] long enter(long number, long a, long b, long c, long d, long e) noexcept;

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

// At most five arguments: none of the calls here takes more.
template <class... Arguments>
long call(long number, Arguments... arguments) noexcept {
  static_assert(sizeof...(arguments) <= 5);
  const long words[6] = {word(arguments)..., 0};
  return enter(number, words[0], words[1], words[2], words[3], words[4]);
}

}  // namespace init::sys
