// What the manager asks for, one packet after the other. Whatever does not fit is ignored and counted.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "daemon/pid1/log.h"
#include "daemon/pid1/pid1.h"

namespace init::pid1 {
namespace {

using channel::MessageType;
using channel::Packet;
using channel::StoreBody;

constexpr int kPacketsPerTurn = 128;

// sd_notify(3): one datagram to a path, or an abstract name that starts with '@'. A reader that is gone is no
// concern.
void notify(const char* address, std::string_view text) noexcept {
  sockaddr_un name{};
  const std::size_t size = std::strlen(address);
  if (size == 0 || size >= sizeof(name.sun_path)) return;
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address, size);
  if (address[0] == '@') name.sun_path[0] = '\0';
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL,
         static_cast<const sockaddr*>(static_cast<void*>(&name)), length);
}

}  // namespace

void Pid1::channel_ready() noexcept {
  facts.own().packet_in_hand = 1;  // from before it leaves the socket
  for (int n = 0; n < kPacketsPerTurn; ++n) {
    const Packet::Outcome outcome = channel.receive();
    if (outcome == Packet::Outcome::Empty) break;
    if (outcome == Packet::Outcome::Closed) {
      guard.hang_up();
      break;
    }
    if (outcome == Packet::Outcome::Message) {
      handle(channel.packet());
    } else if (malformed_++ == 0) {
      log_line("channel: a malformed message was ignored");
    }
  }
  facts.own().packet_in_hand = 0;
  channel.packet().close_fds();
  if (channel.broken()) guard.kill_manager();
}

// The manager is dead: what it asked for before is still carried out, before a new one starts.
void Pid1::drain_channel() noexcept {
  for (;;) {
    const Packet::Outcome outcome = channel.receive();
    if (outcome == Packet::Outcome::Empty || outcome == Packet::Outcome::Closed) return;
    if (outcome == Packet::Outcome::Message) handle(channel.packet());
  }
}

void Pid1::manager_ended() noexcept {
  drain_channel();
  guard.settle();
  children.sweep(true);
}

void Pid1::handle(Packet& packet) noexcept {
  switch (packet.header().type) {
    case MessageType::Spawn:
      children.spawn(packet);
      break;
    case MessageType::Signal:
      packet.each<channel::Signal>([this](const channel::Signal& one) { children.signal(one); });
      break;
    case MessageType::Watch:
      children.watch(packet.body<channel::WatchBody>());
      break;
    case MessageType::Acknowledge:
      packet.each<channel::Ended>([this](const channel::Ended& one) { children.acknowledge(one); });
      break;
    case MessageType::StoreFd:
      if (!packet.fds().empty()) store_put(facts, packet.body<StoreBody>(), packet.take_fd(0));
      break;
    case MessageType::FetchFd:
      channel.send_stored(packet.header().sequence, packet.body<StoreBody>());
      break;
    case MessageType::DropFd:
      store_drop(facts, packet.body<StoreBody>());
      break;
    case MessageType::Finish:
      guard.retire();
      finish.begin(packet.body<channel::FinishBody>());
      break;
    case MessageType::Renew:
      renew(packet);
      break;
    case MessageType::Ready:
      ready();
      break;
    default:
      break;  // words of PID 1 itself
  }
}

// The end of the turn does it, when nothing is in hand.
void Pid1::renew(Packet& packet) noexcept {
  if (renewing_) return;
  renewing_ = true;
  facts.edit().manager_deaths = 0;
  before_ = facts.resume();
  if (packet.fds().size() != 2) return;
  Resume& next = facts.edit_resume();
  next.self = raise_fd(packet.take_fd(0));
  next.program = raise_fd(packet.take_fd(1));
}

void Pid1::ready() noexcept {
  guard.ready();
  Children::give_back_areas();  // of the boot
  if (notify_socket != nullptr) notify(notify_socket, "READY=1\n");
  notify_socket = nullptr;
}

}  // namespace init::pid1
