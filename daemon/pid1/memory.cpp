#include "daemon/pid1/memory.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "daemon/channel/facts.h"
#include "libinit/sys/calls.h"

// Where initd's zeroed variables begin and end: the linker's names.
extern "C" char __bss_start[], _end[];  // NOLINT(bugprone-reserved-identifier)

namespace init::pid1 {
namespace {

constexpr std::size_t kStackReach = std::size_t{1} << 20;

struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

std::array<Range, 3> hidden;

std::uintptr_t address(const void* at) noexcept {
  return reinterpret_cast<std::uintptr_t>(at);
}

// The name of the program stands at the very top of the stack. Below the stack is a wide hole, for which
// madvise(2) gives an error but does its work.
Range stack_range() noexcept {
  const auto name = static_cast<std::uintptr_t>(getauxval(AT_EXECFN));
  if (name == 0) return {};
  const std::uintptr_t top = channel::page_up(name + std::strlen(reinterpret_cast<const char*>(name)) + 1);
  return {top - kStackReach, top};
}

void advise(int advice) noexcept {
  for (const Range& range : hidden) sys::madvise(range.begin, range.end - range.begin, advice);
}

}  // namespace

void* end_of_program() noexcept {
  return reinterpret_cast<void*>(channel::page_up(address(_end)));
}

std::byte* shared_memory(std::size_t bytes, void* where) noexcept {
  void* at = mmap(where, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) _exit(70);
  return static_cast<std::byte*>(at);
}

// libc registers 32 bytes, whatever it calls their size; where it has not registered, the kernel refuses.
void leave_restartable_sequence() noexcept {
  constexpr unsigned kRegistered = 32;
  char* const area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  sys::rseq(area, kRegistered, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

void hide_from_children(std::span<std::byte> state) noexcept {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  if (!state.empty()) return;  // the sanitizers look at a child's variables, wherever they lie
#endif
  const std::uintptr_t end = channel::page_up(address(state.data()) + state.size());
  hidden = {Range{channel::page_up(address(__bss_start)), address(end_of_program())}, stack_range(),
            Range{address(state.data()), end}};
  advise(MADV_DONTFORK);
}

std::int32_t fork_whole() noexcept {
  advise(MADV_DOFORK);
  const long pid = sys::fork();
  if (pid != 0) advise(MADV_DONTFORK);
  return static_cast<std::int32_t>(pid);
}

}  // namespace init::pid1
