#include "libinit/process_info/parse.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>
#include <sstream>

#include "libinit/process_info/maps.h"

namespace init::process_info {
namespace {

std::string own(const std::string& file) {
  std::ifstream stream("/proc/self/" + file);
  std::stringstream all;
  all << stream.rdbuf();
  return all.str();
}

template <class T>
bool is_sound(const Result<T>& result) {
  return result || result.error().code == EBADMSG;
}

RC_GTEST_PROP(ProcParsing, AnyBytesAreAValueOrAnError, (const std::string& text)) {
  RC_ASSERT(is_sound(parse_stat(text)));
  RC_ASSERT(is_sound(parse_status(text)));
  RC_ASSERT(is_sound(parse_limits(text)));
  RC_ASSERT(is_sound(parse_cgroups(text)));
  RC_ASSERT(is_sound(parse_maps(text)));
  RC_ASSERT(is_sound(parse_pids(text)));
  (void)parse_arguments(text);
}

RC_GTEST_PROP(ProcParsing, ADamagedTextIsAValueOrAnError, ()) {
  const auto damage = [](std::string text) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    if (*rc::gen::arbitrary<bool>()) return text.substr(0, at);
    text[at] = *rc::gen::arbitrary<char>();
    return text;
  };
  RC_ASSERT(is_sound(parse_stat(damage(own("stat")))));
  RC_ASSERT(is_sound(parse_status(damage(own("status")))));
  RC_ASSERT(is_sound(parse_limits(damage(own("limits")))));
  RC_ASSERT(is_sound(parse_maps(damage(own("maps")))));
}

TEST(ProcParsing, SaysWhichKeyIsMissingOrBad) {
  const std::string good = own("status");
  ASSERT_TRUE(parse_status(good));
  std::string without = good;
  without.replace(without.find("SigBlk:"), 7, "SigXxx:");
  EXPECT_EQ(parse_status(without).error().text(), "read /proc: status: SigBlk: Bad message");
  std::string bad = good;
  bad.replace(bad.find("CapEff:\t0"), 9, "CapEff:\tx");
  EXPECT_EQ(parse_status(bad).error().object, "status: CapEff");
}

TEST(ProcParsing, TakesWhatAnOlderKernelDoesNotTellAsNothing) {
  std::string text = own("status");
  for (const char* key : {"CapAmb:", "NoNewPrivs:", "Seccomp:", "Umask:", "VmSwap:"}) {
    if (const std::size_t at = text.find(key); at != std::string::npos) text[at] = 'x';
  }
  const auto status = parse_status(text);
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_FALSE(status->umask);
  EXPECT_EQ(status->credentials.ambient.bits, 0U);
}

TEST(ProcParsing, TakesAParentOutsideOfThisNamespaceAsNone) {
  std::string numbers;
  for (int i = 0; i < 50; ++i) numbers += " 0";
  const auto stat = parse_stat("7 (x) S" + numbers);
  ASSERT_TRUE(stat) << stat.error().text();
  EXPECT_FALSE(stat->parent);
  EXPECT_FALSE(parse_stat("7 (x) S 0 0 0")) << "cut short";
  EXPECT_FALSE(parse_stat("7 )x( S" + numbers));
  EXPECT_FALSE(parse_stat("7 (x) SS" + numbers));
}

TEST(ProcParsing, SplitsCgroupLinesAtTheFirstTwoColons) {
  const auto cgroups = parse_cgroups("12:cpu,cpuacct:/a\n1:name=x:/b:c\n0::/system/a.service\n");
  ASSERT_TRUE(cgroups);
  ASSERT_EQ(cgroups->size(), 3U);
  EXPECT_EQ((*cgroups)[1].path, "/b:c");
  EXPECT_EQ((*cgroups)[1].controllers, "name=x");
  EXPECT_EQ((*cgroups)[2].hierarchy, 0);
  EXPECT_EQ((*cgroups)[2].path, "/system/a.service");
  EXPECT_FALSE(parse_cgroups("x::/\n"));
  EXPECT_FALSE(parse_cgroups("1:x\n"));
}

}  // namespace
}  // namespace init::process_info
