// A probe that is a connection: made, asked and closed by non-blocking sockets, so that it costs no process
// and never holds the manager up. Passive: an fd and a drain(); the time it may take is its owner's to watch.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/manager/os/http_response.h"
#include "libinit/base/unique_fd.h"
#include "libinit/unit/values.h"

namespace init::manager {

// What is connected to, and what is asked there.
struct SocketTarget {
  unit::Endpoint endpoint;
  std::string path;     // of a Unix socket, in place of it
  std::string request;  // empty: a connection is enough
  HttpResponse::Wanted wanted;
};

[[nodiscard]] SocketTarget tcp_target(const unit::Endpoint& endpoint);
// A path below /run, or "@name" for an abstract socket (unix(7)). Any type of socket will do.
[[nodiscard]] SocketTarget unix_target(const std::string& path);
[[nodiscard]] SocketTarget http_target(const unit::HttpUrl& url, HttpResponse::Wanted wanted);
// Can a socket of this path be found without ever waiting for a file system? Any other path is for a child.
[[nodiscard]] bool is_quick_path(std::string_view path);
// Connects to the Unix socket, of any type, that an O_PATH descriptor has found. 0 or an errno. Never waits.
[[nodiscard]] int connect_to_socket(int found, UniqueFd& connection);

class SocketProbe {
 public:
  enum class State { Pending, Good, Bad };

  explicit SocketProbe(SocketTarget target) : target_(std::move(target)), response_(target_.wanted) {}

  // Connects; the first state. While it is Pending fd() is watched for events(), and both may change with
  // each call of drain().
  State begin();
  State drain();
  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] std::uint32_t events() const;
  // Why it is Bad; while Pending: what is waited for.
  [[nodiscard]] std::string problem() const;

 private:
  State bad(std::string problem);
  State refused(int error);
  State try_endpoint();
  State try_path();
  State connected();
  State send_request();
  State read_answer();

  SocketTarget target_;
  HttpResponse response_;
  UniqueFd socket_;
  std::size_t sent_ = 0;
  bool connected_ = false;
  std::string problem_;
};

}  // namespace init::manager
