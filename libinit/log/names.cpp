#include "libinit/log/names.h"

#include "libinit/log/line.h"

namespace init::log {
namespace {

constexpr std::string_view kPlain = ".log";
constexpr std::string_view kCompressed = ".log.zst";
constexpr std::size_t kNameStamp = 23;  // 20261121T060712.123456Z

bool is_separator(char c) {
  return c == '-' || c == ':';
}

}  // namespace

std::string rotated_name(std::int64_t first_us) {
  std::string name;
  for (const char c : stamp(first_us)) {
    if (!is_separator(c)) name += c;
  }
  return name.append(kPlain);
}

std::optional<RotatedName> parse_rotated_name(std::string_view name) {
  if (name.size() < kNameStamp) return std::nullopt;
  const std::string_view ending = name.substr(kNameStamp);
  if (ending != kPlain && ending != kCompressed) return std::nullopt;
  std::string text(name.substr(0, kNameStamp));
  text.insert(13, ":").insert(11, ":").insert(6, "-").insert(4, "-");
  const auto time = parse_stamp(text);
  if (!time) return std::nullopt;
  return RotatedName{*time, ending == kCompressed};
}

}  // namespace init::log
