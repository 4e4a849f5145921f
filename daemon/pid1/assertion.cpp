// What libstdc++ calls where one of its assertions does not hold. Its own function would bring exceptions,
// names and a heap of 72 KB into initd; here it is a fault like any other.
#include "daemon/pid1/log.h"

namespace std {

// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl58-cpp): its name is libstdc++'s
void __glibcxx_assert_fail(const char* file, int line, const char* /*function*/,
                           const char* condition) noexcept {
  init::pid1::log_line(
      init::pid1::Line("assertion: ").text(file).text(":").number(line).text(": ").text(condition));
  __builtin_trap();
}

}  // namespace std
