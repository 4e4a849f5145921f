#include "libinit/base/text.h"

#include <array>

namespace init {
namespace {

struct Unit {
  const char* name;
  std::int64_t seconds;
};
constexpr std::array<Unit, 4> kUnits{{{" d", 86400}, {" h", 3600}, {" min", 60}, {" s", 1}}};

}  // namespace

std::string duration_text(Duration duration) {
  if (duration == kInfinity) return "for ever";
  const std::int64_t ms = duration <= Duration::zero() ? 0 : duration / std::chrono::milliseconds(1);
  if (ms < 1000) return std::to_string(ms) + " ms";
  if (ms < 10000 && ms / 100 % 10 != 0) {
    return std::to_string(ms / 1000) + "." + std::to_string(ms / 100 % 10) + " s";
  }
  const std::int64_t seconds = ms / 1000;
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (seconds < kUnits[i].seconds) continue;
    std::string text = std::to_string(seconds / kUnits[i].seconds) + kUnits[i].name;
    const std::int64_t rest = seconds % kUnits[i].seconds;
    if (i + 1 < kUnits.size() && rest >= kUnits[i + 1].seconds) {
      text += " " + std::to_string(rest / kUnits[i + 1].seconds) + kUnits[i + 1].name;
    }
    return text;
  }
  return "0 s";
}

}  // namespace init
