// Calls of the control socket: what they ask for, who waits for which job, what is answered.
#pragma once
#include <functional>
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

[[nodiscard]] core::Verb to_core(api::Verb verb);

// What the application does for requests.
class RequestTarget {
 public:
  virtual ~RequestTarget() = default;
  // Writes the request down, hands it to the engine. 0: too many are pending.
  // begun is called with the job's number before the engine can finish it.
  using Begun = std::function<void(core::JobId)>;
  virtual core::JobId submit(core::Requested request, std::string_view request_id, const Begun& begun) = 0;
  virtual void submit_shutdown(const Shutdown& shutdown, std::string_view request_id) = 0;
  // A request that was carried out without a job.
  virtual void remember(std::string_view request_id) = 0;
  // Has the unit files read again. done hears what changed, and what is wrong with the files; a failure:
  // nothing changed.
  using Reloaded = std::function<void(const Result<api::DaemonReloadReply>&)>;
  virtual void reload(Reloaded done) = 0;
  // Its readiness is told from outside. False: nothing waits for that.
  virtual bool told_ready(core::UnitIndex unit, unit::ProbeKind by) = 0;
  // False: there is no process to signal.
  virtual bool signal(core::UnitIndex unit, int signal, bool all) = 0;
  // Has PID 1 execute itself anew, and ends this manager; in between refused may be called. Errors: nothing
  // was begun.
  using Refusal = std::function<void(const Error&)>;
  virtual Result<> renew(bool from_disk, std::string_view request_id, Refusal refused) = 0;
  // PID 1 has done so since it was last asked to.
  [[nodiscard]] virtual bool is_renewed() = 0;
  // True: logged() follows once what the unit has written is stored; it may also stay out.
  [[nodiscard]] virtual bool flush_log(core::UnitIndex unit) = 0;
  [[nodiscard]] virtual const JournalEntry* find_request(std::string_view request_id) const = 0;
  [[nodiscard]] virtual const core::Engine& engine() const = 0;
  [[nodiscard]] virtual ViewContext view_context() = 0;
  // Answers when a helper has completed the reply by look_at_disk(), or, after two seconds, without that.
  virtual void show(const control::CallId& call, api::Method method, api::Reply reply) = 0;
  // unit: its id, empty = of everything.
  [[nodiscard]] virtual api::HistoryReply history(std::string_view unit, bool raw) = 0;
};

class Requests {
 public:
  Requests(RequestTarget& target, control::Server& server) : target_(target), server_(server) {}

  void handle(const control::Call& call, MonotonicTime now);
  void dropped(control::CallId call);
  // Before the engine forgets the job. cause is the unit that the outcome is about.
  void finished(const core::JobFinished& job);
  // What the unit with this tag has written is stored.
  void logged(std::uint64_t tag);
  // Sends progress to those who want it, and answers those whose time is up.
  void tell(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_deadline() const;

 private:
  struct Waiter {
    control::CallId call;
    std::string unit;  // empty: a shutdown
    bool more = false;
    MonotonicTime deadline = MonotonicTime::never();
    MonotonicTime tell_at{};  // progress is due then
  };

  // An answer that shows the last lines of a unit and waits until they are stored.
  struct Explanation {
    control::CallId call;
    std::string unit;
    core::JobOutcome outcome = core::JobOutcome::Failed;
    std::uint64_t about = 0;  // tag of the unit whose lines are shown
    MonotonicTime deadline;
  };

  void answer(const control::Call& call, const api::JobRequest& request);
  void answer(const control::Call& call, const api::ResetFailedRequest& request);
  void answer(const control::Call& call, const api::KillRequest& request);
  void answer(const control::Call& call, const api::TriggerRequest& request);
  void answer(const control::Call& call, const api::DaemonReloadRequest& request);
  void answer(const control::Call& call, const api::RenewRequest& request);
  void answer(const control::Call& call, const api::PlanRequest& request);
  void answer(const control::Call& call, const api::WhyRequest& request);
  void answer(const control::Call& call, const api::StatusRequest& request);
  void answer(const control::Call& call, const api::SystemRequest& request);
  void answer(const control::Call& call, const api::ListRequest& request);
  void answer(const control::Call& call, const api::CatRequest& request);
  void answer(const control::Call& call, const api::HistoryRequest& request);
  void answer(const control::Call& call, const api::PowerRequest& request);

  // The unit's index, or an error has been sent.
  std::optional<core::UnitIndex> find(const control::Call& call, const std::string& unit);
  bool done_before(const control::Call& call);
  // True when the request was made before: its answer has been sent, or its caller waits with the others.
  bool answer_again(const control::Call& call, const Waiter& waiter);
  void reply_finished(control::CallId call, const std::string& unit, core::JobOutcome outcome,
                      core::UnitIndex cause);

  void explain(control::CallId call, const std::string& unit, const core::JobFinished& job);
  void explain_those(const std::function<bool(const Explanation&)>& due);

  RequestTarget& target_;
  control::Server& server_;
  MonotonicTime now_;
  std::multimap<core::JobId, Waiter> waiters_;
  std::vector<Explanation> explanations_;
};

}  // namespace init::manager
