// Ends at once, at the least cost: no libc.
extern "C" [[noreturn]] void _start() {
#if defined(__x86_64__)
  __asm__ volatile("syscall" : : "a"(231), "D"(0));
#else
  register long x8 __asm__("x8") = 94;
  register long x0 __asm__("x0") = 0;
  __asm__ volatile("svc 0" : : "r"(x8), "r"(x0));
#endif
  __builtin_unreachable();
}
