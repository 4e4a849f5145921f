// Whole verbs, from the command line to text and exit code, against a manager of a few lines.
#include <fstream>
#include <map>

#include "ctl/command_line.h"
#include "ctl/exit_code.h"
#include "ctl/output.h"
#include "libinit/process_info/process_info.h"
#include "tests/unit/control/fake_manager.h"

namespace init::ctl {
namespace {

using control::Call;
using control::Server;

api::State state_named(const std::string& unit) {
  if (unit == "bad.service") return api::State::Failed;
  return unit == "down.service" ? api::State::Inactive : api::State::Active;
}

// The test itself, as a process of a unit: alive, or under the number of one that is no more.
api::Process own_process(const std::string& unit) {
  const auto stat = process_info::ProcessInfo::open(process::Pid::self())->stat();
  const auto start = static_cast<std::int64_t>(stat->start_ticks) + (unit == "stale.service" ? 1 : 0);
  return {process::Pid::self().raw(), 1, stat->name, "command", start};
}

// Knows good, bad, down, stale; bad does not start.
struct Answerer {
  Server& server;
  const Call& call;

  void operator()(const api::JobRequest& request) const {
    const bool bad = request.unit == "bad.service";
    server.reply(call.id, api::JobReply{request.unit,
                                        bad ? api::Outcome::Failed : api::Outcome::Done,
                                        {},
                                        request.unit,
                                        bad ? "bad.service failed: exit 3" : "good.service is active",
                                        {},
                                        {}});
  }
  void operator()(const api::StatusRequest& request) const {
    api::Status status;
    status.id = request.unit;
    status.state = state_named(request.unit);
    if (status.state == api::State::Active) status.processes = {own_process(request.unit)};
    server.reply(call.id, status);
  }
  void operator()(const api::SystemRequest&) const {
    api::SystemReply system;
    system.state = "degraded";
    server.reply(call.id, system);
  }
  void operator()(const api::ListRequest& request) const {
    server.reply(
        call.id,
        api::ListReply{{{request.pattern + request.kind + request.state, {}, {}, {}, {}, {}, {}, {}}}});
  }
  void operator()(const api::DaemonReloadRequest&) const {
    server.reply(call.id,
                 api::DaemonReloadReply{2, {}, {}, {{api::Severity::Error, "a:1:1", "a:1:1: error: x\n"}}});
  }
  void operator()(const api::PowerRequest&) const {
    server.error(call.id, {api::ErrorKind::PermissionDenied, "org.initd.Manager.Power", {}, {}});
  }
  template <class Other>
  void operator()(const Other&) const {
    server.reply(call.id, api::blank_reply(api::method_of(call.request)));
  }
};

void answer(Server& server, const Call& call) {
  const std::string_view unit = api::unit_of(call.request);
  if (unit == "nosuch.service")
    return server.error(call.id, {api::ErrorKind::NoSuchUnit, std::string(unit), {}, {}});
  std::visit(Answerer{server, call}, call.request);
}

class Verbs : public testing::Test {
 protected:
  struct Result {
    int code = 0;
    std::string out, err;
  };
  Result run(std::vector<const char*> words) {
    const std::string runtime = "--runtime=" + manager_.runtime();
    words.push_back(runtime.c_str());
    const auto invocation = parse_command_line(words);
    EXPECT_TRUE(invocation);
    Output output;
    output.style.now_us = output.error_style.now_us = 1;
    const int code = invocation->verb->run(invocation->request, output);
    return {code, output.out, output.err};
  }
  int code(std::vector<const char*> words) { return run(std::move(words)).code; }

  control::FakeManager manager_{answer};
};

TEST_F(Verbs, StartReportsEachUnitAndFailsWhenOneDoes) {
  const Result result = run({"start", "good", "bad"});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_EQ(result.out, "● good.service is active\n");
  EXPECT_EQ(result.err, "✗ bad.service failed: exit 3\n");
  EXPECT_EQ(code({"start", "good"}), kOk);
  EXPECT_EQ(code({"start", "good", "nosuch"}), kNoSuchUnit);
}

TEST_F(Verbs, QuietSaysOnlyWhatWentWrong) {
  EXPECT_EQ(run({"start", "good", "--quiet"}).out, "");
  EXPECT_NE(run({"start", "bad", "--quiet"}).err, "");
}

TEST_F(Verbs, StatusAnswersByLsbCodes) {
  EXPECT_EQ(code({"status", "good"}), kOk);
  EXPECT_EQ(code({"status", "down"}), kNotActive);
  EXPECT_EQ(code({"status", "good", "bad"}), kNotActive);
  EXPECT_EQ(code({"status", "nosuch"}), kStatusUnknown);
  EXPECT_EQ(code({"status"}), kOk);
}

TEST_F(Verbs, QuestionsAnswerByOneWordAndTheirCode) {
  EXPECT_EQ(run({"is-active", "good"}).out, "active\n");
  EXPECT_EQ(code({"is-active", "down"}), kNotActive);
  EXPECT_EQ(code({"is-failed", "bad"}), kOk);
  EXPECT_EQ(code({"is-failed", "good"}), kFailed);
  EXPECT_EQ(run({"is-system-running"}).out, "degraded\n");
  EXPECT_EQ(code({"is-system-running"}), kFailed);
}

TEST_F(Verbs, JsonIsOneObjectForEachAnswer) {
  const Result result = run({"start", "good", "nosuch", "--json"});
  EXPECT_EQ(
      result.out,
      R"({"unit":"good.service","outcome":"done","cause":"good.service","message":"good.service is active"})"
      "\n"
      R"({"error":"org.initd.Manager.NoSuchUnit","parameters":{"unit":"nosuch.service"}})"
      "\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(Verbs, EveryVerbThatAsksTheManagerTakesJson) {
  for (const VerbInfo& verb : verbs()) {
    if (verb.name == "help" || verb.name == "version" || verb.name == "complete" || verb.name == "verify" ||
        verb.name == "logs" || verb.name == "report")
      continue;
    const std::string name(verb.name);
    std::vector<const char*> words{name.c_str(), "--json"};
    if (verb.least > 0) words.push_back("good");
    const Result result = run(words);
    EXPECT_EQ(result.out.front(), '{') << name;
    EXPECT_EQ(result.out.substr(result.out.size() - 2), "}\n") << name;
  }
}

TEST_F(Verbs, ListHandsItsFiltersOver) {
  EXPECT_NE(run({"list", "web*", "--kind=service", "--state=failed"}).out.find("web*servicefailed"),
            std::string::npos);
}

TEST_F(Verbs, ReloadWithErrorsFailsAndShowsThem) {
  const Result result = run({"daemon-reload"});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_NE(result.err.find("a:1:1: error: x\n"), std::string::npos);
}

TEST_F(Verbs, WhatIsNotPermittedSaysSo) {
  const Result result = run({"poweroff"});
  EXPECT_EQ(result.code, kPermission);
  EXPECT_NE(result.err.find("not permitted"), std::string::npos);
}

TEST_F(Verbs, WithoutAManagerTheNextStepIsTold) {
  const auto invocation = parse_command_line(std::vector<const char*>{"list", "--runtime=/nonexistent"});
  Output output;
  EXPECT_EQ(invocation->verb->run(invocation->request, output), kUnreachable);
  EXPECT_NE(output.err.find("next: is initd running?"), std::string::npos);
}

TEST_F(Verbs, InspectReadsTheProcessesThatTheManagerNamed) {
  const Result json = run({"inspect", "good", "--json"});
  EXPECT_EQ(json.code, kOk);
  EXPECT_NE(
      json.out.find(R"({"unit":"good.service","processes":[{"pid":)" + process::Pid::self().text() + ","),
      std::string::npos);
  EXPECT_EQ(json.out.find("\"maps\""), std::string::npos);
  EXPECT_NE(run({"inspect", "good", "--json", "--maps"}).out.find("\"region\":\"stack\""), std::string::npos);
  EXPECT_NE(run({"inspect", "good", "--maps"}).out.find("[stack]"), std::string::npos);
  EXPECT_EQ(run({"inspect", "down"}).out, "down.service\n  no process runs\n");
  EXPECT_EQ(code({"inspect", "down"}), kNotActive);
  EXPECT_EQ(code({"inspect", "nosuch"}), kNoSuchUnit);
}

TEST_F(Verbs, InspectRefusesANumberThatIsAnotherProcessByNow) {
  const Result result = run({"inspect", "stale"});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("another process"), std::string::npos) << result.err;
}

TEST_F(Verbs, VerifyAsksNobodyAndNamesTheLine) {
  const std::string path = manager_.scratch() + "/a.service.toml";
  std::ofstream(path) << "[service]\ncommand = [\"/bin/true\"]\n";
  EXPECT_EQ(code({"verify", path.c_str()}), kOk);
  std::ofstream(path) << "[service]\ncomand = [\"/bin/true\"]\n";
  const Result result = run({"verify", path.c_str()});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_NE(result.out.find(path + ":2:1: error"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace init::ctl
