#include "daemon/logger/logger.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <cerrno>

#include "libinit/base/accounts.h"
#include "libinit/base/own_code.h"
#include "libinit/unit/codec.h"

namespace init::logger {
namespace {

constexpr Duration kUnfinishedWait = std::chrono::seconds(1);
constexpr Duration kTellEvery = std::chrono::milliseconds(200);
constexpr Duration kHealEvery = std::chrono::seconds(2);
constexpr Duration kFarewell = std::chrono::seconds(1);  // for what is still written after TERM
constexpr Duration kSoon = std::chrono::milliseconds(50);
constexpr int kLooksPerTurn = 8;

}  // namespace

Logger::Logger(Settings settings, Pump pump)
    : pump_(std::move(pump)),
      compressor_(settings.program),
      forwarding_{{{Forwarder(destination(0))},
                   {Forwarder(destination(1))},
                   {Forwarder(destination(2))},
                   {Forwarder(destination(3))}}},
      channel_(channel::kLoggerChannelFd) {
  around_.disk = std::move(settings.disk);
  around_.memory = std::move(settings.memory);
  around_.boot = std::move(settings.boot);
  around_.group = find_group("adm").value_or(getegid());
  around_.tell_ready = [this](const channel::LogOpenBody& from) {
    tell(channel::MessageType::LogReady, channel::body_bytes(from.entry));
    send_waiting();
  };
}

Result<std::unique_ptr<Logger>> Logger::create(Settings settings) {
  auto record = OperationRecord::open(UniqueFd(channel::kLoggerStateFd));
  if (!record) return Failure(record.error());
  auto pump = Pump::create(std::move(*record), UniqueFd(channel::kLoggerStagingReadFd),
                           UniqueFd(channel::kLoggerStagingWriteFd));
  if (!pump) return Failure(pump.error());
  std::unique_ptr<Logger> logger(new Logger(std::move(settings), std::move(*pump)));
  if (auto opened = logger->open(); !opened) return Failure(opened.error());
  return logger;
}

Result<> Logger::open() {
  if (const int error = poller_.open()) return failure(error, "epoll_create");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  const auto add = [this](int fd, Source source) {
    return poller_.add(fd, EPOLLIN, {static_cast<std::uint32_t>(source), 0});
  };
  if (const int error = add(channel_.get(), Source::Manager)) return failure(error, "watch the channel");
  if (const int error = add(signals_.get(), Source::Signals)) return failure(error, "watch signals");
  return {};
}

int Logger::run() {
  while (!over()) turn();
  return 0;
}

bool Logger::over() const {
  if (end_at_ == MonotonicTime::never()) return false;
  const bool idle = free_.size() == pipes_.size() &&
                    std::none_of(sockets_.begin(), sockets_.end(),
                                 [](const auto& socket) { return socket && socket->look(); });
  return idle || end_at_ <= monotonic_now();
}

MonotonicTime Logger::deadline() const {
  MonotonicTime first = due_.empty() ? MonotonicTime::never() : due_.begin()->first;
  for (const Forwarding& one : forwarding_) first = std::min(first, one.to.retry_at());
  return std::min({first, tell_at_, heal_at_, end_at_});
}

void Logger::turn() {
  for (const auto& ready : poller_.wait(deadline())) {
    switch (static_cast<Source>(ready.token.kind)) {
      case Source::Manager:
        on_manager();
        break;
      case Source::Child:
        compressor_.reap();
        break;
      case Source::Signals:
        poller_.remove(signals_.get());
        end_at_ = monotonic_now() + kFarewell;
        break;
      case Source::Pipe:
        if ((ready.events & (EPOLLHUP | EPOLLERR)) != 0 && pipes_[ready.token.index])
          pipes_[ready.token.index]->closed = true;
        serve(ready.token.index, false);
        break;
      case Source::Syslog:
        serve_syslog(ready);
        break;
      case Source::Forward:  // below
        break;
    }
  }
  const MonotonicTime now = monotonic_now();
  on_due(now);
  flush_forwarders(now);
  if (heal_at_ <= now) heal(now);
  if (tell_at_ <= now) tell_troubles();
  send_waiting();
  start_compressor();
}

// ---- The manager's words

void Logger::on_manager() {
  for (;;) {
    const auto outcome = packet_->receive(channel_.get());
    if (outcome == channel::Packet::Outcome::Empty) return;
    if (outcome == channel::Packet::Outcome::Closed) {  // neither a manager nor PID 1 is left
      poller_.remove(channel_.get());
      orphaned_ = true;
      end_at_ = monotonic_now() + kFarewell;
      return;
    }
    if (outcome != channel::Packet::Outcome::Message) continue;
    if (packet_->header().type == channel::MessageType::LogOpen) on_open();
    if (packet_->header().type == channel::MessageType::LogSync) on_sync();
    if (packet_->header().type == channel::MessageType::LogFlush) on_flush();
    if (packet_->header().type == channel::MessageType::LogSyslog) on_syslog();
  }
}

void Logger::on_open() {
  if (packet_->fds().empty()) return;
  auto from = packet_->body<channel::LogOpenBody>();
  from.unit.back() = from.invocation.back() = '\0';
  unit::LogConfig config;
  const auto payload = packet_->payload();
  unit::Reader reader({static_cast<const char*>(static_cast<const void*>(payload.data())), payload.size()});
  std::string ready_line;
  reader(config, ready_line);
  UniqueFd fd(packet_->take_fd(0));
  UnitLog& log = log_of(from.unit.data());
  if (reader.finished()) log.configure(config, ready_line);
  if (log.was_ready(from)) around_.tell_ready(from);
  log.begin(from.invocation.data());
  const auto known = std::find_if(pipes_.begin(), pipes_.end(), [&from](const auto& pipe) {
    return pipe && pipe->entry.kind == from.entry.kind && pipe->entry.tag == from.entry.tag;
  });
  if (known != pipes_.end()) return;
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(pipes_.size()));
    pipes_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  pipes_[index] = std::make_unique<Pipe>(
      Pipe{from.entry, from.stream, from.forward, from.invocation, std::move(fd), &log});
  ++log.pipes;
  log.forward |= from.forward;
  if (synced_) watch(index);
}

void Logger::on_sync() {
  if (synced_) return;
  finish_unfinished();
  take_home();
  synced_ = true;
  for (std::uint32_t index = 0; index < pipes_.size(); ++index) {
    if (pipes_[index]) watch(index);
  }
  for (std::uint32_t index = 0; index < sockets_.size(); ++index) watch_syslog(index);
  release_own_code();
}

// Lines that no end of line has closed are taken as they are: somebody waits to read them.
void Logger::on_flush() {
  const auto body = packet_->body<channel::LogFlushBody>();
  for (std::uint32_t index = 0; index < pipes_.size(); ++index) {
    if (pipes_[index] && pipes_[index]->entry.tag == body.tag) serve(index, true);
  }
  tell(channel::MessageType::LogFlushed, channel::body_bytes(body));
}

// What was in hand when the logger before this one died. Where it has taken only part of what it meant to,
// the rest still stands in the pipe, and there are only whole buffers between the two; a datagram stands
// whole in its socket, and is not taken from here, until its line is whole in the staging pipe.
void Logger::finish_unfinished() {
  const Operation* found = pump_.unfinished();
  if (found == nullptr) return;
  const Operation operation = *found;
  UnitLog& log = log_of(operation.pipe.unit.data());
  log.take_back(operation);
  const std::string_view bytes = pump_.taken();
  const bool again =
      operation.datagram != DatagramId{} && (bytes.size() < operation.bytes || waits(operation.datagram));
  if (bytes.empty() || again) {
    pump_.finish();
  } else {
    log.store(pump_, {-1, operation.pipe, bytes, operation.ended != 0, nullptr, operation.datagram});
    forward(operation.pipe);
  }
  if (log.pipes == 0) logs_.erase(log.unit());
}

// Also of units that write nothing more, or have no pipe any more.
void Logger::take_home() {
  for (const std::string& unit : directories_in(around_.memory)) {
    log_of(unit).take_home();
    heal_at_ = MonotonicTime{};  // looks what became of it
  }
}

void Logger::tell(channel::MessageType type, std::span<const std::byte> body, std::string payload) {
  waiting_.push_back({type, {body.begin(), body.end()}, std::move(payload)});
}

void Logger::send_waiting() {
  while (!waiting_.empty() && !orphaned_) {
    const Waiting& first = waiting_.front();
    const int error = channel::send_packet(
        channel_.get(),
        {.type = first.type, .body = first.body, .payload = std::as_bytes(std::span(first.payload))});
    if (error == EAGAIN) {
      tell_at_ = std::min(tell_at_, monotonic_now() + kSoon);
      return;
    }
    waiting_.pop_front();
  }
}

void Logger::tell_troubles() {
  tell_at_ = MonotonicTime::never();
  for (auto& [unit, log] : logs_) {
    std::string trouble = trouble_of(*log);
    if (trouble == log->told) continue;
    channel::LogTroubleBody body;
    unit.copy(body.unit.data(), body.unit.size() - 1);
    tell(channel::MessageType::LogTrouble, channel::body_bytes(body), trouble);
    log->told = std::move(trouble);
  }
}

// ---- Pipes

UnitLog& Logger::log_of(const std::string& unit) {
  auto& log = logs_[unit];
  if (!log) log = std::make_unique<UnitLog>(unit, around_);
  return *log;
}

channel::LogOpenBody Logger::name_of(const Pipe& pipe) {
  channel::LogOpenBody name{pipe.entry, pipe.stream, pipe.invocation, {}, pipe.forward};
  const std::string& unit = pipe.log->unit();
  unit.copy(name.unit.data(), name.unit.size() - 1);
  return name;
}

void Logger::watch(std::uint32_t index) {
  const Pipe& pipe = *pipes_[index];
  const int error =
      poller_.add(pipe.fd.get(), EPOLLIN | EPOLLET, {static_cast<std::uint32_t>(Source::Pipe), index});
  if (error != 0) set_due(index, monotonic_now() + kUnfinishedWait);  // looked at now and then
}

void Logger::serve(std::uint32_t index, bool due) {
  if (!synced_ || !pipes_[index]) return;
  Pipe& pipe = *pipes_[index];
  set_due(index, MonotonicTime::never());
  for (int look = 0; look < kLooksPerTurn; ++look, due = false) {
    if (!serve_once(pipe, due)) {
      const MonotonicTime next = pipe.due;
      pipe.due = MonotonicTime::never();
      if (!pipe.fd) {
        end(index);
      } else if (next != MonotonicTime::never()) {
        set_due(index, next);
      }
      return;
    }
  }
  set_due(index, monotonic_now());  // the others first
}

bool Logger::serve_once(Pipe& pipe, bool due) {
  const Look look = pump_.look(pipe.fd.get());
  if (look.bytes.empty()) {
    if (look.ended) {
      // PID 1 has the same open file, and may send it again under the same number.
      poller_.remove(pipe.fd.get());
      pipe.fd.reset();
    }
    if (look.failed) pipe.due = monotonic_now() + kUnfinishedWait;
    return false;
  }
  const MonotonicTime now = monotonic_now();
  const bool all = look.bytes.size() < kLookBytes;
  const bool ended = pipe.closed && all;
  std::string_view lines = look.bytes.substr(0, log::takeable(look.bytes, due || ended));
  const std::size_t allowed = pipe.log->allowed(lines, now);
  if (allowed < lines.size()) lines = lines.substr(0, allowed);
  if (lines.empty()) {
    const bool blocked = pipe.log->blocked_until() > now && log::takeable(look.bytes, due || ended) > 0;
    pipe.due = blocked ? pipe.log->blocked_until() : now + kUnfinishedWait;
    return false;
  }
  const bool whole = lines.size() == look.bytes.size();
  const channel::LogOpenBody name = name_of(pipe);
  pipe.log->store(pump_, {pipe.fd.get(), name, lines, ended && whole});
  stored(*pipe.log, name);
  // What is written from now on announces itself.
  return !all || !whole || pipe.closed;
}

void Logger::stored(const UnitLog& log, const channel::LogOpenBody& from) {
  const MonotonicTime now = monotonic_now();
  forward(from);
  if (log.failing() && heal_at_ == MonotonicTime::never()) heal_at_ = now + kHealEvery;
  if (tell_at_ == MonotonicTime::never() && trouble_of(log) != log.told) tell_at_ = now + kTellEvery;
}

void Logger::set_due(std::uint32_t index, MonotonicTime time) {
  Pipe& pipe = *pipes_[index];
  if (pipe.due != MonotonicTime::never()) due_.erase({pipe.due, index});
  pipe.due = time;
  if (time != MonotonicTime::never()) due_.insert({time, index});
}

void Logger::on_due(MonotonicTime now) {
  std::vector<std::uint32_t> indexes;
  for (const auto& [time, index] : due_) {
    if (time > now) break;
    indexes.push_back(index);
  }
  for (const std::uint32_t index : indexes) serve(index, true);
}

void Logger::end(std::uint32_t index) {
  const std::unique_ptr<Pipe> pipe = std::move(pipes_[index]);
  free_.push_back(index);
  tell(channel::MessageType::LogDone, channel::body_bytes(pipe->entry));
  if (--pipe->log->pipes != 0 || pipe->log->failing()) return;
  if (trouble_of(*pipe->log) != pipe->log->told) tell_troubles();  // nobody is left to tell it later
  logs_.erase(pipe->log->unit());
}

void Logger::heal(MonotonicTime now) {
  bool failing = false;
  for (auto& [unit, log] : logs_) {
    if (log->failing()) log->heal();
    failing = failing || log->failing();
  }
  heal_at_ = failing ? now + kHealEvery : MonotonicTime::never();
  tell_troubles();
  std::erase_if(logs_, [](const auto& one) {
    return one.second->pipes == 0 && !one.second->failing() && one.second->told.empty();
  });
}

void Logger::start_compressor() {
  const int pidfd = compressor_.start(around_.to_compress);
  if (pidfd >= 0) (void)poller_.add(pidfd, EPOLLIN, {static_cast<std::uint32_t>(Source::Child), 0});
}

// ---- Beside the logs

// What was stored last.
void Logger::forward(const channel::LogOpenBody& from) {
  if (from.forward == 0) return;
  const MonotonicTime now = monotonic_now();
  std::vector<Forwarder*> wanted;
  for (std::size_t index = 0; index < forwarding_.size(); ++index) {
    Forwarder& to = forwarding_[index].to;
    if ((from.forward >> index & 1U) != 0 && to.takes(now)) wanted.push_back(&to);
  }
  std::string_view lines = wanted.empty() ? std::string_view() : around_.lines;
  if (lines.empty()) return;
  const std::string& name = log_of(from.unit.data()).identifier();
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size() - 1);
    const auto line = log::parse_line(lines.substr(0, end));
    lines.remove_prefix(end + 1);
    if (!line || line->stream == log::Stream::Mark) continue;
    for (Forwarder* const to : wanted) to->put(name, *line, now);
  }
}

void Logger::flush_forwarders(MonotonicTime now) {
  for (std::uint32_t index = 0; index < forwarding_.size(); ++index) {
    auto& [to, watched, trouble] = forwarding_[index];
    if (!to.waits()) continue;
    if (watched >= 0) poller_.remove(std::exchange(watched, -1));
    to.flush(now);
    const process::Token token{static_cast<std::uint32_t>(Source::Forward), index};
    if (to.waits() && to.fd() >= 0 && poller_.add(to.fd(), EPOLLOUT, token) == 0) watched = to.fd();
    if (to.trouble() == trouble) continue;
    trouble = to.trouble();
    tell_at_ = std::min(tell_at_, now + kTellEvery);
  }
}

std::string Logger::trouble_of(const UnitLog& log) const {
  std::string text = log.trouble();
  for (std::size_t index = 0; index < forwarding_.size(); ++index) {
    const std::string& other = forwarding_[index].trouble;
    if ((log.forward >> index & 1U) != 0 && !other.empty()) text += (text.empty() ? "" : "; ") + other;
  }
  return text;
}

}  // namespace init::logger
