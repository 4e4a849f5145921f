// Intents of an earlier manager with any bytes changed: refused, or read without harm. The input is a list of
// changes, each an offset (4 bytes, modulo what is in use) and a byte.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "daemon/manager/os/intents.h"
#include "tests/fuzz/bounded.h"

namespace {

using namespace init;
using namespace init::manager;

constexpr std::uint32_t kUnits = 3;

Intents filled() {
  auto made = Intents::create();
  if (!made) std::abort();
  for (std::uint32_t i = 0; i < kUnits; ++i) {
    core::UnitRecord record;
    record.tag = i + 1;
    std::uint32_t place = Intents::kNoPlace;
    if (!made->put(record, place)) std::abort();
    made->keep_note(place, {});
  }
  made->commit();
  JournalEntry entry;
  entry.state = JournalState::Pending;
  entry.job.job = 7;
  (void)made->begin(entry);
  return std::move(*made);
}

void use(Intents& intents) {
  for (const auto& placed : intents.records()) {
    std::uint32_t place = placed.place;
    (void)intents.note(place);
    (void)intents.put(placed.record, place);
  }
  intents.commit();
  for (const JournalEntry& entry : intents.unfinished()) {
    (void)intents.find_request(entry.id());
    (void)intents.find_job(entry.job.job);
    intents.change(entry);
  }
  JournalEntry fresh;
  fresh.state = JournalState::Accepted;
  (void)intents.begin(fresh);
}

}  // namespace

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  Intents before = filled();
  struct stat status {};
  if (fstat(before.fd(), &status) != 0) std::abort();
  constexpr std::size_t kChange = 5;
  for (; size >= kChange && size <= 100 * kChange; data += kChange, size -= kChange) {
    std::uint32_t at = 0;
    std::memcpy(&at, data, sizeof(at));
    // Mostly the header: all else is summed.
    const std::size_t range = at % 4 != 0 ? sizeof(IntentsHeader) : static_cast<std::size_t>(status.st_size);
    if (pwrite(before.fd(), data + 4, 1, static_cast<off_t>(at / 4 % range)) != 1) std::abort();
  }
  auto opened = Intents::open(UniqueFd(fcntl(before.fd(), F_DUPFD_CLOEXEC, 0)));
  if (opened) use(*opened);
  return 0;
}
