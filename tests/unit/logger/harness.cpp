#include "tests/unit/logger/harness.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include "daemon/logger/operation.h"
#include "libinit/log/names.h"
#include "libinit/log/reader.h"
#include "libinit/process/command.h"
#include "libinit/unit/codec.h"

namespace init::test {
namespace {

constexpr int kDeadline = 20'000;  // ms

std::pair<UniqueFd, UniqueFd> make_pipe() {
  auto pipe = process::Pipe::create();
  return {std::move(pipe->read), std::move(pipe->write)};
}

}  // namespace

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd, bytes.data(), bytes.size());
    ASSERT_GT(wrote, 0);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

std::string contents(const std::filesystem::path& file) {
  if (file.extension() == ".zst")
    return process::Command("zstd").arg("-dcq").arg(file).output()->standard_output;
  std::ifstream in(file, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

LoggerHarness::LoggerHarness() {
  char name[] = "/tmp/initd-logger-XXXXXX";
  place = mkdtemp(name);
  disk = place / "disk";
  memory = place / "memory";
  state_.reset(memfd_create("state", MFD_CLOEXEC));
  EXPECT_EQ(ftruncate(state_.get(), 4096), 0);
  std::tie(staging_read_, staging_write_) = make_pipe();
}

LoggerHarness::~LoggerHarness() {
  if (logger_) kill();
  std::error_code ignored;
  std::filesystem::remove_all(place, ignored);
}

void LoggerHarness::start() {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  channel_.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  process::Command command(LOGGER_PROGRAM);
  command.arg(disk).arg(memory).arg(std::string(32, 'b'));
  command.pass_fd(theirs.get(), channel::kLoggerChannelFd).pass_fd(state_.get(), channel::kLoggerStateFd);
  command.pass_fd(staging_read_.get(), channel::kLoggerStagingReadFd);
  command.pass_fd(staging_write_.get(), channel::kLoggerStagingWriteFd);
  if (standard_output) command.standard_output(process::Stdio::fd(standard_output.get()));
  auto child = command.spawn();
  ASSERT_TRUE(child) << child.error().text();
  logger_ = std::move(*child);
  for (const Pipe& pipe : pipes_) send(pipe);
  if (syslog_) {
    const channel::LogSyslogBody body{{1, channel::kStoreSyslog, 0}, 0};
    const int fd = syslog_.get();
    const channel::Outgoing told{
        .type = channel::MessageType::LogSyslog, .body = channel::body_bytes(body), .fds = {&fd, 1}};
    ASSERT_EQ(channel::send_packet(channel_.get(), told), 0);
  }
  ASSERT_EQ(channel::send_packet(channel_.get(), {.type = channel::MessageType::LogSync}), 0);
}

void LoggerHarness::tell_again() {
  for (const Pipe& pipe : pipes_) send(pipe);
}

void LoggerHarness::leave_unfinished(std::string_view bytes) {
  auto record = logger::OperationRecord::open(UniqueFd(dup(state_.get())));
  ASSERT_TRUE(record);
  write_all(staging_write_.get(), bytes);
  record->begin({pipes_.back().body, logger::Place::Nowhere, 0, bytes.size(), 0, 0});
}

void LoggerHarness::leave_unfinished(const logger::DatagramId& datagram, std::string_view bytes,
                                     std::size_t staged) {
  auto record = logger::OperationRecord::open(UniqueFd(dup(state_.get())));
  ASSERT_TRUE(record);
  const std::string line = "<13>" + std::string(bytes) + "\n";
  write_all(staging_write_.get(), std::string_view(line).substr(0, staged));
  channel::LogOpenBody from;
  from.stream = static_cast<std::uint32_t>(log::Stream::Syslog);
  std::string_view("syslog").copy(from.unit.data(), from.unit.size());
  std::string(32, '0').copy(from.invocation.data(), 32);
  record->begin({from, logger::Place::Nowhere, 0, line.size(), 0, 0, datagram});
}

UniqueFd LoggerHarness::open_syslog() {
  syslog_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  UniqueFd sender(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  constexpr int on = 1;
  for (const int option : {SO_PASSCRED, SO_TIMESTAMPNS})
    EXPECT_EQ(setsockopt(syslog_.get(), SOL_SOCKET, option, &on, sizeof on), 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (place / "syslog").string().copy(address.sun_path, sizeof address.sun_path - 1);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(bind(syslog_.get(), name, sizeof address), 0);
  EXPECT_EQ(connect(sender.get(), name, sizeof address), 0);
  return sender;
}

void LoggerHarness::kill() {
  ASSERT_TRUE(logger_->kill());
  ASSERT_TRUE(logger_->wait());
  logger_.reset();
}

int LoggerHarness::terminate() {
  EXPECT_TRUE(logger_->terminate());
  const auto status = logger_->wait();
  logger_.reset();
  return status && status->kind == process::ExitStatus::Kind::Exited ? status->value : -1;
}

UniqueFd LoggerHarness::open(const std::string& unit, log::Stream stream, const std::string& invocation,
                             const unit::LogConfig& config) {
  auto [read_end, write_end] = make_pipe();
  Pipe pipe;
  pipe.body.entry = {++last_tag_, channel::kStoreLogPipe, 0};
  pipe.body.stream = static_cast<std::uint32_t>(stream);
  unit.copy(pipe.body.unit.data(), unit.size());
  invocation.copy(pipe.body.invocation.data(), 32);
  unit::Writer writer;
  writer(config, ready_line);
  pipe.config = writer.bytes;
  pipe.body.forward = std::exchange(forward_, 0);
  pipe.read = std::move(read_end);
  if (logger_) send(pipe);
  pipes_.push_back(std::move(pipe));
  return std::move(write_end);
}

UniqueFd LoggerHarness::open_forwarded(const std::string& unit, std::uint8_t forward) {
  forward_ = forward;
  return open(unit);
}

UniqueFd LoggerHarness::open_again(const std::string& unit) {
  Pipe pipe = std::move(done_.at(unit));
  UniqueFd write(::open(("/proc/self/fd/" + std::to_string(pipe.read.get())).c_str(), O_WRONLY | O_CLOEXEC));
  send(pipe);
  pipes_.push_back(std::move(pipe));
  return write;
}

// Blocks while there is no room, as the tests want it.
void LoggerHarness::send(const Pipe& pipe) const {
  const int fd = pipe.read.get();
  const channel::Outgoing message{.type = channel::MessageType::LogOpen,
                                  .body = channel::body_bytes(pipe.body),
                                  .payload = std::as_bytes(std::span(pipe.config)),
                                  .fds = {&fd, 1}};
  int error = EAGAIN;
  while (error == EAGAIN) {
    pollfd room{channel_.get(), POLLOUT, 0};
    ASSERT_EQ(poll(&room, 1, kDeadline), 1);
    error = channel::send_packet(channel_.get(), message);
  }
  ASSERT_EQ(error, 0);
}

bool LoggerHarness::hear(int milliseconds) {
  pollfd news{channel_.get(), POLLIN, 0};
  if (poll(&news, 1, milliseconds) != 1) return false;
  const auto owned = std::make_unique<channel::Packet>();
  channel::Packet& packet = *owned;
  while (packet.receive(channel_.get()) == channel::Packet::Outcome::Message) {
    if (packet.header().type == channel::MessageType::LogDone) {
      const auto entry = packet.body<channel::StoreBody>();
      syslog_done = syslog_done || entry.kind == channel::kStoreSyslog;
      std::erase_if(pipes_, [this, &entry](Pipe& pipe) {
        if (pipe.body.entry.tag != entry.tag || pipe.body.entry.kind != entry.kind) return false;
        done_[pipe.body.unit.data()] = std::move(pipe);
        return true;
      });
    } else if (packet.header().type == channel::MessageType::LogReady) {
      const auto entry = packet.body<channel::StoreBody>();
      for (const Pipe& pipe : pipes_) {
        if (pipe.body.entry.tag == entry.tag) ready_in.emplace_back(pipe.body.invocation.data());
      }
    } else if (packet.header().type == channel::MessageType::LogTrouble) {
      const auto payload = packet.payload();
      troubles[packet.body<channel::LogTroubleBody>().unit.data()] = {
          reinterpret_cast<const char*>(payload.data()), payload.size()};
    }
  }
  return true;
}

void LoggerHarness::await_all_done() {
  while (!pipes_.empty()) ASSERT_TRUE(hear(kDeadline));
}

std::string LoggerHarness::await_trouble(const std::string& unit) {
  troubles.erase(unit);
  while (troubles.find(unit) == troubles.end()) {
    if (!hear(kDeadline)) {
      ADD_FAILURE() << "no word of " << unit;
      return {};
    }
  }
  return troubles[unit];
}

std::vector<std::filesystem::path> LoggerHarness::files(const std::string& unit) const {
  std::vector<std::filesystem::path> found;
  for (const auto& directory : {disk, memory}) {
    std::vector<std::filesystem::path> here;
    std::error_code ignored;
    for (const auto& file : std::filesystem::directory_iterator(directory / unit, ignored)) {
      if (log::parse_rotated_name(file.path().filename().string())) here.push_back(file.path());
    }
    std::sort(here.begin(), here.end());
    // As for every reader: a logger that died may leave a file beside the compressed one.
    const auto same = [](const auto& plain, const auto& next) { return next == plain.string() + ".zst"; };
    here.erase(std::unique(here.begin(), here.end(), same), here.end());
    if (std::filesystem::exists(directory / unit / "current")) here.push_back(directory / unit / "current");
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

std::vector<Line> LoggerHarness::lines(const std::string& unit) const {
  std::size_t torn = 0;
  auto found = lines(unit, torn);
  EXPECT_EQ(torn, 0U);
  return found;
}

std::vector<Line> LoggerHarness::lines(const std::string& unit, std::size_t& torn) const {
  std::vector<Line> lines;
  std::map<log::Stream, std::string> begun;
  for (const auto& file : files(unit)) {
    const std::string bytes = contents(file);
    log::Reader reader;
    reader.feed(bytes);
    log::Entry entry;
    while (reader.next(entry)) {
      begun[entry.stream] += entry.text;
      if (entry.ending == log::Ending::Continues) continue;
      lines.push_back({entry.stream, entry.severity, std::move(begun[entry.stream]), reader.invocation()});
      begun[entry.stream].clear();
    }
    EXPECT_EQ(reader.damaged(), 0U) << file;
    torn += reader.tail();
  }
  return lines;
}

std::string LoggerHarness::text(const std::string& unit) const {
  std::string text;
  std::size_t torn = 0;
  for (const auto& line : lines(unit, torn)) text += line.text + "\n";
  return text;
}

void LoggerHarness::until(const std::string& unit, const std::string& text) const {
  const MonotonicTime end = monotonic_now() + std::chrono::milliseconds(kDeadline);
  while (monotonic_now() < end) {
    if (contents(disk / unit / "current").find(text) != std::string::npos) return;
    (void)poll(nullptr, 0, 1);
  }
  FAIL() << text << " does not come";
}

}  // namespace init::test
