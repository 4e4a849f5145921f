// Any bytes as a call or a reply of the control interface. What is understood as a call says the same when it
// is encoded and understood again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libinit/api/message.h"
#include "tests/fuzz/bounded.h"

namespace {

using namespace init::api;

void check_call(std::string_view text) {
  const auto decoded = decode_call(text);
  if (!decoded || !std::holds_alternative<IncomingCall>(*decoded)) return;
  const auto& call = std::get<IncomingCall>(*decoded);
  std::string once = encode_call(call.request, call.request_id, call.more);
  if (once.empty() || once.back() != '\0') std::abort();
  once.pop_back();
  const auto again = decode_call(once);
  if (!again || !std::holds_alternative<IncomingCall>(*again)) std::abort();
  const auto& same = std::get<IncomingCall>(*again);
  if (encode_call(same.request, same.request_id, same.more) != once + '\0') std::abort();
}

}  // namespace

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_call(text);
  for (const MethodInfo& row : methods()) (void)decode_reply(text, row.method);
  return 0;
}
