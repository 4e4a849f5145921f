#include "libinit/api/client.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace init::api {
namespace {

using std::chrono::milliseconds;

// A connection that lived this long was a good one: its loss begins a new wait for the manager.
constexpr Duration kSettled = std::chrono::seconds(1);
constexpr milliseconds kFirstPause(2);
constexpr Duration kSilence = std::chrono::seconds(3);
constexpr std::size_t kReadBytes = 64 * 1024;

std::uint32_t fallback_count = 0;

// Unique, not secret: early in a boot, before the kernel has random bytes to give, time and pid must do.
std::string make_request_id() {
  std::array<std::int64_t, 2> words{monotonic_now().since_epoch.count(), getpid()};
  if (getrandom(words.data(), sizeof(words), GRND_NONBLOCK) < 0)
    words[1] = (words[1] << 32) | ++fallback_count;
  std::string id;
  for (const std::int64_t word : words) {
    for (int shift = 60; shift >= 0; shift -= 4) id += "0123456789abcdef"[(word >> shift) & 0xf];
  }
  return id;
}

int milliseconds_until(MonotonicTime deadline, Duration at_most) {
  const Duration left = std::clamp(deadline - monotonic_now(), Duration::zero(), at_most);
  return static_cast<int>((left + milliseconds(1) - Duration(1)) / milliseconds(1));
}

// One attempt. Errors: those of socket and connect.
Result<UniqueFd> connect_once(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return failure(ENAMETOOLONG, "connect", path);
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failure(errno, "socket", path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failure(errno, "connect", path);
  }
  return fd;
}

bool may_come_back(int error) {
  return error == ENOENT || error == ECONNREFUSED || error == EAGAIN;
}

bool runtime_directory_exists(const std::string& path) {
  struct stat info {};
  return stat(path.substr(0, path.rfind('/') + 1).c_str(), &info) == 0;
}

// Nothing tells when a socket begins to listen, so this asks again, ever more slowly.
Result<UniqueFd> connect_until(const std::string& path, MonotonicTime deadline,
                               const std::function<void()>& on_wait) {
  for (milliseconds pause = kFirstPause;; pause = std::min(2 * pause, milliseconds(50))) {
    Result<UniqueFd> fd = connect_once(path);
    if (fd || !may_come_back(fd.error().code) || monotonic_now() >= deadline) return fd;
    if (on_wait && pause == kFirstPause) on_wait();
    (void)poll(nullptr, 0, milliseconds_until(deadline, pause));
  }
}

enum class Io { Ok, Lost };

// The calls of one call_all() and how far they are.
class Exchange {
 public:
  Exchange(const std::vector<OutgoingCall>& calls, const Client::OnProgress& on_progress,
           const std::function<bool()>& is_hopeless)
      : calls_(calls), on_progress_(on_progress), is_hopeless_(is_hopeless) {
    for (const OutgoingCall& call : calls) {
      ids_.push_back(info(method_of(call.request)).mutating ? make_request_id() : std::string());
    }
  }

  // What has no final answer yet goes out on this fresh connection.
  void begin() {
    in_.clear();
    out_.clear();
    written_ = 0;
    for (std::size_t i = answers_.size(); i < calls_.size(); ++i) {
      out_ += encode_call(calls_[i].request, ids_[i], calls_[i].more);
    }
  }

  [[nodiscard]] bool done() const { return answers_.size() == calls_.size(); }
  [[nodiscard]] std::vector<Answer> take_answers() { return std::move(answers_); }

  // Sends and receives what can be; waits when there is nothing. Errors: ETIMEDOUT, EHOSTDOWN, EBADMSG,
  // EMSGSIZE.
  Result<Io> turn(int fd, MonotonicTime deadline) {
    write_some(fd);
    pollfd waiting{fd, static_cast<short>(written_ < out_.size() ? POLLIN | POLLOUT : POLLIN), 0};
    const MonotonicTime doubt_at = is_hopeless_ ? heard_ + kSilence : MonotonicTime::never();
    const MonotonicTime until = std::min(deadline, doubt_at);
    const int timeout =
        until == MonotonicTime::never() ? -1 : milliseconds_until(until, std::chrono::hours(1));
    if (poll(&waiting, 1, timeout) == 0) {
      const MonotonicTime now = monotonic_now();
      if (now >= deadline) return failure(ETIMEDOUT, "wait for answer");
      if (now >= doubt_at && is_hopeless_()) return failure(EHOSTDOWN, "wait for answer");
      if (now >= doubt_at) heard_ = monotonic_now();
    }
    return (waiting.revents & ~POLLOUT) != 0 ? read_some(fd) : Result<Io>(Io::Ok);
  }

 private:
  // A server that has hung up may have said why: so a failure is left for reading to find.
  void write_some(int fd) {
    if (written_ == out_.size()) return;
    const ssize_t sent = send(fd, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
    if (sent > 0) written_ += static_cast<std::size_t>(sent);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) written_ = out_.size();
  }

  Result<Io> read_some(int fd) {
    const std::size_t seen = in_.size();
    const ssize_t got = recv(fd, buffer_.get(), kReadBytes, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? Io::Ok : Io::Lost;
    if (got == 0) return Io::Lost;
    heard_ = monotonic_now();
    in_.append(buffer_.get(), static_cast<std::size_t>(got));
    if (in_.size() > kMaxReplyBytes) return failure(EMSGSIZE, "read reply");
    return take_messages(seen);
  }

  Result<Io> take_messages(std::size_t search_from) {
    std::size_t begin = 0;
    for (std::size_t end = in_.find('\0', search_from); end != std::string::npos;
         end = in_.find('\0', begin)) {
      Result<> taken = take(std::string_view(in_).substr(begin, end - begin));
      if (!taken) return Failure(taken.error());
      begin = end + 1;
    }
    in_.erase(0, begin);
    return Io::Ok;
  }

  Result<> take(std::string_view message) {
    if (done()) return failure(EBADMSG, "read reply", "more answers than calls");
    const std::size_t index = answers_.size();
    Result<IncomingReply> reply = decode_reply(message, method_of(calls_[index].request));
    if (!reply) return Failure(reply.error());
    if (!reply->continues) {
      std::visit([this](auto& body) { answers_.emplace_back(std::move(body)); }, reply->body);
    } else if (on_progress_ && std::holds_alternative<Reply>(reply->body)) {
      on_progress_(index, std::get<Reply>(reply->body));
    }
    return {};
  }

  const std::vector<OutgoingCall>& calls_;
  const Client::OnProgress& on_progress_;
  const std::function<bool()>& is_hopeless_;
  MonotonicTime heard_ = monotonic_now();  // when the last bytes came
  std::vector<std::string> ids_;
  std::vector<Answer> answers_;
  std::string out_;
  std::size_t written_ = 0;
  std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(kReadBytes);
  std::string in_;
};

}  // namespace

Result<Client> Client::connect(std::string path, ClientOptions options) {
  Result<UniqueFd> fd = connect_once(path);
  if (!fd && may_come_back(fd.error().code) && runtime_directory_exists(path)) {
    fd = connect_until(path, monotonic_now() + options.first_patience, options.on_wait);
  }
  if (!fd) return Failure(fd.error());
  return Client(std::move(path), std::move(options), std::move(*fd));
}

Result<std::vector<Answer>> Client::call_all(const std::vector<OutgoingCall>& calls, MonotonicTime deadline,
                                             const OnProgress& on_progress) {
  Exchange exchange(calls, on_progress, options_.is_hopeless);
  exchange.begin();
  MonotonicTime connected = monotonic_now();
  MonotonicTime give_up = connected + options_.patience;
  while (!exchange.done()) {
    const Result<Io> io = exchange.turn(fd_.get(), deadline);
    if (!io) return Failure(io.error());
    if (*io == Io::Ok) continue;
    const MonotonicTime now = monotonic_now();
    if (now - connected > kSettled) give_up = now + options_.patience;
    if (now >= give_up) return failure(ECONNRESET, "wait for answer", path_);
    (void)poll(nullptr, 0, 1);  // for a server that hangs up at once, again and again
    Result<UniqueFd> fd = connect_until(path_, std::min(give_up, deadline), options_.on_wait);
    if (!fd) return Failure(fd.error());
    fd_ = std::move(*fd);
    connected = monotonic_now();
    exchange.begin();
  }
  return exchange.take_answers();
}

Result<Answer> Client::call(const Request& request, MonotonicTime deadline) {
  Result<std::vector<Answer>> answers = call_all({{request, false}}, deadline);
  if (!answers) return Failure(answers.error());
  return std::move(answers->front());
}

}  // namespace init::api
