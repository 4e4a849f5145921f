#include "libinit/process/child.h"

#include <cerrno>
#include <csignal>

#include "libinit/base/utf8.h"
#include "libinit/process/wait_for.h"
#include "libinit/sys/calls.h"

namespace init::process {
namespace {

constexpr char32_t kReplacement = 0xfffd;
constexpr std::size_t kReadAtOnce = 64 * 1024;  // what a pipe holds

std::string stream_name(const char* stream, Pid pid) {
  return std::string(stream) + " of process " + pid.text();
}

ExitStatus status_of(const siginfo_t& info) {
  using Kind = ExitStatus::Kind;
  const Kind kind = info.si_code == CLD_EXITED   ? Kind::Exited
                    : info.si_code == CLD_DUMPED ? Kind::Dumped
                                                 : Kind::Signaled;
  return {kind, info.si_status};
}

// 0, or an errno. Closes the stream at its end.
int read_some(StreamReader& stream, std::string& into) {
  const std::size_t before = into.size();
  into.resize(before + kReadAtOnce);
  const auto got = stream.read({into.data() + before, kReadAtOnce});
  into.resize(before + got.value_or(0));
  if (!got) return got.error().code;
  if (*got == 0) stream.close();
  return 0;
}

}  // namespace

std::string text_lossy(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Character character = first_character(bytes);
    if (character.valid) {
      text.append(bytes.substr(0, character.bytes));
    } else {
      append_character(text, kReplacement);
    }
    bytes.remove_prefix(character.bytes);
  }
  return text;
}

Child::Child(Pid pid, UniqueFd pidfd, std::array<UniqueFd, 3> pipes)
    : pid_(pid),
      pidfd_(std::move(pidfd)),
      input_(std::move(pipes[0]), stream_name("stdin", pid)),
      output_(std::move(pipes[1]), stream_name("stdout", pid)),
      error_(std::move(pipes[2]), stream_name("stderr", pid)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  let_go();
  pid_ = other.pid_;
  pidfd_ = std::move(other.pidfd_);
  status_ = std::exchange(other.status_, std::nullopt);
  input_ = std::move(other.input_);
  output_ = std::move(other.output_);
  error_ = std::move(other.error_);
  collected_ = std::move(other.collected_);
  return *this;
}

Child::~Child() {
  let_go();
}

void Child::let_go() noexcept {
  if (pidfd_ && !status_) sys::waitid(P_PIDFD, pidfd_.get(), nullptr, WEXITED | WNOHANG, nullptr);
}

Failure Child::wrong(int error, const char* step) const {
  return failure(error, step, "process " + pid_.text());
}

bool Child::alive() const {
  return pidfd_ && !status_ && wait_for(pidfd_.get(), MonotonicTime{}) == ETIMEDOUT;
}

// Kind None: not ended yet.
Result<ExitStatus> Child::reap(int options) {
  if (!pidfd_) return wrong(EBADF, "wait");
  if (status_) return *status_;
  siginfo_t info{};
  long result = 0;
  do {
    result = sys::waitid(P_PIDFD, pidfd_.get(), &info, WEXITED | options, nullptr);
  } while (result == -EINTR);
  if (result < 0) return wrong(sys::error_of(result), "wait");
  if (info.si_pid == 0) return ExitStatus{};
  status_ = status_of(info);
  return *status_;
}

Result<ExitStatus> Child::wait(Duration timeout) {
  input_.close();
  if (timeout != kInfinity && pidfd_ && !status_) {
    const int error = wait_for(pidfd_.get(), monotonic_now() + timeout);
    if (error != 0) return wrong(error, "wait");
  }
  return reap(0);
}

Result<std::optional<ExitStatus>> Child::try_wait() {
  const auto status = reap(WNOHANG);
  if (!status) return Failure(status.error());
  if (status->kind == ExitStatus::Kind::None) return std::optional<ExitStatus>();
  return std::optional(*status);
}

Result<Output> Child::wait_with_output(Duration timeout) {
  const MonotonicTime deadline = monotonic_now() + timeout;
  input_.close();
  if (const int error = drain(deadline); error != 0) return wrong(error, "read output");
  const auto status = wait(timeout == kInfinity ? kInfinity : deadline - monotonic_now());
  if (!status) return Failure(status.error());
  collected_.status = *status;
  return std::exchange(collected_, {});
}

// Both at once: a program that fills one pipe while we wait at the other would stand still for ever.
int Child::drain(MonotonicTime deadline) {
  while (output_.is_open() || error_.is_open()) {
    std::array<pollfd, 2> fds{pollfd{output_.fd(), POLLIN, 0}, pollfd{error_.fd(), POLLIN, 0}};
    int error = wait_for(fds, deadline);
    if (error == 0 && fds[0].revents != 0) error = read_some(output_, collected_.standard_output);
    if (error == 0 && fds[1].revents != 0) error = read_some(error_, collected_.standard_error);
    if (error != 0) return error;
  }
  return 0;
}

Result<> Child::signal(int signal) {
  if (!pidfd_ || status_) return wrong(ESRCH, "signal");
  long sent = sys::pidfd_send_signal(pidfd_.get(), signal);
  // An emulator of the kernel may not have it. A child that is not reaped yet still has its number.
  if (sent == -ENOSYS) sent = alive() ? sys::kill(pid_.raw(), signal) : -ESRCH;
  if (sent < 0) return wrong(sys::error_of(sent), "signal");
  return {};
}

// Not reaped yet, so the number is still its own; and where it leads no group, no group has it.
Result<> Child::signal_group(int signal) {
  if (!pidfd_ || status_) return wrong(ESRCH, "signal group");
  const long sent = sys::kill(-pid_.raw(), signal);
  if (sent < 0) return wrong(sys::error_of(sent), "signal group");
  return {};
}

Result<> Child::terminate() {
  return signal(SIGTERM);
}

Result<> Child::kill() {
  return signal(SIGKILL);
}

}  // namespace init::process
