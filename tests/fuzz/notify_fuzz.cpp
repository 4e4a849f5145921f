// Any bytes as a datagram of a service: refused, or understood within the limits.
#include <cstdint>
#include <cstdlib>

#include "libinit/notify/message.h"
#include "tests/fuzz/bounded.h"

namespace notify = init::notify;

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  const auto message = notify::parse({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  const bool status = !message->status || message->status->size() <= notify::kMaxStatus;
  const bool bus_error = !message->bus_error || message->bus_error->size() <= notify::kMaxBusName;
  const bool name = message->fd_name.empty() || notify::is_fd_name(message->fd_name);
  const bool pid = !message->main_pid || *message->main_pid > 1;
  const bool error = !message->error || *message->error >= 0;
  if (!status || !bus_error || !name || !pid || !error || size > notify::kMaxDatagram + 1) std::abort();
  return 0;
}
