#include "libinit/unit/generation.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "libinit/base/checksum.h"
#include "libinit/unit/codec.h"

namespace init::unit {
namespace {

static_assert(std::endian::native == std::endian::little);

// The layout, in 32-bit words: the header; `count` offsets of the records by number, and one more that ends
// the last; `count` numbers in the order of their ids. Then the records, then the configuration up to the
// end.
enum HeaderWord : std::size_t { kMagic, kVersion, kChecksum, kSize, kCount, kHeaderWords };
constexpr std::uint32_t kMagicWord = 0x6e654769;  // "iGen"
constexpr std::size_t kMaximumSize = std::size_t{1} << 30U;
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

constexpr std::size_t offsets_at() {
  return kHeaderWords * 4;
}
constexpr std::size_t sorted_at(std::uint32_t count) {
  return offsets_at() + (std::size_t{count} + 1) * 4;
}
constexpr std::size_t records_at(std::uint32_t count) {
  return sorted_at(count) + std::size_t{count} * 4;
}

// The checksum covers what follows it.
std::uint32_t checksum(std::string_view bytes) {
  const std::string_view covered = bytes.substr((kChecksum + 1) * 4);
  return crc32c(covered.data(), covered.size());
}

void put(std::string& bytes, std::size_t offset, std::size_t value) {
  const auto word = static_cast<std::uint32_t>(value);
  std::memcpy(bytes.data() + offset, &word, 4);
}

// The numbers of the units in the order of their ids; empty when two are the same.
std::vector<std::uint32_t> sorted_numbers(std::span<const Unit> units) {
  std::vector<std::uint32_t> numbers(units.size());
  std::iota(numbers.begin(), numbers.end(), 0U);
  std::sort(numbers.begin(), numbers.end(), [units](auto a, auto b) { return units[a].id < units[b].id; });
  const auto same = [units](auto a, auto b) { return units[a].id == units[b].id; };
  if (std::adjacent_find(numbers.begin(), numbers.end(), same) != numbers.end()) numbers.clear();
  return numbers;
}

std::string image_of(std::span<const Unit> units, std::span<const std::uint32_t> sorted,
                     const SystemConfig& config) {
  const auto count = static_cast<std::uint32_t>(units.size());
  Writer writer;
  writer.bytes.resize(records_at(count));
  for (std::uint32_t i = 0; i < count; ++i) {
    put(writer.bytes, offsets_at() + i * 4, writer.bytes.size());
    put(writer.bytes, sorted_at(count) + i * 4, sorted[i]);
    writer(units[i]);
  }
  put(writer.bytes, offsets_at() + count * 4, writer.bytes.size());
  writer(config);
  put(writer.bytes, kMagic * 4, kMagicWord);
  put(writer.bytes, kVersion * 4, kGenerationVersion);
  put(writer.bytes, kSize * 4, writer.bytes.size());
  put(writer.bytes, kCount * 4, count);
  put(writer.bytes, kChecksum * 4, checksum(writer.bytes));
  return std::move(writer.bytes);
}

Result<UniqueFd> sealed_memfd(std::string_view bytes) {
  UniqueFd fd(memfd_create("initd-generation", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failure(errno, "memfd_create", "generation");
  while (!bytes.empty()) {
    const ssize_t written = write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure(errno, "write", "generation");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fcntl(fd.get(), F_ADD_SEALS, kSeals | F_SEAL_SEAL) != 0) return failure(errno, "seal", "generation");
  return fd;
}

Failure damaged(std::string what) {
  return failure(EBADMSG, "read", std::move(what));
}

}  // namespace

Result<UniqueFd> compile_generation(std::span<const Unit> units, const SystemConfig& config) {
  const std::vector<std::uint32_t> sorted = sorted_numbers(units);
  if (sorted.size() != units.size()) return failure(EINVAL, "compile", "two units of one id");
  const std::string image = image_of(units, sorted, config);
  if (image.size() > kMaximumSize) return failure(EFBIG, "compile", "generation");
  return sealed_memfd(image);
}

Result<Generation> Generation::open(UniqueFd fd) {
  const int seals = fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals)
    return failure(EINVAL, "open", "generation that is not sealed");
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return failure(errno, "stat", "generation");
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size < kHeaderWords * 4 || size > kMaximumSize) return damaged("size of the generation");
  void* memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return failure(errno, "mmap", "generation");
  Generation generation(std::move(fd), {static_cast<const char*>(memory), size});
  if (!generation.check()) return damaged("header of the generation");
  return generation;
}

Generation::Generation(Generation&& other) noexcept
    : fd_(std::move(other.fd_)),
      bytes_(std::exchange(other.bytes_, {})),
      count_(std::exchange(other.count_, 0)) {}

Generation& Generation::operator=(Generation&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(bytes_, other.bytes_);
  std::swap(count_, other.count_);
  return *this;
}

Generation::~Generation() {
  if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

bool Generation::check() {
  if (word(kMagic * 4) != kMagicWord || word(kVersion * 4) != kGenerationVersion) return false;
  if (word(kSize * 4) != bytes_.size() || word(kChecksum * 4) != checksum(bytes_)) return false;
  const std::uint32_t count = word(kCount * 4);
  if (count > bytes_.size() / 8 || records_at(count) > bytes_.size()) return false;
  std::uint32_t last = static_cast<std::uint32_t>(records_at(count));
  for (std::uint32_t i = 0; i <= count; ++i) {
    const std::uint32_t offset = word(offsets_at() + i * 4);
    if (offset < last || offset > bytes_.size()) return false;
    last = offset;
  }
  count_ = count;
  return true;
}

std::uint32_t Generation::word(std::size_t offset) const {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes_.data() + offset, 4);
  return value;
}

std::string_view Generation::record(std::uint32_t index) const {
  const std::uint32_t begin = word(offsets_at() + index * 4);
  return bytes_.substr(begin, word(offsets_at() + (index + 1) * 4) - begin);
}

std::string_view Generation::id(std::uint32_t index) const {
  if (index >= count_) return {};
  Reader reader(record(index));
  reader.enter();
  return reader.text();
}

std::string_view Generation::description(std::uint32_t index) const {
  if (index >= count_) return {};
  Reader reader(record(index));
  reader.enter();
  (void)reader.text();  // the id
  Kind kind{};
  reader(kind);
  return reader.text();
}

Result<Unit> Generation::unit(std::uint32_t index) const {
  if (index >= count_) return failure(ENOENT, "read", "unit " + std::to_string(index));
  Reader reader(record(index));
  Unit unit;
  reader(unit);
  if (!reader.finished()) return damaged("unit " + std::to_string(index));
  return unit;
}

std::optional<std::uint32_t> Generation::find(std::string_view wanted) const {
  std::uint32_t low = 0, high = count_;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    const std::uint32_t number = word(sorted_at(count_) + middle * 4);
    const std::string_view found = id(number);
    if (found == wanted && number < count_) return number;
    if (found < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::nullopt;
}

Result<SystemConfig> Generation::config() const {
  Reader reader(bytes_.substr(word(offsets_at() + count_ * 4)));
  SystemConfig config;
  reader(config);
  if (!reader.finished()) return damaged("configuration of the generation");
  return config;
}

}  // namespace init::unit
