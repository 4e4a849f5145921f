#include <fcntl.h>
#include <grp.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <algorithm>

#include "tests/unit/control/harness.h"

namespace init::control {
namespace {

constexpr uid_t kNobody = 65534;
constexpr uid_t kLargest = 4294967293U;  // above INT_MAX: must not be taken for anybody else

// A child under another uid makes one call; its answer comes back through a pipe.
class RolesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  }

  std::string ask_as(Harness& harness, uid_t uid, const std::string& call) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    UniqueFd answer(ends[0]);
    UniqueFd child_end(ends[1]);
    const pid_t child = fork();
    if (child == 0) run_child(harness.socket_path(), uid, call, child_end.get());
    child_end.reset();
    std::string text;
    bool ended = false;
    EXPECT_EQ(harness.loop().add(answer.get(), EPOLLIN, {kOtherToken, 0}), 0);
    fcntl(answer.get(), F_SETFL, O_NONBLOCK);
    harness.until([&] {
      char buffer[4096];
      const ssize_t got = read(answer.get(), buffer, sizeof(buffer));
      if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
      ended = got == 0;
      return ended;
    });
    harness.loop().remove(answer.get());
    waitpid(child, nullptr, 0);
    return text;
  }

 private:
  [[noreturn]] static void run_child(const std::string& path, uid_t uid, const std::string& call, int out) {
    if (setgroups(0, nullptr) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
      _exit(1);
    const UniqueFd fd = connect_to(path);
    if (send(fd.get(), call.c_str(), call.size() + 1, MSG_NOSIGNAL) < 0) _exit(1);
    for (char c = 0; recv(fd.get(), &c, 1, 0) == 1 && c != '\0';) (void)!write(out, &c, 1);
    _exit(0);
  }
};

api::Status secretive_status() {
  api::Status status;
  status.id = "a.service";
  status.processes = {{7, 1, "app", "app --token=hush"}};
  status.log_tail = {"hush"};
  return status;
}

std::string call_of(const api::MethodInfo& method) {
  api::Request request = api::blank_request(method.method);
  std::visit(
      [](auto& typed) {
        if constexpr (requires { typed.unit; }) typed.unit = "a.service";
      },
      request);
  std::string message = api::encode_call(request, "", false);
  message.pop_back();
  return message;
}

bool is_denied(const std::string& answer) {
  return answer.find("org.initd.Manager.PermissionDenied") != std::string::npos;
}

TEST_F(RolesTest, EveryMethodIsOpenToExactlyThoseItsRowNames) {
  ServerOptions options;
  options.owner = 4242;
  options.is_operator = [](const Peer& peer, std::string_view unit) {
    return peer.uid == 777 && unit == "a.service";
  };
  Harness harness(options);
  harness.on_call = [](Server& server, const Call& call) {
    server.reply(call.id, api::blank_reply(api::method_of(call.request)));
  };
  for (const api::MethodInfo& method : api::methods()) {
    const std::string call = call_of(method);
    EXPECT_FALSE(is_denied(ask_as(harness, 0, call))) << method.name;
    EXPECT_FALSE(is_denied(ask_as(harness, 4242, call))) << method.name;
    EXPECT_EQ(is_denied(ask_as(harness, 777, call)), method.role == api::Role::Admin) << method.name;
    for (const uid_t uid : {kNobody, kLargest}) {
      EXPECT_EQ(is_denied(ask_as(harness, uid, call)), method.role != api::Role::Read) << method.name;
    }
  }
}

TEST_F(RolesTest, WhatChangesAnythingIsNeverOpenToEverybody) {
  for (const api::MethodInfo& method : api::methods())
    EXPECT_FALSE(method.mutating && method.role == api::Role::Read);
}

TEST_F(RolesTest, AnOperatorOfOneUnitMayNotTouchAnotherNorAll) {
  ServerOptions options;
  options.is_operator = [](const Peer& peer, std::string_view unit) {
    return peer.uid == 777 && unit == "a.service";
  };
  Harness harness(options);
  EXPECT_TRUE(is_denied(
      ask_as(harness, 777, R"({"method":"org.initd.Manager.Stop","parameters":{"unit":"b.service"}})")));
  EXPECT_TRUE(is_denied(ask_as(harness, 777, R"({"method":"org.initd.Manager.ResetFailed"})")));
}

TEST_F(RolesTest, OthersSeeNeitherArgumentsNorLogText) {
  ServerOptions options;
  options.is_operator = [](const Peer& peer, std::string_view unit) {
    return peer.uid == 777 && unit == "a.service";
  };
  Harness harness(options);
  harness.on_call = [](Server& server, const Call& call) { server.reply(call.id, secretive_status()); };
  const std::string status = R"({"method":"org.initd.Manager.Status","parameters":{"unit":"a.service"}})";
  EXPECT_NE(ask_as(harness, 0, status).find("hush"), std::string::npos);
  EXPECT_NE(ask_as(harness, 777, status).find("hush"), std::string::npos);
  const std::string seen = ask_as(harness, kNobody, status);
  EXPECT_EQ(seen.find("hush"), std::string::npos);
  EXPECT_NE(seen.find(R"("name":"app")"), std::string::npos);
}

TEST_F(RolesTest, IdentityIsThatOfTheConnectionNotOfWhoUsesItLater) {
  Harness harness;
  std::vector<Peer> peers;
  harness.on_call = [&peers](Server& server, const Call& call) {
    peers.push_back(call.peer);
    server.reply(call.id, api::ListReply{});
  };
  ask_as(harness, kNobody, R"({"method":"org.initd.Manager.List"})");
  ASSERT_EQ(peers.size(), 1U);
  EXPECT_EQ(peers[0].uid, kNobody);
  EXPECT_TRUE(peers[0].groups.empty());
}

TEST_F(RolesTest, OneUserCannotTakeMoreThanItsShareOfConnections) {
  ServerOptions options;
  options.max_clients_per_user = 3;
  Harness harness(options);
  std::vector<UniqueFd> held;
  ASSERT_EQ(seteuid(kNobody), 0);  // connect(2) records the effective uid
  for (int i = 0; i < 5; ++i) held.push_back(harness.connect());
  ASSERT_EQ(seteuid(0), 0);
  for (int i = 0; i < 5; ++i) harness.turn();
  EXPECT_EQ(harness.server().client_count(), 3U);
  EXPECT_NE(harness.read_message(held[4].get()).find("TooManyClients"), std::string::npos);
  const UniqueFd root = harness.connect();
  EXPECT_EQ(harness.ask(root.get(), R"({"method":"org.initd.Manager.List"})"),
            R"({"parameters":{"units":[]}})");
}

}  // namespace
}  // namespace init::control
