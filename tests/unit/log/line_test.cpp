#include "libinit/log/line.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "libinit/log/names.h"

namespace init::log {
namespace {

constexpr std::int64_t kTime = 1'795'241'232'123'456;
const std::string kId(kIdBytes, 'a');

std::string text_of(std::int64_t time) {
  const auto text = stamp(time);
  return {text.data(), text.size()};
}

std::string stored(const Entry& entry) {
  std::string out;
  append_line(out, entry);
  return out;
}

TEST(LogLine, IsTextThatOneCanRead) {
  EXPECT_EQ(stored({kTime, Stream::Out, 6, Ending::Whole, "listening on port 80"}),
            "2026-11-21T06:07:12.123456Z o6 listening on port 80\n");
  EXPECT_EQ(stored({kTime, Stream::Err, 3, Ending::Continues, "x"}), "2026-11-21T06:07:12.123456Z e3+x\n");
  EXPECT_EQ(stored({kTime, Stream::Note, 4, Ending::Unfinished, ""}), "2026-11-21T06:07:12.123456Z i4-\n");
}

TEST(LogLine, TimesOutsideOfTheCalendarAreTheNearestThatIsNot) {
  EXPECT_EQ(text_of(-5), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(text_of(INT64_MAX), "9999-12-31T23:59:59.999999Z");
}

TEST(LogLine, RefusesWhatIsNoTime) {
  for (const char* text :
       {"2026-02-30T00:00:00.000000Z", "2026-11-21T24:00:00.000000Z", "2026-11-21 06:07:12.123456Z",
        "2026-11-21T06:60:12.123456Z", "2026-11-21T06:07:60.123456Z", "1969-12-31T23:59:59.999999Z",
        "2026-11-21T06:07:12.12345Z", "2o26-11-21T06:07:12.123456Z", ""}) {
    EXPECT_FALSE(parse_stamp(text)) << text;
  }
}

RC_GTEST_PROP(LogLine, TimesComeBackAsTheyWere, ()) {
  const auto time = *rc::gen::inRange<std::int64_t>(0, 253'402'300'800'000'000);
  RC_ASSERT(parse_stamp(text_of(time)) == time);
}

RC_GTEST_PROP(LogLine, AnyBytesComeBackAsTheyWere, (const std::string& bytes)) {
  std::string text = bytes;
  text.erase(std::remove(text.begin(), text.end(), '\n'), text.end());
  const Entry entry{kTime, static_cast<Stream>(*rc::gen::inRange(0, 3)),
                    static_cast<std::uint8_t>(*rc::gen::inRange(0, 8)),
                    static_cast<Ending>(*rc::gen::inRange(0, 3)), text};
  std::string line = stored(entry);
  line.pop_back();
  const auto back = parse_line(line);
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->time_us == entry.time_us && back->stream == entry.stream &&
            back->severity == entry.severity);
  RC_ASSERT(back->ending == entry.ending && back->text == entry.text);
}

TEST(LogLine, ADamagedLineIsNone) {
  for (const char* line : {"", "2026-11-21T06:07:12.123456Z", "2026-11-21T06:07:12.123456Z x6 a",
                           "2026-11-21T06:07:12.123456Z o8 a", "2026-11-21T06:07:12.123456Z o6?a",
                           "2026-11-21T06:07:12.123456Z =6 a", "2026-11-21T06:07:12.123456Zoo6 a"}) {
    EXPECT_FALSE(parse_line(line)) << line;
  }
}

TEST(LogLine, AMarkTellsTheInvocationAndTheBoot) {
  std::string out;
  append_mark(out, kTime, kId, std::string(kIdBytes, '1'));
  out.pop_back();
  const auto mark = parse_mark(*parse_line(out));
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->invocation, kId);
  EXPECT_EQ(mark->boot, std::string(kIdBytes, '1'));
  EXPECT_FALSE(parse_mark(*parse_line(out.substr(0, out.size() - 1))));
  EXPECT_FALSE(parse_mark(*parse_line("2026-11-21T06:07:12.123456Z o6 " + kId + " " + kId)));
}

TEST(LogLine, TheSeverityIsWhatSyslogPrefixesSay) {
  EXPECT_EQ(severity_of("<3>it broke"), 3);
  EXPECT_EQ(without_prefix("<3>it broke"), "it broke");
  EXPECT_EQ(severity_of("<190>local7 and info"), 6);
  EXPECT_EQ(severity_of("<187>local7 and err"), 3);
  for (const char* text : {"<192>x", "<>x", "<a>x", "<1234>x", "<3", "3>", "<", "", "< 3>"}) {
    EXPECT_EQ(severity_of(text), kDefaultSeverity) << text;
    EXPECT_EQ(without_prefix(text), text);
  }
  EXPECT_EQ(parse_severity("err"), 3);
  EXPECT_EQ(parse_severity("7"), 7);
  EXPECT_FALSE(parse_severity("8"));
  EXPECT_FALSE(parse_severity("error!"));
}

TEST(LogNames, SortAsTheirFirstLinesDo) {
  EXPECT_EQ(rotated_name(kTime), "20261121T060712.123456Z.log");
  EXPECT_LT(rotated_name(kTime), rotated_name(kTime + 1));
  EXPECT_EQ(parse_rotated_name("20261121T060712.123456Z.log")->first_us, kTime);
  EXPECT_TRUE(parse_rotated_name("20261121T060712.123456Z.log.zst")->compressed);
  for (const char* name : {"current", "20261121T060712.123456Z", "20261121T060712.123456Z.log.zst.tmp",
                           "20261321T060712.123456Z.log", "20261121T060712.123456Z.logx", ".log"}) {
    EXPECT_FALSE(parse_rotated_name(name)) << name;
  }
}

}  // namespace
}  // namespace init::log
