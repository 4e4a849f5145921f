#include "daemon/logger/pump.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace init::logger {
namespace {

constexpr int kStagingBytes = 1 << 20;
constexpr int kMostFailures = 10;  // of the kernel, for want of something

}  // namespace

Pump::Pump(OperationRecord record, UniqueFd staging_read, UniqueFd staging_write)
    : record_(std::move(record)),
      staging_read_(std::move(staging_read)),
      staging_write_(std::move(staging_write)),
      null_(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
      buffer_(std::make_unique<char[]>(kLookBytes)) {}

Result<Pump> Pump::create(OperationRecord record, UniqueFd staging_read, UniqueFd staging_write) {
  Pump pump(std::move(record), std::move(staging_read), std::move(staging_write));
  if (auto opened = pump.open(); !opened) return Failure(opened.error());
  return pump;
}

// Whatever a look has shown must fit into the staging pipe, so that has at least as many buffers as the
// scratch pipe.
Result<> Pump::open() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failure(errno, "make a pipe");
  scratch_read_.reset(ends[0]);
  scratch_write_.reset(ends[1]);
  (void)fcntl(staging_write_.get(), F_SETPIPE_SZ, kStagingBytes);
  const int size = fcntl(staging_write_.get(), F_GETPIPE_SZ);
  if (size < 0 || fcntl(scratch_write_.get(), F_SETPIPE_SZ, size) > size)
    return failure(errno, "size a pipe");
  if (!record_.active()) drain();
  return {};
}

std::string_view Pump::read_scratch(std::size_t bytes) {
  std::size_t have = 0;
  while (have < bytes) {
    const ssize_t got = read(scratch_read_.get(), buffer_.get() + have, bytes - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  return {buffer_.get(), have};
}

Look Pump::look(int pipe) {
  const ssize_t seen = tee(pipe, scratch_write_.get(), kLookBytes, SPLICE_F_NONBLOCK);
  if (seen <= 0) return {{}, seen == 0, seen < 0 && errno != EAGAIN};
  return {read_scratch(static_cast<std::size_t>(seen))};
}

void Pump::take(int pipe, const Operation& operation) {
  record_.begin(operation);
  std::size_t left = operation.bytes;
  // What stays in the pipe would be stored twice.
  for (int failures = 0; left > 0 && failures < kMostFailures;) {
    const ssize_t moved = splice(pipe, nullptr, staging_write_.get(), nullptr, left, SPLICE_F_NONBLOCK);
    if (moved <= 0) ++failures;
    if (moved > 0) left -= static_cast<std::size_t>(moved);
  }
}

void Pump::put(std::string_view line, const Operation& operation) {
  record_.begin(operation);
  (void)!write(staging_write_.get(), line.data(), line.size());  // there is room for it
}

void Pump::finish() {
  record_.end();
  drain();
}

void Pump::drain() {
  int left = 0;
  while (ioctl(staging_read_.get(), FIONREAD, &left) == 0 && left > 0) {
    const auto bytes = static_cast<std::size_t>(left);
    ssize_t gone = splice(staging_read_.get(), nullptr, null_.get(), nullptr, bytes, SPLICE_F_NONBLOCK);
    if (gone <= 0) gone = read(staging_read_.get(), buffer_.get(), std::min(bytes, kLookBytes));
    if (gone <= 0) return;
  }
}

std::string_view Pump::taken() {
  const ssize_t seen = tee(staging_read_.get(), scratch_write_.get(), kLookBytes, SPLICE_F_NONBLOCK);
  return seen > 0 ? read_scratch(static_cast<std::size_t>(seen)) : std::string_view();
}

}  // namespace init::logger
