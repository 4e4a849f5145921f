#include "daemon/logger/forwarder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <ctime>

#include "libinit/base/checksum.h"
#include "libinit/base/file_identity.h"
#include "libinit/base/utf8.h"

namespace init::logger {
namespace {

constexpr std::size_t kMostQueued = 256 * 1024;  // bytes
constexpr std::size_t kPiece = 4096;             // what a pipe that has room takes at once (PIPE_BUF)
constexpr std::size_t kLongestSyslog = 8 * 1024;
constexpr std::size_t kLongestKmsg = 900;  // the kernel refuses more than about 1000
constexpr Duration kRetryEvery = std::chrono::seconds(1);
constexpr unsigned kDaemonFacility = 3;  // LOG_DAEMON

// ---- How each is opened

Result<UniqueFd> open_syslog(std::uint64_t own) {
  constexpr const char* kPath = "/dev/log";
  if (own != 0 && file_identity(kPath) == own) return failure(ENODEV, "connect", kPath);
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view(kPath).copy(address.sun_path, sizeof address.sun_path);
  const auto* to = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  if (!fd || connect(fd.get(), to, sizeof address) != 0) return failure(errno, "connect", kPath);
  return fd;
}

Result<UniqueFd> open_path(const char* path) {
  UniqueFd fd(open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return failure(errno, "open", path);
  return fd;
}

Result<UniqueFd> open_kmsg(std::uint64_t /*own*/) {
  return open_path("/dev/kmsg");
}

Result<UniqueFd> open_console(std::uint64_t /*own*/) {
  return open_path("/dev/console");
}

// A pipe and a terminal are opened anew, to be non-blocking for this process only. What may not be (it is
// another user's) is shared, and so are a file's offset and a socket; each is looked at before it is written.
Result<UniqueFd> open_stdout(std::uint64_t /*own*/) {
  struct stat status {};
  if (fstat(STDOUT_FILENO, &status) != 0) return failure(errno, "open", "standard output");
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  if (S_ISCHR(status.st_mode) && !terminal) return failure(ENODEV, "open", "standard output");
  if (terminal || S_ISFIFO(status.st_mode)) {
    if (auto own = open_path("/proc/self/fd/1")) return own;
  }
  UniqueFd shared(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  if (!shared) return failure(errno, "open", "standard output");
  return shared;
}

// ---- How each has its lines

unsigned priority_of(const log::Entry& line) {
  return kDaemonFacility * 8 + line.severity;
}

std::string_view short_name(std::string_view unit) {
  constexpr std::string_view kService = ".service";
  return unit.ends_with(kService) ? unit.substr(0, unit.size() - kService.size()) : unit;
}

// "<27>Nov 21 06:07:12 web: text", as syslog(3) writes it: RFC 3164 without the host.
void append_syslog(std::string& out, std::string_view unit, const log::Entry& line, bool /*colored*/) {
  const std::time_t seconds = line.time_us / 1'000'000;
  tm fields{};
  localtime_r(&seconds, &fields);
  std::array<char, 32> time{};
  const std::size_t size = std::strftime(time.data(), time.size(), "%b %e %H:%M:%S ", &fields);
  out.append("<").append(std::to_string(priority_of(line))).append(">").append(time.data(), size);
  out.append(short_name(unit)).append(": ");
  out.append(log::without_prefix(line.text).substr(0, kLongestSyslog));
}

void append_kmsg(std::string& out, std::string_view unit, const log::Entry& line, bool /*colored*/) {
  out.append("<").append(std::to_string(priority_of(line))).append(">").append(short_name(unit));
  out.append(": ").append(log::without_prefix(line.text).substr(0, kLongestKmsg)).append("\n");
}

void append_printable(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  while (!text.empty()) {
    const Character next = first_character(text);
    if (next.valid && (is_harmless(next.code) || next.code == '\t')) {
      out.append(text.substr(0, next.bytes));
    } else {
      for (const char c : text.substr(0, next.bytes)) {
        const auto byte = static_cast<unsigned char>(c);
        out.append("\\x") += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
      }
    }
    text.remove_prefix(next.bytes);
  }
}

// "web: text", the name in a colour of its own on a terminal.
void append_shown(std::string& out, std::string_view unit, const log::Entry& line, bool colored) {
  if (colored) out.append("\x1b[3").append(std::to_string(1 + fnv1a64(unit) % 6)).append("m");
  append_printable(out, short_name(unit));
  out.append(colored ? ":\x1b[0m " : ": ");
  append_printable(out, log::without_prefix(line.text));
  out += '\n';
}

constexpr std::array<Destination, kDestinations> kTable{{{"syslog", open_syslog, append_syslog, 0},
                                                         {"kmsg", open_kmsg, append_kmsg, 0},
                                                         {"console", open_console, append_shown, kPiece},
                                                         {"stdout", open_stdout, append_shown, kPiece}}};

bool has_room(int fd) {
  pollfd room{fd, POLLOUT, 0};
  return poll(&room, 1, 0) == 1 && (room.revents & (POLLOUT | POLLERR)) != 0;
}

// Nobody may be asked to wait: what turns out not to be ready has no room.
ssize_t write_now(int fd, std::string_view bytes) {
  const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 && errno == ENOTSOCK ? write(fd, bytes.data(), bytes.size()) : sent;
}

}  // namespace

const Destination& destination(std::size_t index) {
  return kTable.at(index);
}

bool Forwarder::takes(MonotonicTime now) {
  (void)open(now);
  return !failed_ || failed_->code != ENODEV;
}

void Forwarder::put(std::string_view unit, const log::Entry& line, MonotonicTime now) {
  if (queued_ >= kMostQueued) {
    ++dropped_;
    return;
  }
  note_dropped(now);
  const bool joins = to_->piece != 0 && !queue_.empty() && queue_.back().size() < to_->piece / 2;
  if (!joins) queue_.emplace_back();
  const std::size_t before = queue_.back().size();
  to_->append(queue_.back(), unit, line, colored_);
  queued_ += queue_.back().size() - before;
}

// Said there as well, before the first line that finds room again.
void Forwarder::note_dropped(MonotonicTime now) {
  if (dropped_ == dropped_told_) return;
  const std::string text = std::to_string(dropped_ - dropped_told_) + " lines were dropped here";
  dropped_told_ = dropped_;
  const std::int64_t now_us = wall_now().since_epoch / std::chrono::microseconds(1);
  put("initd", {now_us, log::Stream::Note, 4, log::Ending::Whole, text}, now);
}

bool Forwarder::open(MonotonicTime now) {
  if (fd_) return true;
  if (now < retry_at_) return false;
  auto opened = to_->open(own_);
  if (!opened) {
    failed_ = opened.error();
    // Whose lines nobody takes are lost there, so each one looks whether somebody does.
    if (failed_->code != ENODEV) retry_at_ = now + kRetryEvery;
    return false;
  }
  failed_.reset();
  fd_ = std::move(*opened);
  colored_ = isatty(fd_.get()) == 1;
  return true;
}

// False: there is no room now.
bool Forwarder::write_first() {
  std::string& first = queue_.front();
  const std::string_view bytes = first;
  // What takes lines never blocks, and the kernel's buffer never says that it has room.
  if (to_->piece != 0 && !has_room(fd_.get())) return false;
  const ssize_t wrote = write_now(fd_.get(), to_->piece == 0 ? bytes : bytes.substr(0, to_->piece));
  if (wrote < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) return false;
  const int error = wrote < 0 ? errno : 0;
  const bool refused = to_->piece == 0 && (error == EMSGSIZE || error == EINVAL);  // this one
  if (error != 0 && !refused) {
    failed_ = Error{error, "write", std::string(to_->name), {}, {}};
    fd_.reset();
    return false;
  }
  if (refused) ++dropped_;
  const std::size_t gone = to_->piece == 0 ? first.size() : static_cast<std::size_t>(wrote);
  queued_ -= gone;
  first.erase(0, gone);
  if (first.empty()) queue_.pop_front();
  return true;
}

void Forwarder::flush(MonotonicTime now) {
  while (waits() && open(now) && write_first()) {
  }
  if (!failed_ || failed_->code != ENODEV) return;
  queue_.clear();
  queued_ = 0;
}

std::string Forwarder::trouble() const {
  std::string text;
  if (failed_ && failed_->code != ENODEV) text = failed_->text() + "; lines wait for it";
  if (dropped_ > 0)  // told when it has doubled
    text +=
        (text.empty() ? "" : "; ") + std::to_string(std::bit_floor(dropped_)) + " lines or more were dropped";
  return text.empty() ? text : std::string(to_->name) + ": " + text;
}

}  // namespace init::logger
