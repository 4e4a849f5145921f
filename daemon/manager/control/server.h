// The control socket's server. Passive: it owns the listener and the clients, the application runs the loop,
// hands over what is ready, takes calls and answers them. Answers may come in any order and at any later
// time; each client sees its own in the order of its calls, as Varlink wants it.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/manager/control/connection.h"
#include "daemon/manager/control/peer.h"
#include "libinit/api/message.h"
#include "libinit/base/result.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"
#include "libinit/process/poller.h"

namespace init::control {

// Makes the directory (0755) and the socket (0666: roles decide, not the mode), replacing a socket that
// stands there. Listening, non-blocking. Errors: those of mkdir, bind, listen; ENAMETOOLONG; EEXIST when
// something else than a socket is there.
[[nodiscard]] Result<UniqueFd> create_listener(const std::string& path);

struct CallId {
  std::uint32_t client = 0;
  std::uint64_t serial = 0;  // never used twice
  friend constexpr auto operator<=>(const CallId&, const CallId&) = default;
};

// A call that its peer is allowed to make.
struct Call {
  CallId id;
  Peer peer;
  api::Request request;
  std::string request_id;  // empty = none: carried out each time
  bool more = false;       // progress may be sent
  bool oneway = false;     // nobody waits: reply() and error() on it do nothing
};

struct ServerOptions {
  std::uint32_t token_kind = 0;
  uid_t owner = 0;  // besides root, may all: the euid that initd runs as
  // True when the peer is among the unit's operators. Never asked about root and owner, nor with an empty
  // unit.
  std::function<bool(const Peer& peer, std::string_view unit)> is_operator;
  std::size_t max_clients = 512;
  std::size_t max_clients_per_user = 64;  // does not bind root and owner
  std::size_t reserved_for_root =
      8;  // of max_clients; and as many descriptors kept for when the table is full
  std::size_t max_pending_calls = 64;  // unanswered, per client; more are not read
  std::size_t max_queued_bytes =
      256 * 1024;  // of answers, per client; one larger answer only into an empty queue
  std::size_t calls_per_turn = 32;
  Duration half_open_limit = std::chrono::seconds(5);  // to send a whole call, once connected or begun
  Duration stalled_limit = std::chrono::seconds(30);   // to take at least a byte of what waits for it
};

class Server {
 public:
  // loop must outlive the server. The listener (invalid: nobody can connect) is watched from now on. Errors:
  // those of epoll_ctl(2).
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(process::Poller& loop, UniqueFd listener,
                                                              ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The socket was made anew; clients of the old one stay. An invalid fd: nobody can connect.
  Result<> replace_listener(UniqueFd listener);

  // For every Ready of the token kind.
  void handle(const process::Ready& ready, MonotonicTime now);
  // At most calls_per_turn calls, one of each client at most, taking turns. Once per turn of the loop, after
  // handle().
  [[nodiscard]] std::vector<Call> take_calls(MonotonicTime now);
  // Calls whose caller has gone, or was closed, before the final answer. Each once.
  [[nodiscard]] std::vector<CallId> take_dropped();

  // A CallId whose client is gone is ignored. What the peer's role may not see is taken out here.
  void reply(const CallId& id, api::Reply reply, bool continues = false);
  void error(const CallId& id, const api::CallError& error);

  // When expire() or take_calls() is next needed, whatever the loop reports; in the past when calls are
  // waiting to be taken.
  [[nodiscard]] MonotonicTime next_deadline() const;
  void expire(MonotonicTime now);

  [[nodiscard]] std::size_t client_count() const { return clients_.size(); }
  [[nodiscard]] std::size_t queued_bytes() const;  // of all clients, both directions

 private:
  using ClientNumber = std::uint32_t;  // the token's index; 0 is the listener
  struct Client {
    Connection connection;
    std::uint32_t interest = 0;  // what the loop watches it for
  };
  using Clients = std::map<ClientNumber, Client>;

  Server(process::Poller& loop, UniqueFd listener, ServerOptions options);

  void accept_some(MonotonicTime now);
  [[nodiscard]] UniqueFd accept_one();
  void admit(UniqueFd fd, MonotonicTime now);
  [[nodiscard]] bool has_place_for(const Peer& peer) const;
  [[nodiscard]] bool watch_listener(bool on);
  void refill_spares();

  [[nodiscard]] bool may_take(const Connection& connection) const;
  [[nodiscard]] std::optional<Call> take_call(ClientNumber number, Client& client, MonotonicTime now);
  [[nodiscard]] bool may_call(const Peer& peer, const api::Request& request) const;
  [[nodiscard]] bool may_operate(const Peer& peer, std::string_view unit) const;
  [[nodiscard]] bool is_master(const Peer& peer) const { return peer.uid == 0 || peer.uid == options_.owner; }
  void redact(const Peer& peer, api::Reply& reply) const;

  void answer(const CallId& id, std::string message, bool continues);
  // After anything that happened to a client: sends, watches for what it now waits for, or closes it. True:
  // it is still there.
  bool settle(ClientNumber number, MonotonicTime now);
  void close(ClientNumber number);

  process::Poller& loop_;
  UniqueFd listener_;
  bool listening_ = false;      // the listener is in the loop
  MonotonicTime listen_again_;  // when it is not
  ServerOptions options_;
  Clients clients_;
  ClientNumber last_number_ = 0;
  ClientNumber last_served_ = 0;
  std::uint64_t last_serial_ = 0;
  std::vector<UniqueFd> spares_;  // descriptors to give up for root when there are no others
  std::vector<CallId> dropped_;
};

}  // namespace init::control
