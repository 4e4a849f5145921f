// The flight recorder: what goes into it, and how it is shown.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/manager/app/app.h"
#include "daemon/manager/app/wording.h"
#include "daemon/manager/os/log.h"
#include "libinit/base/version.h"

namespace init::manager {
namespace {

using core::Entry;

std::string hex(const void* data, std::size_t size) {
  constexpr const char* kDigits = "0123456789abcdef";
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::string out;
  out.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

std::string hex_of(int fd) {
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0 || status.st_size == 0) return {};
  const auto size = static_cast<std::size_t>(status.st_size);
  void* base = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return {};
  std::string out = hex(base, size);
  munmap(base, size);
  return out;
}

std::string text_of(const Entry& entry) {
  switch (entry.kind) {
    case Entry::Kind::Start:
      return "manager number " + std::to_string(entry.value) + " starts";
    case Entry::Kind::Reload:
      return "other unit files are in force";
    case Entry::Kind::Signal:
      return "initd is sent signal " + std::to_string(entry.index) + " by pid " +
             std::to_string(entry.value) + ", uid " + std::to_string(entry.uid);
    case Entry::Kind::Request:
      return "request " +
             std::string(api::info(static_cast<api::Method>(entry.index % api::kMethodCount)).name) +
             " by uid " + std::to_string(entry.uid);
    default:
      break;
  }
  if (const auto event = core::event_of(entry)) return core::text_of(*event);
  const auto action = core::action_of(entry);
  return action ? core::text_of(*action) : "an entry of another version";
}

}  // namespace

// What it cannot have does not keep the manager from its work.
void App::open_recorder() {
  if (auto stored = channel_.fetch(channel::kStoreHistory, 0); stored && stored->valid()) {
    if (auto opened = Recorder::open(std::move(*stored))) return void(recorder_.emplace(std::move(*opened)));
  }
  auto made = Recorder::create();
  if (!made) return log_warning(made.error().text());
  (void)channel_.store(channel::kStoreHistory, 0, made->fd());
  recorder_.emplace(std::move(*made));
}

void App::keep_beginning(const core::Engine::Saved& saved, MonotonicTime now) {
  if (!recorder_) return;
  Entry entry;
  entry.kind = Entry::Kind::Start;
  entry.at_ns = now.since_epoch.count();
  entry.value = static_cast<std::int32_t>(facts_.header().epoch);
  recorder_->add(entry);
  const std::string bytes = core::pack(core::Beginning{{saved.units.begin(), saved.units.end()},
                                                       {saved.jobs.begin(), saved.jobs.end()},
                                                       {saved.processes.begin(), saved.processes.end()},
                                                       saved.seed,
                                                       now});
  beginning_.reset(memfd_create("initd-beginning", MFD_CLOEXEC));
  if (beginning_ && write(beginning_.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()))
    (void)channel_.store(channel::kStoreBeginning, 0, beginning_.get());
}

void App::record(const core::Event& event, MonotonicTime now) {
  if (recorder_) recorder_->add(core::entry_of(event, *engine_->graph(), now));
}

void App::record_actions(MonotonicTime now) {
  if (!recorder_) return;
  for (const auto& action : actions_) recorder_->add(core::entry_of(action, *engine_->graph(), now));
}

void App::record_signal(int signal) {
  if (!recorder_) return;
  const auto& seen = facts_.header().signals[static_cast<std::size_t>(signal)];
  Entry entry;
  entry.kind = Entry::Kind::Signal;
  entry.at_ns = monotonic_now().since_epoch.count();
  entry.index = static_cast<std::uint16_t>(signal);
  entry.value = seen.sender_pid;
  entry.uid = seen.sender_uid;
  recorder_->add(entry);
}

// What only asks is no history.
void App::record_request(const control::Call& call) {
  const api::Method method = api::method_of(call.request);
  if (!recorder_ || !api::info(method).mutating) return;
  Entry entry;
  entry.kind = Entry::Kind::Request;
  entry.at_ns = monotonic_now().since_epoch.count();
  entry.index = static_cast<std::uint16_t>(method);
  entry.uid = call.peer.uid;
  const auto unit = engine_->graph()->find(api::unit_of(call.request));
  if (unit) entry.tag = engine_->graph()->tag(*unit);
  recorder_->add(entry);
}

api::HistoryReply App::history(std::string_view unit, bool raw) {
  api::HistoryReply reply;
  reply.version = kVersion;
  if (!recorder_) return reply;
  const auto entries = recorder_->entries();
  const auto wanted = engine_->graph()->find(unit);
  for (const Entry& entry : entries) {
    const auto about = engine_->graph()->find_tag(entry.tag);
    if (!unit.empty() && (!about || about != wanted)) continue;
    const MonotonicTime at{Duration(entry.at_ns)};
    reply.entries.push_back(
        {wall_us(at), about ? std::string(engine_->graph()->name(*about)) : "", text_of(entry)});
  }
  if (!raw) return reply;
  reply.raw_entries = hex(entries.data(), entries.size() * sizeof(Entry));
  reply.raw_beginning = hex_of(beginning_.get());
  reply.raw_generation = hex_of(configuration_.generation.fd());
  return reply;
}

}  // namespace init::manager
