// Any bytes as a compiled generation: refused, or read without harm.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "libinit/base/checksum.h"
#include "libinit/unit/fields.h"
#include "libinit/unit/generation.h"
#include "tests/fuzz/bounded.h"

namespace {

using namespace init;

// A fuzzer does not guess the words that must be exact: magic, version, checksum of what follows it, size.
std::string with_exact_words(std::string bytes) {
  const auto put = [&bytes](std::size_t word, std::uint32_t value) {
    std::memcpy(bytes.data() + word * 4, &value, 4);
  };
  put(0, 0x6e654769);
  put(1, unit::kGenerationVersion);
  put(3, static_cast<std::uint32_t>(bytes.size()));
  put(2, crc32c(bytes.data() + 12, bytes.size() - 12));
  return bytes;
}

void use(const std::string& bytes) {
  UniqueFd fd(memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) != 0) std::abort();
  const auto generation = unit::Generation::open(std::move(fd));
  if (!generation) return;
  for (std::uint32_t i = 0; i < generation->size(); ++i) {
    (void)generation->find(generation->id(i));
    (void)generation->unit(i);
  }
  (void)generation->config();
}

}  // namespace

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  use(bytes);
  if (size >= 20) use(with_exact_words(bytes));
  return 0;
}
