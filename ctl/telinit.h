// initctl under the name telinit, which packages call: telinit(8) of sysvinit.
#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace init::ctl {

// The words of initctl that mean the same. program: argv[0]; nothing when it is another name. What is no word
// of telinit is passed on, and refused by its name there.
[[nodiscard]] std::optional<std::vector<const char*>> from_telinit(std::string_view program,
                                                                   std::span<const char* const> words);

}  // namespace init::ctl
