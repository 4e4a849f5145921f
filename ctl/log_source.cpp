#include "ctl/log_source.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "libinit/log/names.h"

namespace init::ctl {
namespace {

constexpr std::size_t kLongestRecord = 1 << 20;  // a longer line is shown in pieces

std::int64_t first_time(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, log::kStampBytes> text{};
  const ssize_t got = read(fd.get(), text.data(), text.size());
  return log::parse_stamp({text.data(), got > 0 ? static_cast<std::size_t>(got) : 0}).value_or(INT64_MAX);
}

}  // namespace

LogSource::LogSource(std::string unit, std::vector<std::string> directories)
    : unit_(std::move(unit)), directories_(std::move(directories)) {}

void LogSource::list_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (!directory && errno != ENOENT) errors_.push_back({errno, "open", path, {}, {}});
  while (const dirent* entry = directory ? readdir(directory.get()) : nullptr) {
    const std::string name(entry->d_name);
    const std::string file = path + "/" + name;
    if (const auto past = log::parse_rotated_name(name)) {
      files_.push_back({file, past->first_us, past->compressed, false});
    } else if (name == log::kCurrent) {
      files_.push_back({file, first_time(file), false, true});
    }
  }
}

bool LogSource::list(std::int64_t since_us) {
  for (const auto& directory : directories_) list_directory(directory);
  // While a file is being compressed, or brought to the disk, both may be there, and stay so after a crash.
  const auto earlier = [](const File& a, const File& b) {
    return a.first_us != b.first_us ? a.first_us < b.first_us : !a.compressed && b.compressed;
  };
  std::stable_sort(files_.begin(), files_.end(), earlier);  // of two copies the one in the first directory
  const auto same = [](const File& a, const File& b) {
    return a.first_us == b.first_us && !a.current && !b.current;
  };
  files_.erase(std::unique(files_.begin(), files_.end(), same), files_.end());
  const bool any = !files_.empty();
  // A file ends where the next begins.
  while (files_.size() > 1 && files_[1].first_us < since_us) files_.pop_front();
  return any;
}

bool LogSource::open_next() {
  while (!files_.empty()) {
    opened_ = files_.front();
    files_.pop_front();
    auto file = LogFile::open(opened_.path, opened_.compressed);
    if (!file && !opened_.compressed && !opened_.current)
      file = LogFile::open(opened_.path + ".zst", opened_.compressed = true);  // meanwhile
    if (file) {
      open_ = std::move(*file);
      reader_.restart();
      return true;
    }
    if (file.error().code != ENOENT) errors_.push_back(file.error());
  }
  return false;
}

// The file that was current is one of the past now.
bool LogSource::replaced() const {
  struct stat mine {
  }, now{};
  return fstat(open_->fd(), &mine) == 0 && stat(opened_.path.c_str(), &now) == 0 && mine.st_ino != now.st_ino;
}

// Between two looks several files may have been closed.
void LogSource::list_later(std::int64_t than_us) {
  (void)list(0);
  std::erase_if(files_, [than_us](const File& file) { return file.first_us <= than_us; });
}

std::optional<LogRecord> LogSource::record(const log::Entry& entry) {
  auto& begun = begun_[static_cast<std::size_t>(entry.stream)];
  if (!begun) {
    begun = LogRecord{unit_, entry.time_us,        entry.stream,  entry.severity, false,
                      {},    reader_.invocation(), reader_.boot()};
  }
  begun->text += entry.text;
  if (entry.ending == log::Ending::Continues && begun->text.size() < kLongestRecord) return std::nullopt;
  begun->unfinished = entry.ending == log::Ending::Unfinished;
  return std::exchange(begun, std::nullopt);
}

std::optional<LogRecord> LogSource::next() {
  for (;;) {
    for (log::Entry entry; reader_.next(entry);) {
      opened_.first_us = std::min(opened_.first_us, entry.time_us);
      if (auto whole = record(entry)) return whole;
    }
    if (!open_ && !open_next()) return std::nullopt;
    const bool was_replaced = opened_.current && replaced();  // asked first: then all of it can be read
    auto bytes = open_->read();
    if (!bytes) errors_.push_back(bytes.error());
    if (bytes && !bytes->empty()) {
      reader_.feed(*bytes);
      continue;
    }
    if (was_replaced) list_later(opened_.first_us);
    if (opened_.current && !was_replaced && files_.empty()) return std::nullopt;
    open_.reset();
  }
}

}  // namespace init::ctl
