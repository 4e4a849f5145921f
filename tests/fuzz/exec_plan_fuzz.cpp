// Whatever the checker lets pass must be harmless when it is used as the child uses it.
#include <cstdint>
#include <cstdlib>

#include "libinit/process/exec_plan.h"
#include "tests/fuzz/bounded.h"
#include "tests/support/plan_walk.h"

namespace {

// A fuzzer seldom guesses the words that must be exact; they are put right, so that the rest is reached.
std::vector<std::byte> with_exact_words(std::span<const std::byte> input) {
  std::vector<std::byte> plan(input.begin(), input.end());
  init::process::ExecPlanHeader header;
  if (plan.size() < sizeof header) return plan;
  std::memcpy(&header, plan.data(), sizeof header);
  header.magic = init::process::kPlanMagic;
  header.version = init::process::kPlanVersion;
  header.header_size = sizeof header;
  header.size = static_cast<std::uint32_t>(plan.size());
  std::memcpy(plan.data(), &header, sizeof header);
  plan.back() = std::byte{0};
  return plan;
}

void expect_refused_or_harmless(std::span<const std::byte> plan) {
  if (!init::process::plan_is_well_formed(plan)) return;
  if (init::process::testing::PlanWalk(plan).strays() != 0) std::abort();
}

}  // namespace

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  expect_refused_or_harmless(input);
  expect_refused_or_harmless(with_exact_words(input));
  return 0;
}
