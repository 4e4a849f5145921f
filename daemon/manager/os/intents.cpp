#include "daemon/manager/os/intents.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

constexpr std::size_t kCellHead = 16;  // generation and sum

// Of another program's intents: bytes of each structure, and where they stand.
struct Sizes {
  std::size_t journal, record, note;

  [[nodiscard]] bool plausible() const {
    constexpr std::size_t kMost = 4096;
    return journal >= 16 && journal <= kMost && record >= 16 && record <= kMost && record % 8 == 0 &&
           note >= 16 && note <= kMost;
  }
  [[nodiscard]] std::size_t cell() const { return kCellHead + record; }
  [[nodiscard]] std::size_t journal_at(std::size_t index) const { return kJournalOffset + index * journal; }
  [[nodiscard]] std::size_t places_at() const { return channel::page_up(journal_at(kJournalCount)); }
  [[nodiscard]] std::size_t cell_at(std::size_t place, std::size_t which) const {
    return places_at() + (2 * place + which) * cell();
  }
  [[nodiscard]] std::size_t note_at(std::size_t place) const {
    return channel::page_up(cell_at(kRecordCount, 0)) + place * note;
  }
  [[nodiscard]] std::size_t whole() const { return channel::page_up(note_at(kRecordCount)); }
};

// A structure whose last four bytes are the sum of all before them, from one that may be longer or shorter.
// What was torn stays so.
template <class T>
void take_summed(T& to, std::span<const std::byte> from, std::uint32_t seed) {
  constexpr std::size_t kSum = sizeof(std::uint32_t);
  static_assert(offsetof(T, crc) == sizeof(T) - kSum);
  std::uint32_t sum = 0;
  std::memcpy(&sum, from.last(kSum).data(), kSum);
  if (sum != crc32c(from.data(), from.size() - kSum, seed)) return;
  std::memcpy(static_cast<void*>(&to), from.data(), std::min(from.size(), sizeof(T)) - kSum);
  to.crc = crc32c(&to, offsetof(T, crc), seed);
}

std::uint32_t sum_of(const LogEntry& entry) {
  return crc32c(entry.bytes.data(), entry.size, static_cast<std::uint32_t>(entry.offset));
}

// A crash comes between two instructions: that they stand in this order is all it takes.
void in_this_order() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

constexpr std::size_t whole_size(std::size_t place_size) {
  return channel::page_up(notes_offset(place_size) + kRecordCount * sizeof(UnitNote));
}

constexpr std::size_t log_offset(std::size_t place_size) {
  static_assert(kLogCount * sizeof(LogEntry) <= (kRecordCount - kUnitCount) * sizeof(UnitNote));
  return notes_offset(place_size) + kUnitCount * sizeof(UnitNote);
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
  auto* header = new (*base) IntentsHeader{};
  header->journal_entry_size = sizeof(JournalEntry);
  header->note_size = sizeof(UnitNote);
  header->log_offset = log_offset(sizeof(Place));
  return Intents(std::move(fd), *base);
}

Result<Intents> Intents::open(UniqueFd fd) {
  IntentsHeader seen;
  const ssize_t got = pread(fd.get(), &seen, sizeof seen, 0);
  if (got < 0) return failure(errno, "read intents");
  if (got != static_cast<ssize_t>(sizeof seen) || seen.magic != kIntentsMagic ||
      seen.version != kIntentsVersion) {
    return failure(EBADMSG, "read intents", "version differs");
  }
  if (auto completed = complete(fd.get(), seen); !completed) return Failure(completed.error());
  const bool same = seen.record_size == sizeof(core::UnitRecord) &&
                    seen.journal_entry_size == sizeof(JournalEntry) && seen.note_size == sizeof(UnitNote);
  if (same) return open_same(std::move(fd));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return failure(errno, "fstat", "intents");
  const auto size = static_cast<std::size_t>(status.st_size);
  void* base = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) return failure(errno, "mmap", "intents");
  auto converted = convert({static_cast<const std::byte*>(base), size}, seen);
  munmap(base, size);
  return converted;
}

// What an earlier manager has committed and not copied yet. What is no entry is passed over: its place is as
// good as it was.
Result<> Intents::complete(int fd, IntentsHeader& header) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return failure(errno, "fstat", "intents");
  const auto whole = static_cast<std::uint64_t>(status.st_size);
  const bool committed = header.log_commit == header.commits;
  for (std::uint32_t i = 0; committed && i < std::min<std::size_t>(header.log_used, kLogCount); ++i) {
    LogEntry entry;
    const auto at = static_cast<off_t>(header.log_offset + i * sizeof entry);
    if (pread(fd, &entry, sizeof entry, at) != sizeof entry) continue;
    const bool fits = entry.size <= entry.bytes.size() && entry.offset >= kJournalOffset &&
                      entry.offset < whole && entry.size <= whole - entry.offset;
    if (!fits || entry.crc != sum_of(entry)) continue;
    if (pwrite(fd, entry.bytes.data(), entry.size, static_cast<off_t>(entry.offset)) != entry.size)
      return failure(errno, "write", "intents");
  }
  header.log_used = 0;
  constexpr auto at = static_cast<off_t>(offsetof(IntentsHeader, log_used));
  if (pwrite(fd, &header.log_used, sizeof header.log_used, at) != sizeof header.log_used)
    return failure(errno, "write", "intents");
  return {};
}

Result<Intents> Intents::convert(std::span<const std::byte> old, const IntentsHeader& seen) {
  const Sizes sizes{seen.journal_entry_size, seen.record_size, seen.note_size};
  if (!sizes.plausible() || old.size() != sizes.whole() || seen.records_used > kUnitCount)
    return failure(EBADMSG, "convert intents", "sizes do not fit");
  auto made = create();
  if (!made) return made;
  IntentsHeader& header = made->header();
  const IntentsHeader fresh = header;
  header = seen;
  header.record_size = fresh.record_size;
  header.journal_entry_size = fresh.journal_entry_size;
  header.note_size = fresh.note_size;
  header.log_offset = fresh.log_offset;
  for (std::size_t i = 0; i < kJournalCount; ++i)
    take_summed(made->journal_[i], old.subspan(sizes.journal_at(i), sizes.journal), 0);
  for (std::uint32_t place = 0; place < seen.records_used; ++place) {
    for (const std::size_t which : {0U, 1U}) {
      const auto cell = old.subspan(sizes.cell_at(place, which), sizes.cell());
      Cell& to = made->places_[place].cells[which];
      static_assert(offsetof(Cell, record) == kCellHead);
      std::memcpy(static_cast<void*>(&to), cell.data(), kCellHead);
      const auto seed = static_cast<std::uint32_t>(to.generation);
      const bool whole = to.crc == crc32c(cell.data() + kCellHead, sizes.record, seed);
      std::memcpy(static_cast<void*>(&to.record), cell.data() + kCellHead,
                  std::min<std::size_t>(sizes.record, sizeof to.record));
      to.crc = crc32c(&to.record, sizeof to.record, seed) ^ (whole ? 0 : 1);
    }
    take_summed(made->notes_[place], old.subspan(sizes.note_at(place), sizes.note), kNoteSeed);
  }
  return open_same(std::move(made->fd_));
}

Result<Intents> Intents::open_same(UniqueFd fd) {
  auto base = map(fd.get());
  if (!base) return Failure(base.error());
  Intents intents(std::move(fd), *base);
  auto& header = intents.header();
  header.log_offset = log_offset(sizeof(Place));  // an older program has none
  if (header.records_used > kUnitCount) return failure(EBADMSG, "read intents", "more records than places");
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
      notes_(reinterpret_cast<UnitNote*>(static_cast<char*>(base) + notes_offset(sizeof(Place)))),
      log_(reinterpret_cast<LogEntry*>(static_cast<char*>(base) + log_offset(sizeof(Place)))) {}

Intents::Intents(Intents&& other) noexcept
    : fd_(std::move(other.fd_)),
      base_(std::exchange(other.base_, nullptr)),
      header_(other.header_),
      journal_(other.journal_),
      places_(other.places_),
      notes_(other.notes_),
      log_(other.log_),
      logged_(other.logged_),
      free_places_(std::move(other.free_places_)) {}

Intents& Intents::operator=(Intents&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(base_, other.base_);
  std::swap(header_, other.header_);
  std::swap(journal_, other.journal_);
  std::swap(places_, other.places_);
  std::swap(notes_, other.notes_);
  std::swap(log_, other.log_);
  std::swap(logged_, other.logged_);
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
    } else if (header_->records_used < kUnitCount) {
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
  header_->log_commit = header_->commits + 1;
  in_this_order();
  header_->log_used = logged_;
  in_this_order();
  std::atomic_ref(header_->commits).store(header_->commits + 1, std::memory_order_release);
  in_this_order();
  for (std::uint32_t i = 0; i < logged_; ++i)
    std::memcpy(static_cast<char*>(base_) + log_[i].offset, log_[i].bytes.data(), log_[i].size);
  in_this_order();
  header_->log_used = logged_ = 0;
}

void Intents::release(std::uint32_t place) {
  if (place == kNoPlace) return;
  places_[place] = Place{};
  free_places_.push_back(place);
}

void Intents::keep_note(std::uint32_t place, UnitNote note) {
  if (place == kNoPlace) return;
  note.crc = crc32c(&note, offsetof(UnitNote, crc), kNoteSeed);
  replace(&notes_[place], &note, sizeof note);
  commit();
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

bool Intents::begin(JournalEntry entry) {
  for (std::size_t tried = 0; tried < kJournalCount; ++tried) {
    const auto place = static_cast<std::uint32_t>(header_->journal_head++ % kJournalCount);
    if (unfinished(journal_[place])) continue;
    put(place, entry);
    commit();
    return true;
  }
  return false;
}

void Intents::change(JournalEntry entry) {
  if (const auto at = by_job_.find(entry.job.job); at != by_job_.end()) put(at->second, entry);
}

void Intents::put(std::uint32_t place, JournalEntry& entry) {
  entry.crc = crc32c(&entry, offsetof(JournalEntry, crc));
  replace(&journal_[place], &entry, sizeof entry);
  if (entry.state == JournalState::Done) {
    by_job_.erase(entry.job.job);
  } else {
    by_job_[entry.job.job] = place;
  }
}

void Intents::replace(void* at, const void* with, std::size_t size) {
  static_assert(sizeof(JournalEntry) <= sizeof(LogEntry::bytes) &&
                sizeof(UnitNote) <= sizeof(LogEntry::bytes));
  if (logged_ == kLogCount) commit();  // more than there are requests: what is there already counts alone
  LogEntry& entry = log_[logged_++];
  entry.offset = static_cast<std::uint64_t>(static_cast<char*>(at) - static_cast<char*>(base_));
  entry.size = static_cast<std::uint32_t>(size);
  std::memcpy(entry.bytes.data(), with, size);
  entry.crc = sum_of(entry);
}

const JournalEntry* Intents::find_request(std::string_view request_id) const {
  if (request_id.empty()) return nullptr;
  for (std::size_t place = 0; place < kJournalCount; ++place) {
    const JournalEntry& entry = journal_[place];
    if (entry.state != JournalState::Free && entry.id() == request_id && valid(entry)) return &entry;
  }
  return nullptr;
}

const JournalEntry* Intents::find_job(core::JobId job) const {
  const auto at = by_job_.find(job);
  return at == by_job_.end() ? nullptr : &journal_[at->second];
}

std::vector<JournalEntry> Intents::unfinished() {
  std::vector<JournalEntry> entries;
  for (std::size_t place = 0; place < kJournalCount; ++place) {
    if (!unfinished(journal_[place])) continue;
    entries.push_back(journal_[place]);
    by_job_[journal_[place].job.job] = static_cast<std::uint32_t>(place);
  }
  return entries;
}

}  // namespace init::manager
