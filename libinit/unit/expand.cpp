#include "libinit/unit/expand.h"

#include <algorithm>
#include <cerrno>

#include "libinit/unit/values.h"

namespace init::unit {
namespace {

constexpr std::size_t kMaximumSize = 2U << 20U;  // what execve(2) takes in all at the default stack limit
constexpr std::string_view kBlanks = " \t\n";

class Expander {
 public:
  explicit Expander(const Lookup& lookup) : lookup_(lookup) {}

  void word(std::string_view text) {
    if (text.starts_with('$') && valid_environment_name(text.substr(1))) {
      split(value(text.substr(1)));
    } else {
      substitute(text);
    }
  }

  [[nodiscard]] bool too_large() const { return size_ > kMaximumSize; }
  std::vector<std::string> words;

 private:
  std::string value(std::string_view name) { return lookup_(name).value_or(std::string()); }

  void add(std::string word) {
    size_ += word.size() + sizeof(char*) + 1;
    words.push_back(std::move(word));
  }

  void split(const std::string& text) {
    for (std::size_t at = text.find_first_not_of(kBlanks); at != std::string::npos;) {
      const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
      add(text.substr(at, end - at));
      at = text.find_first_not_of(kBlanks, end);
    }
  }

  void substitute(std::string_view text) {
    std::string out;
    while (!text.empty() && out.size() <= kMaximumSize) {
      const std::size_t dollar = std::min(text.find('$'), text.size());
      out += text.substr(0, dollar);
      text.remove_prefix(dollar);
      if (!text.empty()) text.remove_prefix(reference(text, out));
    }
    add(std::move(out));
  }

  // What begins with '$': adds what it stands for and returns how much of text that was.
  std::size_t reference(std::string_view text, std::string& out) {
    if (text.starts_with("$$")) {
      out += '$';
      return 2;
    }
    const std::size_t close = text.find('}');
    if (text.starts_with("${") && close != std::string_view::npos &&
        valid_environment_name(text.substr(2, close - 2))) {
      out += value(text.substr(2, close - 2));
      return close + 1;
    }
    out += '$';
    return 1;
  }

  const Lookup& lookup_;
  std::size_t size_ = 0;
};

}  // namespace

Result<std::vector<std::string>> expand_argv(const Step& step, const Lookup& lookup) {
  Expander expander(lookup);
  for (const std::string& word : step.argv) {
    expander.word(word);
    if (expander.too_large()) return failure(E2BIG, "expand", "command");
  }
  return std::move(expander.words);
}

}  // namespace init::unit
