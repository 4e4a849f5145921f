#include "ctl/render.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace init::ctl {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kNow =
    1'795'176'723 * kSecond;  // 2026-11-20 11:32:03 UTC... whatever the zone, tests set it

class Render : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  Style style_{false, true, kNow};
};

api::Status nginx() {
  api::Status status;
  status.id = "nginx.service";
  status.description = "nginx web server";
  status.kind = "service";
  status.state = api::State::Active;
  status.substate = "running";
  status.since_us = kNow - (3 * 3600 + 41 * 60) * kSecond;
  status.wanted = {"default.target", "admin (uid 0)"};
  status.main_pid = 812;
  status.processes = {{813, 812, "nginx", "nginx: worker process"},
                      {812, 1, "nginx", "nginx: master process"},
                      {814, 812, "nginx", "nginx: worker process"},
                      {815, 813, "sh", ""}};
  status.restarts = 2;
  status.exit = api::ExitInfo{"signaled", 9, "signal 9 (KILL)"};
  status.files = {"/etc/initd/units/nginx.service.toml", "/etc/initd/units/nginx.service.d/50-local.toml"};
  status.changed_on_disk = true;
  status.log_path = "/var/log/initd/nginx.service.log";
  status.log_tail = {"started"};
  return status;
}

TEST_F(Render, StatusSaysStateThenReasonsThenProcesses) {
  EXPECT_EQ(render_status(style_, nginx()),
            "● nginx.service   nginx web server\n"
            "  state     active (running) since " +
                moment(style_, nginx().since_us) +
                " (3 h 41 min)\n"
                "  wanted    default.target, admin (uid 0)\n"
                "  last exit signal 9 (KILL)\n"
                "  restarts  2\n"
                "  process   812 nginx: master process\n"
                "            ├─ 813 nginx: worker process\n"
                "            │  └─ 815 sh\n"
                "            └─ 814 nginx: worker process\n"
                "  files     /etc/initd/units/nginx.service.toml, +1 drop-in 50-local.toml (changed on disk "
                "since load; to take "
                "it up: initctl daemon-reload)\n"
                "  log       /var/log/initd/nginx.service.log\n"
                "  started\n");
}

TEST_F(Render, StatusOfAFailedUnitEndsWithTheNextStep) {
  api::Status status;
  status.id = "db.service";
  status.state = api::State::Failed;
  status.substate = "failed";
  status.next_try_in_us = 16 * kSecond;
  status.restarts = 5;
  status.blocked_by = api::Blocker{"net.target", "requires", "/etc/initd/units/db.service.toml:3"};
  status.error = api::StartError{"user", 0, "no user \"wwwdata\""};
  status.wanted = {"app.service"};
  style_.utf8 = false;
  EXPECT_EQ(render_status(style_, status),
            "x db.service\n"
            "  state     failed\n"
            "  wanted    app.service\n"
            "  blocked   requires net.target (db.service.toml:3)\n"
            "  error     step 'user': no user \"wwwdata\"\n"
            "  restarts  5, next try in 16 s\n"
            "  next: initctl why db\n");
}

TEST_F(Render, AProcessRingIsShownOnceEach) {
  api::Status status;
  status.id = "a.service";
  status.processes = {{5, 6, "a", ""}, {6, 5, "b", ""}};
  const std::string text = render_status(style_, status);
  EXPECT_NE(text.find("5 a"), std::string::npos);
  EXPECT_NE(text.find("6 b"), std::string::npos);
}

TEST_F(Render, SystemAnswersFirstAndNamesWhatIsWrong) {
  api::SystemReply system;
  system.host = "web01";
  system.state = "degraded";
  system.since_us = kNow - 60 * kSecond;
  system.up_for_us = 60 * kSecond;
  system.boot_us = 2'310'000;
  system.units = {84, 61, 20, 1, 0, 2};
  system.failed = {{"backup.service", "exit 3"}};
  system.blocked = {{"report.service", "requires db.service"}};
  system.jobs = {{"db.service", "start, 12 s"}};
  system.manager_restarts = 1;
  EXPECT_EQ(render_system(style_, system),
            "✗ web01   degraded since " + moment(style_, system.since_us) +
                " (1 min) · 84 units: 61 active, 1 activating, 20 inactive, 2 failed · boot 2.3 s · manager "
                "restarted once\n"
                "  failed   backup.service  exit 3   initctl why backup\n"
                "  blocked  report.service  requires db.service   initctl why report\n"
                "  jobs     db.service  start, 12 s\n");
}

TEST_F(Render, ListIsATable) {
  api::ListReply list;
  list.units = {{"a.service", api::State::Active, "running", true, "", 7, kNow - 5 * kSecond, "First"},
                {"longer.target", api::State::Inactive, "inactive", false, "db.service", 0, 0, ""}};
  EXPECT_EQ(render_list(style_, list),
            "● a.service      active (running)       5.0 s        7        First\n"
            "○ longer.target  blocked by db.service\n");
}

TEST_F(Render, JobNamesTheCulpritWhatItSaidAndTheNextStep) {
  api::JobReply job;
  job.unit = "app.service";
  job.outcome = api::Outcome::Blocked;
  job.cause = "db.service";
  job.message = "app.service is blocked: db.service failed: exit 1";
  job.hint = "initctl why app.service";
  job.status.emplace().id = "db.service";
  job.status->log_tail = {"FATAL: port in use"};
  EXPECT_EQ(render_job(style_, job),
            "✗ app.service is blocked: db.service failed: exit 1\n"
            "  db.service said:\n"
            "    FATAL: port in use\n"
            "  next: initctl why app.service\n");
  EXPECT_EQ(render_job(style_, api::JobReply{"a.service", api::Outcome::Done, {}, {}, {}, {}, {}}),
            "● a.service: done\n");
}

TEST_F(Render, PlanGivesEachStepItsCause) {
  api::PlanReply plan;
  plan.steps = {{"stop", "app.service", "db.service", "requires", "/u/app.service.toml:3"},
                {"stop", "db.service", "", "", ""}};
  plan.notes = {"app.service stays wanted"};
  EXPECT_EQ(render_plan(style_, plan),
            " 1  stop app.service    it requires db.service (app.service.toml:3)\n"
            " 2  stop db.service     asked\n"
            "    app.service stays wanted\n"
            "Nothing was done.\n");
  EXPECT_EQ(render_plan(style_, {}), "nothing to do.\n");
}

TEST_F(Render, WhyIsAChain) {
  api::WhyReply why;
  why.chain = {{"report.service", api::State::Activating, "is blocked by db.service", "requires",
                "/u/report.service.toml:4"},
               {"db.service", api::State::Activating, "is activating for 12 s", "", ""},
               {"db.service", api::State::Activating, "was asked for by uid 0", "", ""}};
  why.next = "db.service is tried again in 8 s";
  EXPECT_EQ(render_why(style_, why),
            "report.service is blocked by db.service (requires, report.service.toml:4)\n"
            "└─ db.service is activating for 12 s\n"
            "   └─ db.service was asked for by uid 0\n"
            "next event: db.service is tried again in 8 s\n");
}

// What a hostile service may put into any string it controls.
const std::string kHostile =
    "a\x1b]52;c;QQ\a\r\b\x7f\xc2\x9b"
    "2J\xe2\x80\xae\xff\n";

TEST_F(Render, NothingOfAServiceReachesTheTerminalUnescaped) {
  api::Status status;
  status.id = status.description = status.substate = status.waiting_for = status.result = status.log_path =
      kHostile;
  status.state = api::State::Failed;
  status.wanted = status.files = status.log_tail = status.problems = {kHostile, kHostile};
  status.processes = {{1, 0, kHostile, kHostile}, {2, 1, kHostile, ""}};
  status.exit = api::ExitInfo{kHostile, 1, kHostile};
  status.error = api::StartError{kHostile, 1, kHostile};
  status.blocked_by = api::Blocker{kHostile, kHostile, kHostile};
  api::SystemReply system;
  system.host = system.state = system.environment = system.version = kHostile;
  system.failed = system.blocked = system.jobs = {{kHostile, kHostile}};
  system.problems = {kHostile};
  api::JobReply job{kHostile, api::Outcome::Failed, kHostile, kHostile, kHostile, kHostile, status};
  const std::vector<std::string> screens = {
      render_status(style_, status),
      render_system(style_, system),
      render_job(style_, job),
      render_progress(style_, job),
      render_list(style_, {{{kHostile, {}, kHostile, true, kHostile, 1, 0, kHostile}}}),
      render_why(style_, {{{kHostile, {}, kHostile, kHostile, kHostile}}, kHostile}),
      render_plan(style_, {{{kHostile, kHostile, kHostile, kHostile, kHostile}}, {kHostile}}),
      render_cat(style_, {{{kHostile, kHostile}}}),
      render_reload(style_, {1, {kHostile}, {kHostile}, {{api::Severity::Error, kHostile, kHostile}}}),
      render_error(style_, {api::ErrorKind::NoSuchUnit, kHostile, kHostile, kHostile})};
  for (const std::string& screen : screens) {
    EXPECT_NE(screen.find("\\x1b]52"), std::string::npos) << screen;
    for (const std::string bad : {"\x1b", "\a", "\r", "\b", "\x7f", "\xc2\x9b", "\xe2\x80\xae", "\xff"}) {
      EXPECT_EQ(screen.find(bad), std::string::npos) << screen;
    }
  }
}

TEST_F(Render, WithoutUtf8AllIsAscii) {
  style_.utf8 = false;
  api::Status status = nginx();
  status.description = "d\xc3\xa9mon";
  for (const char c : render_status(style_, status)) EXPECT_GE(c, 0);
}

TEST_F(Render, ColoursOnlyWhenTheStyleHasThem) {
  EXPECT_EQ(render_status(style_, nginx()).find('\x1b'), std::string::npos);
  style_.color = true;
  EXPECT_EQ(render_status(style_, nginx()).find("\x1b[32m●\x1b[0m nginx.service"), 0U);
}

TEST(Text, DurationsTakeTheTwoLargestUnits) {
  EXPECT_EQ(duration(640), "640 us");
  EXPECT_EQ(duration(41'500), "41 ms");
  EXPECT_EQ(duration(2'310'000), "2.3 s");
  EXPECT_EQ(duration(12 * kSecond), "12 s");
  EXPECT_EQ(duration(60 * kSecond), "1 min");
  EXPECT_EQ(duration(61 * kSecond), "1 min 1 s");
  EXPECT_EQ(duration(13'260 * kSecond), "3 h 41 min");
  EXPECT_EQ(duration(90'000 * kSecond), "1 d 1 h");
  EXPECT_EQ(duration(0), "0 us");
  EXPECT_EQ(duration(-5), "0 us");
}

TEST(Text, NamesAreShortWhereThatMeansTheSame) {
  EXPECT_EQ(short_name("nginx.service"), "nginx");
  EXPECT_EQ(short_name("a.target"), "a.target");
  EXPECT_EQ(short_name("odd.target.service"), "odd.target.service");
}

}  // namespace
}  // namespace init::ctl
