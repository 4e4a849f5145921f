// One client's bytes: calls in, answers out, in the order of the calls. Knows nothing of the loop, roles or
// limits of others; what it holds is bounded.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "daemon/manager/control/peer.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"

namespace init::control {

class Connection {
 public:
  enum class Io { Ok, Lost };  // Lost: to be closed

  Connection(UniqueFd fd, Peer peer, MonotonicTime now)
      : fd_(std::move(fd)), peer_(std::move(peer)), since_(now) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const Peer& peer() const { return peer_; }

  // Reads what the buffer has room for: one message of the largest size. Lost: read error, or a message that
  // is too large.
  Io receive(MonotonicTime now);
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] bool has_message() const { return message_end_ != std::string::npos; }
  // The next message without its NUL; only when has_message().
  [[nodiscard]] std::string take_message(MonotonicTime now);

  // A call that will be answered.
  void expect(std::uint64_t serial) { pending_.push_back({serial, {}, false}); }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }
  // Queues a message for that call: goes out once the calls before it have their final answers; until then
  // only its latest message is kept. A serial that is not expected is ignored.
  void answer(std::uint64_t serial, std::string message, bool continues, MonotonicTime now);
  // Sends what the socket takes.
  Io flush(MonotonicTime now);
  [[nodiscard]] bool has_output() const { return !out_.empty(); }
  [[nodiscard]] std::size_t queued_bytes() const { return out_.size() + held_; }
  [[nodiscard]] std::size_t buffered_bytes() const { return in_.size(); }

  // The peer has closed both directions: nothing can be answered any more. Returns the calls that were
  // waiting.
  [[nodiscard]] std::vector<std::uint64_t> abandon();
  [[nodiscard]] bool abandoned() const { return abandoned_; }
  [[nodiscard]] bool input_ended() const { return input_ended_; }
  // Nothing more can come of it.
  [[nodiscard]] bool finished() const {
    return input_ended_ && !has_message() && out_.empty() && pending_.empty();
  }

  // When the peer has had its time: to complete a call, or to take a byte of its answers. never() = it is not
  // to be hurried.
  [[nodiscard]] MonotonicTime deadline(Duration half_open, Duration stalled) const;

 private:
  struct Pending {
    std::uint64_t serial = 0;
    std::string held;
    bool complete = false;
  };
  void release_held(MonotonicTime now);
  void append_output(std::string message, MonotonicTime now);

  UniqueFd fd_;
  Peer peer_;
  std::string in_;
  std::size_t message_end_ = std::string::npos;
  std::string out_;
  std::size_t sent_ = 0;  // of out_
  std::deque<Pending> pending_;
  std::size_t held_ = 0;  // bytes in pending_
  MonotonicTime since_;   // of the last thing that the peer did, or that it waited for
  bool called_ = false;   // has sent a whole message
  bool input_ended_ = false;
  bool abandoned_ = false;
};

}  // namespace init::control
