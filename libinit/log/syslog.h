// What programs send to /dev/log, by syslog(3) and logger(1): RFC 3164 without a host, or RFC 5424.
#pragma once
#include <string>
#include <string_view>

namespace init::log {

// Adds the datagram as one line with its line break: "<PRI>tag[pid]: text". The time of the sender is left
// out, and a line break within the text is written as \x0a; all other bytes stay as they are. What has no PRI
// gets <13>, user.notice, as RFC 3164 has it; what has no known form behind it is text.
void append_syslog(std::string& out, std::string_view datagram);

}  // namespace init::log
