// Any bytes as the short words of people: times, sizes, modes, signals; as text for a terminal, of which
// nothing that steers it may come through; and as a recorded history.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "ctl/text.h"
#include "libinit/base/duration.h"
#include "libinit/base/text.h"
#include "libinit/base/utf8.h"
#include "libinit/core/history.h"
#include "libinit/unit/values.h"
#include "tests/fuzz/bounded.h"

namespace {

using namespace init;

void check_terminal(std::string_view shown, bool utf8, std::string_view allowed) {
  while (!shown.empty()) {
    const Character character = first_character(shown);
    const bool kept = allowed.find(shown[0]) != std::string_view::npos;
    if (!character.valid || (!kept && !is_harmless(character.code))) std::abort();
    if (!utf8 && character.bytes > 1) std::abort();
    shown.remove_prefix(character.bytes);
  }
}

void check_words(std::string_view text) {
  if (const auto time = parse_duration(text); time && *time < Duration::zero()) std::abort();
  (void)parse_typed_duration(text);
  (void)unit::parse_size(text);
  (void)unit::parse_mode(text);
  (void)unit::parse_signal(text);
}

void check_history(std::string_view bytes) {
  (void)core::unpack_beginning(bytes);
  core::Entry entry;
  if (bytes.size() < sizeof(entry)) return;
  std::memcpy(static_cast<void*>(&entry), bytes.data(), sizeof(entry));
  if (const auto event = core::event_of(entry)) (void)core::text_of(*event);
  if (const auto action = core::action_of(entry)) (void)core::text_of(*action);
}

}  // namespace

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_words(text);
  for (const bool utf8 : {true, false}) {
    const ctl::Style style{false, utf8, 0};
    check_terminal(ctl::printable(style, text), utf8, "");
    check_terminal(ctl::printable_block(style, text), utf8, "\n\t");
  }
  check_history(text);
  return 0;
}
