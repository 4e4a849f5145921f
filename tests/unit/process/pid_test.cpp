#include "libinit/process/pid.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>
#include <type_traits>

namespace init::process {
namespace {

static_assert(!std::is_convertible_v<Pid, pid_t> && !std::is_convertible_v<pid_t, Pid>, "only by name");
static_assert(!std::is_default_constructible_v<Pid>, "there is no Pid that names nobody");

int error_of(const Result<Pid>& pid) {
  return pid ? 0 : pid.error().code;
}

TEST(Pid, OfThisProcessAndItsParentEqualsTheRawCall) {
  EXPECT_EQ(Pid::self().raw(), syscall(SYS_getpid));
  ASSERT_TRUE(Pid::parent());
  EXPECT_EQ(Pid::parent()->raw(), syscall(SYS_getppid));
}

TEST(Pid, OfThisProcessIsAskedAnewInAChild) {
  const Pid parent = Pid::self();
  const pid_t child = fork();
  if (child == 0) _exit(Pid::self() != parent && Pid::parent() == parent ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Pid, IsMadeOfEveryIntegerTypeThatHoldsOne) {
  EXPECT_EQ(Pid::from(1)->raw(), 1);
  EXPECT_EQ(Pid::from(std::uint8_t{255})->raw(), 255);
  EXPECT_EQ(Pid::from(std::uint64_t{4'194'304})->raw(), Pid::kLargest);
  EXPECT_EQ(Pid::from(std::int64_t{77})->text(), "77");
}

TEST(Pid, RefusesNumbersThatNameNoSingleProcess) {
  EXPECT_EQ(error_of(Pid::from(0)), ERANGE);
  EXPECT_EQ(error_of(Pid::from(-1)), ERANGE);
  EXPECT_EQ(error_of(Pid::from(Pid::kLargest + 1)), ERANGE);
  EXPECT_EQ(error_of(Pid::from(std::numeric_limits<std::int32_t>::min())), ERANGE);
  EXPECT_EQ(error_of(Pid::from(std::uint32_t{0xffffffff})), ERANGE);      // -1, seen unsigned
  EXPECT_EQ(error_of(Pid::from((std::uint64_t{1} << 32U) + 1)), ERANGE);  // 1, cut to 32 bits
  EXPECT_EQ(error_of(Pid::from(std::numeric_limits<std::int64_t>::max())), ERANGE);
  EXPECT_EQ(Pid::from(-1).error().text(), "pid: -1: Numerical result out of range");
}

TEST(Pid, RefusesTextThatIsNotJustANumber) {
  for (const char* text :
       {"", " ", "0", "-1", "+1", "01", "1 ", " 1", "1\n", "1x", "0x10", "1.0", "1e3", "\xff"}) {
    EXPECT_EQ(error_of(Pid::parse(text)), EINVAL) << '"' << text << '"';
  }
  EXPECT_EQ(error_of(Pid::parse(std::string_view("1\0", 2))), EINVAL);
  for (const char* text : {"4194305", "4294967297", "18446744073709551617", "99999999999999999999999999"}) {
    EXPECT_EQ(error_of(Pid::parse(text)), ERANGE) << text;
  }
}

RC_GTEST_PROP(Pid, OfAnyBytesIsANumberInRangeOrAnError, ()) {
  const auto text = *rc::gen::container<std::string>(
      rc::gen::oneOf(rc::gen::inRange('0', ':'), rc::gen::arbitrary<char>()));
  const Result<Pid> pid = Pid::parse(text);
  if (pid) {
    RC_ASSERT(pid->raw() >= 1 && pid->raw() <= Pid::kLargest);
    RC_ASSERT(pid->text() == text);
  } else {
    RC_ASSERT(error_of(pid) == EINVAL || error_of(pid) == ERANGE);
  }
}

RC_GTEST_PROP(Pid, IsTheSameAfterBeingText, ()) {
  const auto number = *rc::gen::inRange<pid_t>(1, Pid::kLargest + 1);
  RC_ASSERT(Pid::parse(Pid::from(number)->text())->raw() == number);
}

}  // namespace
}  // namespace init::process
