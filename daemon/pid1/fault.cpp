#include "daemon/pid1/fault.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <csignal>
#include <cstring>

#include "daemon/pid1/facts.h"
#include "daemon/pid1/log.h"
#include "libinit/base/time.h"
#include "libinit/sys/calls.h"

namespace init::pid1 {
namespace {

constexpr std::int64_t kWindow = 60'000'000'000;  // ns
constexpr std::int64_t kFaultsAllowed = 2;        // within it; the next one is the last
constexpr std::size_t kMaxWords = 256;
constexpr const char* kOption = "--resume";

// All that the handler relies on.
struct alignas(channel::kPage) Prepared {
  Resume resume;
  std::array<const char*, kMaxWords>
      words;  // argv of initd without an earlier --resume; two places are left after [0]
  const std::byte* facts;
  channel::Environment where;
  pid_t owner;
};

Prepared prepared{};
alignas(16) std::array<std::byte, 65536> fault_stack;
volatile sig_atomic_t faults_in_hand = 0;
volatile sig_atomic_t packets_in_hand = 0;

void protect(int how) noexcept {
  mprotect(&prepared, sizeof(prepared), how);
}

[[noreturn]] void last_resort() noexcept {
  if (prepared.where == channel::Environment::Machine) reboot(RB_AUTOBOOT);
  _exit(70);
}

void keep_over_exec(std::int64_t fd) noexcept {
  if (fd >= 0) fcntl(static_cast<int>(fd), F_SETFD, 0);
}

// Whatever is not named here is O_CLOEXEC and ends with the exec.
void keep_descriptors() noexcept {
  const Resume& r = prepared.resume;
  for (const std::int64_t fd : {r.facts, r.facts_for_reading, r.socket, r.doorbell, r.program, r.self})
    keep_over_exec(fd);
  const auto at = [](std::size_t offset) { return static_cast<const void*>(prepared.facts + offset); };
  const auto* header = static_cast<const FactsHeader*>(at(0));
  const auto* store = static_cast<const channel::StoreEntry*>(at(channel::kStoreOffset));
  const auto* slots = static_cast<const Slot*>(at(channel::kSlotsOffset));
  const auto* own = static_cast<const Private*>(at(channel::kFactsBytes));
  for (std::uint32_t i = 0; i < channel::kStoreCount && i < header->store_used; ++i) {
    if (store[i].kind != 0) keep_over_exec(store[i].fd);
  }
  for (std::uint32_t i = 0; i < channel::kSlotCount && i < header->slots_used; ++i) {
    if (slots[i].state == SlotState::Spawning) keep_over_exec(own->children[i].report);
  }
}

void on_fault(int signal, siginfo_t*, void*) noexcept {
  // A child that has not executed its program yet has inherited the handler; its end is its own.
  if (sys::getpid() != prepared.owner) _exit(126);
  faults_in_hand = faults_in_hand + 1;
  if (faults_in_hand > 1) last_resort();
  log_line(Line("fault: signal ").number(signal).text(", executing itself anew"));
  execute_anew(true);
  last_resort();
}

}  // namespace

bool parse_resume(const char* text, Resume& resume) noexcept {
  std::array<std::int64_t, kResumeNumbers> numbers{};
  for (std::int64_t& number : numbers) {
    const bool negative = *text == '-';
    if (negative) ++text;
    if (*text < '0' || *text > '9') return false;
    for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + (*text - '0');
    if (negative) number = -number;
    if (*text == ',') ++text;
  }
  resume = std::bit_cast<Resume>(numbers);
  return *text == '\0';
}

void set_resume(const Resume& resume) noexcept {
  protect(PROT_READ | PROT_WRITE);
  prepared.resume = resume;
  protect(PROT_READ);
}

const Resume& current_resume() noexcept {
  return prepared.resume;
}

void arm_fault_handlers(char* const* argv, const std::byte* facts, channel::Environment where) noexcept {
  protect(PROT_READ | PROT_WRITE);
  std::size_t count = 0;
  prepared.words[count++] = argv[0];
  count += 2;
  for (int i = 1; argv[0] != nullptr && argv[i] != nullptr && count + 1 < kMaxWords; ++i) {
    if (i == 1 && std::strcmp(argv[i], kOption) == 0) {
      ++i;
      continue;
    }
    prepared.words[count++] = argv[i];
  }
  prepared.facts = facts;
  prepared.where = where;
  prepared.owner = getpid();
  protect(PROT_READ);

  stack_t stack{};
  stack.ss_sp = fault_stack.data();
  stack.ss_size = fault_stack.size();
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigfillset(&action.sa_mask);
  for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS})
    sigdelset(&action.sa_mask, fault);
  for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS})
    sigaction(fault, &action, nullptr);
}

void packet_in_hand(bool yes) noexcept {
  packets_in_hand = yes ? 1 : 0;
}

void execute_anew(bool after_fault) noexcept {
  Resume resume = prepared.resume;
  resume.lost_packet = packets_in_hand;
  const std::int64_t now = monotonic_now().since_epoch.count();
  if (after_fault && now - resume.window_start > kWindow) {
    resume.window_start = now;
    resume.faults = 0;
  }
  if (after_fault && ++resume.faults > kFaultsAllowed) last_resort();
  const auto numbers = std::bit_cast<std::array<std::int64_t, kResumeNumbers>>(resume);
  static_assert(kResumeNumbers * 21 < Line::kBytes);
  Line text("");
  for (const std::int64_t number : numbers) text.number(number).text(",");
  std::array<const char*, kMaxWords> words = prepared.words;
  words[1] = kOption;
  words[2] = text.c_str();
  keep_descriptors();
  sys::fexecve(prepared.resume.self, words.data(), environ);
}

}  // namespace init::pid1
