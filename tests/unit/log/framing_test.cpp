#include "libinit/log/framing.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "libinit/log/reader.h"

namespace init::log {
namespace {

constexpr std::int64_t kTime = 1'795'241'232'123'456;

// What a service wrote, as it stands in the lines: parts joined, line breaks put back.
std::string written(std::string_view stored, std::size_t piece) {
  Reader reader;
  std::string out;
  Entry entry;
  while (!stored.empty()) {
    reader.feed(stored.substr(0, piece));
    stored.remove_prefix(std::min(piece, stored.size()));
    while (reader.next(entry)) {
      out.append(entry.text);
      if (entry.ending == Ending::Whole) out += '\n';
    }
  }
  EXPECT_EQ(reader.damaged(), 0U);
  EXPECT_EQ(reader.tail(), 0U);
  return out;
}

TEST(LogFraming, AnUnfinishedLineIsWaitedFor) {
  EXPECT_EQ(takeable("one\ntwo\nthr", false), 8U);
  EXPECT_EQ(takeable("thr", false), 0U);
  EXPECT_EQ(takeable("thr", true), 3U);
  EXPECT_EQ(takeable("", true), 0U);
}

TEST(LogFraming, ALineThatIsTooLongToWaitForIsTakenInParts) {
  EXPECT_EQ(takeable(std::string(kLongestUnfinished - 1, 'x'), false), 0U);
  EXPECT_EQ(takeable(std::string(kLongestUnfinished, 'x'), false), kLongestUnfinished);
  EXPECT_EQ(takeable("a\n" + std::string(kLongestUnfinished, 'x'), false), kLongestUnfinished + 2);
}

TEST(LogFraming, EachLineBearsItsOwnSeverity) {
  std::string out;
  frame(out, "plain\n<3>broken\n<7>talk", {kTime, Stream::Err, true}, nullptr);
  EXPECT_EQ(out,
            "2026-11-21T06:07:12.123456Z e6 plain\n2026-11-21T06:07:12.123456Z e3 <3>broken\n"
            "2026-11-21T06:07:12.123456Z e7-<7>talk\n");
}

TEST(LogFraming, AFilterKeepsWhatItKeeps) {
  class NoTalk final : public LineFilter {
    bool keeps(std::string_view text) override { return text != "talk"; }
  } filter;
  std::string out;
  frame(out, "talk\nwork\ntalk", {kTime, Stream::Out, false}, &filter);
  EXPECT_EQ(out, "2026-11-21T06:07:12.123456Z o6 work\n");
}

RC_GTEST_PROP(LogFraming, NoByteIsLostHoweverItIsCut, ()) {
  const auto alphabet = rc::gen::element('\n', 'a', '<', '3', '>', '\0', '\xff', '\r');
  const auto bytes = *rc::gen::container<std::string>(alphabet);
  std::string out, waiting;
  for (std::string_view left = bytes; !left.empty();) {
    const auto piece = *rc::gen::inRange<std::size_t>(1, left.size() + 1);
    waiting += left.substr(0, piece);
    left.remove_prefix(piece);
    const std::size_t taken = takeable(waiting, *rc::gen::arbitrary<bool>());
    frame(out, std::string_view(waiting).substr(0, taken), {kTime, Stream::Out, false}, nullptr);
    waiting.erase(0, taken);
  }
  frame(out, waiting, {kTime, Stream::Out, true}, nullptr);
  RC_ASSERT(written(out, *rc::gen::inRange<std::size_t>(1, out.size() + 2)) == bytes);
}

TEST(LogReader, KnowsWhoseLinesItReads) {
  std::string out;
  append_mark(out, kTime, std::string(kIdBytes, 'a'), std::string(kIdBytes, 'b'));
  frame(out, "one\n", {kTime, Stream::Out, false}, nullptr);
  append_mark(out, kTime, std::string(kIdBytes, 'c'), std::string(kIdBytes, 'b'));
  frame(out, "two\n", {kTime, Stream::Out, false}, nullptr);
  Reader reader;
  reader.feed(out);
  Entry entry;
  ASSERT_TRUE(reader.next(entry));
  EXPECT_EQ(reader.invocation(), std::string(kIdBytes, 'a'));
  ASSERT_TRUE(reader.next(entry));
  EXPECT_EQ(entry.text, "two");
  EXPECT_EQ(reader.invocation(), std::string(kIdBytes, 'c'));
  EXPECT_EQ(reader.boot(), std::string(kIdBytes, 'b'));
  EXPECT_FALSE(reader.next(entry));
}

TEST(LogReader, LeavesOutWhatIsDamagedAndWaitsForATornTail) {
  std::string good;
  frame(good, "one\n", {kTime, Stream::Out, false}, nullptr);
  Reader reader;
  reader.feed(std::string(50, '\0') + "\n" + good + good.substr(0, 20));
  Entry entry;
  ASSERT_TRUE(reader.next(entry));
  EXPECT_EQ(entry.text, "one");
  EXPECT_FALSE(reader.next(entry));
  EXPECT_EQ(reader.damaged(), 1U);
  EXPECT_EQ(reader.tail(), 20U);
}

TEST(LogReader, DoesNotKeepAnEndlessLine) {
  Reader reader;
  Entry entry;
  for (int i = 0; i < 100; ++i) {
    reader.feed(std::string(4096, 'x'));
    EXPECT_FALSE(reader.next(entry));
    EXPECT_LE(reader.tail(), kHeaderBytes + kLongestText);
  }
}

}  // namespace
}  // namespace init::log
