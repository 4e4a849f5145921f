// A server on a socket of its own, and raw clients beside it, all in one thread: tests turn the loop by hand.
#pragma once
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "daemon/manager/control/server.h"

namespace init::control {

inline constexpr std::uint32_t kControlToken = 3;
inline constexpr std::uint32_t kOtherToken = 1;

class ScratchDirectory {
 public:
  ScratchDirectory() {
    char name[] = "/tmp/initd-control-XXXXXX";
    path_ = mkdtemp(name);
    (void)chmod(path_.c_str(), 0755);  // for tests that become somebody else
  }
  ~ScratchDirectory() { (void)!std::system(("rm -rf " + path_).c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline UniqueFd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fd.reset();
  return fd;
}

class Harness {
 public:
  using Handler = std::function<void(Server&, const Call&)>;

  explicit Harness(ServerOptions options = {}) : socket_(scratch_.path() + "/run/control") {
    options.token_kind = kControlToken;
    EXPECT_EQ(loop_.open(), 0);
    Result<UniqueFd> listener = create_listener(socket_);
    EXPECT_TRUE(listener) << listener.error().text();
    server_ = *Server::create(loop_, std::move(*listener), std::move(options));
  }

  // Answers with an empty list when no handler was set.
  Handler on_call = [](Server& server, const Call& call) { server.reply(call.id, api::ListReply{}); };
  std::vector<CallId> dropped;

  void turn(Duration patience = std::chrono::milliseconds(20)) {
    const MonotonicTime limit = std::min(server_->next_deadline(), monotonic_now() + patience);
    for (const process::Ready& ready : loop_.wait(limit)) {
      if (ready.token.kind == kControlToken) server_->handle(ready, monotonic_now());
    }
    for (const Call& call : server_->take_calls(monotonic_now())) on_call(*server_, call);
    for (const CallId& id : server_->take_dropped()) dropped.push_back(id);
    server_->expire(monotonic_now());
  }
  // Turns the loop until the condition holds; false after ten seconds.
  bool until(const std::function<bool()>& condition) {
    const MonotonicTime limit = monotonic_now() + std::chrono::seconds(10);
    bool holds = condition();
    for (; !holds && monotonic_now() < limit; holds = condition()) turn();
    return holds;
  }
  // The next message that arrives at a client; empty at its end.
  std::string read_message(int fd) {
    std::string message;
    until([&] {
      for (char c = 0; recv(fd, &c, 1, MSG_DONTWAIT) == 1;) {
        if (c == '\0') return true;
        message += c;
      }
      const bool would_block = errno == EAGAIN;
      char peek = 0;
      return !would_block || recv(fd, &peek, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
    });
    return message;
  }
  std::string ask(int fd, const std::string& call) {
    EXPECT_EQ(send(fd, call.c_str(), call.size() + 1, MSG_NOSIGNAL), static_cast<ssize_t>(call.size() + 1));
    return read_message(fd);
  }
  [[nodiscard]] bool is_closed(int fd) {
    return until([fd] {
      char c = 0;
      const ssize_t got = recv(fd, &c, 1, MSG_DONTWAIT);
      return got == 0 || (got < 0 && errno != EAGAIN);
    });
  }

  [[nodiscard]] UniqueFd connect() { return connect_to(socket_); }
  [[nodiscard]] Server& server() { return *server_; }
  [[nodiscard]] const std::string& socket_path() const { return socket_; }
  [[nodiscard]] process::Poller& loop() { return loop_; }

 private:
  ScratchDirectory scratch_;
  std::string socket_;
  process::Poller loop_;
  std::unique_ptr<Server> server_;
};

}  // namespace init::control
