#include "daemon/manager/os/http_response.h"

#include <algorithm>

namespace init::manager {
namespace {

constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::size_t kStatusAt = kVersion.size() + 2;  // after the minor version and a blank

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// As far as it has come.
bool may_be_status_line(std::string_view text) {
  for (std::size_t i = 0; i < std::min(text.size(), kStatusAt + 3); ++i) {
    const bool fits = i < kVersion.size()  ? text[i] == kVersion[i]
                      : i + 1 == kStatusAt ? text[i] == ' '
                                           : is_digit(text[i]);
    if (!fits) return false;
  }
  return true;
}

int status_of(std::string_view head) {
  int status = 0;
  for (const char digit : head.substr(kStatusAt, 3)) status = status * 10 + (digit - '0');
  return status;
}

// Where the body begins, looking at line ends behind `from`; npos: the empty line has not come. Lines may end
// without CR (RFC 9112, 2.2).
std::size_t find_body(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    const std::string_view rest = text.substr(at + 1);
    if (rest.starts_with('\n')) return at + 2;
    if (rest.starts_with("\r\n")) return at + 3;
  }
  return std::string_view::npos;
}

}  // namespace

HttpResponse::State HttpResponse::bad(std::string problem) {
  problem_ = std::move(problem);
  return State::Bad;
}

HttpResponse::State HttpResponse::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t before = text_.size();
    const std::size_t taken = std::min(bytes.size(), in_body_ ? kMaxBody - body_bytes_ : kMaxHead - before);
    text_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (in_body_) body_bytes_ += taken;
    if (const State state = in_body_ ? read_body() : read_head(before); state != State::More) return state;
  }
  return State::More;
}

HttpResponse::State HttpResponse::read_head(std::size_t known) {
  if (!may_be_status_line(text_)) return bad("the answer is not HTTP");
  const std::size_t body = find_body(text_, known < 2 ? 0 : known - 2);
  if (body == std::string::npos)
    return text_.size() < kMaxHead ? State::More : bad("its headers do not end within 16 KiB");
  const int status = status_of(text_);
  const bool fits = wanted_.status != 0 ? status == wanted_.status : status >= 200 && status < 400;
  if (!fits) return bad("status " + std::to_string(status));
  if (wanted_.text.empty()) return State::Good;
  text_.erase(0, body);
  in_body_ = true;
  body_bytes_ = text_.size();
  return read_body();
}

HttpResponse::State HttpResponse::read_body() {
  if (text_.find(wanted_.text) != std::string::npos) return State::Good;
  if (body_bytes_ >= kMaxBody) return bad("the wanted text is not in the first 64 KiB");
  if (text_.size() >= wanted_.text.size()) text_.erase(0, text_.size() - wanted_.text.size() + 1);
  return State::More;
}

HttpResponse::State HttpResponse::end() {
  return bad(in_body_ ? "the wanted text is not in the answer"
                      : "the connection was closed before an answer");
}

}  // namespace init::manager
