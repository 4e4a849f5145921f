#include "daemon/pid1/memory.h"

#include <sys/mman.h>
#include <sys/rseq.h>
#include <unistd.h>

#include "libinit/sys/calls.h"

namespace init::pid1 {

void* shared_memory(std::size_t bytes) noexcept {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) _exit(70);
  return at;
}

// libc registers 32 bytes, whatever it calls their size; where it has not registered, the kernel refuses.
void leave_restartable_sequence() noexcept {
  constexpr unsigned kRegistered = 32;
  char* const area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  sys::rseq(area, kRegistered, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

}  // namespace init::pid1
