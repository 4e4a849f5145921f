// Setters of what tells from outside how a service is: [ready], [health], and whose word counts.
#include "libinit/unit/setters.h"
#include "libinit/unit/values.h"

namespace init::unit {
namespace {

// D-Bus specification, "Valid Names": two elements or more, divided by dots, none beginning with a digit.
bool valid_bus_name(std::string_view name) {
  bool dotted = false, fresh = true;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
    const bool digit = c >= '0' && c <= '9';
    if (c == '.' ? fresh : !(letter || (digit && !fresh))) return false;
    dotted = dotted || c == '.';
    fresh = c == '.';
  }
  return dotted && !fresh && name.size() <= 255;
}

}  // namespace

bool choose(const Setting& s, Probe& probe, ProbeKind kind) {
  if (probe.kind == ProbeKind::None) {
    probe.kind = kind;
    return true;
  }
  s.report.error(
      "E0107", s.entry.place,
      "both " + quoted(word(probe.kind)) + " and " + quoted(s.entry.key) + ": a probe has one kind");
  return false;
}

void read_http(const Setting& s, Probe& probe) {
  const std::string* text = s.string(s.entry.value);
  if (text == nullptr) return;
  if (!parse_http_url(*text))
    return s.bad_value(s.entry.value, "is not a URL", "write \"http://127.0.0.1:8080/path\"");
  if (choose(s, probe, ProbeKind::Http)) probe.target = *text;
}

void read_tcp(const Setting& s, Probe& probe) {
  const std::string* text = s.string(s.entry.value);
  if (text == nullptr) return;
  if (!parse_endpoint(*text))
    return s.bad_value(s.entry.value, "is not an address and a port",
                       "write \"127.0.0.1:80\", \"[::1]:80\" or \"localhost:80\"");
  if (choose(s, probe, ProbeKind::Tcp)) probe.target = *text;
}

void read_probe_command(const Setting& s, Probe& probe) {
  const auto steps = read_steps(s);
  if (!steps) return;
  if (steps->size() != 1) return s.bad_value(s.entry.value, "is not one command");
  if (choose(s, probe, ProbeKind::Command)) probe.command = steps->front();
}

void read_alive_for(const Setting& s, Probe& probe) {
  const auto value = s.duration(s.entry.value);
  if (!value) return;
  if (*value == Duration::zero() || *value == kInfinity) return s.bad_value(s.entry.value, "is no time");
  if (choose(s, probe, ProbeKind::AliveFor)) probe.alive_for = *value;
}

void read_trigger(const Setting& s, Probe& probe) {
  const auto value = s.boolean(s.entry.value);
  if (value && *value && choose(s, probe, ProbeKind::Trigger)) return;
}

void set_bus_name(const Setting& s) {
  const std::string* text = s.string(s.entry.value);
  if (text == nullptr) return;
  if (!valid_bus_name(*text)) return s.bad_value(s.entry.value, "is not a name on a bus");
  s.unit->service.bus_name = *text;
}

void set_notify_access(const Setting& s) {
  // "default" is not for files: it is what a file has that says nothing.
  const auto* words = std::data(Words<NotifyAccess>::list) + 1;
  const auto index = s.word_of(s.entry.value, words, std::size(Words<NotifyAccess>::list) - 1);
  if (index) s.unit->service.notify_access = static_cast<NotifyAccess>(*index + 1);
}

}  // namespace init::unit
