#include "daemon/manager/os/recorder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace init::manager {
namespace {

core::Entry entry(std::int32_t value) {
  core::Entry entry;
  entry.kind = core::Entry::Kind::Start;
  entry.value = value;
  return entry;
}

UniqueFd another(const Recorder& recorder) {
  return UniqueFd(fcntl(recorder.fd(), F_DUPFD_CLOEXEC, 0));
}

TEST(Recorder, KeepsTheNewestOverItsOwnersEnd) {
  constexpr std::int32_t kAdded = Recorder::kEntries + 100;
  auto first = Recorder::create();
  ASSERT_TRUE(first);
  UniqueFd kept = another(*first);
  for (std::int32_t i = 1; i <= kAdded; ++i) first->add(entry(i));
  { const Recorder gone = std::move(*first); }
  auto next = Recorder::open(std::move(kept));
  ASSERT_TRUE(next);
  next->add(entry(kAdded + 1));
  const auto entries = next->entries();
  ASSERT_EQ(entries.size(), Recorder::kEntries);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(entries[i].number, 102 + i);
    EXPECT_EQ(entries[i].value, static_cast<std::int32_t>(102 + i));
  }
}

TEST(Recorder, AnEntryThatACrashCutIsNone) {
  auto recorder = Recorder::create();
  ASSERT_TRUE(recorder);
  for (std::int32_t i = 1; i <= 3; ++i) recorder->add(entry(i));
  const std::uint64_t none = 0;  // the number of the second one, as while it is written
  ASSERT_EQ(pwrite(recorder->fd(), &none, sizeof(none), 4096 + sizeof(core::Entry)),
            static_cast<ssize_t>(sizeof(none)));
  const auto entries = recorder->entries();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].value, 3);
}

TEST(Recorder, RefusesWhatIsNoneOrOfAnotherSize) {
  UniqueFd empty(memfd_create("empty", MFD_CLOEXEC));
  EXPECT_EQ(Recorder::open(std::move(empty)).error().code, EBADMSG);
  auto recorder = Recorder::create();
  ASSERT_TRUE(recorder);
  const std::uint64_t other = 72;  // the size of an entry
  ASSERT_EQ(pwrite(recorder->fd(), &other, sizeof(other), 8), static_cast<ssize_t>(sizeof(other)));
  EXPECT_EQ(Recorder::open(another(*recorder)).error().code, EBADMSG);
}

}  // namespace
}  // namespace init::manager
