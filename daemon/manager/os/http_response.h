// A server's answer to a probe, byte by byte: as much of HTTP/1.0 and 1.1 (RFC 9112) as tells whether it is
// well. The server is not trusted: what is kept of its answer is bounded, and none of its bytes is ever
// shown.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace init::manager {

class HttpResponse {
 public:
  static constexpr std::size_t kMaxHead = std::size_t{16} << 10U;  // status line and headers, bytes
  static constexpr std::size_t kMaxBody = std::size_t{64} << 10U;  // so far the text is looked for

  struct Wanted {
    int status = 0;    // 0 = 200 to 399
    std::string text;  // somewhere in the body as it is sent; empty = the body is not read
  };
  enum class State { More, Good, Bad };

  explicit HttpResponse(Wanted wanted) : wanted_(std::move(wanted)) {}

  // What came, in order, until the state is no longer More.
  State feed(std::string_view bytes);
  // The server has closed the connection.
  State end();
  // Why it is Bad; initd's own words.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  State bad(std::string problem);
  State read_head(std::size_t known);  // bytes of text_ in which the end was not found
  State read_body();

  Wanted wanted_;
  std::string text_;  // the head; then the part of the body that the wanted text may begin in
  std::size_t body_bytes_ = 0;
  bool in_body_ = false;
  std::string problem_;
};

}  // namespace init::manager
