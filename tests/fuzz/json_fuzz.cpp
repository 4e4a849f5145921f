// Any bytes as JSON: refused or understood, and both as the oracle does.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/bounded.h"
#include "tests/support/json_oracle.h"

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  const std::string wrong = init::api::json_disagreement({reinterpret_cast<const char*>(data), size});
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "%s\n", wrong.c_str());
  std::abort();
}
