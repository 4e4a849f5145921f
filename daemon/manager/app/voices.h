// What services say of themselves and give away to have it back: by unit, all of it in PID 1's store too, so
// that neither a word nor a descriptor is lost with the manager. Who may speak, and what follows from a word,
// is the App's matter.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/channel/facts_reader.h"
#include "daemon/manager/os/channel_client.h"
#include "daemon/manager/os/notify_socket.h"
#include "daemon/manager/os/ready_pipe.h"
#include "daemon/manager/os/service_fds.h"
#include "libinit/process/poller.h"
#include "libinit/unit/config.h"

namespace init::manager {

// Of one unit.
struct Voice {
  std::uint64_t tag = 0;
  uid_t owner = static_cast<uid_t>(-1);  // of the socket; not known after a restart of the manager
  unit::NotifyAccess access = unit::NotifyAccess::None;
  std::uint32_t most_fds = 0;
  std::optional<NotifySocket> socket;
  UniqueFd ready;  // read end of the ready-fd
  std::optional<ServiceFds> fds;
  std::string status;         // its last STATUS=
  std::uint64_t ignored = 0;  // datagrams that were none, or came from somebody who may not speak
};

// NotifyAccess::Default resolved.
[[nodiscard]] unit::NotifyAccess access_of(const unit::ServiceConfig& service);

class Voices {
 public:
  // Tokens: {notify_kind, voice}, {ready_kind, voice}, {hangup_kind, voice * kPlaces + place}.
  struct Kinds {
    std::uint32_t notify = 0, ready = 0, hangup = 0;
  };
  static constexpr std::uint32_t kPlaces = 256;

  // Both outlive this; sockets are made in `directory`, which is made here.
  Voices(ChannelClient& channel, process::Poller& loop, std::string directory, Kinds kinds);

  // What an earlier manager has left in PID 1's store, but of units that are to be left alone. A voice that
  // nobody takes up is closed by the caller.
  Result<> take_up(const channel::FactsReader& facts, const std::function<bool(std::uint64_t tag)>& leave);
  [[nodiscard]] std::vector<Voice*> all();

  [[nodiscard]] Voice* find(std::uint64_t tag) const;
  [[nodiscard]] Voice* at(std::uint32_t index);
  [[nodiscard]] std::uint32_t index_of(const Voice& voice) const { return by_tag_.at(voice.tag); }
  Voice& make(std::uint64_t tag);
  // The unit is down for good: all that is its own goes.
  void close(std::uint64_t tag);

  [[nodiscard]] std::string socket_path(std::uint64_t tag) const;
  Result<> open_socket(Voice& voice, uid_t owner);
  // The write end, for the service.
  Result<UniqueFd> open_ready(Voice& voice);
  void close_ready(Voice& voice);
  Result<> keep(Voice& voice, std::string_view name, bool poll, UniqueFd fd);
  void forget(Voice& voice, std::string_view name);
  void forget(Voice& voice, std::uint32_t place);

 private:
  void take_up_one(const channel::StoreEntry& entry, UniqueFd fd);
  void listen(int fd, std::uint32_t events, process::Token token);
  void watch_hangup(const Voice& voice, const ServiceFds::Kept& kept);
  void drop_place(const Voice& voice, const ServiceFds::Kept& kept);

  ChannelClient& channel_;
  process::Poller& loop_;
  std::string directory_;
  Kinds kinds_;
  std::vector<std::unique_ptr<Voice>> voices_;  // null: a free place
  std::unordered_map<std::uint64_t, std::uint32_t> by_tag_;
};

}  // namespace init::manager
