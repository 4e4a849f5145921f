#include "daemon/manager/os/http_response.h"

#include <gtest/gtest.h>

namespace init::manager {
namespace {

using State = HttpResponse::State;

// All at once, and byte by byte: the same is made of it.
State outcome(const std::string& text, const HttpResponse::Wanted& wanted = {}) {
  HttpResponse whole(wanted);
  const State state = whole.feed(text);
  HttpResponse slow(wanted);
  State last = State::More;
  for (std::size_t i = 0; i < text.size() && last == State::More; ++i) last = slow.feed(text.substr(i, 1));
  EXPECT_EQ(last, state);
  EXPECT_EQ(slow.problem(), whole.problem());
  return state;
}

std::string problem(const std::string& text, const HttpResponse::Wanted& wanted = {}) {
  HttpResponse response(wanted);
  EXPECT_EQ(response.feed(text), State::Bad);
  return response.problem();
}

TEST(HttpResponse, TwoAndThreeHundredsAreGoodOnceTheHeadersEnd) {
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nA: b\r\n\r\n"), State::Good);
  EXPECT_EQ(outcome("HTTP/1.0 301 Moved\n\n"), State::Good);
  EXPECT_EQ(outcome("HTTP/1.1 399\r\n\r\nbody"), State::Good);
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nA: b\r\n"), State::More);
  EXPECT_EQ(problem("HTTP/1.1 404 Not Found\r\n\r\n"), "status 404");
  EXPECT_EQ(problem("HTTP/1.1 100 Continue\r\n\r\n"), "status 100");
}

TEST(HttpResponse, AWantedStatusStandsForAllOthers) {
  EXPECT_EQ(outcome("HTTP/1.1 401 No\r\n\r\n", {401, ""}), State::Good);
  EXPECT_EQ(problem("HTTP/1.1 200 OK\r\n\r\n", {401, ""}), "status 200");
}

TEST(HttpResponse, WhatIsNotHttpEndsAtItsFirstWrongByte) {
  for (const char* text : {"SSH-2.0-x", "HTTP/2 200", "http/1.1 200 OK", "HTTP/1.x 200", "HTTP/1.1  200",
                           "HTTP/1.1 2x0", "HTTP/1.1 20\r\n\r\n", "\n\n", "\r\n\r\n"}) {
    EXPECT_EQ(outcome(text), State::Bad) << text;
    EXPECT_EQ(problem(text), "the answer is not HTTP") << text;
  }
}

TEST(HttpResponse, EndlessHeadersAndBodiesEndAtTheirLimit) {
  const std::string endless(HttpResponse::kMaxBody * 2, 'a');
  EXPECT_EQ(problem("HTTP/1.1 200 OK\r\nX: " + endless), "its headers do not end within 16 KiB");
  EXPECT_EQ(problem("HTTP/1.1 200 OK\r\n\r\n" + endless, {0, "fine"}),
            "the wanted text is not in the first 64 KiB");
}

TEST(HttpResponse, TheTextIsFoundWhereverItBegins) {
  const HttpResponse::Wanted fine{0, "fine"};
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\n\r\nall is fine", fine), State::Good);
  EXPECT_EQ(outcome("HTTP/1.1 200 fine\r\nX: fine\r\n\r\nfin", fine), State::More);
  HttpResponse halves(fine);
  EXPECT_EQ(halves.feed("HTTP/1.1 200 OK\r\n\r\n" + std::string(40000, 'f') + "fi"), State::More);
  EXPECT_EQ(halves.feed("ne"), State::Good);
}

TEST(HttpResponse, AnEarlyEndIsNoAnswer) {
  HttpResponse head({});
  EXPECT_EQ(head.feed("HTTP/1.1 200 OK\r\n"), State::More);
  EXPECT_EQ(head.end(), State::Bad);
  EXPECT_EQ(head.problem(), "the connection was closed before an answer");
  HttpResponse body({0, "fine"});
  EXPECT_EQ(body.feed("HTTP/1.1 200 OK\r\n\r\nbad"), State::More);
  EXPECT_EQ(body.end(), State::Bad);
  EXPECT_EQ(body.problem(), "the wanted text is not in the answer");
}

}  // namespace
}  // namespace init::manager
