#include <algorithm>

#include "ctl/render.h"
#include "libinit/api/names.h"

namespace init::ctl {
namespace {

std::string file_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

std::string state_text(const Style& style, const api::Status& status) {
  std::string text(api::name_of(status.state));
  if (!status.substate.empty() && status.substate != text)
    text += " (" + printable(style, status.substate) + ")";
  if (status.since_us > 0) {
    text +=
        " since " + moment(style, status.since_us) + " (" + duration(style.now_us - status.since_us) + ")";
  }
  return text;
}

// A unit's processes as a tree: the main process first, children under their parents.
class ProcessTree {
 public:
  ProcessTree(const Style& style, const api::Status& status) : style_(style), processes_(status.processes) {
    std::stable_partition(processes_.begin(), processes_.end(),
                          [&status](const api::Process& process) { return process.pid == status.main_pid; });
  }

  [[nodiscard]] std::string lines() {
    shown_.assign(processes_.size(), false);
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      if (!shown_[i] && !has_parent(processes_[i])) add(i, "", "");
    }
    // Parents that changed between two looks may have left a ring: its members still show.
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      if (!shown_[i]) add(i, "", "");
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool has_parent(const api::Process& child) const {
    return std::any_of(processes_.begin(), processes_.end(), [&child](const api::Process& process) {
      return process.pid == child.ppid && process.pid != child.pid;
    });
  }

  // Depth is bounded by the number of processes: each is shown once.
  void add(std::size_t index, const std::string& branch, const std::string& indent) {
    shown_[index] = true;
    const api::Process& process = processes_[index];
    const std::string& words = process.command.empty() ? process.name : process.command;
    out_ += row(out_.empty() ? "process" : "",
                branch + std::to_string(process.pid) + " " + printable(style_, words));
    std::vector<std::size_t> children;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      if (!shown_[i] && processes_[i].ppid == process.pid) children.push_back(i);
    }
    for (const std::size_t child : children) {
      if (shown_[child]) continue;
      const bool last = child == children.back();
      add(child, indent + (style_.utf8 ? (last ? "└─ " : "├─ ") : "`- "),
          indent + (last ? "   " : (style_.utf8 ? "│  " : "|  ")));
    }
  }

  const Style& style_;
  std::vector<api::Process> processes_;
  std::vector<bool> shown_;
  std::string out_;
};

std::string restarts_text(const api::Status& status) {
  std::string text = status.restarts > 0 ? std::to_string(status.restarts) : "none yet";
  if (status.next_try_in_us > 0) text += ", next try in " + duration(status.next_try_in_us);
  return text;
}

std::string files_text(const Style& style, const api::Status& status) {
  std::string text = printable(style, status.files.front());
  if (status.files.size() > 1)
    text += ", +" + counted(static_cast<std::int64_t>(status.files.size()) - 1, "drop-in");
  for (std::size_t i = 1; i < status.files.size(); ++i)
    text += " " + printable(style, file_name(status.files[i]));
  if (status.changed_on_disk) text += " (changed on disk since load; to take it up: initctl daemon-reload)";
  return text;
}

std::string blocker_text(const Style& style, const api::Blocker& blocker) {
  std::string text = printable(style, blocker.relation) + " " + printable(style, blocker.unit);
  if (!blocker.where.empty()) text += " (" + printable(style, file_name(blocker.where)) + ")";
  return text;
}

std::string bytes_text(std::int64_t bytes) {
  return size_text(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0)));
}

// "12.3 MiB (peak 20 MiB, limit 64 MiB)"
std::string memory_text(const api::Usage& usage) {
  std::vector<std::string> more;
  if (usage.memory_peak > 0) more.push_back("peak " + bytes_text(usage.memory_peak));
  if (usage.memory_limit > 0) more.push_back("limit " + bytes_text(usage.memory_limit));
  if (usage.swap > 0) more.push_back("swapped " + bytes_text(usage.swap));
  if (usage.oom_kills > 0) more.push_back(counted(usage.oom_kills, "process") + " killed for want of it");
  std::string text = bytes_text(usage.memory);
  for (const std::string& one : more) text += (&one == more.data() ? " (" : ", ") + one;
  return more.empty() ? text : text + ")";
}

std::string usage_rows(const api::Status& status) {
  std::string out;
  if (status.usage) {
    const api::Usage& usage = *status.usage;
    if (usage.memory > 0) out += row("memory", memory_text(usage));
    const std::string limit =
        usage.tasks_limit > 0 ? " (limit " + std::to_string(usage.tasks_limit) + ")" : "";
    if (usage.tasks > 0) out += row("tasks", std::to_string(usage.tasks) + limit);
    if (usage.cpu_us > 0) out += row("cpu", duration(usage.cpu_us));
    if (usage.io_read > 0 || usage.io_written > 0)
      out += row("io", bytes_text(usage.io_read) + " read, " + bytes_text(usage.io_written) + " written");
  }
  if (status.last_run) {
    out += row("last run", duration(status.last_run->cpu_us) + " CPU, " +
                               bytes_text(status.last_run->memory_peak) + " at its peak");
  }
  return out;
}

std::string trouble_rows(const Style& style, const api::Status& status) {
  std::string out;
  if (status.blocked_by) out += row("blocked", blocker_text(style, *status.blocked_by));
  if (!status.waiting_for.empty()) out += row("now", printable(style, status.waiting_for));
  if (!status.result.empty()) out += row("result", printable(style, status.result));
  if (status.error) {
    out += row("error", "step '" + printable(style, status.error->step) +
                            "': " + printable(style, status.error->text));
  }
  if (status.exit) out += row("last exit", printable(style, status.exit->text));
  if (status.restarts > 0 || status.next_try_in_us > 0) out += row("restarts", restarts_text(status));
  for (const std::string& problem : status.problems) out += row("problem", printable(style, problem));
  return out;
}

}  // namespace

std::string mark(const Style& style, api::State state) {
  switch (state) {
    case api::State::Active:
      return paint(style, Color::Good, style.utf8 ? "●" : "*");
    case api::State::Inactive:
      return style.utf8 ? "○" : "o";
    case api::State::Failed:
      return paint(style, Color::Bad, style.utf8 ? "✗" : "x");
    case api::State::Activating:
    case api::State::Reloading:
    case api::State::Deactivating:
      return paint(style, Color::Busy, style.utf8 ? "⠹" : "-");
  }
  return "?";
}

std::string render_status(const Style& style, const api::Status& status) {
  std::string out = mark(style, status.state) + " " + printable(style, status.id);
  if (!status.description.empty()) out += "   " + printable(style, status.description);
  out += '\n';
  out += row("state", state_text(style, status));
  out += row("wanted", status.wanted.empty() ? "no" : joined(style, status.wanted));
  out += trouble_rows(style, status);
  if (!status.status_text.empty()) out += row("says", printable(style, status.status_text));
  out += ProcessTree(style, status).lines();
  if (!status.slice.empty()) out += row("slice", printable(style, status.slice));
  out += usage_rows(status);
  if (!status.files.empty()) out += row("files", files_text(style, status));
  if (!status.log_path.empty()) out += row("log", printable(style, status.log_path));
  for (const std::string& line : status.log_tail)
    out += "  " + paint(style, Color::Faint, printable(style, line)) + "\n";
  if (status.state == api::State::Failed || status.blocked_by) {
    out += "  next: initctl why " + printable(style, short_name(status.id)) + "\n";
  }
  return out;
}

}  // namespace init::ctl
