// Result<T>: a value or an Error that says what failed, on what, why, and what to do. No exception leaves a
// room.
#pragma once
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace init {

// code is an errno value, or 0 where the failure has no errno. step is the operation that failed ("open",
// "parse"), object what it was done to (a path, a name, a number), unit the unit id it concerns; each may be
// empty.
struct Error {
  int code = 0;
  std::string step;
  std::string object;
  std::string unit;
  std::string hint;  // what to do next, a whole sentence, or empty

  // "nginx.service: open /x/y: No such file or directory (create it first)"
  [[nodiscard]] std::string text() const;
};

template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  using Base::operator=;
};

using Failure = tl::unexpected<Error>;

// Of an errno: there is no more of something that there may be again (descriptors, memory, processes).
[[nodiscard]] bool is_shortage(int code);

[[nodiscard]] Failure failure(int code, std::string step, std::string object = {}, std::string unit = {});

}  // namespace init
