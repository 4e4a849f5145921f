#include "libinit/process_info/names.h"

#include <fcntl.h>
#include <sched.h>

#include <array>

#include "libinit/base/capability.h"
#include "libinit/process/exit_status.h"
#include "libinit/process_info/values.h"

namespace init::process_info {
namespace {

struct Named {
  std::int64_t value;
  std::string_view name;
};

// proc_pid_status(5), "State".
constexpr std::array kStates{
    Named{'R', "running"}, Named{'S', "sleeping"}, Named{'D', "waiting for a device"},
    Named{'T', "stopped"}, Named{'t', "traced"},   Named{'Z', "zombie"},
    Named{'X', "dead"},    Named{'I', "idle"},     Named{'P', "parked"}};
constexpr std::array kPolicies{Named{SCHED_OTHER, "other"}, Named{SCHED_FIFO, "fifo"}, Named{SCHED_RR, "rr"},
                               Named{SCHED_BATCH, "batch"}, Named{SCHED_IDLE, "idle"}, Named{6, "deadline"}};
constexpr std::array kAccess{Named{O_RDONLY, "read"}, Named{O_WRONLY, "write"}, Named{O_RDWR, "read-write"}};
constexpr std::array kFlags{Named{O_APPEND, "append"}, Named{O_NONBLOCK, "nonblock"},
                            Named{O_DIRECTORY, "directory"}, Named{O_PATH, "path"},
                            Named{O_CLOEXEC, "cloexec"}};

constexpr std::array<std::string_view, kLimits> kLimitNames{
    "cpu",     "fsize", "data",  "stack",      "core",     "rss",  "nproc",  "nofile",
    "memlock", "as",    "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};

template <std::size_t count>
std::string name_in(const std::array<Named, count>& table, std::int64_t value, std::string otherwise) {
  for (const Named& row : table) {
    if (row.value == value) return std::string(row.name);
  }
  return otherwise;
}

template <class Name>
std::vector<std::string> names_of(std::uint64_t bits, int first, Name name) {
  std::vector<std::string> names;
  for (int bit = 0; bit < 64; ++bit) {
    if (((bits >> bit) & 1U) != 0) names.push_back(name(first + bit));
  }
  return names;
}

}  // namespace

std::string state_name(char state) {
  return name_in(kStates, state, std::string(1, state));
}

std::string policy_name(std::int32_t policy) {
  return name_in(kPolicies, policy, std::to_string(policy));
}

std::string_view limit_name(std::size_t resource) {
  return resource < kLimits ? kLimitNames[resource] : "unknown";
}

std::vector<std::string> flag_names(std::uint32_t flags) {
  std::vector<std::string> names{name_in(kAccess, flags & O_ACCMODE, "no access")};
  for (const Named& row : kFlags) {
    if ((flags & row.value) != 0) names.emplace_back(row.name);
  }
  return names;
}

std::vector<std::string> SignalSet::names() const {
  return names_of(bits, 1, process::signal_name);
}

std::vector<std::string> CapabilitySet::names() const {
  return names_of(bits, 0, capability_name);
}

}  // namespace init::process_info
