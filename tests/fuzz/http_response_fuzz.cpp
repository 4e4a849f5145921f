// Any bytes as a server's answer: understood or refused, in the same way however they are cut, and never
// shown.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "daemon/manager/os/http_response.h"
#include "tests/fuzz/bounded.h"

namespace {

using init::manager::HttpResponse;

HttpResponse::State feed(HttpResponse& response, std::string_view bytes, std::size_t piece) {
  auto state = HttpResponse::State::More;
  for (; !bytes.empty() && state == HttpResponse::State::More;
       bytes.remove_prefix(std::min(piece, bytes.size())))
    state = response.feed(bytes.substr(0, piece));
  return state == HttpResponse::State::More ? response.end() : state;
}

void expect_one_meaning(std::string_view bytes, const HttpResponse::Wanted& wanted) {
  HttpResponse whole(wanted), cut(wanted);
  const auto state = feed(whole, bytes, bytes.size() + 1);
  if (state == HttpResponse::State::More || feed(cut, bytes, 7) != state) std::abort();
  if (whole.problem() != cut.problem() || whole.problem().size() > 64) std::abort();
}

}  // namespace

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  expect_one_meaning(bytes, {});
  expect_one_meaning(bytes, {404, "ok"});
  // A fuzzer seldom guesses the line that comes first.
  expect_one_meaning("HTTP/1.1 200 OK\r\n" + std::string(bytes), {0, "ok"});
  return 0;
}
