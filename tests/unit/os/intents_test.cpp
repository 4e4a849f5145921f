#include "daemon/manager/os/intents.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>
#include <utility>

#include "libinit/base/checksum.h"

namespace init::manager {
namespace {

core::UnitRecord record_of(std::uint64_t tag, std::uint32_t attempt) {
  core::UnitRecord record;
  record.tag = tag;
  record.attempt = attempt;
  return record;
}

Intents reopen(const Intents& intents) {
  auto opened = Intents::open(UniqueFd(fcntl(intents.fd(), F_DUPFD_CLOEXEC, 0)));
  EXPECT_TRUE(opened.has_value());
  return std::move(*opened);
}

JournalEntry request(core::JobId job, std::string_view id) {
  JournalEntry entry;
  entry.state = JournalState::Accepted;
  entry.job.job = job;
  entry.request_id_size = static_cast<std::uint32_t>(id.size());
  std::memcpy(entry.request_id.data(), id.data(), id.size());
  return entry;
}

JournalEntry done(JournalEntry entry) {
  entry.state = JournalState::Done;
  return entry;
}

void put(Intents& intents, const core::UnitRecord& record, std::uint32_t& place) {
  ASSERT_TRUE(intents.put(record, place));
  intents.commit();
}

TEST(Intents, ANewManagerReadsTheNewestRecordOfEachUnit) {
  auto intents = std::move(*Intents::create());
  std::uint32_t first = Intents::kNoPlace;
  std::uint32_t second = Intents::kNoPlace;
  for (std::uint32_t attempt = 1; attempt <= 5; ++attempt) {
    put(intents, record_of(11, attempt), first);
  }
  put(intents, record_of(22, 1), second);
  const auto records = reopen(intents).records();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].record.attempt, 5U);
  EXPECT_EQ(records[1].record.tag, 22U);
}

TEST(Intents, ANoteIsKeptWithTheRecordAndGoesWithIt) {
  auto intents = std::move(*Intents::create());
  std::uint32_t place = Intents::kNoPlace;
  intents.keep_note(place, {});
  EXPECT_FALSE(intents.note(place));
  put(intents, record_of(11, 1), place);
  EXPECT_FALSE(intents.note(place));
  UnitNote note;
  note.activation = 7;
  note.status_size = 2;
  std::memcpy(note.status.data(), "up", 2);
  intents.keep_note(place, note);
  put(intents, record_of(11, 2), place);
  const auto read = reopen(intents).note(place);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->activation, 7U);
  EXPECT_EQ(std::string_view(read->status.data(), read->status_size), "up");
  intents.release(place);
  place = Intents::kNoPlace;
  put(intents, record_of(22, 1), place);
  EXPECT_FALSE(intents.note(place));
}

TEST(Intents, OfATornNoteNothingIsKnown) {
  auto intents = std::move(*Intents::create());
  std::uint32_t place = Intents::kNoPlace;
  put(intents, record_of(11, 1), place);
  UnitNote note;
  note.activation = 0x5ca1ab1e;
  intents.keep_note(place, note);
  struct stat status {};
  ASSERT_EQ(fstat(intents.fd(), &status), 0);
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, intents.fd(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const found = static_cast<char*>(memmem(memory, size, &note.activation, sizeof note.activation));
  ASSERT_NE(found, nullptr);
  *found ^= 1;
  EXPECT_FALSE(reopen(intents).note(place));
  munmap(memory, size);
}

TEST(Intents, ATornCellLeavesTheRecordBeforeIt) {
  auto intents = std::move(*Intents::create());
  std::uint32_t place = Intents::kNoPlace;
  put(intents, record_of(11, 1), place);
  put(intents, record_of(11, 2), place);
  // Break the newest cell, as a kill in the middle of a commit would: find its attempt in the file and flip
  // it.
  struct stat status {};
  ASSERT_EQ(fstat(intents.fd(), &status), 0);
  auto* bytes = static_cast<char*>(mmap(nullptr, static_cast<std::size_t>(status.st_size),
                                        PROT_READ | PROT_WRITE, MAP_SHARED, intents.fd(), 0));
  ASSERT_NE(bytes, MAP_FAILED);
  const core::UnitRecord newest = record_of(11, 2);
  auto* at =
      static_cast<char*>(memmem(bytes, static_cast<std::size_t>(status.st_size), &newest, sizeof newest));
  ASSERT_NE(at, nullptr);
  at[sizeof newest - 1] ^= 1;
  const auto records = reopen(intents).records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].record.attempt, 1U);
  munmap(bytes, static_cast<std::size_t>(status.st_size));
}

TEST(Intents, WhatIsPutDownCountsTogetherOrNotAtAll) {
  auto intents = std::move(*Intents::create());
  std::uint32_t first = Intents::kNoPlace, second = Intents::kNoPlace;
  put(intents, record_of(11, 1), first);
  put(intents, record_of(22, 1), second);
  ASSERT_TRUE(intents.put(record_of(11, 2), first));
  auto later = reopen(intents);
  EXPECT_EQ(later.records()[0].record.attempt, 1U);
  // The number of the commit that was cut off is given again; what belonged to it does not come back.
  put(later, record_of(22, 2), second);
  EXPECT_EQ(later.records()[0].record.attempt, 1U);
  EXPECT_EQ(later.records()[1].record.attempt, 2U);
}

TEST(Intents, APlaceThatWasReleasedIsUsedAgain) {
  auto intents = std::move(*Intents::create());
  std::uint32_t first = Intents::kNoPlace;
  std::uint32_t second = Intents::kNoPlace;
  put(intents, record_of(11, 1), first);
  intents.release(first);
  EXPECT_TRUE(intents.records().empty());
  put(intents, record_of(22, 1), second);
  EXPECT_EQ(first, second);
}

TEST(Intents, AMemfdOfAnotherSizeOrVersionIsRefused) {
  UniqueFd small(memfd_create("small", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(small.get(), 4096), 0);
  EXPECT_EQ(Intents::open(std::move(small)).error().code, EBADMSG);
  auto intents = std::move(*Intents::create());
  intents.header().version = 99;
  EXPECT_EQ(Intents::open(UniqueFd(fcntl(intents.fd(), F_DUPFD_CLOEXEC, 0))).error().code, EBADMSG);
}

TEST(Journal, ARequestIsFoundAgainByItsIdOverARestart) {
  auto intents = std::move(*Intents::create());
  ASSERT_TRUE(intents.begin(request(7, "abc")));
  auto later = reopen(intents);
  ASSERT_EQ(later.unfinished().size(), 1U);
  const JournalEntry* entry = later.find_request("abc");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(later.find_job(7), entry);
  EXPECT_EQ(later.find_request("abd"), nullptr);
  EXPECT_EQ(later.find_request(""), nullptr);
  later.change(done(*entry));
  later.commit();
  EXPECT_EQ(later.find_job(7), nullptr);
  EXPECT_TRUE(later.unfinished().empty());
  EXPECT_NE(later.find_request("abc"), nullptr) << "a late caller still gets its answer";
}

TEST(Journal, TheRingNeverWritesOverWhatIsPending) {
  auto intents = std::move(*Intents::create());
  ASSERT_TRUE(intents.begin(request(1, "first")));
  for (core::JobId job = 2; job < 3 * kJournalCount; ++job) {
    ASSERT_TRUE(intents.begin(request(job, "")));
    intents.change(done(request(job, "")));
    intents.commit();
  }
  ASSERT_NE(intents.find_request("first"), nullptr);
  EXPECT_EQ(intents.find_request("first")->job.job, 1U);
}

TEST(Journal, WhatIsChangedCountsWithTheNextCommit) {
  auto intents = std::move(*Intents::create());
  for (core::JobId job = 1; job <= kJournalCount; ++job) ASSERT_TRUE(intents.begin(request(job, "")));
  for (core::JobId job = 1; job <= kJournalCount; ++job) intents.change(done(request(job, "")));
  EXPECT_EQ(reopen(intents).unfinished().size(), kJournalCount);
  intents.commit();
  EXPECT_TRUE(reopen(intents).unfinished().empty());
}

TEST(Journal, IsFullWhenEverythingIsPending) {
  auto intents = std::move(*Intents::create());
  for (core::JobId job = 1; job <= kJournalCount; ++job) ASSERT_TRUE(intents.begin(request(job, "")));
  EXPECT_FALSE(intents.begin(request(5000, "")));
}

// ---- Programs of two versions

std::string bytes_of(int fd) {
  std::string bytes(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  return bytes;
}

std::uint32_t sum_of(std::string_view bytes, std::uint32_t seed) {
  return crc32c(bytes.data(), bytes.size(), seed);
}

// What a program would have written whose structures are so many bytes longer or shorter at their ends.
class OtherProgram {
 public:
  OtherProgram(const Intents& intents, std::ptrdiff_t more) : old_(bytes_of(intents.fd())), more_(more) {
    IntentsHeader header;
    std::memcpy(&header, old_.data(), sizeof header);
    header.journal_entry_size += static_cast<std::uint32_t>(more);
    header.record_size += static_cast<std::uint32_t>(more);
    header.note_size += static_cast<std::uint32_t>(more);
    image_.assign(reinterpret_cast<const char*>(&header), sizeof header);
    page_up();
    for (std::size_t i = 0; i < kJournalCount; ++i) summed(sizeof(JournalEntry), 0);
    page_up();
    for (std::size_t i = 0; i < 2 * kRecordCount; ++i) cell();
    page_up();
    for (std::size_t i = 0; i < kRecordCount; ++i) summed(sizeof(UnitNote), 1);
    page_up();
  }

  [[nodiscard]] UniqueFd fd() const {
    UniqueFd memfd(memfd_create("intents", MFD_CLOEXEC));
    EXPECT_EQ(write(memfd.get(), image_.data(), image_.size()), static_cast<ssize_t>(image_.size()));
    return memfd;
  }

 private:
  void page_up() {
    image_.resize(channel::page_up(image_.size()));
    at_ = channel::page_up(at_ == 0 ? sizeof(IntentsHeader) : at_);
  }
  std::string_view take(std::size_t size) {
    return std::string_view(old_).substr(std::exchange(at_, at_ + size), size);
  }
  void put_number(std::uint32_t number) {
    image_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  std::string resized(std::string_view bytes) const {
    std::string out(bytes);
    out.resize(bytes.size() + static_cast<std::size_t>(more_), '\0');
    return out;
  }
  void summed(std::size_t size, std::uint32_t seed) {
    const std::string_view bytes = take(size);
    const std::string fields = resized(bytes.substr(0, size - 4));
    std::uint32_t sum = 0;
    std::memcpy(&sum, bytes.data() + size - 4, 4);
    const bool whole = sum == sum_of(bytes.substr(0, size - 4), seed);
    image_ += fields;
    put_number(whole ? sum_of(fields, seed) : sum);
  }
  void cell() {
    const std::string_view bytes = take(16 + sizeof(core::UnitRecord));
    std::uint32_t head[4];
    std::memcpy(head, bytes.data(), sizeof head);
    const std::string record = resized(bytes.substr(16));
    if (head[2] == sum_of(bytes.substr(16), head[0])) head[2] = sum_of(record, head[0]);
    image_.append(reinterpret_cast<const char*>(head), sizeof head).append(record);
  }

  std::string old_;
  std::ptrdiff_t more_;
  std::size_t at_ = 0;
  std::string image_;
};

class IntentsOfAnother : public testing::TestWithParam<int> {};

TEST_P(IntentsOfAnother, VersionAreTakenOverFieldByField) {
  auto intents = std::move(*Intents::create());
  std::uint32_t first = Intents::kNoPlace;
  std::uint32_t second = Intents::kNoPlace;
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) put(intents, record_of(11, attempt), first);
  put(intents, record_of(22, 7), second);
  UnitNote note;
  note.cpu_us = 1234;
  note.activation = 3;
  intents.keep_note(first, note);
  intents.header().next_job = 99;
  intents.header().boot_done = 1;
  (void)intents.begin(request(5, "five"));
  (void)intents.begin(done(request(6, "six")));
  ASSERT_TRUE(intents.put(record_of(22, 8), second));  // never committed

  UniqueFd other = OtherProgram(intents, GetParam()).fd();
  const int number = other.get();
  auto taken = Intents::open(std::move(other));
  ASSERT_TRUE(taken) << taken.error().text();
  EXPECT_NE(taken->fd(), number);
  const auto records = taken->records();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].record.attempt, 3U);
  EXPECT_EQ(records[1].record.attempt, 7U);
  ASSERT_TRUE(taken->note(records[0].place));
  EXPECT_EQ(taken->note(records[0].place)->cpu_us, 1234);
  EXPECT_FALSE(taken->note(records[1].place));
  EXPECT_EQ(taken->header().next_job, 99U);
  EXPECT_EQ(taken->header().boot_done, 1U);
  ASSERT_EQ(taken->unfinished().size(), 1U);
  EXPECT_EQ(taken->unfinished()[0].id(), "five");
  ASSERT_NE(taken->find_request("six"), nullptr);
  EXPECT_EQ(taken->find_request("six")->state, JournalState::Done);
  EXPECT_EQ(reopen(*taken).records().size(), 2U);
}

// 0 would be the same program; a shorter one has no room for what was added last.
INSTANTIATE_TEST_SUITE_P(Bytes, IntentsOfAnother, testing::Values(8, 64, -8));

TEST(Intents, SizesThatDoNotFitAreRefused) {
  auto intents = std::move(*Intents::create());
  for (const std::uint32_t size : {0U, 4U, 200U, 5000U, 0xffffffffU}) {
    intents.header().record_size = size;
    const auto opened = Intents::open(UniqueFd(fcntl(intents.fd(), F_DUPFD_CLOEXEC, 0)));
    ASSERT_FALSE(opened) << size;
    EXPECT_EQ(opened.error().code, EBADMSG);
  }
}

}  // namespace
}  // namespace init::manager
