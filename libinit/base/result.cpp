#include "libinit/base/result.h"

#include <cerrno>
#include <cstring>

namespace init {

std::string Error::text() const {
  std::string out;
  const auto append = [&out](const std::string& part, const char* separator) {
    if (part.empty()) return;
    if (!out.empty()) out += separator;
    out += part;
  };
  append(unit, ": ");
  append(step, ": ");
  append(object, ": ");
  if (code != 0) append(strerrordesc_np(code) != nullptr ? strerrordesc_np(code) : "unknown error", ": ");
  if (!hint.empty()) out += " (" + hint + ")";
  return out;
}

bool is_shortage(int code) {
  return code == EAGAIN || code == ENOMEM || code == EMFILE || code == ENFILE;
}

Failure failure(int code, std::string step, std::string object, std::string unit) {
  return Failure(Error{code, std::move(step), std::move(object), std::move(unit), {}});
}

}  // namespace init
