// initctl rescue: what PID 1 answers when it is alone.
#include <cerrno>
#include <cstdio>

#include "ctl/rescue.h"
#include "ctl/run.h"
#include "ctl/session.h"
#include "libinit/api/json_write.h"
#include "libinit/base/text_file.h"

namespace init::ctl {
namespace {

constexpr Duration kPatience = std::chrono::seconds(3);
constexpr std::size_t kMostText = 4096;

struct Row {
  std::int32_t slot = 0;
  std::int32_t pid = 0;
  std::string state;
  bool kept = false;    // started again by PID 1 when it ends
  std::string unit;     // as its control group is called
  std::string command;  // comm of proc(5)
};

std::string proc_text(std::int32_t pid, const char* file) {
  auto text = read_text_file("/proc/" + std::to_string(pid) + "/" + file, kMostText);
  return text ? *text : std::string();
}

std::string unit_of(std::int32_t pid) {
  const std::string text = "\n" + proc_text(pid, "cgroup");
  const std::size_t at = text.find("\n0::");
  if (at == std::string::npos) return {};
  const std::string path = text.substr(at + 4, text.find('\n', at + 4) - at - 4);
  const std::string last = path.substr(path.rfind('/') + 1);
  return last.find('.') == std::string::npos ? std::string() : last;
}

// Whether this process counts as initd does: in another PID namespace the number is somebody else's.
bool is_child_of_initd(std::int32_t pid) {
  const std::string stat = proc_text(pid, "stat");
  int parent = 0;
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || std::sscanf(stat.c_str() + name_end, ") %*c %d", &parent) != 1)
    return false;
  return proc_text(parent, "comm") == "initd\n";
}

// "slot 5 123 running kept"
std::optional<Row> parse(const std::string& line) {
  Row row;
  char state[16] = {}, kept[16] = {};
  if (std::sscanf(line.c_str(), "slot %d %d %15s %15s", &row.slot, &row.pid, state, kept) != 4)
    return std::nullopt;
  row.state = state;
  row.kept = std::string_view(kept) == "kept";
  const bool lives = row.state == "running" || row.state == "starting";
  if (lives && is_child_of_initd(row.pid)) {
    row.unit = unit_of(row.pid);
    row.command = proc_text(row.pid, "comm");
    row.command.erase(std::min(row.command.size(), row.command.find('\n')));
  }
  return row;
}

std::string json(const Row& row) {
  std::string out;
  api::ObjectWriter write(out);
  write("slot", row.slot);
  write("pid", row.pid);
  write("state", row.state);
  write("kept", row.kept);
  write("unit", row.unit);
  write("command", row.command);
  write.end();
  return out + "\n";
}

std::string render(const Style& style, const Row& row) {
  std::string out = "slot " + std::to_string(row.slot) + "  " + row.state;
  if (!row.unit.empty()) out += "  " + printable(style, row.unit);
  if (!row.command.empty())
    out += "  " + printable(style, row.command) + " (" + std::to_string(row.pid) + ")";
  return out + (row.kept ? "  kept up\n" : "\n");
}

int show_failure(const Request& request, const Error& error, Output& output) {
  (void)show_error(request, output,
                   {api::ErrorKind::Failed, "", "PID 1 does not answer: " + error.text(),
                    "it answers only while no manager can run; initctl status asks the manager"});
  return error.code == EACCES || error.code == EPERM ? kPermission : kUnreachable;
}

}  // namespace

int run_rescue(const Request& request, Output& output) {
  std::string words;
  for (const std::string& word : request.words) words += (words.empty() ? "" : " ") + word;
  const auto lines = ask_pid1(request.runtime, words.empty() ? "list" : words, kPatience);
  if (!lines) return show_failure(request, lines.error(), output);
  for (const std::string& line : *lines) {
    if (const auto row = parse(line)) output.out += request.json ? json(*row) : render(output.style, *row);
  }
  const std::string last = lines->empty() ? "error no answer" : lines->back();
  if (last != "ok") return show_error(request, output, {api::ErrorKind::Failed, "", "PID 1: " + last, ""});
  if (request.json && output.out.empty()) output.out += "{}\n";
  return kOk;
}

}  // namespace init::ctl
