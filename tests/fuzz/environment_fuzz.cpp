// Any bytes as an environment file: what is read has valid names, and means the same when it is written in
// quotes and read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "libinit/base/environment_file.h"
#include "libinit/base/names.h"
#include "tests/fuzz/bounded.h"

namespace {

std::string quoted(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\' || c == '`' || c == '$') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  const init::Variables read = init::parse_environment({reinterpret_cast<const char*>(data), size});
  std::string text;
  for (const auto& [name, value] : read) {
    if (!init::valid_environment_name(name) || value.size() > size) std::abort();
    text += name + "=" + quoted(value) + "\n";
  }
  if (init::parse_environment(text) != read) std::abort();
  return 0;
}
