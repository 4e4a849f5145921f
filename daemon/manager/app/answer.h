// What a helper (os/helpers.h) gives back, as bytes: a value with a visitor (libinit/unit/codec.h), or an
// error.
#pragma once
#include <cerrno>
#include <string>
#include <string_view>

#include "libinit/base/result.h"
#include "libinit/unit/codec.h"

namespace init::manager {

template <class T>
[[nodiscard]] std::string pack_answer(const Result<T>& result) {
  unit::Writer writer;
  writer(result.has_value());
  if (result) {
    writer(*result);
  } else {
    const Error& error = result.error();
    writer(error.code, error.step, error.object, error.unit, error.hint);
  }
  return std::move(writer.bytes);
}

// EIO: a helper that ended without an answer.
template <class T>
[[nodiscard]] Result<T> unpack_answer(std::string_view bytes) {
  unit::Reader reader(bytes);
  bool good = false;
  T value;
  Error error;
  reader(good);
  if (good) {
    reader(value);
  } else {
    reader(error.code, error.step, error.object, error.unit, error.hint);
  }
  if (!reader.finished()) return failure(EIO, "prepare", "the helper ended without an answer");
  if (!good) return Failure(std::move(error));
  return value;
}

}  // namespace init::manager
