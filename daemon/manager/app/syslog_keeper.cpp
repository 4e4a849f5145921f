#include "daemon/manager/app/syslog_keeper.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "daemon/manager/os/log.h"
#include "daemon/manager/os/syslog_socket.h"
#include "libinit/base/file_identity.h"

namespace init::manager {
namespace {

// A syslog daemon that starts removes what it finds, and makes its own a moment later.
constexpr Duration kGrace = std::chrono::seconds(2);

}  // namespace

void SyslogKeeper::start(process::Poller& loop, process::Token token) {
  const std::uint64_t there = file_identity(kSyslogPath);
  std::vector<std::uint64_t> known;
  for (std::uint32_t i = 0; i < around_.facts.header().store_used; ++i) {
    const auto& entry = around_.facts.store_entry(i);
    if (entry.kind == channel::kStoreSyslog) known.push_back(entry.tag);
  }
  for (const std::uint64_t identity : known) {
    if (identity == there) {
      own_ = identity;
    } else {
      retire(identity);
    }
  }
  changes_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  constexpr std::uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVE;
  if (inotify_add_watch(changes_.get(), "/dev", kEvents) >= 0) (void)loop.add(changes_.get(), EPOLLIN, token);
  look(monotonic_now());
}

void SyslogKeeper::drain() const {
  alignas(inotify_event) std::array<char, 4096> events;
  while (changes_ && read(changes_.get(), events.data(), events.size()) > 0) {
  }
}

void SyslogKeeper::look(MonotonicTime now) {
  drain();
  const std::uint64_t there = file_identity(kSyslogPath);
  const bool wanted = around_.wanted();
  if (wanted && own_ != 0 && there == own_) {
    due_ = MonotonicTime::never();
    return;
  }
  const bool removed = wanted && own_ != 0 && there == 0;
  if (removed && due_ == MonotonicTime::never()) due_ = now + kGrace;
  if (removed && now < due_) return;  // who has a connection still reaches us
  due_ = MonotonicTime::never();
  retire(std::exchange(own_, 0));
  if (wanted && !is_syslog_taken()) take();
}

void SyslogKeeper::take() {
  auto taken = try_to_take();
  if (!taken && !said_) log_info("nobody reads /dev/log: " + taken.error().text());
  said_ = !taken;
  if (!taken) drain();  // of what was tried
}

// In the store before anybody can send to it.
Result<> SyslogKeeper::try_to_take() {
  auto made = make_syslog_socket();
  if (!made) return Failure(made.error());
  if (auto stored = around_.channel.store(channel::kStoreSyslog, made->identity, made->fd.get()); !stored)
    return stored;
  if (auto placed = place_syslog_socket(); !placed) {
    (void)around_.channel.drop(channel::kStoreSyslog, made->identity);
    return placed;
  }
  own_ = made->identity;
  around_.tell(own_, std::move(made->fd));
  return {};
}

// The logger says when it has read the rest.
void SyslogKeeper::retire(std::uint64_t identity) {
  if (identity == 0) return;
  const auto socket = around_.channel.fetch(channel::kStoreSyslog, identity);
  if (socket && socket->valid()) retire_syslog_socket(socket->get(), identity);
}

}  // namespace init::manager
