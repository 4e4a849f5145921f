#include "libinit/base/utf8.h"

#include <gtest/gtest.h>

namespace init {
namespace {

TEST(Utf8, TakesEachLengthAtItsBounds) {
  const auto code = [](std::string_view text) { return first_character(text).code; };
  EXPECT_EQ(code("A"), U'A');
  EXPECT_EQ(code("\xc2\x80"), char32_t{0x80});
  EXPECT_EQ(code("\xe0\xa0\x80"), char32_t{0x800});
  EXPECT_EQ(code("\xf4\x8f\xbf\xbf"), char32_t{0x10ffff});
  EXPECT_EQ(first_character("\xe2\x97\x8f rest").bytes, 3);
}

TEST(Utf8, RefusesOverlongSurrogateTruncatedAndTooHigh) {
  for (const std::string_view bad : {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xe2\x97",
                                     "\xf4\x90\x80\x80", "\xff", "\x80", "\xc2 "}) {
    EXPECT_FALSE(first_character(bad).valid);
    EXPECT_EQ(first_character(bad).bytes, 1);
  }
}

TEST(Utf8, WritesWhatItReads) {
  for (char32_t code = 0; code <= 0x10ffff; code += code < 0x1000 ? 1 : 0xff) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    std::string text;
    append_character(text, code);
    const Character character = first_character(text);
    ASSERT_TRUE(character.valid && character.code == code && character.bytes == text.size())
        << std::hex << static_cast<unsigned>(code);
  }
}

TEST(Utf8, CallsControlAndBidirectionalCharactersHarmful) {
  for (const char32_t code :
       {0x00, 0x0a, 0x0d, 0x1b, 0x7f, 0x80, 0x9b, 0x9f, 0x61c, 0x200e, 0x2028, 0x202e, 0x2066, 0x2069}) {
    EXPECT_FALSE(is_harmless(code)) << std::hex << static_cast<unsigned>(code);
  }
  for (const char32_t code : {0x20, 0x7e, 0xa0, 0xe9, 0x25cf, 0x1f600}) EXPECT_TRUE(is_harmless(code));
}

}  // namespace
}  // namespace init
