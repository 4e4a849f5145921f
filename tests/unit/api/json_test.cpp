#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>

#include "libinit/api/json_read.h"
#include "tests/support/json_oracle.h"

namespace init::api {
namespace {

using namespace std::string_literals;

// Random JSON text: every kind of value, escape and blank, now and then nested too deeply.
class Author {
 public:
  explicit Author(std::uint32_t seed) : random_(seed) {}

  std::string document() {
    text_.clear();
    value(0);
    return text_;
  }
  // One small wrong in any text, which may by chance leave it right.
  std::string damaged(std::string text) {
    constexpr std::string_view kLikely = "\"\\{}[],:u0189d-+.eE tn\x1f\x80\xc3\xed\xff";
    const std::size_t at = below(text.size());
    const char c = below(4) == 0 ? static_cast<char>(random_()) : kLikely[below(kLikely.size())];
    switch (below(4)) {
      case 0:
        return text.replace(at, 1, 1, c);
      case 1:
        return text.insert(at, 1, c);
      case 2:
        return text.erase(at, 1 + below(3));
      default:
        return text.insert(below(text.size()), text.substr(at, 1 + below(8)));
    }
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  template <std::size_t N>
  void one_of(const std::string_view (&choices)[N]) {
    text_ += choices[below(N)];
  }
  void space() {
    if (below(4) == 0) one_of({" ", "\n", "\t", "\r", "  "});
  }

  void value(int depth) {
    space();
    const std::size_t kind = below(depth < 3 || below(8) == 0 ? 6 : 4);
    if (kind == 0) one_of({"null", "true", "false"});
    if (kind == 1) number();
    if (kind == 2 || kind == 3) string();
    if (kind >= 4 && depth <= 17) container(kind == 4, depth);
    if (kind >= 4 && depth > 17) text_ += "[]";
    space();
  }
  void container(bool object, int depth) {
    text_ += object ? '{' : '[';
    for (std::size_t i = below(4); i > 0; --i) {
      space();
      if (object) string();
      if (object) space();
      if (object) text_ += ':';
      value(depth + 1);
      if (i > 1) text_ += ',';
    }
    space();
    text_ += object ? '}' : ']';
  }
  void number() {
    one_of({"", "-"});
    one_of({"0", "7", "10", "9223372036854775807", "9223372036854775808", "18446744073709551616"});
    if (below(3) == 0) one_of({".0", ".25", "e3", "E+1", "e-400", ".5e2"});
  }
  void string() {
    text_ += '"';
    for (std::size_t i = below(6); i > 0; --i) {
      one_of({"a",
              "key",
              " ",
              "/",
              "\x7f",
              "\xc2\x80",
              "\xe2\x97\x8f",
              "\xf4\x8f\xbf\xbf",
              "\\\"",
              "\\\\",
              "\\/",
              "\\b",
              "\\f",
              "\\n",
              "\\r",
              "\\t",
              "\\u0000",
              "\\u00E9",
              "\\u20ac",
              "\\uffff",
              "\\ud83d\\ude00"});
    }
    text_ += '"';
  }

  std::mt19937 random_;
  std::string text_;
};

TEST(Json, RandomDocumentsMeanWhatTheOracleSays) {
  rc::check([](std::uint32_t seed) {
    Author author(seed);
    for (int i = 0; i < 20; ++i) {
      const std::string text = author.document();
      RC_ASSERT(json_disagreement(text) == "");
    }
  });
}

TEST(Json, DamagedDocumentsAreRefusedWhereTheOracleRefusesThem) {
  rc::check([](std::uint32_t seed) {
    Author author(seed);
    for (int i = 0; i < 20; ++i) {
      std::string text = author.document();
      for (int wrong = 0; wrong < 3 && !text.empty(); ++wrong) {
        text = author.damaged(text);
        RC_ASSERT(json_disagreement(text) == "");
      }
    }
  });
}

TEST(Json, EveryEndOfADocumentIsRefusedBeforeItsEnd) {
  const std::string text = R"({"a":[true,null,"\ud83d\ude00é",-1.5e+3,{}],"b":{"c":[[]]}})";
  EXPECT_EQ(json_disagreement(text), "");
  ASSERT_TRUE(JsonDocument::parse(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(JsonDocument::parse(text.substr(0, size))) << size;
  }
}

TEST(Json, RefusesWhatIsNoJson) {
  for (const std::string& text : {""s,
                                  " "s,
                                  "nul"s,
                                  "nulll"s,
                                  "True"s,
                                  "truefalse"s,
                                  "NaN"s,
                                  "Infinity"s,
                                  "'a'"s,
                                  "a"s,
                                  "//\n1"s,
                                  "/**/1"s,
                                  "1 2"s,
                                  "[1]]"s,
                                  "{}x"s,
                                  "{}\0"s,
                                  "\0{}"s,
                                  "\xef\xbb\xbf{}"s,  // around
                                  "01"s,
                                  "-01"s,
                                  "-"s,
                                  "+1"s,
                                  ".5"s,
                                  "1."s,
                                  "1e"s,
                                  "1e+"s,
                                  "-a"s,
                                  "0x1"s,
                                  "1.e1"s,
                                  "- 1"s,  // numbers
                                  "[1,]"s,
                                  "[,1]"s,
                                  "[,]"s,
                                  "[1 2]"s,
                                  "["s,
                                  "]"s,
                                  "[}"s,
                                  "[1"s,
                                  "[1}"s,
                                  "[1:2]"s,  // arrays
                                  "{\"a\"}"s,
                                  "{\"a\":}"s,
                                  "{\"a\":1,}"s,
                                  "{,}"s,
                                  "{1:2}"s,
                                  "{a:1}"s,
                                  "{\"a\" 1}"s,
                                  "{\"a\":1"s,  // objects
                                  "{\"a\":1]"s,
                                  "{\"a\",1}"s,
                                  "{\"a\"::1}"s,
                                  "{null:1}"s,  //
                                  "\""s,
                                  "\"\\\""s,
                                  "\"\\x\""s,
                                  "\"\\u12\""s,
                                  "\"\\u12g4\""s,
                                  "\"\\u+123\""s,
                                  "\"\\u-123\""s,  // strings
                                  "\"\\U0041\""s,
                                  "\"\n\""s,
                                  "\"\t\""s,
                                  "\"\0\""s,
                                  "\"\x1f\""s,  //
                                  "\"\\ud800\""s,
                                  "\"\\udc00\""s,
                                  "\"\\ud800\\u0041\""s,
                                  "\"\\ud800\\ud800\""s,
                                  "\"\\ud800x\""s,  // surrogates
                                  "\"\\ud800\\n\""s,
                                  "\"\\ude00\\ud83d\""s,  //
                                  "\"\x80\""s,
                                  "\"\xc0\xaf\""s,
                                  "\"\xe0\x80\xaf\""s,
                                  "\"\xed\xa0\x80\""s,
                                  "\"\xf4\x90\x80\x80\""s,  // no UTF-8
                                  "\"\xe2\x97\""s,
                                  "\"\xff\""s,
                                  "\xff"s,
                                  "[\xc2\xa0]"s}) {
    EXPECT_FALSE(JsonDocument::parse(text)) << text;
    EXPECT_EQ(json_disagreement(text), "") << text;
  }
}

TEST(Json, TakesWhatIsJsonHoweverOdd) {
  for (const std::string& text : {"0"s,
                                  "-0"s,
                                  "-0.0"s,
                                  "1e5"s,
                                  "1E-2"s,
                                  "\"\""s,
                                  "[]"s,
                                  "{}"s,
                                  " [ ] "s,
                                  "\r\n\t {\t}\n"s,
                                  "[[],[]]"s,
                                  "{\"\":0}"s,
                                  "{\"a\":1,\"a\":2}"s,
                                  "\"\x7f\""s,
                                  "\"\\u0000\""s,
                                  "\"\\ud83d\\ude00\""s,
                                  "\"\\uD83D\\uDE00\""s,
                                  "9223372036854775807"s,
                                  "-9223372036854775808"s,
                                  "-9223372036854775809"s,
                                  "99999999999999999999999"s}) {
    EXPECT_TRUE(JsonDocument::parse(text)) << text;
    EXPECT_EQ(json_disagreement(text), "") << text;
  }
  EXPECT_TRUE(JsonDocument::parse("[1e999]"));
}

TEST(Json, NestsToItsLimitAndNoDeeper) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(JsonDocument::parse(nested(kMaxJsonDepth)));
  for (const std::string& text : {nested(kMaxJsonDepth + 1), std::string(1000000, '[')}) {
    const Result<JsonDocument> deep = JsonDocument::parse(text);
    ASSERT_FALSE(deep);
    EXPECT_EQ(deep.error().object, "JSON: nested too deeply");
  }
  const Result<JsonDocument> wide = JsonDocument::parse('[' + nested(15) + ",[" + nested(14) + "]]");
  EXPECT_TRUE(wide);
}

TEST(Json, FindsTheFirstOfTwoKeysOfOneName) {
  const Result<JsonDocument> json = JsonDocument::parse(R"({"x":[1,2],"a":1,"a":2})");
  ASSERT_TRUE(json);
  const auto found = json->find(0, "a");
  ASSERT_TRUE(found);
  EXPECT_EQ((*json)[*found].integer, 1);
  EXPECT_FALSE(json->find(0, "b"));
}

}  // namespace
}  // namespace init::api
