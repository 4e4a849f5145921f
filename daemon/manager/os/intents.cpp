#include "daemon/manager/os/intents.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "libinit/base/checksum.h"

namespace init::manager {
namespace {

constexpr std::size_t kJournalOffset = channel::page_up(sizeof(IntentsHeader));
constexpr std::size_t kPlacesOffset = channel::page_up(kJournalOffset + kJournalCount * sizeof(JournalEntry));

constexpr std::uint32_t kNoteSeed = 1;  // so that zeros are no note

constexpr std::size_t notes_offset(std::size_t place_size) {
  return channel::page_up(kPlacesOffset + kRecordCount * place_size);
}

constexpr std::size_t whole_size(std::size_t place_size) {
  return channel::page_up(notes_offset(place_size) + kRecordCount * sizeof(UnitNote));
}

}  // namespace

static_assert(std::is_trivially_copyable_v<JournalEntry>);
static_assert(std::has_unique_object_representations_v<UnitNote>, "padding would be part of the sum");

Result<Intents> Intents::create() {
  UniqueFd fd(memfd_create("initd-intents", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failure(errno, "memfd_create", "initd-intents");
  constexpr auto size = whole_size(sizeof(Place));
  if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return failure(errno, "ftruncate", "initd-intents");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return failure(errno, "seal", "initd-intents");
  }
  auto base = map(fd.get());
  if (!base) return Failure(base.error());
  new (*base) IntentsHeader{};
  return Intents(std::move(fd), *base);
}

Result<Intents> Intents::open(UniqueFd fd) {
  auto base = map(fd.get());
  if (!base) return Failure(base.error());
  Intents intents(std::move(fd), *base);
  const auto& header = intents.header();
  if (header.magic != kIntentsMagic || header.version != kIntentsVersion ||
      header.record_size != sizeof(core::UnitRecord) || header.records_used > kRecordCount) {
    return failure(EBADMSG, "read intents", "version or size differs");
  }
  for (std::uint32_t place = header.records_used; place-- > 0;) {
    for (Cell& cell : intents.places_[place].cells) {
      if (!intents.counts(cell)) cell = Cell{};  // its number will be given again
    }
    if (intents.newest(intents.places_[place]) == nullptr) intents.free_places_.push_back(place);
  }
  return intents;
}

Result<void*> Intents::map(int fd) {
  struct stat status {};
  constexpr auto size = whole_size(sizeof(Place));
  if (fstat(fd, &status) != 0) return failure(errno, "fstat", "intents");
  if (static_cast<std::size_t>(status.st_size) != size)
    return failure(EBADMSG, "map intents", "size differs");
  void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return failure(errno, "mmap", "intents");
  return base;
}

Intents::Intents(UniqueFd fd, void* base) noexcept
    : fd_(std::move(fd)),
      base_(base),
      header_(static_cast<IntentsHeader*>(base)),
      journal_(reinterpret_cast<JournalEntry*>(static_cast<char*>(base) + kJournalOffset)),
      places_(reinterpret_cast<Place*>(static_cast<char*>(base) + kPlacesOffset)),
      notes_(reinterpret_cast<UnitNote*>(static_cast<char*>(base) + notes_offset(sizeof(Place)))) {}

Intents::Intents(Intents&& other) noexcept
    : fd_(std::move(other.fd_)),
      base_(std::exchange(other.base_, nullptr)),
      header_(other.header_),
      journal_(other.journal_),
      places_(other.places_),
      notes_(other.notes_),
      free_places_(std::move(other.free_places_)) {}

Intents& Intents::operator=(Intents&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(base_, other.base_);
  std::swap(header_, other.header_);
  std::swap(journal_, other.journal_);
  std::swap(places_, other.places_);
  std::swap(notes_, other.notes_);
  std::swap(free_places_, other.free_places_);
  return *this;
}

Intents::~Intents() {
  if (base_ != nullptr) munmap(base_, whole_size(sizeof(Place)));
}

bool Intents::counts(const Cell& cell) const {
  return cell.generation != 0 && cell.generation <= header_->commits &&
         cell.crc == crc32c(&cell.record, sizeof cell.record, static_cast<std::uint32_t>(cell.generation));
}

const Intents::Cell* Intents::newest(const Place& place) const {
  const auto& [first, second] = place.cells;
  if (counts(first) && (!counts(second) || first.generation > second.generation)) return &first;
  return counts(second) ? &second : nullptr;
}

bool Intents::put(const core::UnitRecord& record, std::uint32_t& place) {
  if (place == kNoPlace) {
    if (!free_places_.empty()) {
      place = free_places_.back();
      free_places_.pop_back();
    } else if (header_->records_used < kRecordCount) {
      place = header_->records_used++;
    } else {
      return false;
    }
    places_[place] = Place{};
    notes_[place] = UnitNote{};
  }
  auto& cells = places_[place].cells;
  Cell& cell = newest(places_[place]) == cells.data() ? cells[1] : cells[0];
  const std::uint64_t generation = header_->commits + 1;
  cell.generation = generation;
  cell.record = record;
  cell.crc = crc32c(&record, sizeof record, static_cast<std::uint32_t>(generation));
  return true;
}

void Intents::commit() {
  std::atomic_ref(header_->commits).store(header_->commits + 1, std::memory_order_release);
}

void Intents::release(std::uint32_t place) {
  if (place == kNoPlace) return;
  places_[place] = Place{};
  free_places_.push_back(place);
}

void Intents::keep_note(std::uint32_t place, UnitNote note) {
  if (place == kNoPlace) return;
  note.crc = crc32c(&note, offsetof(UnitNote, crc), kNoteSeed);
  notes_[place] = note;
}

std::optional<UnitNote> Intents::note(std::uint32_t place) const {
  if (place == kNoPlace) return std::nullopt;
  const UnitNote& note = notes_[place];
  const bool whole = note.crc == crc32c(&note, offsetof(UnitNote, crc), kNoteSeed);
  return whole && note.status_size <= note.status.size() ? std::optional(note) : std::nullopt;
}

std::vector<Intents::Placed> Intents::records() const {
  std::vector<Placed> found;
  for (std::uint32_t place = 0; place < header_->records_used; ++place) {
    if (const Cell* cell = newest(places_[place])) found.push_back({place, cell->record});
  }
  return found;
}

bool Intents::valid(const JournalEntry& entry) {
  return entry.state != JournalState::Free && entry.request_id_size <= kRequestIdBytes &&
         entry.crc == crc32c(&entry, offsetof(JournalEntry, crc));
}

bool Intents::unfinished(const JournalEntry& entry) {
  return valid(entry) && entry.state != JournalState::Done;
}

JournalEntry* Intents::begin(const JournalEntry& entry) {
  for (std::size_t tried = 0; tried < kJournalCount; ++tried) {
    const auto place = static_cast<std::uint32_t>(header_->journal_head++ % kJournalCount);
    if (unfinished(journal_[place])) continue;
    journal_[place] = entry;
    commit(journal_[place]);
    return &journal_[place];
  }
  return nullptr;
}

void Intents::commit(JournalEntry& entry) {
  entry.crc = crc32c(&entry, offsetof(JournalEntry, crc));
  if (entry.state == JournalState::Done) {
    by_job_.erase(entry.job.job);
  } else {
    by_job_[entry.job.job] = static_cast<std::uint32_t>(&entry - journal_);
  }
}

JournalEntry* Intents::find_request(std::string_view request_id) {
  if (request_id.empty()) return nullptr;
  for (std::size_t place = 0; place < kJournalCount; ++place) {
    JournalEntry& entry = journal_[place];
    if (entry.state != JournalState::Free && entry.id() == request_id && valid(entry)) return &entry;
  }
  return nullptr;
}

JournalEntry* Intents::find_job(core::JobId job) {
  const auto at = by_job_.find(job);
  return at == by_job_.end() ? nullptr : &journal_[at->second];
}

std::vector<JournalEntry*> Intents::unfinished() {
  std::vector<JournalEntry*> entries;
  for (std::size_t place = 0; place < kJournalCount; ++place) {
    if (!unfinished(journal_[place])) continue;
    entries.push_back(&journal_[place]);
    by_job_[journal_[place].job.job] = static_cast<std::uint32_t>(place);
  }
  return entries;
}

}  // namespace init::manager
