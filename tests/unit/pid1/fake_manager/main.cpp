// Started by initd in the manager's place: gives its descriptors to the test that listens on RUNTIME/test,
// then lives until it is killed, the test hangs up, or PID 1 does, as the real manager.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "daemon/channel/packet.h"

namespace {

int leave_orphans(int count) {
  int gate[2];
  if (pipe(gate) != 0) return 1;
  for (int i = 0; i < count; ++i) {
    if (fork() != 0) continue;
    close(gate[1]);
    char end = 0;
    _exit(static_cast<int>(read(gate[0], &end, 1)));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace init::channel;
  if (argc == 3 && std::strcmp(argv[1], "orphans") == 0) return leave_orphans(std::atoi(argv[2]));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], "--runtime") == 0)
      std::snprintf(name.sun_path, sizeof(name.sun_path), "%s/test", argv[i + 1]);
  }
  const int link = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (connect(link, static_cast<const sockaddr*>(static_cast<void*>(&name)), sizeof(name)) != 0) return 1;
  const std::array<int, 3> fds{kChannelFd, kFactsFd, kDoorbellFd};
  if (send_packet(link, {.type = MessageType::Ready, .fds = fds}) != 0) return 2;
  pollfd ends[] = {{link, POLLIN, 0}, {kChannelFd, 0, 0}};
  poll(ends, 2, -1);
  return 0;
}
