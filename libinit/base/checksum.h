// CRC-32C (Castagnoli), as in RFC 3720 appendix B.4; and FNV-1a, 64 bits, for tags that must be the same over
// restarts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace init {

// Of size bytes at data. Pure; usable in a signal handler and between fork and exec.
[[nodiscard]] std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t seed = 0) noexcept;

[[nodiscard]] constexpr std::uint64_t fnv1a64(std::string_view bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

}  // namespace init
