#include "libinit/log/reader.h"

#include <algorithm>

namespace init::log {
namespace {

constexpr std::size_t kLongestLine = kHeaderBytes + kLongestText;

}  // namespace

void Reader::feed(std::string_view bytes) {
  buffer_.erase(0, at_);
  searched_ -= std::min(searched_, at_);
  at_ = 0;
  buffer_.append(bytes);
}

bool Reader::take(std::string_view stored, Entry& entry) {
  const auto parsed = parse_line(stored);
  if (!parsed) {
    ++damaged_;
    return false;
  }
  if (parsed->stream == Stream::Mark) {
    if (const auto mark = parse_mark(*parsed)) {
      invocation_ = mark->invocation;
      boot_ = mark->boot;
    }
    return false;
  }
  entry = *parsed;
  return true;
}

bool Reader::next(Entry& entry) {
  for (;;) {
    const std::size_t end = buffer_.find('\n', std::max(at_, searched_));
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      // Nothing that was written as a line is as long: not kept in memory for ever.
      if (tail() > kLongestLine) at_ = searched_;
      return false;
    }
    const std::string_view stored = std::string_view(buffer_).substr(at_, end - at_);
    at_ = end + 1;
    if (take(stored, entry)) return true;
  }
}

void Reader::restart() {
  buffer_.clear();
  at_ = searched_ = 0;
  invocation_.clear();
  boot_.clear();
}

}  // namespace init::log
