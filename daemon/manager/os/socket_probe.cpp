#include "daemon/manager/os/socket_probe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "libinit/sys/calls.h"

namespace init::manager {
namespace {

constexpr std::string_view kRun = "/run/";

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

template <class Kind>
Address pack(const Kind& address, std::size_t size = sizeof(Kind)) {
  Address packed;
  std::memcpy(&packed.storage, &address, sizeof address);
  packed.size = static_cast<socklen_t>(size);
  return packed;
}

Address address_of(const unit::Endpoint& endpoint) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(endpoint.port);
  if (inet_pton(AF_INET6, endpoint.address.c_str(), &six.sin6_addr) == 1) return pack(six);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(endpoint.port);
  (void)inet_pton(AF_INET, endpoint.address.c_str(), &four.sin_addr);
  return pack(four);
}

Address unix_address(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t size = std::min(path.size(), sizeof address.sun_path - 1);
  path.copy(address.sun_path, size);
  const bool abstract = path.starts_with('@');
  if (abstract) address.sun_path[0] = '\0';
  return pack(address, offsetof(sockaddr_un, sun_path) + size + (abstract ? 0 : 1));
}

// On this very spot of the tmpfs that /run is: no link and no other mount is followed, so nobody can make the
// manager wait for a file system of theirs.
UniqueFd find_below_run(const std::string& path) {
  const UniqueFd run(open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC));
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const long found = sys::openat2(run.get(), path.c_str() + kRun.size(), how);
  if (found < 0) errno = static_cast<int>(-found);
  return UniqueFd(found < 0 ? -1 : static_cast<int>(found));
}

// A socket may be of any type; which one shows only by trying.
int connect_unix(std::string_view path, UniqueFd& connection) {
  const Address address = unix_address(path);
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
    connection.reset(socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (connect(connection.get(), address.raw(), address.size) == 0) return 0;
    if (errno != EPROTOTYPE) break;
  }
  return errno;
}

}  // namespace

int connect_to_socket(int found, UniqueFd& connection) {
  return connect_unix("/proc/self/fd/" + std::to_string(found), connection);
}

SocketTarget tcp_target(const unit::Endpoint& endpoint) {
  SocketTarget target;
  target.endpoint = endpoint;
  return target;
}

SocketTarget unix_target(const std::string& path) {
  SocketTarget target;
  target.path = path;
  return target;
}

SocketTarget http_target(const unit::HttpUrl& url, HttpResponse::Wanted wanted) {
  SocketTarget target = tcp_target(url.endpoint);
  // 1.0: the answer comes in one piece, and its end is the end of the connection.
  target.request = "GET " + url.path + " HTTP/1.0\r\nHost: " + url.host +
                   "\r\nUser-Agent: initd\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  target.wanted = std::move(wanted);
  return target;
}

bool is_quick_path(std::string_view path) {
  return path.starts_with('@') || path.starts_with(kRun);
}

SocketProbe::State SocketProbe::bad(std::string problem) {
  problem_ = std::move(problem);
  socket_.reset();
  return State::Bad;
}

SocketProbe::State SocketProbe::begin() {
  return target_.path.empty() ? try_endpoint() : try_path();
}

SocketProbe::State SocketProbe::try_path() {
  int error = 0;
  if (target_.path.starts_with('@')) {
    error = connect_unix(target_.path, socket_);
  } else {
    const UniqueFd found = find_below_run(target_.path);
    error = found ? connect_to_socket(found.get(), socket_) : errno;
  }
  return error == 0 ? connected() : refused(error);
}

SocketProbe::State SocketProbe::try_endpoint() {
  const Address address = address_of(target_.endpoint);
  socket_.reset(socket(address.raw()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (connect(socket_.get(), address.raw(), address.size) == 0) return connected();
  return errno == EINPROGRESS ? State::Pending : refused(errno);
}

SocketProbe::State SocketProbe::refused(int error) {
  return bad(std::string("connect: ") + strerrordesc_np(error));
}

SocketProbe::State SocketProbe::drain() {
  if (connected_) return sent_ < target_.request.size() ? send_request() : read_answer();
  int error = 0;
  socklen_t size = sizeof error;
  (void)getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? connected() : refused(error);
}

SocketProbe::State SocketProbe::connected() {
  connected_ = true;
  if (!target_.request.empty()) return send_request();
  socket_.reset();
  return State::Good;
}

SocketProbe::State SocketProbe::send_request() {
  const ssize_t sent = send(socket_.get(), target_.request.data() + sent_, target_.request.size() - sent_,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR)
    return bad(std::string("send: ") + strerrordesc_np(errno));
  sent_ += sent > 0 ? static_cast<std::size_t>(sent) : 0;
  return State::Pending;
}

// One read each time: a server that never stops must not keep the manager to itself.
SocketProbe::State SocketProbe::read_answer() {
  std::array<char, 8192> bytes{};
  const ssize_t got = recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return State::Pending;
  if (got < 0) return bad(std::string("read: ") + strerrordesc_np(errno));
  const auto state =
      got == 0 ? response_.end() : response_.feed({bytes.data(), static_cast<std::size_t>(got)});
  if (state == HttpResponse::State::More) return State::Pending;
  if (state == HttpResponse::State::Bad) return bad(response_.problem());
  socket_.reset();
  return State::Good;
}

std::uint32_t SocketProbe::events() const {
  return connected_ && sent_ == target_.request.size() ? EPOLLIN : EPOLLOUT;
}

std::string SocketProbe::problem() const {
  if (!problem_.empty()) return problem_;
  return connected_ ? "no whole answer in time" : "no connection in time";
}

}  // namespace init::manager
