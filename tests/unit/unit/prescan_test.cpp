#include "libinit/unit/prescan.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <ctime>

#include "libinit/unit/document.h"
#include "tests/unit/unit/unit_text.h"

namespace init::unit {
namespace {

std::string repeated(std::string_view part, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += part;
  return out;
}

// Parses on a thread whose stack is 256 KiB: a deep file must not find more.
Parsed parse_on_small_stack(const std::string& text) {
  struct Work {
    const std::string& text;
    Parsed out;
    timespec spent;
  } work{text, {}, {}};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  pthread_t thread{};
  const auto body = [](void* argument) -> void* {
    auto* w = static_cast<Work*>(argument);
    w->out = parse(w->text);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &w->spent);
    return nullptr;
  };
  EXPECT_EQ(pthread_create(&thread, &attributes, body, &work), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  EXPECT_EQ(work.spent.tv_sec, 0);
  EXPECT_LT(work.spent.tv_nsec, 100'000'000);
  return std::move(work.out);
}

TEST(Prescan, NestingOfAnyDepthIsAnErrorWithItsPlaceOnASmallStackInTime) {
  for (std::size_t count = 1; count <= 1'000'000; count *= 10) {
    for (const char* part : {"[", "{a=", "a.a.a.", "[[", "{a.a.a=[", "\"a\".", "a . "}) {
      for (const char* prefix : {"", "x = ", "[", "x-a = "}) {
        const Parsed parsed = parse_on_small_stack(prefix + repeated(part, count));
        ASSERT_FALSE(parsed.unit);
        ASSERT_FALSE(parsed.diagnostics.empty());
        EXPECT_GT(parsed.diagnostics[0].line, 0U);
      }
    }
  }
}

TEST(Prescan, WhatIsAllowedToNestIsParsedOnASmallStack) {
  const std::string key = repeated("a.", 15) + "a";
  const std::string deep = "[x-" + key + "]\n" + key + " = " + repeated("[", 17) + repeated("]", 17) + "\n";
  const Parsed parsed = parse_on_small_stack(kCommand + deep);
  EXPECT_TRUE(parsed.unit) << parsed.text();
  EXPECT_TRUE(parse_on_small_stack(kCommand + "x-a = " + repeated("[", 32) + repeated("]", 32)).unit);
  EXPECT_FALSE(parse_on_small_stack(kCommand + "x-a = " + repeated("[", 33) + repeated("]", 33)).unit);
}

TEST(Prescan, BracketsInStringsAndCommentsDoNotCount) {
  const std::string many = repeated("[{a.", 100);
  EXPECT_TRUE(parse(kCommand + "x-a = \"" + many + "\"\nx-b = '" + many + "'\n# " + many + "\n").unit);
  EXPECT_TRUE(parse(kCommand + "x-a = \"\"\"" + many + "\n\\\"\"\"\\\"" + many + "\"\"\"\"\n").unit);
  EXPECT_TRUE(parse(kCommand + "x-a = [1.5, 2.5,\n 3.5]\n" + repeated("x-c = 1.5\n", 0)).unit);
}

TEST(Prescan, LargeFilesAndStringsAreRefusedWhole) {
  EXPECT_FALSE(prescan(std::string(kMaximumFile, '\n')));
  EXPECT_TRUE(prescan(std::string(kMaximumFile + 1, '\n')));
  EXPECT_FALSE(prescan("a = \"" + std::string(kMaximumString, 'x') + "\""));
  for (const char* quote : {"\"", "'", "\"\"\"", "'''"}) {
    EXPECT_TRUE(prescan(std::string("a = ") + quote + std::string(kMaximumString + 1, 'x') + quote)) << quote;
  }
}

TEST(Prescan, OnlyValidUtf8WithoutNulPasses) {
  EXPECT_FALSE(prescan("a = \"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\""));
  for (const char* bad : {"\xc0\xae", "\xe0\x80\xae", "\xf0\x80\x80\xae", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xff", "\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98"}) {
    const auto refusal = prescan(std::string("a = 1\nb = \"\xc3\xa4") + bad + "\"");
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->place.line, 2U);
    EXPECT_EQ(refusal->place.column, 7U);
  }
  EXPECT_TRUE(prescan(std::string("a = 1\n\0", 7)));
}

TEST(Prescan, ATableHeaderNeedsAName) {
  for (const char* bad :
       {"[.", "[ .", "[[.]]", "[{", "[[[", "[=", "[\n", "[[\t]", "[]", "[[]]", "[#", "a = 1\n[,"}) {
    EXPECT_TRUE(prescan(bad)) << bad;
  }
  for (const char* good : {"[ a ]", "[\"a\"]", "[['a']]", "a = [\n[.5]]", "a = [\n{}]"})
    EXPECT_FALSE(prescan(good)) << good;
}

TEST(Prescan, ALineBreakInAnInlineTableGetsAHint) {
  const Parsed parsed =
      parse("[service]\ncommand = [\"/bin/true\"]\nrestart-limit = { burst = 5,\n interval = \"1s\" }\n");
  EXPECT_EQ(
      parsed.text(),
      "/u/a.service.toml:3:17: error[E0002]: a line break inside { }\n"
      "  3 | restart-limit = { burst = 5,\n"
      "    |                 ^ help: inline tables stay on one line; for more write a [table] of its own\n");
}

TEST(Document, ANulWrittenAsAnEscapeIsRefused) {
  EXPECT_EQ(parse("[unit]\ndescription = \"a\\u0000b\"\n").text(),
            "/u/a.service.toml:2:15: error[E0002]: a string contains a NUL character\n"
            "  2 | description = \"a\\u0000b\"\n"
            "    |               ^^^^^^^^^^\n");
}

TEST(Document, PlacesAreThoseOfKeysAndValues) {
  const auto root = parse_document("# c\n[a]\n  b = \"x\\u00e4y\"\nc = [1,\n  true]\n");
  ASSERT_TRUE(root);
  const Entry* table = find_entry(*root, "a");
  ASSERT_NE(table, nullptr);
  ASSERT_EQ(table->value.entries.size(), 2U);
  const Entry& b = table->value.entries[0];
  EXPECT_EQ(b.place.line, 3U);
  EXPECT_EQ(b.place.column, 3U);
  EXPECT_EQ(b.place.length, 1U);
  EXPECT_EQ(b.value.place.column, 7U);
  EXPECT_EQ(b.value.text, "x\xc3\xa4y");
  EXPECT_EQ(table->value.entries[1].value.items[1].place.line, 5U);
}

}  // namespace
}  // namespace init::unit
