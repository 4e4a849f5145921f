#include "daemon/pid1/alone.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string_view>

#include "daemon/pid1/channel.h"
#include "daemon/pid1/log.h"

namespace init::pid1 {
namespace {

constexpr std::size_t kWords = 64;

const char* name_of(SlotState state) noexcept {
  switch (state) {
    case SlotState::Spawning:
      return "starting";
    case SlotState::Running:
      return "running";
    case SlotState::Exited:
      return "ended";
    default:
      return "failed";
  }
}

bool may_ask(int caller) noexcept {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return getsockopt(caller, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == 0 || peer.uid == geteuid());
}

}  // namespace

void Alone::step() noexcept {
  const bool alone = guard_.alone();
  if (alone != begun_) alone ? begin() : end();
  due_ = alone ? children_.start_kept(monotonic_now()) : MonotonicTime::never();
}

void Alone::begin() noexcept {
  begun_ = true;
  log_line("no manager can run, PID 1 is alone: essential services are started again; initctl rescue");
  listener_ = store_find(facts_, {.tag = 0, .kind = channel::kStoreRescue, .reserved = 0});
  if (listener_ >= 0 && loop_.add(listener_, EPOLLIN, {kCaller, 0}) != 0) listener_ = -1;
}

void Alone::end() noexcept {
  begun_ = false;
  drop_caller();
  if (listener_ >= 0) loop_.remove(listener_);
  listener_ = -1;
}

void Alone::drop_caller() noexcept {
  if (caller_) loop_.remove(caller_.get());
  caller_.reset();
}

void Alone::caller_ready(bool listener) noexcept {
  if (listener) {
    const int caller = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (caller < 0) return;
    drop_caller();
    caller_.reset(raise_fd(caller));
    if (!may_ask(caller_.get()) || loop_.add(caller_.get(), EPOLLIN, {kCaller, 1}) != 0) caller_.reset();
    return;
  }
  std::array<char, kWords> line{};  // with a 0 behind it
  if (recv(caller_.get(), line.data(), line.size() - 1, 0) > 0) answer(line.data());
  drop_caller();
}

// What does not fit into the socket is lost: PID 1 waits for nobody.
void Alone::say(const Line& line) noexcept {
  const std::string_view text = line.view();
  static_cast<void>(send(caller_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_MORE));
  static_cast<void>(send(caller_.get(), "\n", 1, MSG_NOSIGNAL));
}

void Alone::answer(char* line) noexcept {
  line[std::strcspn(line, "\n")] = '\0';
  const char* number = std::strchr(line, ' ');
  std::uint32_t index = channel::kSlotCount;
  if (number != nullptr) std::from_chars(number + 1, number + std::strlen(number), index);
  const std::string_view verb(line, std::strcspn(line, " "));
  if (verb == "list") return list();
  if (verb == "stop") return end_process(index, true);
  if (verb == "restart") return end_process(index, false);
  if (verb == "reboot") return finish(channel::FinishKind::Reboot);
  if (verb == "poweroff") return finish(channel::FinishKind::Poweroff);
  if (verb != "manager-restart")
    return say(Line("error list, stop SLOT, restart SLOT, manager-restart, reboot, poweroff"));
  say(Line("ok"));
  guard_.try_now();
}

void Alone::list() noexcept {
  for (std::uint32_t i = 0; i < facts_.header().slots_used; ++i) {
    const Slot& slot = facts_.slot(i);
    if (slot.state == SlotState::Free) continue;
    say(Line("slot ")
            .number(i)
            .text(" ")
            .number(slot.pid)
            .text(" ")
            .text(name_of(slot.state))
            .text(children_.is_kept(i) ? " kept" : " -"));
  }
  say(Line("ok"));
}

void Alone::end_process(std::uint32_t index, bool for_good) noexcept {
  const bool known = index < facts_.header().slots_used && facts_.slot(index).state == SlotState::Running;
  if (!known) return say(Line("error no such process"));
  if (!for_good && !children_.is_kept(index))
    return say(Line("error it is not kept and would not come back"));
  if (for_good) children_.let_end(index);
  children_.signal({index, facts_.slot(index).attempt, SIGTERM});
  say(Line("ok"));
}

void Alone::finish(channel::FinishKind kind) noexcept {
  say(Line("ok"));
  guard_.retire();
  finish_.begin({.kind = kind});
}

}  // namespace init::pid1
