#include "libinit/process/child_steps.h"

namespace init::process {

const char* child_step_name(ChildStep step) noexcept {
  switch (step) {
    case ChildStep::None:
      return "none";
    case ChildStep::Unshare:
      return "unshare";
    case ChildStep::Signals:
      return "signals";
    case ChildStep::Session:
      return "session";
    case ChildStep::Cgroup:
      return "cgroup";
    case ChildStep::Limits:
      return "limits";
    case ChildStep::OomScore:
      return "oom-score-adjust";
    case ChildStep::Nice:
      return "nice";
    case ChildStep::StdioRoot:
    case ChildStep::Stdio:
      return "stdio";
    case ChildStep::Umask:
      return "umask";
    case ChildStep::RootDirectory:
      return "root-directory";
    case ChildStep::Groups:
      return "groups";
    case ChildStep::Group:
      return "group";
    case ChildStep::User:
      return "user";
    case ChildStep::NoNewPrivileges:
      return "no-new-privileges";
    case ChildStep::Terminal:
      return "terminal";
    case ChildStep::PassedFds:
      return "passed-fds";
    case ChildStep::WorkingDirectory:
      return "working-directory";
    case ChildStep::Exec:
      return "exec";
    case ChildStep::Scheduler:
      return "scheduler";
    case ChildStep::IoPriority:
      return "io-priority";
    case ChildStep::Cpus:
      return "cpus";
    case ChildStep::Capabilities:
      return "capabilities";
    case ChildStep::ParentDeath:
      return "parent-death-signal";
    case ChildStep::PreExec:
      return "pre-exec";
    case ChildStep::Numa:
      return "numa-policy";
    case ChildStep::Fork:
      return "fork";
  }
  return "unknown step";
}

}  // namespace init::process
