#include "daemon/manager/os/helpers.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "libinit/sys/calls.h"

namespace init::manager {
namespace {

constexpr std::size_t kMost = 512;
constexpr std::size_t kLargestAnswer = std::size_t{4} << 20U;

// SIGALRM then ends this process.
void live_for(Duration limit) {
  if (limit == kInfinity) return;
  const auto us =
      std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(limit).count(), 1);
  constexpr std::int64_t kSecond = 1'000'000;
  const itimerval timer{{0, 0}, {us / kSecond, us % kSecond}};
  (void)signal(SIGALRM, SIG_DFL);
  (void)setitimer(ITIMER_REAL, &timer, nullptr);
}

constexpr int kAnswer = 3;

// Beyond 0 to 2 a helper has the pipe as kAnswer and, if any, what is kept for it.
void keep_only(int pipe, int kept) {
  const int high = fcntl(pipe, F_DUPFD_CLOEXEC, Helpers::kKept + 1);
  const int first = kept < 0 ? Helpers::kKept : Helpers::kKept + 1;
  if (kept >= 0 && kept != Helpers::kKept && dup3(kept, Helpers::kKept, O_CLOEXEC) < 0) _exit(1);
  if (high < 0 || dup3(high, kAnswer, O_CLOEXEC) < 0) _exit(1);
  if (sys::close_range(static_cast<unsigned>(first), ~0U, 0) == 0) return;
  for (int fd = first; fd < static_cast<int>(sysconf(_SC_OPEN_MAX)); ++fd) close(fd);
}

// Never returns.
[[noreturn]] void be_helper(int pipe, int kept, const std::function<std::string()>& work, Duration limit) {
  live_for(limit);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)signal(SIGPIPE, SIG_DFL);
  (void)signal(SIGCHLD, SIG_DFL);  // it may have children itself
  keep_only(pipe, kept);
  const std::string answer = work();
  std::string_view left = answer;
  while (!left.empty()) {
    const ssize_t written = write(kAnswer, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  _exit(0);
}

// True at the end of the pipe.
bool read_all(int pipe, std::string& into) {
  std::array<char, 8192> buffer;
  for (;;) {
    const ssize_t got = read(pipe, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno != EAGAIN;
    if (got == 0 || into.size() > kLargestAnswer) return true;
    into.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<Helpers> Helpers::create() {
  Helpers made;
  made.epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!made.epoll_) return failure(errno, "epoll_create");
  return made;
}

Helpers::~Helpers() {
  while (!helpers_.empty()) end(helpers_.begin());
}

Result<> Helpers::start(std::uint64_t key, const std::function<std::string()>& work, Duration limit,
                        int kept) {
  reap();
  if (helpers_.size() + ending_.size() >= kMost) return failure(EAGAIN, "start a helper");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failure(errno, "pipe");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  if (fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return failure(errno, "fcntl");
  const pid_t pid = fork();
  if (pid < 0) return failure(errno, "fork");
  if (pid == 0) be_helper(theirs.get(), kept, work, limit);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, ours.get(), &event) != 0) {
    const int error = errno;
    (void)kill(pid, SIGKILL);
    ending_.push_back(pid);
    return failure(error, "epoll_ctl");
  }
  helpers_[key] = {pid, std::move(ours), {}};
  return {};
}

void Helpers::end(std::map<std::uint64_t, Helper>::iterator helper) {
  (void)kill(helper->second.pid, SIGKILL);
  ending_.push_back(helper->second.pid);
  helpers_.erase(helper);
  reap();
}

void Helpers::cancel(std::uint64_t key) {
  if (const auto helper = helpers_.find(key); helper != helpers_.end()) end(helper);
}

// One that hangs in the kernel is looked for again the next time.
void Helpers::reap() {
  std::erase_if(ending_, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
}

std::vector<Helpers::Done> Helpers::take_done() {
  std::vector<Done> done;
  std::array<epoll_event, 64> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int at = 0; at < count; ++at) {
    const auto helper = helpers_.find(events[static_cast<std::size_t>(at)].data.u64);
    if (helper == helpers_.end() || !read_all(helper->second.pipe.get(), helper->second.answer)) continue;
    done.push_back({helper->first, std::move(helper->second.answer)});
    end(helper);
  }
  return done;
}

}  // namespace init::manager
