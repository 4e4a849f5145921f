#include "libinit/api/client.h"

#include <map>

#include "tests/unit/control/fake_manager.h"

namespace init::control {
namespace {

using api::JobReply;
using std::chrono::milliseconds;
using std::chrono::seconds;

JobReply done(const Call& call) {
  JobReply job;
  job.unit = api::unit_of(call.request);
  return job;
}

std::string unit_of(const api::Answer& answer) {
  return std::get<JobReply>(std::get<api::Reply>(answer)).unit;
}

MonotonicTime soon() {
  return monotonic_now() + seconds(10);
}

api::OutgoingCall start(const std::string& unit) {
  return {api::JobRequest{api::Verb::Start, unit, false, 0}, true};
}

TEST(Client, GetsAReplyAndAnError) {
  FakeManager manager([](Server& server, const Call& call) {
    if (api::unit_of(call.request) == "a") return server.reply(call.id, done(call));
    server.error(call.id, {api::ErrorKind::NoSuchUnit, "b", {}, {}});
  });
  Result<api::Client> client = api::Client::connect(manager.socket_path());
  ASSERT_TRUE(client);
  const auto answers = client->call_all({start("a"), start("b")}, soon());
  ASSERT_TRUE(answers);
  EXPECT_EQ(unit_of((*answers)[0]), "a");
  EXPECT_EQ(std::get<api::CallError>((*answers)[1]).parameter, "b");
}

TEST(Client, HandsProgressToTheCallItBelongsTo) {
  FakeManager manager([](Server& server, const Call& call) {
    JobReply progress = done(call);
    progress.progress = "waits";
    server.reply(call.id, progress, true);
    server.reply(call.id, done(call));
  });
  Result<api::Client> client = api::Client::connect(manager.socket_path());
  std::vector<std::string> seen;
  const auto answers =
      client->call_all({start("a"), start("b")}, soon(), [&seen](std::size_t index, const api::Reply& reply) {
        seen.push_back(std::to_string(index) + std::get<JobReply>(reply).unit +
                       std::get<JobReply>(reply).progress);
      });
  ASSERT_TRUE(answers);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen[0], "0awaits");
}

TEST(Client, PipelinesManyMoreCallsThanTheServerTakesAtOnce) {
  FakeManager manager([](Server& server, const Call& call) { server.reply(call.id, done(call)); });
  Result<api::Client> client = api::Client::connect(manager.socket_path());
  std::vector<api::OutgoingCall> calls;
  for (int i = 0; i < 3000; ++i) calls.push_back(start("unit-" + std::to_string(i)));
  const auto answers = client->call_all(calls, soon());
  ASSERT_TRUE(answers) << answers.error().text();
  for (int i = 0; i < 3000; ++i)
    ASSERT_EQ(unit_of((*answers)[static_cast<std::size_t>(i)]), "unit-" + std::to_string(i));
}

TEST(Client, SendsUnansweredCallsAgainUnderTheirIdsWhenTheManagerRestarts) {
  std::map<std::string, std::vector<std::string>>
      ids;  // of each unit; touched by the manager's thread while it runs
  std::atomic<bool> first_life = true;
  std::atomic<int> waiting = 0;
  FakeManager manager([&](Server& server, const Call& call) {
    ids[std::string(api::unit_of(call.request))].push_back(call.request_id);
    if (api::unit_of(call.request) == "slow" && first_life) {
      ++waiting;
      return;
    }
    server.reply(call.id, done(call));
  });
  Result<api::Client> client = api::Client::connect(manager.socket_path());
  std::thread killer([&] {
    while (waiting < 1) std::this_thread::yield();
    first_life = false;
    manager.stop();
    manager.start();
  });
  const auto answers = client->call_all({start("quick"), start("slow"), start("last")}, soon());
  killer.join();
  manager.stop();
  ASSERT_TRUE(answers) << answers.error().text();
  EXPECT_EQ(unit_of((*answers)[1]), "slow");
  ASSERT_EQ(ids["slow"].size(), 2U);
  EXPECT_EQ(ids["slow"][0], ids["slow"][1]);
  EXPECT_EQ(ids["slow"][0].size(), 32U);
  for (const std::string& id : ids["last"]) EXPECT_EQ(id, ids["last"][0]);
  EXPECT_NE(ids["slow"][0], ids["quick"][0]);
}

TEST(Client, FailsAtOnceWhereNoRuntimeDirectoryIs) {
  const MonotonicTime begun = monotonic_now();
  const Result<api::Client> client = api::Client::connect("/tmp/there-is-no-such-directory/control");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ENOENT);
  EXPECT_LT(monotonic_now() - begun, seconds(2));  // its patience with a manager that has never been seen
}

TEST(Client, WaitsForAManagerThatIsOnItsWayUp) {
  FakeManager manager([](Server& server, const Call& call) { server.reply(call.id, done(call)); });
  manager.stop();
  std::thread starter([&manager] { manager.start(); });
  Result<api::Client> client = api::Client::connect(manager.socket_path());
  starter.join();
  ASSERT_TRUE(client);
  EXPECT_TRUE(client->call(start("a").request, soon()));
}

TEST(Client, GivesUpWhenItsPatienceIsSpent) {
  FakeManager manager([](Server&, const Call&) {});
  Result<api::Client> client = api::Client::connect(manager.socket_path(), {milliseconds(50)});
  ASSERT_TRUE(client);
  manager.stop();
  const auto answer = client->call(start("a").request, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ECONNREFUSED);
}

TEST(Client, WaitsShorterForAManagerThatItHasNeverSeenAndSaysSo) {
  FakeManager manager([](Server&, const Call&) {});
  manager.stop();
  int waits = 0;
  const MonotonicTime begun = monotonic_now();
  const Result<api::Client> client =
      api::Client::connect(manager.socket_path(), {seconds(10), milliseconds(50), [&waits] { ++waits; }});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ECONNREFUSED);
  EXPECT_GE(monotonic_now() - begun, milliseconds(50));
  EXPECT_LT(monotonic_now() - begun, seconds(10));
  EXPECT_EQ(waits, 1);
}

TEST(Client, EndsAtItsDeadline) {
  FakeManager manager([](Server&, const Call&) {});
  Result<api::Client> client = api::Client::connect(manager.socket_path());
  const auto answer = client->call(start("a").request, monotonic_now() + milliseconds(30));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ETIMEDOUT);
}

TEST(Client, FollowsAReplyOfManyPieces) {
  api::ListReply list;
  for (int i = 0; i < 10000; ++i)
    list.units.push_back({"unit-" + std::to_string(i), {}, {}, {}, {}, {}, {}, "description"});
  FakeManager manager([&list](Server& server, const Call& call) { server.reply(call.id, list); });
  Result<api::Client> client = api::Client::connect(manager.socket_path());
  const auto answer = client->call(api::ListRequest{}, soon());
  ASSERT_TRUE(answer);
  EXPECT_EQ(std::get<api::ListReply>(std::get<api::Reply>(*answer)).units.size(), 10000U);
}

}  // namespace
}  // namespace init::control
