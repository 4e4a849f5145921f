#include "ctl/telinit.h"

#include <algorithm>
#include <array>

namespace init::ctl {
namespace {

struct Level {
  std::string_view word;
  const char* verb;
};
constexpr std::array kLevels{Level{"0", "poweroff"},      Level{"6", "reboot"},
                             Level{"u", "upgrade"},       Level{"U", "upgrade"},
                             Level{"q", "daemon-reload"}, Level{"Q", "daemon-reload"}};

}  // namespace

std::optional<std::vector<const char*>> from_telinit(std::string_view program,
                                                     std::span<const char* const> words) {
  if (program.substr(program.rfind('/') + 1) != "telinit") return std::nullopt;
  std::vector<const char*> meant;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const auto level =
        std::find_if(kLevels.begin(), kLevels.end(), [word](const Level& one) { return one.word == word; });
    if (word == "--no-wall") continue;
    if (word == "-t") {  // seconds between TERM and KILL: each unit has its own
      ++i;
      continue;
    }
    meant.push_back(level != kLevels.end() ? level->verb : words[i]);
  }
  if (meant.empty()) meant.push_back("help");
  return meant;
}

}  // namespace init::ctl
