// stamp FILE NAME: appends a StampRecord to FILE and pauses until a signal ends it (built with STAMP_EXITS:
// exits 0). Static, without libc: two page faults and five system calls.
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>

#include "bench/helpers/raw.h"
#include "bench/helpers/stamp_record.h"

namespace {

using init::bench::raw_call;

[[noreturn]] void leave(int code) {
  for (;;) raw_call(SYS_exit_group, code);
}

long as_argument(const void* pointer) {
  return reinterpret_cast<long>(pointer);
}

}  // namespace

extern "C" [[noreturn, gnu::used]] void stamp_main(const long* stack) {
  const long argc = stack[0];
  auto argv = reinterpret_cast<const char* const*>(stack + 1);
  if (argc < 3) leave(2);
  init::bench::StampRecord record;
  timespec now{};
  raw_call(SYS_clock_gettime, CLOCK_MONOTONIC, as_argument(&now));
  record.ns =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
  record.pid = static_cast<std::int32_t>(raw_call(SYS_getpid));
  for (unsigned i = 0; i + 1 < sizeof record.name && argv[2][i] != 0; ++i) record.name[i] = argv[2][i];
  const long fd = raw_call(SYS_open, as_argument(argv[1]), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) leave(3);
  raw_call(SYS_write, fd, as_argument(&record), sizeof record);
  raw_call(SYS_close, fd);
#ifdef STAMP_EXITS
  leave(0);
#else
  for (;;) raw_call(SYS_pause);
#endif
}

__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call stamp_main\n");
