#include "daemon/pid1/fault.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>

#include "daemon/pid1/log.h"
#include "libinit/base/time.h"
#include "libinit/sys/calls.h"

namespace init::pid1 {
namespace {

constexpr std::int64_t kWindow = 60'000'000'000;  // ns
constexpr std::uint32_t kFaultsAllowed = 2;       // within it; the next one is the last
constexpr std::size_t kMaxWords = 256;
constexpr std::array kFaults{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

// All that the handler relies on, on a page that is write-protected.
struct alignas(channel::kPage) Prepared {
  std::array<const char*, kMaxWords> words;  // argv of the next self
  std::array<char, 12> facts_number;
  std::byte* base;  // of the facts
  int facts;
  pid_t owner;
};

Prepared prepared{};
alignas(16) std::array<std::byte, 65536> fault_stack;
volatile sig_atomic_t faults_in_hand = 0;

template <class T>
T* facts_at(std::size_t offset) noexcept {
  return static_cast<T*>(static_cast<void*>(prepared.base + offset));
}

[[noreturn]] void last_resort() noexcept {
  if (facts_at<FactsHeader>(0)->environment == channel::Environment::Machine) reboot(RB_AUTOBOOT);
  _exit(70);
}

void keep_over_exec(int fd) noexcept {
  if (fd >= 0) fcntl(fd, F_SETFD, 0);
}

// Whatever is not named here is O_CLOEXEC and ends with the exec.
void keep_descriptors() noexcept {
  const auto* resume = facts_at<Resume>(kResumeOffset);
  for (const int fd : {prepared.facts, resume->facts_for_reading, resume->program, resume->self,
                       resume->socket, resume->doorbell})
    keep_over_exec(fd);
  const auto* header = facts_at<FactsHeader>(0);
  const auto* store = facts_at<channel::StoreEntry>(channel::kStoreOffset);
  const auto* slots = facts_at<Slot>(channel::kSlotsOffset);
  const auto* own = facts_at<Private>(channel::kFactsBytes);
  for (std::uint32_t i = 0; i < channel::kStoreCount && i < header->store_used; ++i) {
    if (store[i].kind != 0) keep_over_exec(store[i].fd);
  }
  for (std::uint32_t i = 0; i < channel::kSlotCount && i < header->slots_used; ++i) {
    if (slots[i].state == SlotState::Spawning) keep_over_exec(own->children[i].report);
  }
}

void count_fault() noexcept {
  auto* own = facts_at<Private>(channel::kFactsBytes);
  const std::int64_t now = monotonic_now().since_epoch.count();
  if (now - own->faults_since > kWindow) {
    own->faults_since = now;
    own->faults = 0;
  }
  if (++own->faults > kFaultsAllowed) last_resort();
}

void on_fault(int signal, siginfo_t*, void*) noexcept {
  // A child that has not executed its program yet has inherited the handler; its end is its own.
  if (sys::getpid() != prepared.owner) _exit(126);
  faults_in_hand = faults_in_hand + 1;
  if (faults_in_hand > 1) last_resort();
  log_line(Line("fault: signal ").number(signal).text(", executing itself anew"));
  count_fault();
  execute_anew();
  last_resort();
}

void prepare(char* const* argv, const Facts& facts) noexcept {
  char* const end =
      std::to_chars(prepared.facts_number.begin(), prepared.facts_number.end() - 1, facts.fd()).ptr;
  *end = '\0';
  const bool again = argv[1] != nullptr && std::strcmp(argv[1], kResumeOption) == 0;
  prepared.words[0] = argv[0];
  prepared.words[1] = kResumeOption;
  prepared.words[2] = prepared.facts_number.data();
  std::size_t count = 3;
  for (argv += again ? 3 : 1; *argv != nullptr && count + 1 < kMaxWords; ++argv)
    prepared.words[count++] = *argv;
  prepared.base = facts.base();
  prepared.facts = facts.fd();
  prepared.owner = getpid();
  mprotect(&prepared, sizeof(prepared), PROT_READ);
}

}  // namespace

sigset_t everything_but_faults() noexcept {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : kFaults) sigdelset(&set, fault);
  return set;
}

void arm_fault_handlers(char* const* argv, const Facts& facts) noexcept {
  prepare(argv, facts);
  stack_t stack{};
  stack.ss_sp = fault_stack.data();
  stack.ss_size = fault_stack.size();
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  action.sa_mask = everything_but_faults();
  for (const int fault : kFaults) sigaction(fault, &action, nullptr);
}

void execute_anew() noexcept {
  keep_descriptors();
  sys::fexecve(facts_at<Resume>(kResumeOffset)->self, prepared.words.data(), environ);
}

}  // namespace init::pid1
