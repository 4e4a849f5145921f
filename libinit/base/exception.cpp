#include "libinit/base/exception.h"

#include <cerrno>
#include <new>
#include <system_error>

namespace init {
namespace {

Error described(const char* step) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return {ENOMEM, step, {}, {}, {}};
  } catch (const std::system_error& error) {
    const bool is_errno = error.code().category() == std::generic_category() ||
                          error.code().category() == std::system_category();
    return {is_errno ? error.code().value() : 0, step, error.what(), {}, {}};
  } catch (const std::exception& error) {
    return {0, step, error.what(), {}, {}};
  } catch (...) {
    return {0, step, "an exception of unknown type", {}, {}};
  }
}

}  // namespace

Error caught(const char* step) noexcept {
  try {
    return described(step);
  } catch (...) {  // no memory to say it with
    Error error;
    error.code = ENOMEM;
    return error;
  }
}

}  // namespace init
