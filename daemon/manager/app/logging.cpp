#include "daemon/manager/app/logging.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "daemon/manager/os/log.h"
#include "libinit/base/checksum.h"
#include "libinit/log/names.h"
#include "libinit/process/exec_plan.h"

namespace init::manager {
namespace {

constexpr Duration kQuickEnd = std::chrono::seconds(1);
constexpr int kMostQuickEnds = 5;
constexpr Duration kPause = std::chrono::seconds(1);
constexpr Duration kSoon = std::chrono::milliseconds(20);
constexpr std::uint32_t kActivationBits = 0xffffff;

std::string logger_program() {
  std::string path(4096, '\0');
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return path.substr(0, path.rfind('/') + 1) + "initd-logger";
}

channel::StoreBody entry_of(const LogOwner& owner, std::uint32_t stream) {
  return {owner.tag, channel::kStoreLogPipe * (stream + 1) + (owner.activation & kActivationBits), 0};
}

bool is_log_pipe(std::uint32_t kind) {
  return kind >= channel::kStoreLogPipe && kind < channel::kStoreLogPipe * 3;
}

std::uint32_t stream_of(std::uint32_t kind) {
  return kind / channel::kStoreLogPipe - 1;
}

channel::LogOpenBody name_of(const LogOwner& owner, const channel::StoreBody& entry) {
  channel::LogOpenBody name;
  name.entry = entry;
  name.stream = stream_of(entry.kind);
  name.forward = owner.forward.at(name.stream);
  owner.unit.copy(name.unit.data(), name.unit.size() - 1);
  owner.invocation.copy(name.invocation.data(), name.invocation.size() - 1);
  return name;
}

Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failure(errno, "make a pipe to the logger");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

// What of PID 1's descriptors, whose limit is this process's too, pipes leave to all else.
std::uint32_t most_stored() {
  constexpr rlim_t kFirst = 1024, kOthers = 4096;
  rlimit limit{};
  (void)getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t half = (std::max(limit.rlim_cur, kFirst) - kFirst) / 2;
  return static_cast<std::uint32_t>(std::min<rlim_t>(half, channel::kStoreCount - kOthers));
}

// Another end to write to, of a pipe whose end to read is there.
UniqueFd open_writer(int read_end) {
  return UniqueFd(::open(("/proc/self/fd/" + std::to_string(read_end)).c_str(), O_WRONLY | O_CLOEXEC));
}

}  // namespace

Logging::Logging(Surroundings surroundings)
    : around_(std::move(surroundings)),
      syslog_(
          {around_.channel, around_.facts, [this] { return available_ && around_.syslog().has_value(); },
           [this](std::uint64_t identity, UniqueFd socket) { tell_syslog(identity, std::move(socket)); }}) {}

// ---- The process

Result<UniqueFd> Logging::kept(std::uint32_t kind, std::uint64_t tag, const std::function<UniqueFd()>& make) {
  auto stored = around_.channel.fetch(kind, tag);
  if (!stored || stored->valid()) return stored;
  UniqueFd made = make();
  if (!made) return failure(errno, "make what the logger needs");
  if (auto done = around_.channel.store(kind, tag, made.get()); !done) return Failure(done.error());
  return made;
}

Result<> Logging::keep_staging() {
  UniqueFd ends[2];
  for (const std::uint64_t end : {0U, 1U}) {
    auto stored = kept(channel::kStoreLoggerStaging, end, [&ends, end] {
      if (auto made = end == 0 ? make_pipe() : failure(EIO, "keep a pipe"); made)
        std::tie(ends[0], ends[1]) = std::move(*made);
      return std::move(ends[end == 0 ? 0 : 1]);
    });
    if (!stored) return Failure(stored.error());
    work_[1 + end] = std::move(*stored);
    // Both ends are of one pipe: the second is stored with the first.
    if (end == 0 && ends[1].valid()) {
      if (auto done = around_.channel.store(channel::kStoreLoggerStaging, 1, ends[1].get()); !done)
        return done;
    }
  }
  return {};
}

void Logging::watch(UniqueFd socket) {
  if (link_.fd() >= 0) around_.loop.remove(link_.fd());
  link_ = LoggerLink(std::move(socket));
  if (const int error = around_.loop.add(link_.fd(), EPOLLIN, around_.token))
    log_error(Error{error, "watch the logger", {}, {}, {}}.text());
}

Result<> Logging::connect() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return failure(errno, "make a socket for the logger");
  UniqueFd ours(ends[0]);
  theirs_.reset(ends[1]);
  if (auto stored = around_.channel.store(channel::kStoreLoggerChannel, 0, ours.get()); !stored)
    return stored;
  watch(std::move(ours));
  return {};
}

Result<std::vector<std::byte>> Logging::plan() const {
  const auto& options = around_.options;
  process::PlanInput plan;
  plan.program = logger_program();
  plan.arguments = {plan.program, options.log_directory, options.runtime + "/log", around_.boot};
  plan.working_directory = "/";
  plan.stdio[1].kind = plan.stdio[2].kind = process::StdioKind::Inherit;
  for (std::uint32_t index = 0; index < 4; ++index)
    plan.passed.push_back({index, static_cast<std::uint32_t>(channel::kLoggerChannelFd) + index});
  return process::encode_plan(plan);
}

Result<> Logging::launch() {
  const std::string program = logger_program();
  if (access(program.c_str(), X_OK) != 0) return failure(errno, "find", program);
  auto state = kept(channel::kStoreLoggerState, 0, [] {
    UniqueFd memfd(memfd_create("initd-logger", MFD_CLOEXEC));
    return memfd && ftruncate(memfd.get(), static_cast<off_t>(channel::kPage)) == 0 ? std::move(memfd)
                                                                                    : UniqueFd();
  });
  if (!state) return Failure(state.error());
  work_[0] = std::move(*state);
  if (auto staged = keep_staging(); !staged) return staged;
  if (auto connected = connect(); !connected) return connected;
  auto planned = plan();
  if (!planned) return Failure(planned.error());
  slot_ = around_.slots.take({core::kNoUnit, ++attempt_, core::Role::Main, false, false});
  if (slot_ == kNoSlot) return failure(EAGAIN, "find a slot", program);
  channel::SpawnBody body;
  body.tag = kSlotTag;
  body.slot = slot_;
  body.attempt = attempt_;
  const std::array<int, 4> fds{theirs_.get(), work_[0].get(), work_[1].get(), work_[2].get()};
  if (auto sent = around_.channel.spawn(body, *planned, fds); !sent) return sent;
  theirs_.reset();
  for (auto& fd : work_) fd.reset();
  started_ = monotonic_now();
  tell_stored();
  return {};
}

void Logging::give_up(const std::string& why) {
  available_ = false;
  next_ = monotonic_now() + kPause;
  syslog_.look(monotonic_now());
  if (!said_) log_error("the logger cannot run, units that are started now write to plain files: " + why);
  said_ = true;
}

void Logging::start(std::optional<std::uint32_t> slot) {
  auto channel = around_.channel.fetch(channel::kStoreLoggerChannel, 0);
  if (slot && channel && channel->valid()) {
    slot_ = *slot;
    attempt_ = around_.slots.find(*slot)->attempt;
    available_ = true;
    watch(std::move(*channel));
    tell_stored();  // what the manager before had not told yet; the logger knows the others
  } else {
    available_ = true;
    if (auto launched = launch(); !launched) give_up(launched.error().text());
  }
  if (available_) log_own_words();
  syslog_.start(around_.loop, {around_.token.kind, 1});
}

void Logging::on_slot(std::uint32_t slot, const channel::Slot& facts) {
  const bool failed = facts.state == channel::SlotState::Failed;
  if (slot != slot_ || (!failed && facts.state != channel::SlotState::Exited)) return;
  around_.channel.acknowledge({slot, facts.attempt});
  around_.slots.release(slot);
  slot_ = kNoSlot;
  const bool quick = monotonic_now() - started_ < kQuickEnd;
  quick_ends_ = quick ? quick_ends_ + 1 : 0;
  if (failed) return give_up(Error{facts.failed_errno, "start", logger_program(), {}, {}}.text());
  if (quick_ends_ > kMostQuickEnds)
    return give_up("it ended " + std::to_string(quick_ends_) + " times in a row");
  log_warning("the logger has ended, here is the next one");
  if (auto launched = launch(); !launched) give_up(launched.error().text());
}

void Logging::renew() {
  if (slot_ != kNoSlot) around_.channel.signal({slot_, attempt_, SIGTERM});
}

void Logging::on_time(MonotonicTime now) {
  syslog_.on_time(now);
  if (now < next_) return;
  next_ = MonotonicTime::never();
  if (slot_ != kNoSlot) {
    // It has lived through the pause, so units may use it again; or there was no room in the channel.
    if (said_) log_info("the logger runs again");
    available_ = true;
    said_ = false;
    syslog_.look(now);
    if (!link_.flush()) next_ = now + kSoon;
  } else if (auto launched = launch(); !launched) {
    give_up(launched.error().text());
  } else {
    next_ = now + kPause;
  }
}

// ---- The pipes

void Logging::tell(channel::StoreBody entry, UniqueFd read) {
  const LogOwner owner = around_.owner_of(entry.tag, entry.kind & kActivationBits);
  link_.open({name_of(owner, entry), owner.config, owner.ready_line, std::move(read)});
}

void Logging::tell_syslog(std::uint64_t identity, UniqueFd socket) {
  LogSocket told{
      {{identity, channel::kStoreSyslog, 0}, around_.syslog().value_or(0)}, std::move(socket), {}, {}};
  if (around_.processes.has_cgroups()) {
    told.units.reset(fcntl(around_.processes.units_directory(), F_DUPFD_CLOEXEC, 0));
    told.prefix = around_.processes.prefix();
  }
  link_.read_syslog(std::move(told));
  if (!link_.flush()) next_ = std::min(next_, monotonic_now() + kSoon);
}

void Logging::tell_stored() {
  for (std::uint32_t i = 0; i < around_.facts.header().store_used; ++i) {
    const channel::StoreEntry entry = around_.facts.store_entry(i);
    if (!is_log_pipe(entry.kind) && entry.kind != channel::kStoreSyslog) continue;
    auto read = around_.channel.fetch(entry.kind, entry.tag);
    if (!read || !read->valid()) continue;
    if (entry.kind == channel::kStoreSyslog) {
      tell_syslog(entry.tag, std::move(*read));
    } else {
      tell({entry.tag, entry.kind, 0}, std::move(*read));
    }
  }
  link_.sync();
  if (!link_.flush()) next_ = std::min(next_, monotonic_now() + kSoon);
}

Logging::News Logging::on_readable() {
  auto told = link_.drain();
  for (const auto& entry : told.done) on_done(entry);
  if (link_.closed()) around_.loop.remove(link_.fd());  // its slot tells the rest
  if (!link_.flush()) next_ = std::min(next_, monotonic_now() + kSoon);
  News news{std::move(told.flushed), {}};
  for (const auto& entry : told.ready) news.ready.emplace_back(entry.tag, entry.kind & kActivationBits);
  return news;
}

bool Logging::flush(std::uint64_t tag) {
  if (!available_ || slot_ == kNoSlot || link_.closed()) return false;
  link_.flush_unit(tag);
  if (!link_.flush()) next_ = std::min(next_, monotonic_now() + kSoon);
  return true;
}

bool Logging::is_open(const channel::StoreBody& entry) const {
  const auto at = open_.find(entry.tag);
  return at != open_.end() && (at->second.activation & kActivationBits) == (entry.kind & kActivationBits) &&
         at->second.write[stream_of(entry.kind)].valid();
}

// Nobody held the other end when the logger looked. Since then it may have been opened again for the next
// step.
void Logging::on_done(const channel::StoreBody& entry) {
  if (!is_log_pipe(entry.kind) && entry.kind != channel::kStoreSyslog) return;
  if (!is_log_pipe(entry.kind) || !is_open(entry)) {
    (void)around_.channel.drop(entry.kind, entry.tag);
  } else if (auto read = around_.channel.fetch(entry.kind, entry.tag); read && read->valid()) {
    tell(entry, std::move(*read));
  }
}

Result<int> Logging::pipe(const LogOwner& owner, std::uint32_t stream) {
  Open& open = open_[owner.tag];
  if (open.activation != owner.activation) open = {owner.activation, {}};
  UniqueFd& write = open.write[stream];
  if (write) return write.get();
  const channel::StoreBody entry = entry_of(owner, stream);
  if (is_stored(entry)) {
    auto read = around_.channel.fetch(entry.kind, entry.tag);
    if (!read) return Failure(read.error());
    if (read->valid()) {  // else it is being dropped
      write = open_writer(read->get());
      if (!write) return failure(errno, "open the pipe to the logger", owner.unit);
      return write.get();
    }
  }
  if (around_.facts.header().store_used >= most_stored())
    return failure(EMFILE, "keep one more pipe to the logger");
  auto made = make_pipe();
  if (!made) return Failure(made.error());
  if (auto stored = around_.channel.store(entry.kind, entry.tag, made->first.get()); !stored)
    return Failure(stored.error());
  link_.open({name_of(owner, entry), owner.config, owner.ready_line, std::move(made->first)});
  if (!link_.flush()) next_ = std::min(next_, monotonic_now() + kSoon);
  write = std::move(made->second);
  return write.get();
}

// Of a step whose manager has died since the first.
bool Logging::is_stored(const channel::StoreBody& entry) const {
  for (std::uint32_t i = 0; i < around_.facts.header().store_used; ++i) {
    const auto& stored = around_.facts.store_entry(i);
    if (stored.kind == entry.kind && stored.tag == entry.tag) return true;
  }
  return false;
}

// What initd itself has to say, from now on.
void Logging::log_own_words() {
  LogOwner owner = around_.owner_of(fnv1a64(log::kInitd), 0);
  auto write = pipe(owner, 0);
  if (write && fcntl(*write, F_SETFL, O_NONBLOCK) == 0) log_to(*write);
}

}  // namespace init::manager
