// All processes of a unit, however they came to be: by a cgroup v2 leaf per unit (cgroups(7)), or, where no
// cgroup is writable, by the session and process group that its main process leads.
#pragma once
#include <sys/types.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/channel/facts.h"
#include "libinit/base/result.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {

// A unit's name and the process that leads its session; leader 0 = none known.
struct UnitProcess {
  std::string unit;
  pid_t leader = 0;
};

class UnitProcesses {
 public:
  // Finds the cgroup2 mount and makes initd's own subtree: PID 1 and the manager in initd/, units in system/.
  // An initd that is no PID 1 keeps to a subtree of its own. Never fails: without cgroups the fall-back
  // serves.
  static UnitProcesses create(channel::Environment environment, pid_t initd);

  static UnitProcesses without_cgroups(std::string reason);

  [[nodiscard]] bool has_cgroups() const { return units_dir_.valid(); }
  [[nodiscard]] const std::string& why_no_cgroups() const { return reason_; }
  // -1 without cgroups.
  [[nodiscard]] int units_directory() const { return units_dir_.get(); }
  // What /proc/PID/cgroup says of a process of a unit, up to the path of its leaf.
  [[nodiscard]] const std::string& prefix() const { return own_prefix_; }
  // The unit's leaf, or the directory of a slice, below units_directory(). A leaf stays where it was made,
  // whatever the unit's slice is by now: the control groups themselves say where that is.
  [[nodiscard]] std::string leaf(std::string_view unit) const;
  // The leaf was given limits: the next process starts in a new one.
  void use_up(std::string_view unit) { unspent_.erase(std::string(unit)); }

  // Makes the leaf; the directory (O_PATH) is for CLONE_INTO_CGROUP, procs for a child that must join by
  // itself: opened only once join_by_procs() was called.
  struct Place {
    UniqueFd directory;
    UniqueFd procs;
  };
  Result<Place> place(std::string_view unit, std::string_view slice = {});
  // The kernel refuses CLONE_INTO_CGROUP. False: that was known.
  bool join_by_procs() { return !std::exchange(joins_by_procs_, true); }
  // The leaf and what the service made below it, or the directory of a slice, and then the slices that
  // nothing is in any more; kept while populated.
  void remove(std::string_view unit);

  // Takes away what create() made, where that was a subtree of its own; for the very end.
  void remove_subtree();

  [[nodiscard]] bool empty(const UnitProcess& of) const;
  // Is this process of the unit?
  [[nodiscard]] bool member(pid_t pid, const UnitProcess& of) const;
  [[nodiscard]] std::vector<pid_t> list(const UnitProcess& of) const;
  // SIGKILL to all; with cgroups in one stroke (cgroup.kill, Linux 5.14), also to what forks meanwhile.
  void kill(const UnitProcess& of);
  // The kernel has no cgroup.kill.
  void kill_one_by_one() { kills_at_once_ = false; }
  // signal to all but the leader, which is PID 1's to signal. A pid is held by a pidfd while its membership
  // is looked at.
  void signal_others(const UnitProcess& of, int signal);
  // A crowd that forks faster than it is signalled, or killed where there is no cgroup.kill, is made to stand
  // still (cgroup.freeze, Linux 5.2). To be called when fd() is readable and at next_look().
  void tend_crowds(MonotonicTime now);

  // Asks to be told when the unit has become empty; false: it is empty already. fd() is readable when one may
  // have.
  [[nodiscard]] bool watch(const UnitProcess& of);
  // Asks to be told whenever something happens to the unit's memory, as long as its leaf stands.
  void watch_memory(const std::string& unit);
  [[nodiscard]] int fd() const { return inotify_.get(); }
  // The units that were watched and are empty now; they are no longer watched.
  std::vector<std::string> take_emptied();
  // Those whose memory.events have changed, as take_emptied() has found.
  [[nodiscard]] std::vector<std::string> take_pressed() { return std::exchange(pressed_, {}); }
  // Without cgroups nothing tells: look again then. never() when nothing is watched and no crowd stands
  // still.
  [[nodiscard]] MonotonicTime next_look() const;

 private:
  UnitProcesses() = default;
  Result<> find_subtree(channel::Environment environment, pid_t initd);
  void find_leaves();
  Result<> make_leaf(const std::string& path);
  void remove_leaf(const std::string& path);
  void signal_one(pid_t pid, const UnitProcess& of, int signal) const;
  void freeze(const UnitProcess& of, bool on) const;
  // Those that stand still while they are signalled, for they might fork faster than they are told.
  struct Crowd {
    UnitProcess of;
    int signal = 0;
    std::set<pid_t> told;
    MonotonicTime end;
  };
  void halt(Crowd crowd);
  void tell(Crowd& crowd) const;
  std::vector<int> fired_watches();
  void list_cgroup(const std::string& path, std::vector<pid_t>& into) const;

  UniqueFd units_dir_;  // <subtree>/system, O_PATH
  std::string units_path_;
  std::string own_subtree_;  // when it is to go with initd
  std::string own_prefix_;   // of /proc/PID/cgroup for units, up to the unit's name
  std::string reason_;
  std::map<std::string, std::string, std::less<>> in_slices_;  // paths of leaves, by unit; others: its name
  std::set<std::string> unspent_;  // units whose leaf was made by this manager and not killed since
  UniqueFd inotify_;
  std::map<int, UnitProcess> watched_;  // by inotify watch; negative keys: looked at from time to time
  int next_key_ = -1;
  std::map<int, std::string> memories_;  // units, by inotify watch of their memory.events
  std::vector<std::string> pressed_;
  std::map<std::string, Crowd> crowds_;  // by unit
  bool joins_by_procs_ = false;
  bool kills_at_once_ = true;
};

}  // namespace init::manager
