#include "libinit/process/poller.h"

#include <sys/epoll.h>

#include <cerrno>
#include <climits>

namespace init::process {
namespace {

constexpr std::uint64_t pack(Token token) {
  return (std::uint64_t{token.kind} << 32) | token.index;
}

constexpr Token unpack(std::uint64_t data) {
  return {static_cast<std::uint32_t>(data >> 32), static_cast<std::uint32_t>(data)};
}

// Milliseconds for epoll_wait(2), rounded up: a turn that ends before its deadline would only spin until it.
int timeout_until(MonotonicTime deadline) noexcept {
  if (deadline == MonotonicTime::never()) return -1;
  const Duration left = deadline - monotonic_now();
  if (left <= Duration::zero()) return 0;
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return whole > INT_MAX ? INT_MAX : static_cast<int>(whole);
}

int control(int epoll, int operation, int fd, epoll_event event) noexcept {
  return ::epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : errno;
}

epoll_event interest(std::uint32_t events, Token token) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = pack(token);
  return event;
}

}  // namespace

int Poller::open() noexcept {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  return epoll_.valid() ? 0 : errno;
}

int Poller::add(int fd, std::uint32_t events, Token token) noexcept {
  return control(epoll_.get(), EPOLL_CTL_ADD, fd, interest(events, token));
}

int Poller::change(int fd, std::uint32_t events, Token token) noexcept {
  return control(epoll_.get(), EPOLL_CTL_MOD, fd, interest(events, token));
}

void Poller::remove(int fd) noexcept {
  static_cast<void>(control(epoll_.get(), EPOLL_CTL_DEL, fd, {}));
}

std::span<const Ready> Poller::wait(MonotonicTime deadline) noexcept {
  std::array<epoll_event, kBatch> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kBatch, timeout_until(deadline));
  std::size_t size = 0;
  for (; count > 0 && size < static_cast<std::size_t>(count); ++size) {
    const Ready ready{unpack(events[size].data.u64), events[size].events};
    // Insertion keeps the order of arrival within a kind; std::stable_sort would take memory from the heap.
    std::size_t at = size;
    for (; at > 0 && ready_[at - 1].token.kind > ready.token.kind; --at) ready_[at] = ready_[at - 1];
    ready_[at] = ready;
  }
  return {ready_.data(), size};
}

}  // namespace init::process
