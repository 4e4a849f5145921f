#include "daemon/manager/os/service_fds.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

namespace init::manager {
namespace {

UniqueFd open_null() {
  return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}
UniqueFd copy_of(int fd) {
  return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

class FdStore : public testing::Test {
 protected:
  void SetUp() override {
    auto made = ServiceFds::create();
    ASSERT_TRUE(made.has_value());
    fds_ = std::move(*made);
  }
  std::uint32_t add(std::string_view name, bool poll = true) {
    const auto place = fds_.add(name, poll, open_null(), 8);
    EXPECT_TRUE(place.has_value());
    return place ? (*place)->place : 99;
  }
  ServiceFds fds_{UniqueFd()};
};

TEST_F(FdStore, PlacesAreGivenFromTheLowestAndUsedAgain) {
  EXPECT_EQ(add("a"), 0U);
  EXPECT_EQ(add("b"), 1U);
  EXPECT_EQ(add("a"), 2U);
  fds_.remove(0);
  fds_.remove(2);
  EXPECT_EQ(fds_.find(0), nullptr);
  EXPECT_EQ(fds_.find(1)->name, "b");
  EXPECT_EQ(add("c"), 0U);
  EXPECT_EQ(add("d"), 2U);
  ASSERT_EQ(fds_.all().size(), 3U);
  EXPECT_EQ(fds_.all()[0].name, "c");
  EXPECT_EQ(fds_.all()[1].name, "b");
  EXPECT_EQ(fds_.all()[2].name, "d");
}

TEST_F(FdStore, WithoutANameItIsStored) {
  add("");
  EXPECT_EQ(fds_.all()[0].name, "stored");
}

TEST_F(FdStore, TheSameOpenFileIsKeptOnce) {
  const UniqueFd first = open_null();
  ASSERT_TRUE(fds_.add("a", true, copy_of(first.get()), 8).has_value());
  const auto again = fds_.add("b", true, copy_of(first.get()), 8);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, EEXIST);
  EXPECT_TRUE(fds_.add("b", true, open_null(), 8).has_value());
}

TEST_F(FdStore, MoreThanTheUnitMayKeepAreRefused) {
  for (int i = 0; i < 8; ++i) add("x");
  const auto more = fds_.add("x", true, open_null(), 8);
  ASSERT_FALSE(more.has_value());
  EXPECT_EQ(more.error().code, ENOSPC);
  EXPECT_FALSE(fds_.add("x", true, open_null(), 0).has_value());
}

TEST_F(FdStore, NamesOutliveTheManager) {
  add("first");
  add("second", false);
  ServiceFds next(copy_of(fds_.names_fd()));
  next.put_back(1, open_null());
  next.put_back(0, open_null());
  ASSERT_EQ(next.all().size(), 2U);
  EXPECT_EQ(next.all()[0].name, "first");
  EXPECT_TRUE(next.all()[0].poll);
  EXPECT_EQ(next.all()[1].name, "second");
  EXPECT_FALSE(next.all()[1].poll);
}

TEST_F(FdStore, NamesThatAreLostAreMadeUp) {
  fds_.put_back(5, open_null());
  EXPECT_EQ(fds_.all()[0].name, "stored");
}

}  // namespace
}  // namespace init::manager
