#include "libinit/api/json_read.h"

namespace init::api {

std::optional<std::uint32_t> JsonDocument::find(std::uint32_t object, std::string_view key,
                                                std::uint32_t hint) const {
  const std::uint32_t first = object + 1;
  const std::uint32_t end = nodes_[object].end;
  const auto scan = [&](std::uint32_t from, std::uint32_t to) -> std::optional<std::uint32_t> {
    for (std::uint32_t i = from; i < to; i = nodes_[i + 1].end) {
      if (text(i) == key) return i + 1;
    }
    return std::nullopt;
  };
  if (hint < first || hint >= end) return scan(first, end);
  const std::optional<std::uint32_t> found = scan(hint, end);
  return found ? found : scan(first, hint);
}

}  // namespace init::api
