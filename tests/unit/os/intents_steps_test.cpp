// A manager dies between any two of its instructions while it writes its intents: a process is led through
// one change step by step, and after each step that wrote anything its successor looks at what is left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/manager/os/intents.h"

namespace init::manager {
namespace {

using Pages = std::map<off_t, std::string>;  // by where they begin

off_t size_of(int fd) {
  struct stat status {};
  EXPECT_EQ(fstat(fd, &status), 0);
  return status.st_size;
}

Pages written(int fd) {
  Pages pages;
  for (off_t begin = 0; (begin = lseek(fd, begin, SEEK_DATA)) >= 0;) {
    const off_t end = lseek(fd, begin, SEEK_HOLE);
    std::string bytes(static_cast<std::size_t>(end - begin), '\0');
    EXPECT_EQ(pread(fd, bytes.data(), bytes.size(), begin), end - begin);
    pages[begin] = std::move(bytes);
    begin = end;
  }
  return pages;
}

UniqueFd copy_of(const Pages& pages, off_t size) {
  UniqueFd copy(memfd_create("copy", MFD_CLOEXEC));
  EXPECT_EQ(ftruncate(copy.get(), size), 0);
  for (const auto& [begin, bytes] : pages)
    EXPECT_EQ(pwrite(copy.get(), bytes.data(), bytes.size(), begin), static_cast<ssize_t>(bytes.size()));
  return copy;
}

// How many different things a successor may find.
int step_through(Intents& intents, const std::function<void(Intents&)>& change,
                 const std::function<void(Intents&)>& look) {
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    change(intents);
    _exit(0);
  }
  int found = 0;
  Pages seen;
  int status = 0;
  while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    if (Pages now = written(intents.fd()); now != seen) {
      seen = std::move(now);
      auto successor = Intents::open(copy_of(seen, size_of(intents.fd())));
      EXPECT_TRUE(successor);
      if (successor) look(*successor);
      ++found;
    }
    if (testing::Test::HasFailure()) kill(child, SIGKILL);
    ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
  }
  EXPECT_TRUE(WIFEXITED(status));
  return found;
}

JournalEntry request(core::JobId job, std::string_view id, JournalState state) {
  JournalEntry entry;
  entry.state = state;
  entry.job.job = job;
  entry.request_id_size = static_cast<std::uint32_t>(id.size());
  std::memcpy(entry.request_id.data(), id.data(), id.size());
  return entry;
}

// Else a caller that comes back would have it carried out twice.
TEST(IntentsAtEachInstruction, ARequestIsKnownWhileItsAnswerIsWritten) {
  auto intents = std::move(*Intents::create());
  ASSERT_TRUE(intents.begin(request(7, "abc", JournalState::Pending)));
  bool pending = false, done = false;
  const auto answer = [](Intents& of) {
    JournalEntry entry = request(7, "abc", JournalState::Done);
    entry.job.outcome = core::JobOutcome::Failed;
    of.change(entry);
    of.commit();
  };
  const int found = step_through(intents, answer, [&](Intents& successor) {
    const JournalEntry* entry = successor.find_request("abc");
    ASSERT_NE(entry, nullptr);
    const bool answered = entry->state == JournalState::Done;
    (answered ? done : pending) = true;
    EXPECT_EQ(entry->job.outcome == core::JobOutcome::Failed, answered);
  });
  EXPECT_GT(found, 4);  // nothing written, something, all
  EXPECT_TRUE(pending && done);
}

TEST(IntentsAtEachInstruction, ANewRequestIsThereWholeOrNotAtAll) {
  auto intents = std::move(*Intents::create());
  ASSERT_TRUE(intents.begin(request(7, "abc", JournalState::Pending)));
  const auto begin = [](Intents& of) { (void)of.begin(request(8, "def", JournalState::Accepted)); };
  step_through(intents, begin, [&](Intents& successor) {
    ASSERT_NE(successor.find_request("abc"), nullptr);
    const JournalEntry* entry = successor.find_request("def");
    EXPECT_EQ(entry == nullptr ? 8 : entry->job.job, 8U);
    EXPECT_EQ(successor.unfinished().size(), entry == nullptr ? 1U : 2U);
  });
  EXPECT_NE(intents.find_request("def"), nullptr);
}

TEST(IntentsAtEachInstruction, ANoteIsTheOldOneOrTheNew) {
  auto intents = std::move(*Intents::create());
  std::uint32_t place = Intents::kNoPlace;
  ASSERT_TRUE(intents.put({}, place));
  intents.commit();
  UnitNote note;
  note.activation = 7;
  note.status.fill('a');
  note.status_size = kNoteStatusBytes;
  intents.keep_note(place, note);
  const auto change = [&note, place](Intents& of) {
    note.activation = 8;
    note.status.fill('b');
    of.keep_note(place, note);
  };
  step_through(intents, change, [place](Intents& successor) {
    const auto kept = successor.note(place);
    ASSERT_TRUE(kept);
    const std::string_view status(kept->status.data(), kept->status_size);
    EXPECT_EQ(status, std::string(kNoteStatusBytes, kept->activation == 7 ? 'a' : 'b'));
  });
  const auto last = intents.note(place);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->activation, 8U);
}

// Else a request might be asked again of a unit that has begun with it.
TEST(IntentsAtEachInstruction, RecordsAndRequestsOfOneEventCountTogether) {
  auto intents = std::move(*Intents::create());
  for (const core::JobId job : {7U, 8U}) ASSERT_TRUE(intents.begin(request(job, "", JournalState::Accepted)));
  std::array<std::uint32_t, 2> places{Intents::kNoPlace, Intents::kNoPlace};
  constexpr auto kAccepted = JournalState::Accepted;
  const std::array states{kAccepted, kAccepted, kAccepted, JournalState::Pending};  // at each attempt
  const auto put = [&places, &states](Intents& of, std::uint32_t attempt) {
    core::UnitRecord record;
    record.attempt = attempt;
    for (std::uint32_t& place : places) ASSERT_TRUE(of.put(record, place));
    for (const core::JobId job : {7U, 8U}) of.change(request(job, "", states[attempt]));
    of.commit();
  };
  put(intents, 1);
  put(intents, 2);
  std::set<core::Attempt> seen;
  const auto look = [&seen, &states](Intents& successor) {
    const auto records = successor.records();
    const auto requests = successor.unfinished();
    ASSERT_EQ(records.size(), 2U);
    ASSERT_EQ(requests.size(), 2U);
    const core::Attempt attempt = records[0].record.attempt;
    seen.insert(attempt);
    EXPECT_EQ(records[1].record.attempt, attempt);
    for (const JournalEntry& entry : requests) EXPECT_EQ(entry.state, states.at(attempt));
  };
  step_through(
      intents, [&put](Intents& of) { put(of, 3); }, look);
  EXPECT_EQ(seen, (std::set<core::Attempt>{2, 3}));
}

}  // namespace
}  // namespace init::manager
