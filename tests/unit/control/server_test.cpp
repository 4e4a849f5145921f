#include "daemon/manager/control/server.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <random>

#include "tests/unit/control/harness.h"

namespace init::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kList = R"({"method":"org.initd.Manager.List"})";
const std::string kEmptyList = R"({"parameters":{"units":[]}})";

std::string start(const std::string& unit, const std::string& extra = "") {
  return R"({"method":"org.initd.Manager.Start","parameters":{"unit":")" + unit + "\"}" + extra + "}";
}

void send_all(int fd, const std::string& bytes) {
  ASSERT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

std::string with_nul(std::string text) {
  return text + '\0';
}

TEST(Listener, MakesAWorldWritableSocketInAReadableDirectoryWhateverTheUmask) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/run/control";
  const mode_t old = umask(077);
  const Result<UniqueFd> listener = create_listener(path);
  umask(old);
  ASSERT_TRUE(listener);
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0666U);
  ASSERT_EQ(stat((scratch.path() + "/run").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755U);
}

TEST(Listener, ReplacesAStaleSocketButNothingElse) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/control";
  ASSERT_TRUE(create_listener(path));
  const Result<UniqueFd> second = create_listener(path);
  ASSERT_TRUE(second);
  EXPECT_TRUE(connect_to(path).valid());
  unlink(path.c_str());
  UniqueFd file(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const Result<UniqueFd> refused = create_listener(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EEXIST);
}

TEST(Server, AnswersSeveralClientsEachItsOwn) {
  Harness harness;
  harness.on_call = [](Server& server, const Call& call) {
    server.reply(call.id, api::JobReply{std::string(api::unit_of(call.request)), {}, {}, {}, {}, {}, {}});
  };
  const UniqueFd a = harness.connect();
  const UniqueFd b = harness.connect();
  EXPECT_EQ(harness.ask(a.get(), start("a")), R"({"parameters":{"unit":"a","outcome":"done"}})");
  EXPECT_EQ(harness.ask(b.get(), start("b")), R"({"parameters":{"unit":"b","outcome":"done"}})");
  EXPECT_EQ(harness.ask(a.get(), start("c")), R"({"parameters":{"unit":"c","outcome":"done"}})");
}

TEST(Server, AnswersOneClientInTheOrderOfItsCallsHoweverTheyEnd) {
  Harness harness;
  std::vector<Call> calls;
  harness.on_call = [&calls](Server&, const Call& call) { calls.push_back(call); };
  const UniqueFd client = harness.connect();
  send_all(client.get(), with_nul(start("a", R"(,"more":true)")) + with_nul(start("b", R"(,"more":true)")));
  ASSERT_TRUE(harness.until([&] { return calls.size() == 2; }));
  api::JobReply progress;
  progress.outcome = api::Outcome::Running;
  const auto named = [](const std::string& unit) { return api::JobReply{unit, {}, {}, {}, {}, {}, {}}; };
  progress.unit = "b";
  harness.server().reply(calls[1].id, progress, true);
  harness.server().reply(calls[1].id, named("b"));
  progress.unit = "a";
  harness.server().reply(calls[0].id, progress, true);
  harness.server().reply(calls[0].id, named("a"));
  harness.server().reply(calls[0].id, named("a again"));
  EXPECT_NE(harness.read_message(client.get()).find(R"("unit":"a","outcome":"running"},"continues":true)"),
            std::string::npos);
  EXPECT_NE(harness.read_message(client.get()).find(R"("unit":"a","outcome":"done")"), std::string::npos);
  EXPECT_NE(harness.read_message(client.get()).find(R"("unit":"b","outcome":"done")"), std::string::npos);
  EXPECT_EQ(harness.ask(client.get(), R"({"method":"org.varlink.service.Nope"})").find("again"),
            std::string::npos);
}

TEST(Server, TakesOneCallOfEachClientInATurn) {
  Harness harness;
  std::vector<std::uint32_t> order;
  harness.on_call = [&order](Server& server, const Call& call) {
    order.push_back(call.id.client);
    server.reply(call.id, api::ListReply{});
  };
  const UniqueFd greedy = harness.connect();
  std::string flood;
  for (int i = 0; i < 200; ++i) flood += with_nul(kList);
  send_all(greedy.get(), flood);
  ASSERT_TRUE(harness.until([&] { return order.size() >= 5; }));
  const UniqueFd modest = harness.connect();
  const std::size_t before = order.size();
  EXPECT_EQ(harness.ask(modest.get(), kList), kEmptyList);
  EXPECT_LE(order.size() - before, 8U);
}

TEST(Server, OnewayCallsAreCarriedOutAndNotAnswered) {
  Harness harness;
  int calls = 0;
  harness.on_call = [&calls](Server& server, const Call& call) {
    ++calls;
    server.reply(call.id, api::ListReply{});
  };
  const UniqueFd client = harness.connect();
  send_all(client.get(), with_nul(R"({"method":"org.initd.Manager.List","oneway":true})"));
  EXPECT_EQ(harness.ask(client.get(), kList), kEmptyList);
  EXPECT_EQ(calls, 2);
}

TEST(Server, AnswersAClientThatHasShutDownItsSendingSide) {
  Harness harness;
  const UniqueFd client = harness.connect();
  send_all(client.get(), with_nul(kList));
  shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(harness.read_message(client.get()), kEmptyList);
  EXPECT_TRUE(harness.is_closed(client.get()));
}

TEST(Server, CarriesOutWhatAClientSentBeforeItHungUpAndSaysThatNobodyWaits) {
  Harness harness;
  std::vector<Call> calls;
  harness.on_call = [&calls](Server&, const Call& call) { calls.push_back(call); };
  UniqueFd client = harness.connect();
  send_all(client.get(), with_nul(start("a")));
  ASSERT_TRUE(harness.until([&] { return calls.size() == 1; }));
  send_all(client.get(), with_nul(start("b")));
  client.reset();
  ASSERT_TRUE(harness.until([&] { return calls.size() == 2 && harness.server().client_count() == 0; }));
  ASSERT_EQ(harness.dropped.size(), 1U);
  EXPECT_EQ(harness.dropped[0], calls[0].id);
  EXPECT_TRUE(calls[1].oneway);
  harness.server().reply(calls[0].id, api::JobReply{});
}

// ---- Hostile peers

TEST(Server, RandomBytesEndOnlyTheirOwnConnection) {
  Harness harness;
  const UniqueFd good = harness.connect();
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    const UniqueFd bad = harness.connect();
    std::string bytes(random() % 3000 + 1, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    bytes += '\0';
    send_all(bad.get(), bytes);
    ASSERT_TRUE(harness.is_closed(bad.get()));
  }
  EXPECT_EQ(harness.ask(good.get(), kList), kEmptyList);
  EXPECT_EQ(harness.server().client_count(), 1U);
}

TEST(Server, TakesACallOfTheLargestSizeAndHangsUpOnALargerOne) {
  Harness harness;
  const std::string head = R"({"method":"org.initd.Manager.List","parameters":{"pattern":")";
  const std::string tail = "\"}}";
  const std::string largest = head + std::string(api::kMaxCallBytes - head.size() - tail.size(), 'x') + tail;
  const UniqueFd good = harness.connect();
  EXPECT_EQ(harness.ask(good.get(), largest), kEmptyList);
  const UniqueFd bad = harness.connect();
  send_all(bad.get(), std::string(api::kMaxCallBytes + 1, ' '));
  EXPECT_TRUE(harness.is_closed(bad.get()));
}

TEST(Server, DeepJsonEndsTheConnection) {
  Harness harness;
  const UniqueFd client = harness.connect();
  send_all(client.get(), with_nul(std::string(60000, '[')));
  EXPECT_TRUE(harness.is_closed(client.get()));
}

TEST(Server, AByteNowAndThenDoesNotKeepAHalfSentCallAlive) {
  ServerOptions options;
  options.half_open_limit = milliseconds(300);
  Harness harness(options);
  const UniqueFd silent = harness.connect();
  const UniqueFd slow = harness.connect();
  const UniqueFd idle = harness.connect();
  EXPECT_EQ(harness.ask(idle.get(), kList), kEmptyList);
  const MonotonicTime begun = monotonic_now();
  EXPECT_TRUE(harness.until([&] {
    (void)send(slow.get(), "{", 1, MSG_NOSIGNAL);
    return harness.server().client_count() == 1;
  }));
  EXPECT_LT(monotonic_now() - begun, seconds(8));
  EXPECT_TRUE(harness.is_closed(silent.get()));
  EXPECT_EQ(harness.ask(idle.get(), kList), kEmptyList);  // has called before, owes nothing: stays
}

TEST(Server, AClientThatNeverReadsIsBoundedAndThenClosed) {
  ServerOptions options;
  options.stalled_limit = milliseconds(200);
  Harness harness(options);
  api::ListReply large;
  for (int i = 0; i < 1000; ++i)
    large.units.push_back({"unit-" + std::to_string(i), {}, {}, {}, {}, {}, {}, std::string(400, 'd')});
  harness.on_call = [&large](Server& server, const Call& call) { server.reply(call.id, large); };
  const UniqueFd client = harness.connect();
  fcntl(client.get(), F_SETFL, O_NONBLOCK);
  std::size_t peak = 0;
  EXPECT_TRUE(harness.until([&] {
    for (int i = 0; i < 50; ++i) (void)send(client.get(), kList.c_str(), kList.size() + 1, MSG_NOSIGNAL);
    peak = std::max(peak, harness.server().queued_bytes());
    return harness.server().client_count() == 0;
  }));
  EXPECT_LT(peak, 800U * 1024);  // one answer larger than the limit, and a buffer of calls
}

TEST(Server, AStreamThatNobodyReadsIsCutAtTheLimit) {
  Harness harness;
  std::vector<Call> calls;
  harness.on_call = [&calls](Server&, const Call& call) { calls.push_back(call); };
  const UniqueFd client = harness.connect();
  send_all(client.get(), with_nul(start("a", R"(,"more":true)")));
  ASSERT_TRUE(harness.until([&] { return calls.size() == 1; }));
  api::JobReply progress;
  progress.progress = std::string(1000, 'p');
  std::size_t peak = 0;
  for (int i = 0; i < 5000 && harness.server().client_count() > 0; ++i) {
    harness.server().reply(calls[0].id, progress, true);
    peak = std::max(peak, harness.server().queued_bytes());
  }
  EXPECT_EQ(harness.server().client_count(), 0U);
  EXPECT_LE(peak, ServerOptions{}.max_queued_bytes + 2048);
  harness.turn();
  EXPECT_EQ(harness.dropped.size(), 1U);
}

TEST(Server, SixHundredConnectionsOfOneUserLeaveRoomForRoot) {
  ServerOptions options;
  options.owner = 12345;
  Harness harness(options);
  std::vector<UniqueFd> crowd;
  for (int i = 0; i < 600; ++i) {
    crowd.push_back(harness.connect());
    harness.turn(Duration(0));
  }
  ASSERT_TRUE(harness.until([&] { return harness.server().client_count() == options.max_clients; }));
  EXPECT_NE(harness.read_message(crowd.back().get()).find("TooManyClients"), std::string::npos);
  crowd.erase(crowd.begin());
  ASSERT_TRUE(harness.until([&] { return harness.server().client_count() == options.max_clients - 1; }));
  const UniqueFd late = harness.connect();
  EXPECT_EQ(harness.ask(late.get(), kList), kEmptyList);
}

// All descriptors of the process but the server's spares are taken while it lives.
class DescriptorFamine {
 public:
  DescriptorFamine() {
    getrlimit(RLIMIT_NOFILE, &old_);
    rlimit tight = old_;
    tight.rlim_cur = 200;
    setrlimit(RLIMIT_NOFILE, &tight);
    for (UniqueFd fd(open_one()); fd; fd.reset(open_one())) taken_.push_back(std::move(fd));
    EXPECT_EQ(errno, EMFILE);
  }
  ~DescriptorFamine() { setrlimit(RLIMIT_NOFILE, &old_); }
  void free_one() { taken_.pop_back(); }

 private:
  static int open_one() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
  rlimit old_{};
  std::vector<UniqueFd> taken_;
};

TEST(Server, ServesRootWithoutAFreeDescriptor) {
  Harness harness;
  UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, harness.socket_path().data(), harness.socket_path().size());
  const DescriptorFamine famine;
  ASSERT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(harness.ask(client.get(), kList), kEmptyList);
}

TEST(Server, ListensAgainWhenDescriptorsComeBack) {
  ServerOptions options;
  options.reserved_for_root = 0;
  Harness harness(options);
  UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, harness.socket_path().data(), harness.socket_path().size());
  DescriptorFamine famine;
  ASSERT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  harness.turn();
  EXPECT_EQ(harness.server().client_count(), 0U);
  EXPECT_LT(harness.server().next_deadline(), MonotonicTime::never());
  famine.free_one();
  EXPECT_EQ(harness.ask(client.get(), kList), kEmptyList);
}

}  // namespace
}  // namespace init::control
