// A manager of a few lines on the real server, in a thread of its own, for tests of clients.
#pragma once
#include <sys/eventfd.h>

#include <atomic>
#include <thread>

#include "tests/unit/control/harness.h"

namespace init::control {

class FakeManager {
 public:
  using Handler = std::function<void(Server&, const Call&)>;

  explicit FakeManager(Handler handler) : handler_(std::move(handler)), stop_(eventfd(0, EFD_CLOEXEC)) {
    start();
  }
  ~FakeManager() { stop(); }

  [[nodiscard]] std::string runtime() const { return scratch_.path() + "/run"; }
  [[nodiscard]] std::string socket_path() const { return runtime() + "/control"; }
  [[nodiscard]] const std::string& scratch() const { return scratch_.path(); }

  // As a manager's death: connections are lost. A listener that is kept (in PID 1's store) takes the next
  // ones meanwhile.
  void stop() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    EXPECT_EQ(write(stop_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    thread_.join();
  }
  void start() {
    Result<UniqueFd> listener = create_listener(socket_path());
    ASSERT_TRUE(listener) << listener.error().text();
    thread_ = std::thread([this, fd = listener->release()] { serve(UniqueFd(fd)); });
  }

 private:
  void serve(UniqueFd listener) {
    process::Poller loop;
    ASSERT_EQ(loop.open(), 0);
    ASSERT_EQ(loop.add(stop_.get(), EPOLLIN, {kOtherToken, 0}), 0);
    ServerOptions options;
    options.token_kind = kControlToken;
    const std::unique_ptr<Server> server = *Server::create(loop, std::move(listener), options);
    for (bool stopping = false; !stopping;) {
      for (const process::Ready& ready : loop.wait(server->next_deadline())) {
        if (ready.token.kind == kControlToken) server->handle(ready, monotonic_now());
        stopping = stopping || ready.token.kind == kOtherToken;
      }
      for (const Call& call : server->take_calls(monotonic_now())) handler_(*server, call);
      (void)server->take_dropped();
      server->expire(monotonic_now());
    }
    std::uint64_t count = 0;
    EXPECT_EQ(read(stop_.get(), &count, sizeof(count)), static_cast<ssize_t>(sizeof(count)));
  }

  ScratchDirectory scratch_;
  Handler handler_;
  UniqueFd stop_;
  std::thread thread_;
};

}  // namespace init::control
