// Structs to JSON text, straight into a string: no tree in between.
#pragma once
#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/api/names.h"
#include "libinit/api/shapes.h"

namespace init::api {

// A JSON string. What is no UTF-8 becomes U+FFFD; what could harm a terminal (utf8.h) is written as \uXXXX,
// so that the text is safe to show as it stands.
void write_json(std::string& out, std::string_view text);

inline void write_json(std::string& out, const std::string& text) {
  write_json(out, std::string_view(text));
}

template <std::same_as<bool> Bool>
void write_json(std::string& out, Bool value) {
  out += value ? "true" : "false";
}

template <std::integral Integer>
requires(!std::same_as<Integer, bool>) void write_json(std::string& out, Integer value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

template <Named Enum>
void write_json(std::string& out, Enum value) {
  write_json(out, name_of(value));
}

template <class Struct>
void write_object(std::string& out, const Struct& value);

template <class T>
void write_json(std::string& out, const std::vector<T>& values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    if constexpr (requires { write_json(out, values[i]); }) {
      write_json(out, values[i]);
    } else {
      write_object(out, values[i]);
    }
  }
  out += ']';
}

class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) {}

  template <class T>
  void operator()(std::string_view name, const T& value) {
    out_ += first_ ? "{\"" : ",\"";
    first_ = false;
    out_ += name;
    out_ += "\":";
    if constexpr (requires { write_json(out_, value); }) {
      write_json(out_, value);
    } else {
      write_object(out_, value);
    }
  }
  template <class T>
  void operator()(std::string_view name, const std::optional<T>& value) {
    if (value) (*this)(name, *value);
  }
  template <class T>
  void maybe(std::string_view name, const T& value) {
    if (!is_absent(value)) (*this)(name, value);
  }
  void end() { out_ += first_ ? "{}" : "}"; }

 private:
  template <class T>
  static bool is_absent(const T& value) {
    if constexpr (requires { value.empty(); }) {
      return value.empty();
    } else if constexpr (requires { value.has_value(); }) {
      return !value.has_value();
    } else {
      return value == T{};
    }
  }

  std::string& out_;
  bool first_ = true;
};

template <class Struct>
void write_object(std::string& out, const Struct& value) {
  ObjectWriter writer(out);
  describe(writer, value);
  writer.end();
}

}  // namespace init::api
