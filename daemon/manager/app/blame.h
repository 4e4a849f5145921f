// Who is to blame when a manager crashes: what it had in hand then, which stands in the intents. What has
// made it crash twice in a row is refused from then on, until initd is renewed: a request is answered with an
// error, a unit is set aside. Its processes run on, and nobody looks at them.
#pragma once
#include <cstdint>
#include <span>

#include "daemon/channel/facts.h"
#include "daemon/manager/os/intents.h"
#include "libinit/api/method.h"
#include "libinit/core/event.h"

namespace init::manager {

[[nodiscard]] constexpr InHand in_hand_unit(std::uint64_t tag) {
  return {Work::Unit, 0, tag};
}
[[nodiscard]] InHand in_hand_job(core::Verb verb, std::uint64_t tag);
// By what it asks for, whoever asks. None: what must never be refused.
[[nodiscard]] InHand in_hand_call(const api::Request& request);

class Blame {
 public:
  // header outlives this.
  explicit Blame(IntentsHeader& header) : header_(header) {}

  // Looks at how the manager before has ended. SIGKILL, by whomever, is nobody's fault.
  void judge(const channel::FactsHeader& facts);
  [[nodiscard]] bool refuses(const InHand& work) const;
  [[nodiscard]] std::span<const InHand> refused() const;
  // Everything gets another chance.
  void forget();

  // For the time of the scope. Work on a request stays so, whatever units it leads to.
  class Mark {
   public:
    Mark(Blame& blame, const InHand& work);
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    ~Mark();

   private:
    InHand& in_hand_;
    InHand before_;
    int exceptions_;
  };

 private:
  IntentsHeader& header_;
};

}  // namespace init::manager
