// The socket /dev/log that initd's logger reads while no syslog daemon does.
#pragma once
#include <cstdint>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {

inline constexpr const char* kSyslogPath = "/dev/log";

// A container whose /dev is the kernel's one devtmpfs shares it with others.
[[nodiscard]] bool shares_dev();
// Does anybody take what is sent to the path, or might: whatever lies there that is no socket?
[[nodiscard]] bool is_syslog_taken();

// A socket that has a name of its own until it is put into its place.
struct SyslogSocket {
  UniqueFd fd;
  std::uint64_t identity = 0;  // file_identity()
};
// Anybody may send to it. Errors: of socket(2), bind(2), chmod(2).
[[nodiscard]] Result<SyslogSocket> make_syslog_socket();
// To /dev/log, in the place of a socket that nobody reads. Errors: of rename(2), EEXIST: somebody else is
// there.
[[nodiscard]] Result<> place_syslog_socket();
// Nobody can send to it any more; what was sent before can still be read. Where it lies at /dev/log it goes.
void retire_syslog_socket(int fd, std::uint64_t identity);

}  // namespace init::manager
