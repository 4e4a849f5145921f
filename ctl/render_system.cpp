#include <algorithm>

#include "ctl/render.h"
#include "libinit/api/names.h"

namespace init::ctl {
namespace {

constexpr std::size_t kNoteColumns = 60;

std::string padded(std::string text, std::size_t width) {
  text.append(width - std::min(width, columns(text)), ' ');
  return text;
}

std::string separator(const Style& style) {
  return style.utf8 ? " · " : ", ";
}

std::string counts_text(const Style& style, const api::Counts& counts) {
  std::string out = counted(counts.total, "unit") + ": " + std::to_string(counts.active) + " active";
  const auto add = [&out](std::int32_t count, std::string_view word) {
    if (count > 0) out += ", " + std::to_string(count) + " " + std::string(word);
  };
  add(counts.activating, "activating");
  add(counts.deactivating, "deactivating");
  add(counts.inactive, "inactive");
  if (counts.failed > 0) out += ", " + paint(style, Color::Bad, std::to_string(counts.failed) + " failed");
  return out;
}

api::State color_state(const std::string& state) {
  if (state == "running") return api::State::Active;
  return state == "degraded" ? api::State::Failed : api::State::Activating;
}

std::string notes(const Style& style, std::string_view label, const std::vector<api::Note>& rows,
                  bool with_why) {
  std::size_t unit_width = 0;
  std::size_t text_width = 0;
  for (const api::Note& note : rows) {
    unit_width = std::max(unit_width, columns(printable(style, note.unit)));
    text_width = std::max(text_width, columns(printable(style, note.text)));
  }
  text_width = std::min(text_width, kNoteColumns);  // a long one does not push the others away
  std::string out;
  for (const api::Note& note : rows) {
    out += "  " + padded(std::string(label), 9) + padded(printable(style, note.unit), unit_width + 2);
    const std::string text = printable(style, note.text);
    out += with_why ? padded(text, text_width) + "   initctl why " + printable(style, short_name(note.unit))
                    : text;
    out += '\n';
  }
  return out;
}

}  // namespace

std::string render_system(const Style& style, const api::SystemReply& system) {
  std::string out = mark(style, color_state(system.state)) + " " + printable(style, system.host) + "   " +
                    printable(style, system.state) + " since " + moment(style, system.since_us) + " (" +
                    duration(system.up_for_us) + ")" + separator(style) + counts_text(style, system.units);
  if (system.boot_us > 0) out += separator(style) + "boot " + duration(system.boot_us);
  if (system.manager_restarts > 0) {
    out += separator(style) + "manager restarted " +
           (system.manager_restarts == 1 ? "once" : std::to_string(system.manager_restarts) + " times");
  }
  out += '\n';
  out += notes(style, "failed", system.failed, true);
  out += notes(style, "blocked", system.blocked, true);
  out += notes(style, "jobs", system.jobs, false);
  for (const std::string& problem : system.problems) out += "  problem  " + printable(style, problem) + "\n";
  return out;
}

std::string render_list(const Style& style, const api::ListReply& list) {
  struct Cells {
    std::string id, state;
  };
  std::vector<Cells> cells;
  cells.reserve(list.units.size());
  std::size_t id_width = 0;
  std::size_t state_width = 0;
  for (const api::ListRow& unit : list.units) {
    std::string state(api::name_of(unit.state));
    if (!unit.blocked_by.empty()) {
      state = "blocked by " + printable(style, unit.blocked_by);
    } else if (!unit.substate.empty() && unit.substate != state) {
      state += " (" + printable(style, unit.substate) + ")";
    }
    cells.push_back({printable(style, unit.id), std::move(state)});
    id_width = std::max(id_width, columns(cells.back().id));
    state_width = std::max(state_width, columns(cells.back().state));
  }
  std::string out;
  out.reserve(list.units.size() * (id_width + state_width + 64));
  for (std::size_t i = 0; i < list.units.size(); ++i) {
    const api::ListRow& unit = list.units[i];
    out += mark(style, unit.state);
    out += ' ';
    out += padded(std::move(cells[i].id), id_width + 2);
    out += padded(std::move(cells[i].state), state_width + 2);
    out += padded(unit.since_us > 0 ? duration(style.now_us - unit.since_us) : "", 13);
    out += padded(unit.main_pid > 0 ? std::to_string(unit.main_pid) : "", 9);
    out += printable(style, unit.description);
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

}  // namespace init::ctl
