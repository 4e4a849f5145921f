// [ready] and [health]: the engine asks, and this finds out, by a connection or by a process.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "daemon/manager/app/errands.h"
#include "daemon/manager/os/socket_probes.h"
#include "libinit/core/action.h"
#include "libinit/unit/config.h"

namespace init::manager {

// How a probe is carried out.
enum class ProbeWay : std::uint8_t {
  Connection,
  Process,
  Told,  // nobody is asked: it is told when it is ready, at any time
};
[[nodiscard]] ProbeWay way_of(const unit::Probe& probe);
// Of ProbeWay::Connection.
[[nodiscard]] SocketTarget socket_target(const unit::Probe& probe);
// The step that a child runs, of ProbeWay::Process. A path is looked for by the manager's own program, which
// it has as descriptor kProbeProgramFd.
[[nodiscard]] unit::Step probe_step(const unit::Probe& probe, const std::string& root_directory);
inline constexpr std::uint32_t kProbeProgramFd = 3;
// "tcp 127.0.0.1:80"
[[nodiscard]] std::string probe_text(const unit::Probe& probe);

class Probes {
 public:
  struct Question {
    std::uint64_t unit = 0;  // tag
    core::Attempt attempt = 0;
    core::ProbeOf which = core::ProbeOf::Ready;
    std::uint32_t serial = 0;
    unit::ProbeKind kind = unit::ProbeKind::None;
  };
  struct Answer {
    Question question;
    bool ok = false;
    std::string problem;  // when not ok
  };

  // loop and errands must outlive this.
  Probes(process::Poller& loop, std::uint32_t token_kind, Errands& errands)
      : sockets_(loop, token_kind), errands_(errands) {}

  // Each forgets the last question about the same unit; each is answered by take_answers().
  void connect(const Question& question, SocketTarget target, MonotonicTime deadline);
  // passed are borrowed.
  void run(const Question& question, std::span<const std::byte> plan, std::span<const int> passed,
           MonotonicTime deadline);
  void refuse(const Question& question, std::string problem);
  // Nobody waits for an answer about this unit.
  void forget(std::uint64_t unit);

  void handle(const process::Ready& ready) { sockets_.handle(ready); }
  // False: that errand is none of a probe.
  bool take(const Errands::Done& done);
  // never() when nothing is under way; processes have deadlines of their own.
  [[nodiscard]] MonotonicTime next_deadline() const;
  [[nodiscard]] std::vector<Answer> take_answers(MonotonicTime now);

 private:
  struct Open {
    Question question;
    Errands::Id errand = 0;  // 0: a connection
  };
  void answer(std::uint64_t unit, bool ok, std::string problem);

  SocketProbes sockets_;
  Errands& errands_;
  std::map<std::uint64_t, Open> open_;  // by unit
  std::map<Errands::Id, std::uint64_t> by_errand_;
  std::vector<Answer> answers_;
};

}  // namespace init::manager
