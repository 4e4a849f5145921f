#include "daemon/manager/app/voices.h"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "daemon/manager/os/log.h"

namespace init::manager {
namespace {

using channel::kStoreFdNames;
using channel::kStoreNotifySocket;
using channel::kStoreReadyFd;
using channel::kStoreServiceFd;

static_assert(kMostServiceFds <= channel::kStoreServiceFdEnd - kStoreServiceFd);

bool is_ours(std::uint32_t kind) {
  const bool service = kind >= kStoreServiceFd && kind < channel::kStoreServiceFdEnd;
  return service || kind == kStoreNotifySocket || kind == kStoreReadyFd || kind == kStoreFdNames;
}

// A socket's path has 107 bytes, a run-time directory up to 90 of them: 13 are left for 64 bits.
std::string short_name(std::uint64_t tag) {
  std::string name;
  for (int digit = 0; digit < 13; ++digit, tag >>= 5U) name += "0123456789abcdefghijklmnopqrstuv"[tag & 31U];
  return name;
}

}  // namespace

unit::NotifyAccess access_of(const unit::ServiceConfig& service) {
  if (service.notify_access != unit::NotifyAccess::Default) return service.notify_access;
  const bool speaks =
      service.type == unit::ServiceType::Notify || service.watchdog != kInfinity || service.fd_store_max > 0;
  return speaks ? unit::NotifyAccess::Main : unit::NotifyAccess::None;
}

Voices::Voices(ChannelClient& channel, process::Poller& loop, std::string directory, Kinds kinds)
    : channel_(channel), loop_(loop), directory_(std::move(directory)), kinds_(kinds) {
  // Nobody but initd may list it or make anything in it.
  if (mkdir(directory_.c_str(), 0711) == 0) (void)chmod(directory_.c_str(), 0711);
}

Result<> Voices::take_up(const channel::FactsReader& facts,
                         const std::function<bool(std::uint64_t tag)>& leave) {
  // The names first: what is put back asks for its own.
  for (const bool names : {true, false}) {
    for (std::uint32_t index = 0; index < facts.header().store_used; ++index) {
      const channel::StoreEntry entry = facts.store_entry(index);
      if (!is_ours(entry.kind) || (entry.kind == kStoreFdNames) != names || leave(entry.tag)) continue;
      auto fd = channel_.fetch(entry.kind, entry.tag);
      if (!fd) return Failure(fd.error());
      if (fd->valid()) take_up_one(entry, std::move(*fd));
    }
  }
  return {};
}

void Voices::take_up_one(const channel::StoreEntry& entry, UniqueFd fd) {
  Voice& voice = make(entry.tag);
  const std::uint32_t index = index_of(voice);
  if (entry.kind == kStoreNotifySocket) {
    listen(fd.get(), EPOLLIN, {kinds_.notify, index});
    voice.socket.emplace(std::move(fd));
    struct stat status {};
    if (lstat(socket_path(entry.tag).c_str(), &status) == 0) voice.owner = status.st_uid;
  } else if (entry.kind == kStoreReadyFd) {
    listen(fd.get(), EPOLLIN, {kinds_.ready, index});
    voice.ready = std::move(fd);
  } else if (entry.kind == kStoreFdNames) {
    voice.fds.emplace(std::move(fd));
  } else if (voice.fds) {
    const std::uint32_t place = entry.kind - kStoreServiceFd;
    watch_hangup(voice, voice.fds->put_back(place, std::move(fd)));
  }
}

std::vector<Voice*> Voices::all() {
  std::vector<Voice*> found;
  for (const auto& voice : voices_) {
    if (voice) found.push_back(voice.get());
  }
  return found;
}

Voice* Voices::find(std::uint64_t tag) const {
  const auto at = by_tag_.find(tag);
  return at == by_tag_.end() ? nullptr : voices_[at->second].get();
}

Voice* Voices::at(std::uint32_t index) {
  return index < voices_.size() ? voices_[index].get() : nullptr;
}

Voice& Voices::make(std::uint64_t tag) {
  if (Voice* known = find(tag)) return *known;
  auto place = std::find(voices_.begin(), voices_.end(), nullptr);
  if (place == voices_.end()) place = voices_.insert(voices_.end(), nullptr);
  *place = std::make_unique<Voice>();
  (*place)->tag = tag;
  by_tag_[tag] = static_cast<std::uint32_t>(place - voices_.begin());
  return **place;
}

void Voices::close(std::uint64_t tag) {
  Voice* voice = find(tag);
  if (voice == nullptr) return;
  close_ready(*voice);
  if (voice->socket) {
    loop_.remove(voice->socket->fd());
    (void)unlink(socket_path(tag).c_str());
    (void)channel_.drop(kStoreNotifySocket, tag);
  }
  if (voice->fds) {
    for (const auto& kept : voice->fds->all()) drop_place(*voice, kept);
    (void)channel_.drop(kStoreFdNames, tag);
  }
  voices_[by_tag_.at(tag)].reset();
  by_tag_.erase(tag);
}

std::string Voices::socket_path(std::uint64_t tag) const {
  return directory_ + "/" + short_name(tag);
}

void Voices::listen(int fd, std::uint32_t events, process::Token token) {
  if (const int error = loop_.add(fd, events, token))
    log_error(Error{error, "watch a service's descriptor", {}, {}, {}}.text());
}

Result<> Voices::open_socket(Voice& voice, uid_t owner) {
  const std::string path = socket_path(voice.tag);
  if (voice.socket) {
    if (voice.owner == owner) return {};
    auto given = NotifySocket::give_to(path, owner);
    if (given) voice.owner = owner;
    return given;
  }
  auto made = NotifySocket::bind(path, owner);
  if (!made) return Failure(made.error());
  if (auto kept = channel_.store(kStoreNotifySocket, voice.tag, made->fd()); !kept) return kept;
  listen(made->fd(), EPOLLIN, {kinds_.notify, index_of(voice)});
  voice.socket = std::move(*made);
  voice.owner = owner;
  return {};
}

Result<UniqueFd> Voices::open_ready(Voice& voice) {
  close_ready(voice);
  auto made = ReadyPipe::create();
  if (!made) return Failure(made.error());
  if (auto kept = channel_.store(kStoreReadyFd, voice.tag, made->read.get()); !kept)
    return Failure(kept.error());
  listen(made->read.get(), EPOLLIN, {kinds_.ready, index_of(voice)});
  voice.ready = std::move(made->read);
  return std::move(made->write);
}

void Voices::close_ready(Voice& voice) {
  if (!voice.ready) return;
  loop_.remove(voice.ready.get());
  voice.ready.reset();
  (void)channel_.drop(kStoreReadyFd, voice.tag);
}

Result<> Voices::keep(Voice& voice, std::string_view name, bool poll, UniqueFd fd) {
  if (!voice.fds) {
    auto made = ServiceFds::create();
    if (!made) return Failure(made.error());
    if (auto kept = channel_.store(kStoreFdNames, voice.tag, made->names_fd()); !kept) return kept;
    voice.fds = std::move(*made);
  }
  auto kept = voice.fds->add(name, poll, std::move(fd), voice.most_fds);
  if (!kept) return Failure(kept.error());
  watch_hangup(voice, **kept);
  return channel_.store(kStoreServiceFd + (*kept)->place, voice.tag, (*kept)->fd.get());
}

void Voices::forget(Voice& voice, std::string_view name) {
  if (!voice.fds) return;
  std::vector<std::uint32_t> places;
  for (const auto& kept : voice.fds->all()) {
    if (kept.name == name) places.push_back(kept.place);
  }
  for (const std::uint32_t place : places) forget(voice, place);
}

void Voices::forget(Voice& voice, std::uint32_t place) {
  const ServiceFds::Kept* kept = voice.fds ? voice.fds->find(place) : nullptr;
  if (kept == nullptr) return;
  drop_place(voice, *kept);
  voice.fds->remove(place);
}

void Voices::drop_place(const Voice& voice, const ServiceFds::Kept& kept) {
  loop_.remove(kept.fd.get());
  (void)channel_.drop(kStoreServiceFd + kept.place, voice.tag);
}

// Files that cannot be waited for have no end to be told of.
void Voices::watch_hangup(const Voice& voice, const ServiceFds::Kept& kept) {
  if (kept.poll) (void)loop_.add(kept.fd.get(), 0, {kinds_.hangup, index_of(voice) * kPlaces + kept.place});
}

}  // namespace init::manager
