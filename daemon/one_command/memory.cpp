#include "daemon/one_command/memory.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include <cstdint>
#include <span>

#include "libinit/sys/calls.h"

namespace init::one_command {

void release_unused_memory() noexcept {
  constexpr std::uintptr_t kPage = 4096;
  const auto* const first = reinterpret_cast<const ElfW(Phdr)*>(getauxval(AT_PHDR));
  for (const ElfW(Phdr) & segment : std::span(first, getauxval(AT_PHNUM))) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = segment.p_vaddr / kPage * kPage;
    sys::madvise(begin, segment.p_vaddr + segment.p_memsz - begin, MADV_DONTNEED);
  }
}

}  // namespace init::one_command
