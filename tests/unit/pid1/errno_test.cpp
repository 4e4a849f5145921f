// Each system call of PID 1 fails once, with each error that may come of it. What it was to do is done all
// the same, or refused with the reason, and done when it is asked for again.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

#include "tests/unit/pid1/stepwise.h"

namespace init::test {
namespace {

class Errno : public testing::TestWithParam<int> {};

TEST_P(Errno, AtEachSystemCallLosesNeitherAnExitNorASpawn) {
  int calls = 0;
  for (bool failed = true; failed && !HasFailure();) {
    EndAndSpawn work;
    failed = work.fail_call(++calls, GetParam());
    work.let_go();
    work.expect_both("call " + std::to_string(calls) + ", number " + std::to_string(work.failed));
  }
  EXPECT_GT(calls, 10);
}

INSTANTIATE_TEST_SUITE_P(Each, Errno, testing::Values(EINTR, EAGAIN, ENOMEM, EMFILE, EIO),
                         [](const auto& error) { return std::string(strerrorname_np(error.param)); });

}  // namespace
}  // namespace init::test
