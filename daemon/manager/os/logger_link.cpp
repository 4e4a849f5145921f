#include "daemon/manager/os/logger_link.h"

#include <array>
#include <cerrno>

#include "libinit/unit/codec.h"

namespace init::manager {

void LoggerLink::open(LogPipe pipe) {
  waiting_.push_back({channel::MessageType::LogOpen, std::move(pipe), {}, {}});
  (void)flush();
}

void LoggerLink::read_syslog(LogSocket socket) {
  waiting_.push_back({channel::MessageType::LogSyslog, {}, {}, std::move(socket)});
  (void)flush();
}

void LoggerLink::sync() {
  waiting_.push_back({channel::MessageType::LogSync, {}, {}, {}});
  (void)flush();
}

void LoggerLink::flush_unit(std::uint64_t tag) {
  waiting_.push_back({channel::MessageType::LogFlush, {}, {tag}, {}});
  (void)flush();
}

int LoggerLink::send(const Waiting& waiting) const {
  if (waiting.type == channel::MessageType::LogSync)
    return channel::send_packet(socket_.get(), {.type = waiting.type});
  if (waiting.type == channel::MessageType::LogFlush)
    return channel::send_packet(socket_.get(),
                                {.type = waiting.type, .body = channel::body_bytes(waiting.unit)});
  if (waiting.type == channel::MessageType::LogSyslog) {
    const auto& socket = waiting.socket;
    const std::array<int, 2> fds{socket.socket.get(), socket.units.get()};
    return channel::send_packet(socket_.get(), {.type = waiting.type,
                                                .body = channel::body_bytes(socket.body),
                                                .payload = std::as_bytes(std::span(socket.prefix)),
                                                .fds = std::span(fds).first(socket.units ? 2 : 1)});
  }
  unit::Writer writer;
  writer(waiting.pipe.config, waiting.pipe.ready_line);
  const int fd = waiting.pipe.read.get();
  return channel::send_packet(socket_.get(), {.type = waiting.type,
                                              .body = channel::body_bytes(waiting.pipe.name),
                                              .payload = std::as_bytes(std::span(writer.bytes)),
                                              .fds = {&fd, 1}});
}

// A logger that is gone is told all again when the next one starts.
bool LoggerLink::flush() {
  while (!waiting_.empty()) {
    const int error = send(waiting_.front());
    if (error == EAGAIN || error == ETOOMANYREFS) return false;
    waiting_.pop_front();
  }
  return true;
}

LoggerLink::Told LoggerLink::drain() {
  Told told;
  if (!packet_) packet_ = std::make_unique<channel::Packet>();
  for (;;) {
    const auto outcome = packet_->receive(socket_.get());
    closed_ = closed_ || outcome == channel::Packet::Outcome::Closed;
    if (outcome != channel::Packet::Outcome::Message) break;
    const auto type = packet_->header().type;
    if (type == channel::MessageType::LogDone) told.done.push_back(packet_->body<channel::StoreBody>());
    if (type == channel::MessageType::LogReady) told.ready.push_back(packet_->body<channel::StoreBody>());
    if (type == channel::MessageType::LogFlushed)
      told.flushed.push_back(packet_->body<channel::LogFlushBody>().tag);
    if (type == channel::MessageType::LogTrouble) take_trouble();
  }
  return told;
}

void LoggerLink::take_trouble() {
  auto body = packet_->body<channel::LogTroubleBody>();
  body.unit.back() = '\0';
  const auto payload = packet_->payload();
  std::string text(static_cast<const char*>(static_cast<const void*>(payload.data())), payload.size());
  if (text.empty()) {
    troubles_.erase(body.unit.data());
  } else {
    troubles_[body.unit.data()] = std::move(text);
  }
}

std::string LoggerLink::trouble(const std::string& unit) const {
  const auto at = troubles_.find(unit);
  return at == troubles_.end() ? std::string() : at->second;
}

}  // namespace init::manager
