// Calls of the control socket: what they ask for, who waits for which job, what is answered.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/manager/app/configuration.h"
#include "daemon/manager/app/views.h"
#include "daemon/manager/control/server.h"
#include "daemon/manager/os/intents.h"
#include "libinit/core/engine.h"

namespace init::manager {

struct Shutdown {
  core::PowerKind kind = core::PowerKind::Exit;
  std::int32_t exit_code = 0;
  std::uint32_t uid = 0;
};

// What the application does for requests.
class RequestTarget {
 public:
  virtual ~RequestTarget() = default;
  // Writes the request down, hands it to the engine. 0: too many are pending.
  virtual core::JobId submit(core::Requested request, std::string_view request_id) = 0;
  virtual core::JobId submit_shutdown(const Shutdown& shutdown, std::string_view request_id) = 0;
  virtual void drop(core::JobId job) = 0;
  virtual Reading reload() = 0;
  // False: there is no process to signal.
  virtual bool signal(core::UnitIndex unit, int signal, bool all) = 0;
  [[nodiscard]] virtual JournalEntry* find_request(std::string_view request_id) = 0;
  [[nodiscard]] virtual const core::Engine& engine() const = 0;
  [[nodiscard]] virtual ViewContext view_context() = 0;
};

class Requests {
 public:
  Requests(RequestTarget& target, control::Server& server) : target_(target), server_(server) {}

  void handle(const control::Call& call, MonotonicTime now);
  void dropped(control::CallId call);
  // Before the engine forgets the job. cause is the unit that the outcome is about.
  void finished(const core::JobFinished& job);
  // Sends progress to those who want it, and answers those whose time is up.
  void tell(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_deadline() const;

 private:
  struct Waiter {
    control::CallId call;
    core::UnitIndex unit = 0;
    bool more = false;
    bool timed = false;  // dropped by its own timeout
    MonotonicTime deadline = MonotonicTime::never();
    std::string told;  // the progress last sent
  };

  void answer(const control::Call& call, const api::JobRequest& request);
  void answer(const control::Call& call, const api::ResetFailedRequest& request);
  void answer(const control::Call& call, const api::KillRequest& request);
  void answer(const control::Call& call, const api::DaemonReloadRequest& request);
  void answer(const control::Call& call, const api::PlanRequest& request);
  void answer(const control::Call& call, const api::WhyRequest& request);
  void answer(const control::Call& call, const api::StatusRequest& request);
  void answer(const control::Call& call, const api::SystemRequest& request);
  void answer(const control::Call& call, const api::ListRequest& request);
  void answer(const control::Call& call, const api::CatRequest& request);
  void answer(const control::Call& call, const api::PowerRequest& request);

  // The unit's index, or an error has been sent.
  std::optional<core::UnitIndex> find(const control::Call& call, const std::string& unit);
  bool answer_again(const control::Call& call, core::UnitIndex unit);
  void wait(const control::Call& call, core::JobId job, const Waiter& waiter);

  RequestTarget& target_;
  control::Server& server_;
  MonotonicTime now_;
  std::multimap<core::JobId, Waiter> waiters_;
};

}  // namespace init::manager
