#include "libinit/process/stream.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "libinit/process/stdio.h"
#include "libinit/process/wait_for.h"
#include "libinit/sys/calls.h"

namespace init::process {
namespace {

constexpr sys::SignalSet kPipeSignal = sys::SignalSet{1} << (SIGPIPE - 1);

// SIGPIPE goes to the thread that writes: blocked here it waits, and is taken away unless one waited before.
class WithoutPipeSignal {
 public:
  WithoutPipeSignal() {
    sys::rt_sigprocmask(SIG_BLOCK, &kPipeSignal, &before_);
    if ((before_ & kPipeSignal) != 0) sys::rt_sigpending(&pending_);
  }
  ~WithoutPipeSignal() { sys::rt_sigprocmask(SIG_SETMASK, &before_, nullptr); }
  WithoutPipeSignal(const WithoutPipeSignal&) = delete;
  WithoutPipeSignal& operator=(const WithoutPipeSignal&) = delete;

  void take_away() const {
    if ((pending_ & kPipeSignal) != 0) return;
    while (sys::rt_sigtimedwait(kPipeSignal, timespec{}) == -EINTR) {
    }
  }

 private:
  sys::SignalSet before_ = 0;
  sys::SignalSet pending_ = 0;
};

}  // namespace

Result<Pipe> Pipe::create() {
  int ends[2];
  const long made = sys::pipe2(ends, O_CLOEXEC);
  if (made < 0) return failure(sys::error_of(made), "pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<> StreamWriter::write(std::string_view bytes) {
  if (!fd_) return failure(EBADF, "write", name_);
  const WithoutPipeSignal without;
  while (!bytes.empty()) {
    const long written = sys::write(fd_.get(), bytes.data(), bytes.size());
    if (written == -EINTR) continue;
    if (written == -EPIPE) without.take_away();
    if (written < 0) return failure(sys::error_of(written), "write", name_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::size_t> StreamReader::read(std::span<char> into, Duration timeout) {
  if (!fd_) return failure(EBADF, "read", name_);
  if (const int error = wait_for(fd_.get(), monotonic_now() + timeout); error != 0)
    return failure(error, "read", name_);
  for (;;) {
    const long got = sys::read(fd_.get(), into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (got != -EINTR) return failure(sys::error_of(got), "read", name_);
  }
}

Result<> StreamReader::read_exact(std::span<char> into) {
  while (!into.empty()) {
    const auto got = read(into);
    if (!got) return Failure(got.error());
    if (*got == 0) return failure(ENODATA, "read", name_);
    into = into.subspan(*got);
  }
  return {};
}

Result<std::string> StreamReader::read_all() {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto got = read(buffer);
    if (!got) return Failure(got.error());
    if (*got == 0) return text;
    text.append(buffer.data(), *got);
  }
}

}  // namespace init::process
