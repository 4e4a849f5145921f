// A connection to the manager that outlives the manager: when it is lost, calls that have no final answer yet
// are sent again, under the same request_id, so that each is carried out once and answered once.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "libinit/api/message.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"

namespace init::api {

struct ClientOptions {
  // How long a manager that cannot be reached is waited for: once there has been a connection; and before,
  // when the runtime directory exists. Without one the failure is immediate.
  Duration patience = std::chrono::seconds(10);
  Duration first_patience = std::chrono::seconds(2);
  std::function<void()> on_wait = {};  // such a wait begins
  // Asked each time nothing has come for three seconds: true gives up, with EHOSTDOWN.
  std::function<bool()> is_hopeless = {};
};

struct OutgoingCall {
  Request request;
  bool more = false;  // progress replies are wanted
};

using Answer = std::variant<Reply, CallError>;

class Client {
 public:
  // path: of the control socket. Errors: step "connect" with the errno of connect(2); ENOENT or ECONNREFUSED
  // = no manager.
  [[nodiscard]] static Result<Client> connect(std::string path, ClientOptions options = {});

  // index: of the call in the list.
  using OnProgress = std::function<void(std::size_t index, const Reply& reply)>;

  // Makes all calls at once and waits for their answers, in their order. Errors: ETIMEDOUT at the deadline;
  // those of connect; EBADMSG.
  [[nodiscard]] Result<std::vector<Answer>> call_all(const std::vector<OutgoingCall>& calls,
                                                     MonotonicTime deadline,
                                                     const OnProgress& on_progress = {});
  [[nodiscard]] Result<Answer> call(const Request& request, MonotonicTime deadline = MonotonicTime::never());

 private:
  Client(std::string path, ClientOptions options, UniqueFd fd)
      : path_(std::move(path)), options_(std::move(options)), fd_(std::move(fd)) {}

  std::string path_;
  ClientOptions options_;
  UniqueFd fd_;
};

}  // namespace init::api
