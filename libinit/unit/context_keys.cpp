// The rows of the process context: [service] in part, [sandbox], [resources], [tty], [credentials].
#include "libinit/unit/context_setters.h"
#include "libinit/unit/key_table.h"

namespace init::unit {
namespace {

constexpr std::uint32_t kMostCpus = 8192;

constexpr Key kKeys[] = {
    {"service", "io-class", "word", "", "\"idle\"", "Its class at the disks: realtime, best-effort, idle.",
     "IOSchedulingClass", "", set_word<&Scheduling::io_class, IoClass>},
    {"service", "io-priority", "integer", "", "2", "Its place within the io-class, 0 (first) to 7.",
     "IOSchedulingPriority", "ioprio", set_integer<&Scheduling::io_priority, 0, 7>},
    {"service", "cpu-policy", "word", "", "\"batch\"",
     "How its threads get CPUs: other, fifo, rr (these two need cpu-priority), batch, idle.",
     "CPUSchedulingPolicy", "", set_word<&Scheduling::cpu_policy, CpuPolicy>},
    {"service", "cpu-priority", "integer", "", "10", "Of the policies fifo and rr, 1 to 99 (first).",
     "CPUSchedulingPriority", "", set_integer<&Scheduling::cpu_priority, 1, 99>},
    {"service", "cpu-affinity", "numbers", "", "[0, \"2-3\"]", "The only CPUs that it runs on.",
     "CPUAffinity", "", set_numbers<&Scheduling::cpu_affinity, kMostCpus>},
    {"service", "numa-policy", "word", "", "\"local\"",
     "Where its memory comes from: default, preferred, bind, interleave (these three need numa-nodes), "
     "local.",
     "NUMAPolicy", "", set_word<&Scheduling::numa_policy, NumaPolicy>},
    {"service", "numa-nodes", "numbers", "", "[0]", "The nodes that numa-policy speaks of.", "NUMAMask", "",
     set_numbers<&Scheduling::numa_nodes, kNumaNodes>},
    {"service", "parent-death-signal", "signal", "", "\"TERM\"",
     "What it gets when initd dies, where initd is not PID 1.", "", "",
     set_signal<&Privileges::parent_death_signal>},
    {"service", "utmp-id", "string", "", "\"tty1\"",
     "The id of its entry in utmp and wtmp, which is there before its program runs and says dead when that "
     "has "
     "ended: for programs that let people log in at [tty] path. Of more than 4 characters the last count.",
     "UtmpIdentifier", "", set_utmp_id},
    {"sandbox", "capabilities", "capabilities", "", "[\"NET_BIND_SERVICE\"]",
     "All that it can ever have of capabilities(7): names, or { all-but = [names] }. Without it: none where "
     "no-new-privileges holds and the user is not root, else all.",
     "CapabilityBoundingSet", "", set_capabilities<&Privileges::capabilities>},
    {"sandbox", "ambient-capabilities", "capabilities", "", "[\"NET_BIND_SERVICE\"]",
     "The capabilities that it has although its user is not root.", "AmbientCapabilities", "capabilities",
     set_capabilities<&Privileges::ambient>},
    {"sandbox", "securebits", "words", "", "[\"noroot\"]",
     "noroot, no-setuid-fixup, keep-caps and each of them with -locked (capabilities(7)).", "SecureBits",
     "securebits", set_securebits},
    {"resources", "memory-max", "memory", "", "\"512M\"",
     "Above it the kernel kills: a size, a percentage of the machine's memory or infinity.",
     "MemoryMax MemoryLimit", "", set_memory<&Resources::memory_max>},
    {"resources", "memory-high", "memory", "", "\"400M\"", "Above it the service is slowed down.",
     "MemoryHigh", "", set_memory<&Resources::memory_high>},
    {"resources", "memory-low", "memory", "", "\"10%\"", "Below it memory is taken from others first.",
     "MemoryLow", "", set_memory<&Resources::memory_low>},
    {"resources", "memory-min", "memory", "", "\"64M\"", "Below it no memory is taken away.", "MemoryMin", "",
     set_memory<&Resources::memory_min>},
    {"resources", "swap-max", "memory", "", "0", "So much of it may be swapped out.", "MemorySwapMax", "",
     set_memory<&Resources::swap_max>},
    {"resources", "cpu-weight", "integer", "", "200",
     "Its share where CPUs are short, 1 to 10000; 100 is what others have.", "CPUWeight CPUShares", "",
     set_weight<&Resources::cpu_weight>},
    {"resources", "cpu-quota", "percentage", "", "\"150%\"", "The most CPU time; one CPU is 100%.",
     "CPUQuota", "", set_cpu_quota},
    {"resources", "tasks-max", "integer", "", "512", "The most processes and threads, or infinity.",
     "TasksMax", "", set_tasks_max},
    {"resources", "io-weight", "integer", "", "50",
     "Its share where disks are short, 1 to 10000; 100 is what others have.", "IOWeight BlockIOWeight", "",
     set_weight<&Resources::io_weight>},
    {"resources", "cpus", "numbers", "", "[0, \"2-3\"]",
     "The CPUs of its control group; cpu-affinity chooses among them.", "AllowedCPUs", "",
     set_numbers<&Resources::cpus, kMostCpus>},
    {"resources", "delegate", "boolean", "false", "true",
     "Gives the control group to its user, who may make others in it.", "Delegate", "",
     set_boolean<&Resources::delegate>},
    {"resources", "oom-policy", "word", "\"continue\"", "\"kill\"",
     "When the kernel kills one of its processes for want of memory: continue with the others, kill them "
     "too, "
     "or stop the unit, which has then failed.",
     "OOMPolicy", "", set_word<&Resources::oom_policy, OomPolicy>},
    {"resources", "slice", "string", "", "\"batch\"",
     "The slice that its control group lies in, with the limits of that: batch-nightly lies in batch.",
     "Slice", "", set_slice},
    {"tty", "path", "path", "\"/dev/console\"", "\"/dev/tty1\"",
     "The terminal of stdin, stdout and stderr where they are \"tty\"; one unit at a time has it.", "TTYPath",
     "inittab-id", set_string<&Terminal::path, &Setting::path>},
    {"tty", "reset", "boolean", "false", "true", "Sets the terminal's modes right before each start.",
     "TTYReset", "", set_boolean<&Terminal::reset>},
    {"tty", "hangup", "boolean", "false", "true",
     "Takes the terminal from all that have it open before each start.", "TTYVHangup", "",
     set_boolean<&Terminal::hangup>},
    {"tty", "disallocate", "boolean", "false", "true",
     "Clears a virtual console, and what one could scroll back to, before each start.", "TTYVTDisallocate",
     "", set_boolean<&Terminal::disallocate>},
    {"credentials", "*", "path", "", "\"/etc/secrets/tls.key\"",
     "A file that is copied for it at each start to $CREDENTIALS_DIRECTORY under this name, for its user "
     "alone.",
     "LoadCredential", "", set_credential},
};

}  // namespace

std::span<const Key> context_keys() {
  return kKeys;
}

}  // namespace init::unit
