#include "daemon/manager/control/server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace init::control {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr Duration kListenerPause = std::chrono::milliseconds(100);

void refuse(int fd) {
  const std::string message = api::encode_error({api::ErrorKind::TooManyClients, {}, {}, {}});
  (void)send(fd, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);  // a courtesy: may fail
}

}  // namespace

Server::Server(process::Poller& loop, UniqueFd listener, ServerOptions options)
    : loop_(loop), listener_(std::move(listener)), options_(std::move(options)) {}

Result<std::unique_ptr<Server>> Server::create(process::Poller& loop, UniqueFd listener,
                                               ServerOptions options) {
  std::unique_ptr<Server> server(new Server(loop, std::move(listener), std::move(options)));
  if (!server->watch_listener(true)) return failure(errno, "watch", "control socket");
  server->refill_spares();
  return server;
}

Result<> Server::replace_listener(UniqueFd listener) {
  (void)watch_listener(false);
  spares_.clear();  // they are copies of the old listener
  listener_ = std::move(listener);
  if (!watch_listener(true)) return failure(errno, "watch", "control socket");
  refill_spares();
  return {};
}

Server::~Server() {
  for (const auto& [number, client] : clients_) loop_.remove(client.connection.fd());
  (void)watch_listener(false);
}

// ---- Who gets in

bool Server::watch_listener(bool on) {
  if (on == listening_ || !listener_) return true;
  if (!on) loop_.remove(listener_.get());
  if (on) {
    errno = loop_.add(listener_.get(), EPOLLIN, {options_.token_kind, 0});
    if (errno != 0) return false;
  }
  listening_ = on;
  return true;
}

void Server::refill_spares() {
  while (listener_ && spares_.size() < options_.reserved_for_root) {
    UniqueFd spare(fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0));
    if (!spare) return;
    spares_.push_back(std::move(spare));
  }
}

UniqueFd Server::accept_one() {
  for (;;) {
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd || (errno != EINTR && errno != ECONNABORTED && errno != EMFILE && errno != ENFILE)) return fd;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (spares_.empty()) {
      // The loop would report the waiting clients again and again.
      (void)watch_listener(false);
      listen_again_ = monotonic_now() + kListenerPause;
      return fd;
    }
    spares_.pop_back();
  }
}

void Server::accept_some(MonotonicTime now) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    UniqueFd fd = accept_one();
    if (!fd) return;
    admit(std::move(fd), now);
  }
}

void Server::admit(UniqueFd fd, MonotonicTime now) {
  refill_spares();
  const bool out_of_descriptors = spares_.size() < options_.reserved_for_root;
  Result<Peer> peer = read_peer(fd.get());
  if (!peer || !has_place_for(*peer) || (out_of_descriptors && !is_master(*peer))) {
    refuse(fd.get());
    fd.reset();
    return refill_spares();
  }
  do {
    ++last_number_;
  } while (last_number_ == 0 || clients_.contains(last_number_));
  if (loop_.add(fd.get(), EPOLLIN, {options_.token_kind, last_number_}) != 0) return;
  clients_.emplace(last_number_, Client{Connection(std::move(fd), std::move(*peer), now), EPOLLIN});
}

bool Server::has_place_for(const Peer& peer) const {
  if (is_master(peer)) return clients_.size() < options_.max_clients;
  const auto of_same_user = std::count_if(clients_.begin(), clients_.end(), [&peer](const auto& entry) {
    return entry.second.connection.peer().uid == peer.uid;
  });
  return clients_.size() + options_.reserved_for_root < options_.max_clients &&
         static_cast<std::size_t>(of_same_user) < options_.max_clients_per_user;
}

// ---- Roles

bool Server::may_operate(const Peer& peer, std::string_view unit) const {
  return is_master(peer) || (!unit.empty() && options_.is_operator && options_.is_operator(peer, unit));
}

bool Server::may_call(const Peer& peer, const api::Request& request) const {
  switch (api::info(api::method_of(request)).role) {
    case api::Role::Read:
      return true;
    case api::Role::Operate:
      return may_operate(peer, api::unit_of(request));
    case api::Role::Admin:
      return is_master(peer);
  }
  return false;
}

void Server::redact(const Peer& peer, api::Reply& reply) const {
  if (is_master(peer)) return;
  api::Status* status = std::get_if<api::Status>(&reply);
  if (auto* job = std::get_if<api::JobReply>(&reply); job != nullptr && job->status) status = &*job->status;
  if (status != nullptr && !may_operate(peer, status->id)) api::redact(*status);
}

// ---- Calls

void Server::handle(const process::Ready& ready, MonotonicTime now) {
  if (ready.token.index == 0) return accept_some(now);
  const auto client = clients_.find(ready.token.index);
  if (client == clients_.end()) return;  // closed earlier in this turn
  Connection& connection = client->second.connection;
  if ((ready.events & (EPOLLHUP | EPOLLERR)) != 0 && !connection.abandoned()) {
    for (const std::uint64_t serial : connection.abandon()) dropped_.push_back({client->first, serial});
  }
  if (connection.receive(now) == Connection::Io::Lost) return close(client->first);
  (void)settle(client->first, now);
}

// A client that does not read its answers is not given more of them.
bool Server::may_take(const Connection& connection) const {
  return connection.has_message() && !connection.has_output() &&
         connection.pending() < options_.max_pending_calls;
}

std::vector<Call> Server::take_calls(MonotonicTime now) {
  std::vector<ClientNumber> turn;
  const auto collect = [&](Clients::iterator from, Clients::iterator to) {
    for (; from != to && turn.size() < options_.calls_per_turn; ++from) {
      if (may_take(from->second.connection)) turn.push_back(from->first);
    }
  };
  const auto next = clients_.upper_bound(last_served_);
  collect(next, clients_.end());
  collect(clients_.begin(), next);
  std::vector<Call> calls;
  for (const ClientNumber number : turn) {
    if (std::optional<Call> call = take_call(number, clients_.at(number), now))
      calls.push_back(std::move(*call));
    last_served_ = number;
  }
  return calls;
}

std::optional<Call> Server::take_call(ClientNumber number, Client& client, MonotonicTime now) {
  Connection& connection = client.connection;
  auto decoded = api::decode_call(connection.take_message(now));
  if (!decoded) {
    close(number);
    return std::nullopt;
  }
  const CallId id{number, ++last_serial_};
  const bool oneway =
      std::visit([](const auto& body) { return body.oneway; }, *decoded) || connection.abandoned();
  if (!oneway) connection.expect(id.serial);
  std::optional<Call> call;
  if (auto* incoming = std::get_if<api::IncomingCall>(&*decoded)) {
    if (may_call(connection.peer(), incoming->request)) {
      call = Call{id,
                  connection.peer(),
                  std::move(incoming->request),
                  std::move(incoming->request_id),
                  incoming->more,
                  oneway};
    } else {
      const std::string_view method = api::info(api::method_of(incoming->request)).name;
      error(id, {api::ErrorKind::PermissionDenied,
                 std::string(api::kInterface) + "." + std::string(method),
                 {},
                 {}});
    }
  } else if (const auto* ready = std::get_if<api::ReadyAnswer>(&*decoded)) {
    answer(id, ready->message, false);
  } else {
    error(id, std::get<api::BadCall>(*decoded).error);
  }
  (void)settle(number, now);
  return call;
}

std::vector<CallId> Server::take_dropped() {
  return std::exchange(dropped_, {});
}

// ---- Answers

void Server::reply(const CallId& id, api::Reply reply, bool continues) {
  const auto client = clients_.find(id.client);
  if (client == clients_.end()) return;
  redact(client->second.connection.peer(), reply);
  answer(id, api::encode_reply(reply, continues), continues);
}

void Server::error(const CallId& id, const api::CallError& error) {
  answer(id, api::encode_error(error), false);
}

void Server::answer(const CallId& id, std::string message, bool continues) {
  const auto client = clients_.find(id.client);
  if (client == clients_.end()) return;
  Connection& connection = client->second.connection;
  const std::size_t queued = connection.queued_bytes();
  if (queued > 0 && queued + message.size() > options_.max_queued_bytes) return close(id.client);
  const MonotonicTime now = monotonic_now();
  connection.answer(id.serial, std::move(message), continues, now);
  (void)settle(id.client, now);
}

bool Server::settle(ClientNumber number, MonotonicTime now) {
  const auto found = clients_.find(number);
  if (found == clients_.end()) return false;
  Client& client = found->second;
  Connection& connection = client.connection;
  const bool lost = !connection.abandoned() && connection.flush(now) == Connection::Io::Lost;
  if (lost || connection.finished()) {
    close(number);
    return false;
  }
  const std::uint32_t wanted = (connection.has_room() && !connection.has_output() ? EPOLLIN : 0U) |
                               (connection.has_output() ? EPOLLOUT : 0U);
  if (wanted == client.interest) return true;
  client.interest = wanted;
  if (loop_.change(connection.fd(), wanted, {options_.token_kind, number}) == 0) return true;
  close(number);
  return false;
}

void Server::close(ClientNumber number) {
  const auto client = clients_.find(number);
  if (client == clients_.end()) return;
  for (const std::uint64_t serial : client->second.connection.abandon()) dropped_.push_back({number, serial});
  loop_.remove(client->second.connection.fd());
  clients_.erase(client);
  refill_spares();
}

// ---- Time

MonotonicTime Server::next_deadline() const {
  MonotonicTime next = listening_ ? MonotonicTime::never() : listen_again_;
  for (const auto& [number, client] : clients_) {
    if (may_take(client.connection)) return {};
    next = std::min(next, client.connection.deadline(options_.half_open_limit, options_.stalled_limit));
  }
  return next;
}

void Server::expire(MonotonicTime now) {
  std::vector<ClientNumber> late;
  for (const auto& [number, client] : clients_) {
    if (client.connection.deadline(options_.half_open_limit, options_.stalled_limit) <= now)
      late.push_back(number);
  }
  for (const ClientNumber number : late) close(number);
  if (!listening_ && listen_again_ <= now && !watch_listener(true)) listen_again_ = now + kListenerPause;
}

std::size_t Server::queued_bytes() const {
  std::size_t sum = 0;
  for (const auto& [number, client] : clients_) {
    sum += client.connection.queued_bytes() + client.connection.buffered_bytes();
  }
  return sum;
}

}  // namespace init::control
