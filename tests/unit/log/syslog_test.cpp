#include "libinit/log/syslog.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "libinit/log/line.h"

namespace init::log {
namespace {

std::string line(std::string_view datagram) {
  std::string out;
  append_syslog(out, datagram);
  return out;
}

TEST(Syslog, LeavesOutTheTimeOfWhatTheCLibrarySends) {
  EXPECT_EQ(line("<30>Nov  1 06:07:12 web[42]: hello"), "<30>web[42]: hello\n");
  EXPECT_EQ(line("<13>Nov 21 16:07:12 root: hello\n"), "<13>root: hello\n");
  EXPECT_EQ(line(std::string_view("<13>Nov 21 16:07:12 web: hello\0", 31)), "<13>web: hello\n");
}

TEST(Syslog, UnderstandsTheNewerForm) {
  EXPECT_EQ(line("<165>1 2026-11-21T06:07:12.1Z host web 42 ID47 - \xef\xbb\xbfhello there"),
            "<165>web[42]: hello there\n");
  EXPECT_EQ(line("<13>1 - - - - - - hello"), "<13>hello\n");
  EXPECT_EQ(line("<13>1 - - web - - -"), "<13>web: \n");
  EXPECT_EQ(line(R"(<13>1 - - web 7 - [a@1 b="c\"] d"][e f="g"] hello)"),
            "<13>web[7]: [a@1 b=\"c\\\"] d\"][e f=\"g\"] hello\n");
}

TEST(Syslog, TakesWhatItDoesNotKnowAsText) {
  EXPECT_EQ(line("hello"), "<13>hello\n");
  EXPECT_EQ(line("<999>hello"), "<13><999>hello\n");
  EXPECT_EQ(line("<13>Nov 21 16:07 web: hello"), "<13>Nov 21 16:07 web: hello\n");
  for (const char* const text : {"1 - - web 7 - [a b=\"c] d", "1 - - web 7 - x", "1 - - ", "1 "})
    EXPECT_EQ(line("<13>" + std::string(text)), "<13>" + std::string(text) + "\n");
  EXPECT_EQ(line(""), "<13>\n");
}

TEST(Syslog, ALineBreakWithinIsWrittenAsItsNumber) {
  EXPECT_EQ(line("<11>web: one\ntwo\x1b[2J\n\n"), "<11>web: one\\x0atwo\x1b[2J\n");
}

RC_GTEST_PROP(Syslog, AnyDatagramBecomesOneLineThatHasItsSeverity, (const std::string& text, bool newer)) {
  const auto severity = *rc::gen::inRange(0, 8);
  const std::string out = line("<" + std::to_string(severity) + ">" + (newer ? "1 - - - " : "") + text);
  RC_ASSERT(out.find('\n') == out.size() - 1);
  RC_ASSERT(severity_of(out) == severity);
}

}  // namespace
}  // namespace init::log
