#include "daemon/logger/unit_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace init::logger {
namespace {

constexpr Bounds kRing{64 * 1024, 1, 128 * 1024};

std::int64_t wall_us() {
  return wall_now().since_epoch / std::chrono::microseconds(1);
}

std::vector<Pattern> compiled(const std::vector<std::string>& expressions) {
  std::vector<Pattern> patterns;
  for (const auto& expression : expressions) {
    if (auto pattern = Pattern::compile(expression)) patterns.push_back(std::move(*pattern));
  }
  return patterns;
}

bool any_in(const std::vector<Pattern>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [text](const Pattern& pattern) { return pattern.found_in(text); });
}

// The bytes up to the end of line number `lines`.
std::size_t first_lines(std::string_view bytes, std::uint32_t lines) {
  std::size_t end = 0;
  for (; lines > 0 && end < bytes.size(); --lines) {
    const std::size_t found = bytes.find('\n', end);
    end = found == std::string_view::npos ? bytes.size() : found + 1;
  }
  return end;
}

std::uint64_t count_lines(std::string_view stored) {
  return static_cast<std::uint64_t>(std::count(stored.begin(), stored.end(), '\n'));
}

std::string lines_text(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " line" : " lines");
}

}  // namespace

UnitLog::UnitLog(std::string unit, Surroundings& surroundings)
    : unit_(std::move(unit)),
      around_(surroundings),
      disk_{Storage(around_.disk + "/" + unit_, around_.group)},
      memory_{Storage(around_.memory + "/" + unit_, around_.group)} {}

unit::LogConfig UnitLog::unbounded() {
  unit::LogConfig config;
  config.count = std::numeric_limits<decltype(config.count)>::max();
  config.total = std::numeric_limits<decltype(config.total)>::max();
  config.compress = false;
  return config;
}

void UnitLog::configure(const unit::LogConfig& config, const std::string& ready_line) {
  if (ready_ && ready_->line != ready_line) ready_.reset();
  if (!ready_ && !ready_line.empty()) {
    if (auto pattern = Pattern::compile(ready_line))
      ready_ = std::make_unique<Readiness>(Readiness{ready_line, std::move(*pattern)});
  }
  config_ = config;
  keep_ = compiled(config.keep);
  drop_ = compiled(config.drop);
}

// ---- Which lines

void UnitLog::renew_window(MonotonicTime now) {
  if (config_.rate_limit.lines == 0 || now < window_end_) return;
  window_end_ = now + config_.rate_limit.interval;
  in_window_ = 0;
}

// Also what is not stored may say that the unit is ready.
bool UnitLog::keeps(std::string_view text) {
  if (ready_ && ready_->looks && ready_->pattern.found_in(text)) ready_->looks = false;
  if (!keep_.empty() && !any_in(keep_, text)) return false;
  if (any_in(drop_, text)) return false;
  ++in_window_;
  const auto& limit = config_.rate_limit;
  const bool waits = waits_ && config_.overflow == unit::Overflow::Block;
  if (limit.lines == 0 || waits || in_window_ <= limit.lines) return true;
  ++dropped_;
  return false;
}

std::size_t UnitLog::allowed(std::string_view bytes, MonotonicTime now) {
  renew_window(now);
  const auto& limit = config_.rate_limit;
  if (limit.lines == 0 || config_.overflow == unit::Overflow::Drop) return bytes.size();
  return first_lines(bytes, limit.lines - std::min(limit.lines, in_window_));
}

// ---- Where

UnitLog::Kept* UnitLog::at(Place place) {
  if (place == Place::Nowhere) return nullptr;
  return place == Place::Disk ? &disk_ : &memory_;
}

Result<> UnitLog::rotate_disk() {
  auto name = disk_.storage.rotate();
  if (!name) return Failure(name.error());
  if (!name->empty() && config_.compress)
    around_.to_compress.push_back(disk_.storage.directory() + "/" + *name);
  (void)disk_.storage.prune({config_.size, config_.count, config_.total});
  disk_.invocation.clear();
  return {};
}

// Also after an earlier logger that could not.
Result<> UnitLog::bring_home() {
  if (access(memory_.storage.directory().c_str(), F_OK) != 0) return {};
  if (auto opened = memory_.storage.open(); !opened) return opened;
  if (auto rotated = memory_.storage.rotate(); !rotated) return Failure(rotated.error());
  const auto names = memory_.storage.past();
  if (!names.empty()) {
    if (auto rotated = rotate_disk(); !rotated) return rotated;
    for (const auto& name : names) {
      if (auto taken = disk_.storage.take_in(memory_.storage, name); !taken) return taken;
    }
    if (auto opened = disk_.storage.open(); !opened) return opened;
  }
  memory_.storage.remove();
  return {};
}

Result<> UnitLog::open_disk() {
  disk_.invocation.clear();
  if (auto opened = disk_.storage.open(); !opened) return opened;
  if (auto home = bring_home(); !home) return home;
  for (const auto& name : disk_.storage.past()) {
    if (config_.compress && !log::parse_rotated_name(name)->compressed)
      around_.to_compress.push_back(disk_.storage.directory() + "/" + name);
  }
  return {};
}

Result<> UnitLog::ready_disk(std::size_t bytes, std::int64_t now_us) {
  Storage& storage = disk_.storage;
  if (!storage.is_open() || !storage.refresh()) {
    if (auto opened = open_disk(); !opened) return opened;
  }
  const bool full = storage.size() > 0 && storage.size() + bytes > config_.size;
  const bool old = storage.first_us() > 0 && config_.age != kInfinity &&
                   now_us - storage.first_us() > config_.age / std::chrono::microseconds(1);
  if (!full && !old) return {};
  if (auto rotated = rotate_disk(); !rotated) return rotated;
  return storage.open();
}

Result<> UnitLog::ready_memory(std::size_t bytes) {
  Storage& storage = memory_.storage;
  if (around_.memory.empty()) return failure(ENOENT, "open");
  if (!storage.is_open() || !storage.refresh()) {
    memory_.invocation.clear();
    if (auto opened = storage.open(); !opened) return opened;
  }
  if (storage.size() == 0 || storage.size() + bytes <= kRing.size) return {};
  memory_.invocation.clear();
  if (auto rotated = storage.rotate(); !rotated) return Failure(rotated.error());
  overran_ = storage.prune(kRing) > 0 || overran_;
  return storage.open();
}

Place UnitLog::ready(std::size_t bytes, std::int64_t now_us) {
  if (!failed_) {
    auto disk = ready_disk(bytes, now_us);
    if (disk) return Place::Disk;
    fail(disk.error());
  }
  return ready_memory(bytes) ? Place::Memory : Place::Nowhere;
}

void UnitLog::take_home() {
  if (auto opened = open_disk(); !opened) fail(opened.error());
}

void UnitLog::heal() {
  if (auto opened = open_disk(); !opened) {
    disk_.storage.close();
    return fail(opened.error());
  }
  failed_.reset();
  memory_.storage.close();
}

// ---- Storing

void UnitLog::add_mark(Kept& kept, const Work& work, std::int64_t now_us) {
  const std::string_view invocation = work.from.invocation.data();
  if (kept.invocation == invocation && kept.since_mark < log::kMarkEvery) return;
  log::append_mark(around_.lines, now_us, invocation, around_.boot);
  kept.invocation = invocation;
  kept.since_mark = 0;
}

void UnitLog::store(Pump& pump, const Work& work) {
  const std::int64_t now_us = wall_us();
  renew_window(monotonic_now());
  const Place place = ready(work.bytes.size(), now_us);
  const Kept* kept = at(place);
  const std::uint64_t offset = kept != nullptr ? kept->storage.size() : 0;
  const std::uint64_t inode = kept != nullptr ? kept->storage.inode() : 0;
  const Operation operation{work.from, place, work.ended ? 1U : 0U, work.bytes.size(),
                            offset,    inode, work.datagram};
  waits_ = work.datagram == DatagramId{};
  if (work.pipe >= 0) {
    pump.take(work.pipe, operation);
  } else if (work.socket != nullptr) {
    pump.put(work.bytes, operation);
    work.socket->consume();
  } else if (kept != nullptr) {
    pump.move(place, offset, inode);
  }
  const bool looks = ready_ && !was_ready(work.from);
  if (ready_) ready_->looks = looks;
  write(pump, place, work, now_us);
  if (looks && !ready_->looks) {
    ready_->invocation = work.from.invocation.data();
    around_.tell_ready(work.from);  // before the work is done: a logger that dies here does it again
  }
  pump.finish();
}

void UnitLog::write(Pump& pump, Place place, const Work& work, std::int64_t now_us) {
  std::string body;
  around_.lines.clear();
  if (Kept* kept = at(place)) add_mark(*kept, work, now_us);
  const std::size_t mark = around_.lines.size();
  if (in_window_ == 0 && dropped_ > dropped_told_) {
    log::append_line(around_.lines,
                     {now_us, log::Stream::Note, 4, log::Ending::Whole,
                      lines_text(dropped_ - dropped_told_) + " above rate-limit were dropped"});
    dropped_told_ = dropped_;
  }
  log::frame(around_.lines, work.bytes, {now_us, static_cast<log::Stream>(work.from.stream), work.ended},
             this);
  if (around_.lines.size() == mark) return;
  Result<> written = failure(ENOENT, "write");
  if (Kept* kept = at(place)) {
    written = kept->storage.append(around_.lines, now_us);
    kept->since_mark += around_.lines.size();
  }
  if (!written && place == Place::Disk) {
    fail(written.error());
    disk_.storage.close();
    if (ready_memory(around_.lines.size())) {
      pump.move(Place::Memory, memory_.storage.size(), memory_.storage.inode());
      body = around_.lines.substr(mark);
      around_.lines.clear();
      add_mark(memory_, work, now_us);
      around_.lines += body;
      written = memory_.storage.append(around_.lines, now_us);
      memory_.since_mark += around_.lines.size();
    }
  }
  if (!written) lost_ += count_lines(std::string_view(around_.lines).substr(mark));
}

void UnitLog::take_back(const Operation& operation) {
  if (Kept* kept = at(operation.place)) kept->storage.cut(operation.offset, operation.inode);
}

std::string UnitLog::trouble() const {
  std::string text;
  if (failed_) {
    text = failed_->text() + "; lines are kept in memory until it can be written";
    if (overran_) text += ", the oldest are gone";
  }
  const auto add = [&text](std::uint64_t count, const char* what) {
    if (count > 0) text += (text.empty() ? "" : "; ") + lines_text(count) + what;
  };
  add(lost_, " lost");
  add(dropped_, " above rate-limit dropped");
  add(cut_, " cut off at 8 KiB, as longer datagrams are");
  return text;
}

}  // namespace init::logger
