#include "daemon/manager/control/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "libinit/api/message.h"

namespace init::control {
namespace {

constexpr std::size_t kBuffer = api::kMaxCallBytes + 1;  // with its NUL
constexpr std::size_t kWorthKeeping = 4096;              // bytes of an empty buffer

bool is_passing(int error) {
  return error == EAGAIN || error == EINTR;
}

}  // namespace

bool Connection::has_room() const {
  return !input_ended_ && in_.size() < kBuffer;
}

Connection::Io Connection::receive(MonotonicTime now) {
  if (!has_room()) return Io::Ok;
  const std::size_t before = in_.size();
  char buffer[8192];
  const ssize_t got = recv(fd_.get(), buffer, std::min(sizeof(buffer), kBuffer - before), 0);
  if (got < 0) return is_passing(errno) ? Io::Ok : Io::Lost;
  if (got == 0) {
    input_ended_ = true;
    return Io::Ok;
  }
  in_.append(buffer, static_cast<std::size_t>(got));
  if (before == 0 && called_) since_ = now;
  if (!has_message()) message_end_ = in_.find('\0', before);
  return has_message() || in_.size() < kBuffer ? Io::Ok : Io::Lost;
}

std::string Connection::take_message(MonotonicTime now) {
  std::string message = in_.substr(0, message_end_);
  in_.erase(0, message_end_ + 1);
  message_end_ = in_.find('\0');
  if (in_.empty() && in_.capacity() > kWorthKeeping) in_.shrink_to_fit();
  called_ = true;
  since_ = now;
  return message;
}

void Connection::answer(std::uint64_t serial, std::string message, bool continues, MonotonicTime now) {
  const auto call = std::find_if(pending_.begin(), pending_.end(),
                                 [serial](const Pending& candidate) { return candidate.serial == serial; });
  if (call == pending_.end() || call->complete) return;
  held_ += message.size() - call->held.size();
  call->held = std::move(message);
  call->complete = !continues;
  release_held(now);
}

void Connection::release_held(MonotonicTime now) {
  bool next = true;
  while (next && !pending_.empty()) {
    Pending& front = pending_.front();
    next = front.complete;
    held_ -= front.held.size();
    append_output(std::exchange(front.held, {}), now);
    if (next) pending_.pop_front();
  }
}

void Connection::append_output(std::string message, MonotonicTime now) {
  if (out_.empty()) {
    out_ = std::move(message);
    since_ = now;
    return;
  }
  out_.erase(0, std::exchange(sent_, 0));
  out_ += message;
}

Connection::Io Connection::flush(MonotonicTime now) {
  while (sent_ < out_.size()) {
    const ssize_t sent = send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? Io::Ok : Io::Lost;
    sent_ += static_cast<std::size_t>(sent);
    since_ = now;
  }
  out_.clear();
  if (out_.capacity() > kWorthKeeping) out_.shrink_to_fit();
  sent_ = 0;
  return Io::Ok;
}

std::vector<std::uint64_t> Connection::abandon() {
  std::vector<std::uint64_t> dropped;
  for (const Pending& call : pending_) {
    if (!call.complete) dropped.push_back(call.serial);
  }
  abandoned_ = true;
  pending_.clear();
  held_ = 0;
  out_.clear();
  sent_ = 0;
  return dropped;
}

MonotonicTime Connection::deadline(Duration half_open, Duration stalled) const {
  if (!out_.empty()) return since_ + stalled;
  const bool owes_us = !called_ || (!in_.empty() && !has_message());
  return owes_us && pending_.empty() ? since_ + half_open : MonotonicTime::never();
}

}  // namespace init::control
