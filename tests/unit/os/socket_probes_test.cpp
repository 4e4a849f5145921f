#include "daemon/manager/os/socket_probes.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>

namespace init::manager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kProbes = 0, kServer = 1;

// Listens on a port of this host; what it says is the test's.
class Server {
 public:
  explicit Server(int backlog = 8) {
    fd_.reset(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_.get(), address(), sizeof address_), 0);
    socklen_t size = sizeof address_;
    EXPECT_EQ(getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
    EXPECT_EQ(listen(fd_.get(), backlog), 0);
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }
  [[nodiscard]] unit::Endpoint endpoint() const { return {"127.0.0.1", ntohs(address_.sin_port)}; }
  [[nodiscard]] unit::HttpUrl url() const {
    return {endpoint(), "127.0.0.1:" + std::to_string(endpoint().port), "/health"};
  }

 private:
  UniqueFd fd_;
  sockaddr_in address_{};
};

class Probing : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(loop_.open(), 0); }

  // Runs the loop until there are results. serve is called with each new connection, and again whenever that
  // is writable, until it returns false.
  std::vector<SocketProbes::Result> run() {
    for (;;) {
      auto results = probes_.take_results(monotonic_now());
      if (!results.empty()) return results;
      for (const auto& ready : loop_.wait(probes_.next_deadline())) {
        if (ready.token.kind == kProbes) {
          probes_.handle(ready);
        } else if (!peer_) {
          peer_.reset(accept4(server_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
          EXPECT_EQ(loop_.add(peer_.get(), EPOLLOUT, {kServer, 0}), 0);
        } else if (!serve_(peer_.get())) {
          peer_.reset();
          serve_ = [](int) { return true; };
        }
      }
    }
  }
  void serve(const Server& server, std::function<bool(int)> by) {
    server_ = server.fd();
    serve_ = std::move(by);
    ASSERT_EQ(loop_.add(server_, EPOLLIN, {kServer, 0}), 0);
  }
  // Sends this and closes.
  void answer(const Server& server, std::string text) {
    serve(server, [text = std::move(text)](int fd) {
      EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
      return false;
    });
  }
  SocketProbes::Result probe(SocketTarget target, Duration limit = seconds(20)) {
    probes_.begin(7, std::move(target), monotonic_now() + limit);
    const auto results = run();
    EXPECT_EQ(results.size(), 1U);
    EXPECT_EQ(results.front().id, 7U);
    EXPECT_EQ(probes_.under_way(), 0U);
    return results.front();
  }

  process::Poller loop_;
  SocketProbes probes_{loop_, kProbes};
  int server_ = -1;
  UniqueFd peer_;
  std::function<bool(int)> serve_;
};

TEST_F(Probing, ATcpConnectionIsEnoughAndARefusalIsTold) {
  const unit::Endpoint nobody = Server().endpoint();
  EXPECT_EQ(probe(tcp_target(nobody)).problem, "connect: Connection refused");
  const Server server;
  EXPECT_TRUE(probe(tcp_target(server.endpoint())).ok);
}

TEST_F(Probing, AnHttpServerIsAskedForItsPathAndItsStatusCounts) {
  const Server server;
  std::string seen;
  serve(server, [&seen](int fd) {
    std::array<char, 512> bytes{};
    const ssize_t got = recv(fd, bytes.data(), bytes.size(), 0);
    if (got <= 0) return true;
    seen.assign(bytes.data(), static_cast<std::size_t>(got));
    const std::string_view answer = "HTTP/1.1 204 No Content\r\n\r\n";
    return send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0;
  });
  EXPECT_TRUE(probe(http_target(server.url(), {})).ok);
  EXPECT_TRUE(seen.starts_with("GET /health HTTP/1.0\r\nHost: " + server.url().host + "\r\n")) << seen;
  EXPECT_TRUE(seen.ends_with("\r\n\r\n"));
}

TEST_F(Probing, AnUnwantedStatusIsTold) {
  const Server server;
  answer(server, "HTTP/1.1 503 Down\r\n\r\n");
  EXPECT_EQ(probe(http_target(server.url(), {})).problem, "status 503");
}

TEST_F(Probing, AServerThatIsNotHttpIsTold) {
  const Server server;
  answer(server, "SSH-2.0-OpenSSH\r\n");
  EXPECT_EQ(probe(http_target(server.url(), {})).problem, "the answer is not HTTP");
}

TEST_F(Probing, EndlessHeadersEndAtTheirLimit) {
  const Server server;
  bool begun = false;
  serve(server, [&begun](int fd) {
    const std::string text = begun ? std::string(1000, 'x') : std::string("HTTP/1.1 200 OK\r\nX: ");
    begun = true;
    return send(fd, text.data(), text.size(), MSG_NOSIGNAL) > 0;
  });
  EXPECT_EQ(probe(http_target(server.url(), {})).problem, "its headers do not end within 16 KiB");
}

TEST_F(Probing, AHugeBodyEndsAtItsLimit) {
  const Server server;
  bool begun = false;
  serve(server, [&begun](int fd) {
    const std::string text = begun ? std::string(1000, 'x') : std::string("HTTP/1.1 200 OK\r\n\r\n");
    begun = true;
    return send(fd, text.data(), text.size(), MSG_NOSIGNAL) > 0;
  });
  EXPECT_EQ(probe(http_target(server.url(), {0, "fine"})).problem,
            "the wanted text is not in the first 64 KiB");
}

TEST_F(Probing, SlowBytesEndAtTheTimeOfTheProbe) {
  const Server server;
  std::size_t sent = 0;
  const std::string text = "HTTP/1.1 200 OK\r\n";
  serve(server, [&](int fd) {
    if (sent < text.size() && poll(nullptr, 0, 5) == 0)
      sent += send(fd, text.data() + sent, 1, MSG_NOSIGNAL) > 0;
    return true;
  });
  EXPECT_EQ(probe(http_target(server.url(), {}), milliseconds(200)).problem, "no whole answer in time");
}

TEST_F(Probing, AnAddressThatNeverAnswersEndsAtTheTimeOfTheProbe) {
  const Server full(1);
  std::vector<UniqueFd> waiting;  // its queue takes no more
  for (int i = 0; i < 8; ++i) {
    waiting.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    (void)connect(waiting.back().get(), full.address(), sizeof(sockaddr_in));
  }
  EXPECT_EQ(probe(tcp_target(full.endpoint()), milliseconds(50)).problem, "no connection in time");
}

TEST_F(Probing, OneThatBeginsAnewOrIsCanceledHasNoResult) {
  const Server server;
  probes_.begin(1, http_target(server.url(), {}), monotonic_now() + seconds(20));
  probes_.begin(1, http_target(server.url(), {}), monotonic_now() + seconds(20));
  EXPECT_EQ(probes_.under_way(), 1U);
  probes_.begin(2, http_target(server.url(), {}), monotonic_now() + seconds(20));
  probes_.cancel(1);
  probes_.cancel(2);
  EXPECT_EQ(probes_.next_deadline(), MonotonicTime::never());
  EXPECT_TRUE(probes_.take_results(monotonic_now() + seconds(30)).empty());
}

class UnixProbing : public Probing, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    Probing::SetUp();
    std::string name = "/run/initd-probe-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) GTEST_SKIP() << "no /run to write to";
    directory_ = name;
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  UniqueFd listener(const std::string& name, int type) {
    UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << name;
    EXPECT_TRUE(type == SOCK_DGRAM || listen(fd.get(), 4) == 0);
    return fd;
  }
  std::string directory_;
};

TEST_P(UnixProbing, ASocketOfAnyTypeWillDo) {
  const UniqueFd fd = listener(directory_ + "/socket", GetParam());
  EXPECT_TRUE(probe(unix_target(directory_ + "/socket")).ok);
}

INSTANTIATE_TEST_SUITE_P(OfAllTypes, UnixProbing, testing::Values(SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM));

TEST_F(UnixProbing, ADeadSocketAndAnythingElseIsTold) {
  listener(directory_ + "/dead", SOCK_STREAM).reset();
  EXPECT_EQ(probe(unix_target(directory_ + "/dead")).problem, "connect: Connection refused");
  EXPECT_EQ(probe(unix_target(directory_ + "/none")).problem, "connect: No such file or directory");
  EXPECT_EQ(probe(unix_target(directory_)).problem, "connect: Connection refused");
}

TEST_F(UnixProbing, F55NoLinkLeadsOutOfRun) {
  const UniqueFd fd = listener(directory_ + "/socket", SOCK_STREAM);
  ASSERT_EQ(symlink(directory_.c_str(), (directory_ + "/link").c_str()), 0);
  EXPECT_EQ(probe(unix_target(directory_ + "/link/socket")).problem,
            "connect: Too many levels of symbolic links");
  EXPECT_FALSE(probe(unix_target("/run/../tmp")).ok);
  EXPECT_TRUE(is_quick_path("/run/x"));
  EXPECT_TRUE(is_quick_path("@x"));
  EXPECT_FALSE(is_quick_path("/var/lib/x"));
}

TEST_F(UnixProbing, AnAbstractSocketIsFoundByItsName) {
  const std::string name = "initd-probe-" + std::to_string(getpid());
  const SocketTarget target = unix_target("@" + name);
  EXPECT_EQ(probe(target).problem, "connect: Connection refused");
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd.get(), 1), 0);
  EXPECT_TRUE(probe(target).ok);
}

}  // namespace
}  // namespace init::manager
