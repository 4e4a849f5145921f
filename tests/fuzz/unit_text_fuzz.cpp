// Any bytes as a unit file: they are refused with a message, or become a unit that survives being compiled.
#include <cstdint>
#include <cstdlib>

#include "libinit/base/environment_file.h"
#include "libinit/unit/expand.h"
#include "libinit/unit/generation.h"
#include "libinit/unit/unit_file.h"
#include "tests/fuzz/bounded.h"

namespace {

using namespace init::unit;

void expect_survives(const Unit& unit) {
  auto fd = compile_generation({&unit, 1}, {});
  if (!fd) std::abort();
  const auto generation = Generation::open(std::move(*fd));
  if (!generation || *generation->unit(0) != unit) std::abort();
  for (const Step& step : unit.service.command) {
    (void)expand_argv(step, [](std::string_view name) { return std::string(name); });
  }
}

void expect_safe(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n') std::abort();
  }
}

}  // namespace

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  std::vector<Diagnostic> diagnostics;
  for (const char* id : {"a.service", "a.target"}) {
    diagnostics.clear();
    const auto unit = parse_unit(id, "/a.toml", text, diagnostics);
    if (unit.has_value() != diagnostics.empty()) std::abort();
    if (unit) expect_survives(*unit);
    for (const Diagnostic& diagnostic : diagnostics) expect_safe(render(diagnostic, false));
  }
  (void)parse_system_config("/initd.toml", text, diagnostics);
  (void)init::parse_environment(text);
  return 0;
}
