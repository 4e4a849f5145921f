#include "libinit/base/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace init {
namespace {

// Table 0 takes one byte further; table n takes it over n more bytes, so that eight are looked up side by
// side.
constexpr auto make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1U) != 0 ? 0x82f63b78U : 0U);
    tables[0][i] = value;
  }
  for (std::size_t n = 1; n < tables.size(); ++n) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t before = tables[n - 1][i];
      tables[n][i] = tables[0][before & 0xffU] ^ (before >> 8);
    }
  }
  return tables;
}

constexpr auto kTables = make_tables();
static_assert(std::endian::native == std::endian::little);

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t seed) noexcept {
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::uint32_t crc = ~seed;
  for (; size >= 8; size -= 8, bytes += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes, 8);
    eight ^= crc;
    const auto look_up = [eight](unsigned n) { return kTables[7 - n][(eight >> (8 * n)) & 0xffU]; };
    crc =
        look_up(0) ^ look_up(1) ^ look_up(2) ^ look_up(3) ^ look_up(4) ^ look_up(5) ^ look_up(6) ^ look_up(7);
  }
  for (; size > 0; --size, ++bytes) crc = kTables[0][(crc ^ *bytes) & 0xffU] ^ (crc >> 8);
  return ~crc;
}

}  // namespace init
