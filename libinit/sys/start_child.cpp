#include "libinit/sys/start_child.h"

#include <sys/syscall.h>

#include <csignal>

#include "libinit/sys/enter.h"

namespace init::sys {
namespace {

// In assembly, because the child wakes up with an empty stack: whatever the compiler keeps on the old one is
// out of its reach. Registers it has, so entry and argument wait there.
long split(long number, long a, long b, long c, void (*entry)(void*) noexcept, void* argument) noexcept {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = 0;
  register long r8 __asm__("r8") = 0;
  register auto r12 __asm__("r12") = argument;
  register auto r13 __asm__("r13") = entry;
  long result = number;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r12, %%rdi\n\t"
      "call *%%r13\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
      : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = 0;
  register long x4 __asm__("x4") = 0;
  register auto x19 __asm__("x19") = argument;
  register auto x20 __asm__("x20") = entry;
  __asm__ volatile(
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x19\n\t"
      "blr x20\n\t"
      "brk 0\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x19), "r"(x20)
      : "memory");
  return x0;
#else
#error "the child's first steps are written for x86_64 and aarch64"
#endif
}

}  // namespace

long start_child(std::uint64_t flags, std::byte* stack, std::size_t size, void (*entry)(void*) noexcept,
                 void* argument, int* number) noexcept {
  return split(SYS_clone, word(flags | SIGCHLD), word(stack + size), word(number), entry, argument);
}

long start_child(const clone_args& arguments, void (*entry)(void*) noexcept, void* argument) noexcept {
  return split(SYS_clone3, word(&arguments), sizeof arguments, 0, entry, argument);
}

}  // namespace init::sys
