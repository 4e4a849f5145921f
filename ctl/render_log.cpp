#include "ctl/log_source.h"
#include "ctl/render.h"
#include "libinit/api/json_write.h"

namespace init::ctl {
namespace {

constexpr std::array<std::string_view, log::kStreams> kStreamNames = {"stdout", "stderr", "initd", "",
                                                                      "syslog"};

Color color_of(std::uint8_t severity) {
  if (severity <= 3) return Color::Bad;
  return severity == 4 ? Color::Busy : Color::Plain;
}

// With milliseconds: what happened in one second is what one looks at.
std::string clock(const Style& style, std::int64_t time_us) {
  const std::string rest = std::to_string(time_us / 1000 % 1000);
  return moment(style, time_us) + "." + std::string(3 - rest.size(), '0') + rest;
}

void add(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  api::write_json(out, text);
}

}  // namespace

std::string render_log(const Style& style, const LogRecord& record, bool with_unit) {
  std::string out = paint(style, Color::Faint, clock(style, record.time_us)) + " ";
  if (with_unit) out += printable(style, short_name(record.unit)) + ": ";
  return out + paint(style, color_of(record.severity), printable(style, log::without_prefix(record.text))) +
         "\n";
}

std::string log_json(const LogRecord& record) {
  std::string out = "{\"time_us\":" + std::to_string(record.time_us);
  add(out, "unit", record.unit);
  add(out, "stream", kStreamNames[static_cast<std::size_t>(record.stream)]);
  add(out, "severity", log::severity_name(record.severity));
  add(out, "invocation", record.invocation);
  add(out, "boot", record.boot);
  add(out, "message", log::without_prefix(record.text));
  return out + "}\n";
}

}  // namespace init::ctl
