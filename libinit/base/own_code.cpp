#include "libinit/base/own_code.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <span>

namespace init {
namespace {

// The program itself comes first; nothing that was ever written lies in a segment that is not writable.
int release(dl_phdr_info* program, std::size_t, void*) noexcept {
  const auto page = static_cast<ElfW(Addr)>(sysconf(_SC_PAGESIZE));
  for (const auto& segment : std::span(program->dlpi_phdr, program->dlpi_phnum)) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const ElfW(Addr) begin = (program->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const ElfW(Addr) end = program->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 1;
}

}  // namespace

void release_own_code() noexcept {
  (void)dl_iterate_phdr(release, nullptr);
}

}  // namespace init
