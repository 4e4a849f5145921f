// The heap of an initd that has none after its start: the very objects of initd, linked with this instead of
// libc's malloc. It gives out memory until the loop waits for the first time; whoever asks after that, PID 1
// or a child of its before exec, ends at once with kHeapUsed.
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace {

constexpr int kHeapUsed = 86;

alignas(std::max_align_t) std::array<std::byte, 1U << 20U> memory;
std::size_t used = 0;
bool armed = false;

void* take(std::size_t size, std::size_t alignment) {
  constexpr char kComplaint[] = "initd: the heap was used after the start\n";
  if (armed) {
    static_cast<void>(!write(STDERR_FILENO, kComplaint, sizeof(kComplaint) - 1));
    _exit(kHeapUsed);
  }
  const std::size_t begin = (used + alignment - 1) / alignment * alignment;
  if (size > memory.size() - begin) return nullptr;
  used = begin + size;
  return memory.data() + begin;
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
  return take(size, alignof(std::max_align_t));
}
void* calloc(std::size_t count, std::size_t size) {
  return take(count * size, alignof(std::max_align_t));  // never given out before: still zero
}
void* realloc(void* old, std::size_t size) {
  void* const fresh = malloc(size);
  if (fresh != nullptr && old != nullptr) {
    const auto left = static_cast<std::size_t>(memory.data() + memory.size() - static_cast<std::byte*>(old));
    std::memmove(fresh, old, size < left ? size : left);
  }
  return fresh;
}
void* memalign(std::size_t alignment, std::size_t size) {
  return take(size, alignment);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return take(size, alignment);
}
void free(void* given) {
  if (armed && given != nullptr) (void)take(0, 1);
}

int __real_epoll_wait(int epoll, epoll_event* events, int count, int timeout);
int __wrap_epoll_wait(int epoll, epoll_event* events, int count, int timeout);

int __wrap_epoll_wait(int epoll, epoll_event* events, int count, int timeout) {
  armed = true;
  return __real_epoll_wait(epoll, events, count, timeout);
}
}
