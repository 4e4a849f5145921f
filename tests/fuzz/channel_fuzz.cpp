// Any bytes and descriptors as a packet of the channel: malformed, or a message whose parts lie within it.
// The first byte says how many descriptors come along.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "daemon/channel/packet.h"
#include "libinit/base/unique_fd.h"
#include "libinit/process/exec_plan.h"
#include "tests/fuzz/bounded.h"

namespace {

using namespace init;
using namespace init::channel;

struct Pair {
  UniqueFd ours, theirs;
  Pair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
  }
};

void send_raw(int socket, std::string& bytes, std::size_t fds) {
  std::array<int, 8> passed;
  passed.fill(socket);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof passed)> control{};
  iovec place{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  if (fds > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fds * sizeof(int));
    std::memcpy(CMSG_DATA(part), passed.data(), fds * sizeof(int));
  }
  if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) std::abort();
}

void use(Packet& packet) {
  const auto payload = packet.payload();
  if (payload.size() != packet.header().payload || packet.fds().size() != packet.header().fd_count)
    std::abort();
  packet.each<Signal>([](const Signal& one) { (void)one; });
  packet.each<Ended>([](const Ended& one) { (void)one; });
  if (packet.header().type == MessageType::Spawn) (void)process::plan_is_well_formed(payload);
  if (!packet.fds().empty()) {
    const UniqueFd taken(packet.take_fd(0));
    if (!taken || packet.fds()[0] != -1) std::abort();
  }
}

// A fuzzer does not guess the words that must fit each other.
std::string with_fitting_words(std::string bytes, std::size_t fds) {
  MessageHeader header;
  if (bytes.size() < sizeof(header)) return bytes;
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.type = static_cast<MessageType>(static_cast<unsigned>(header.type) % 80);
  header.version = kChannelVersion;
  header.fd_count = static_cast<std::uint32_t>(fds);
  const std::size_t head = sizeof(header) + body_size(header.type);
  if (head > bytes.size()) return bytes;
  header.payload = static_cast<std::uint32_t>(bytes.size() - head);
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

void receive(std::string bytes, std::size_t fds) {
  static Packet packet;
  static const int highest = dup(0);
  {
    const Pair pair;
    send_raw(pair.ours.get(), bytes, fds);
    if (packet.receive(pair.theirs.get()) == Packet::Outcome::Message) use(packet);
    packet.close_fds();
  }
  const UniqueFd now(dup(0));
  if (now.get() > highest + 2) std::abort();  // a descriptor was left open
}

}  // namespace

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > kMaxMessage + 2) return 0;
  const std::size_t fds = data[0] % 8;
  const std::string bytes(data + 1, data + size);
  receive(bytes, fds);
  receive(with_fitting_words(bytes, fds), fds);
  return 0;
}
