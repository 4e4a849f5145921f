// The program that the benchmark of spawning spawns: it ends.
#include <sys/syscall.h>

#include "bench/helpers/raw.h"

extern "C" [[noreturn]] void _start() {
  for (;;) init::bench::raw_call(SYS_exit_group, 0);
}
