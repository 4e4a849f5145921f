// The intents: the manager's own memory that outlives it, a memfd kept in PID 1's store. Per unit one record
// of the engine, and a journal of requests. Each record stands in two cells. What one event changes is put
// into the older cells, under the number of the commit to come. Requests and notes stand once: what is to
// replace them is put into a log, under the same number; after the commit it is copied to its place, by
// whoever opens the intents if the manager dies first. One store of that number makes all of it count, so
// that a crash leaves everything as it was before the event, or after it, and never in between. Facts win
// over intents at recovery.
//
// Layout: IntentsHeader | journal | records | notes, with the log where the last notes would be. The file is
// sparse: what is never used costs nothing. A program of another version reads them too: fields are added at
// the end of each structure only (before its sum, where that is last), with 0 as what they are when nobody
// knows; any other change is one of kIntentsVersion.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/channel/facts.h"
#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"
#include "libinit/core/record.h"

namespace init::manager {

inline constexpr std::uint64_t kIntentsMagic = 0x31544e49544e49ULL;  // "INTINT1"
inline constexpr std::uint32_t kIntentsVersion = 5;
inline constexpr std::size_t kJournalCount = 1024;
inline constexpr std::size_t kRecordCount = 65536;
inline constexpr std::size_t kLogCount = 1024;                  // one commit may change every request
inline constexpr std::size_t kUnitCount = kRecordCount - 2048;  // places that are given away
inline constexpr std::size_t kRequestIdBytes = 64;
inline constexpr std::size_t kNoteStatusBytes = 256;

// What a manager works on at this moment: a request or a unit, named by a hash.
enum class Work : std::uint32_t { None = 0, Request = 1, Unit = 2 };
struct InHand {
  Work kind = Work::None;
  std::uint32_t reserved = 0;
  std::uint64_t what = 0;  // of a unit: its tag
  friend bool operator==(const InHand&, const InHand&) = default;
};
inline constexpr std::size_t kRefusedCount = 16;

struct IntentsHeader {
  std::uint64_t magic = kIntentsMagic;
  std::uint32_t version = kIntentsVersion;
  std::uint32_t record_size = sizeof(core::UnitRecord);
  std::uint64_t next_job = 1;
  std::uint64_t journal_head = 0;  // entries ever begun
  std::uint64_t commits = 0;       // cells of a later generation do not count
  std::uint32_t booted = 0;        // the boot target has been asked for
  std::uint32_t boot_done = 0;     // and has answered
  std::int64_t boot_duration_ns = 0;
  std::int64_t loaded_wall_ns = 0;  // CLOCK_REALTIME when the unit files were last read
  std::uint32_t records_used = 0;
  std::uint32_t shutdown = 0;         // 1 + core::PowerKind once asked for
  std::int64_t stop_deadline_ns = 0;  // CLOCK_MONOTONIC: what has not stopped by then is killed
  core::JobId boot_job = 0;
  std::int32_t exit_code = 0;
  std::uint32_t main_exit_known = 0;  // exit_code is that of a container's main unit
  std::array<std::uint32_t, channel::kSignalCount> signals_seen{};  // counts that were acted upon
  std::uint32_t executions_wanted =
      0;                      // what PID 1's count is to reach by the last renewal; 0 = there was none
  std::uint32_t renewed = 0;  // and the manager that came by it has seen to the rest
  std::uint32_t journal_entry_size = 0;
  std::uint32_t note_size = 0;
  InHand in_hand;                               // of the manager that lives
  InHand suspect;                               // of the last that crashed
  std::array<InHand, kRefusedCount> refused{};  // the newest, in a ring
  std::uint32_t refused_count = 0;              // ever
  std::uint32_t log_used = 0;                   // entries that wait for their commit, or to be copied
  std::uint64_t log_commit = 0;                 // theirs
  std::uint64_t log_offset = 0;                 // in the file
};

enum class JournalState : std::uint32_t {
  Free = 0,
  Accepted = 1,  // written down, the engine may not know yet: asked again at recovery
  Pending = 2,   // the engine's job stands
  Done = 3,      // job.outcome and job.cause are the answer
};

// One request that changes something, under its caller's request_id (may be empty).
struct JournalEntry {
  JournalState state = JournalState::Free;
  std::uint32_t request_id_size = 0;
  core::JobRecord job;
  std::array<char, kRequestIdBytes> request_id{};
  std::uint32_t reserved = 0;
  std::uint32_t crc = 0;  // of all before it
  [[nodiscard]] std::string_view id() const {
    return {request_id.data(), request_id_size <= kRequestIdBytes ? request_id_size : 0};
  }
};

// What the manager knows of one unit beside the engine's record, and shows. Written at once and not with a
// commit.
struct UnitNote {
  std::int64_t cpu_us = 0;  // of the last run, when has_last_run
  std::int64_t memory_peak = 0;
  std::uint64_t oom_kills = 0;
  std::uint32_t activation = 0;
  std::uint32_t ready = 0;  // the activation that was told to be ready
  std::uint16_t has_last_run = 0;
  std::uint16_t out_of_memory = 0;
  std::array<char, kNoteStatusBytes> status{};
  std::uint32_t status_size = 0;
  std::uint32_t reserved = 0;
  std::uint32_t crc = 0;  // of all before it
};

// Bytes of the log that are to replace others.
struct LogEntry {
  std::uint64_t offset = 0;  // in the file
  std::uint32_t size = 0;
  std::uint32_t crc = 0;  // of the bytes, beginning with the offset
  std::array<std::byte, 320> bytes{};
};

class Intents {
 public:
  // A new, empty memfd, sealed against a change of size. fd() is to be stored with PID 1.
  static Result<Intents> create();
  // Of an earlier manager. Refused (EBADMSG) when it is not of this version: then the facts alone must do.
  // Where only sizes differ it is made anew: fd() is another one then, to be stored.
  static Result<Intents> open(UniqueFd fd);
  Intents(Intents&& other) noexcept;
  Intents& operator=(Intents&& other) noexcept;
  ~Intents();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] IntentsHeader& header() { return *header_; }

  // Puts down the record of one unit at its place, once between two commits; kNoPlace gets a new place. False
  // when all places are taken.
  [[nodiscard]] bool put(const core::UnitRecord& record, std::uint32_t& place);
  void commit();  // all that was put down or changed counts from here on
  static constexpr std::uint32_t kNoPlace = ~std::uint32_t{0};
  void release(std::uint32_t place);  // the unit is gone
  // At the place of the unit's record; nothing at kNoPlace. Commits.
  void keep_note(std::uint32_t place, UnitNote note);
  [[nodiscard]] std::optional<UnitNote> note(std::uint32_t place) const;
  struct Placed {
    std::uint32_t place;
    core::UnitRecord record;
  };
  [[nodiscard]] std::vector<Placed> records() const;

  // Begins an entry in the ring, over the oldest that is done. Commits. False when 1,024 requests are
  // pending.
  [[nodiscard]] bool begin(JournalEntry entry);
  // The entry of the same job, which is unfinished, becomes this one with the next commit.
  void change(JournalEntry entry);
  // Null: no such request, or it was so long ago that its place was taken.
  [[nodiscard]] const JournalEntry* find_request(std::string_view request_id) const;
  // Of an unfinished job.
  [[nodiscard]] const JournalEntry* find_job(core::JobId job) const;
  // All whole entries in one of the unfinished states.
  [[nodiscard]] std::vector<JournalEntry> unfinished();

 private:
  struct Cell {
    std::uint64_t generation = 0;  // the commit that it belongs to; 0 = never written
    std::uint32_t crc = 0;
    core::UnitRecord record;
  };
  struct Place {
    std::array<Cell, 2> cells;
  };
  Intents(UniqueFd fd, void* base) noexcept;
  static Result<void*> map(int fd);
  static Result<Intents> open_same(UniqueFd fd);
  static Result<Intents> convert(std::span<const std::byte> old, const IntentsHeader& seen);
  static Result<> complete(int fd, IntentsHeader& header);
  void put(std::uint32_t place, JournalEntry& entry);
  void replace(void* at, const void* with, std::size_t size);
  [[nodiscard]] bool counts(const Cell& cell) const;
  [[nodiscard]] const Cell* newest(const Place& place) const;  // null: none counts
  [[nodiscard]] static bool valid(const JournalEntry& entry);
  [[nodiscard]] static bool unfinished(const JournalEntry& entry);

  UniqueFd fd_;
  void* base_ = nullptr;
  IntentsHeader* header_ = nullptr;
  JournalEntry* journal_ = nullptr;
  Place* places_ = nullptr;
  UnitNote* notes_ = nullptr;  // as many as places
  LogEntry* log_ = nullptr;
  std::uint32_t logged_ = 0;  // since the last commit
  std::vector<std::uint32_t> free_places_;
  std::unordered_map<core::JobId, std::uint32_t> by_job_;  // unfinished ones
};

}  // namespace init::manager
