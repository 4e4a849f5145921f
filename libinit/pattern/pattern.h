// Regular expressions whose time grows with the text and never beyond it: RE2's, as keep and drop of [log]
// and `initctl logs --grep` have them.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "libinit/base/result.h"

namespace re2 {
class RE2;
}

namespace init {

class Pattern {
 public:
  // Errors: EINVAL; the object says what is wrong with the expression.
  [[nodiscard]] static Result<Pattern> compile(const std::string& expression);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  // Somewhere in the text, which may be any bytes.
  [[nodiscard]] bool found_in(std::string_view text) const;

 private:
  explicit Pattern(std::unique_ptr<re2::RE2> expression);

  std::unique_ptr<re2::RE2> expression_;
};

}  // namespace init
