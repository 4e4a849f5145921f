// Bytes of fields: numbers as LEB128 (7 bits a byte, signed ones zigzag), strings, lists and structures with
// their length before them. Reading never trusts a length. Who knows fewer fields of a structure than stand
// there skips the rest, who knows more leaves those that are not there at their defaults: so fields are added
// at the end of a structure only, and programs of two versions read each other.
#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "libinit/unit/enums.h"
#include "libinit/unit/fields.h"

namespace init::unit {

class Writer {
 public:
  template <class... Ts>
  void operator()(const Ts&... fields) {
    (write(fields), ...);
  }

  std::string bytes;

 private:
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>(value | 0x80U);
    bytes += static_cast<char>(value);
  }

  template <class T>
  void write(const T& value) {
    if constexpr (std::is_same_v<T, bool> || std::is_unsigned_v<T> || std::is_enum_v<T>) {
      number(static_cast<std::uint64_t>(value));
    } else if constexpr (std::is_integral_v<T>) {
      const auto wide = static_cast<std::int64_t>(value);
      number((static_cast<std::uint64_t>(wide) << 1U) ^ static_cast<std::uint64_t>(wide >> 63));
    } else {
      const std::size_t begin = bytes.size();
      visit(*this, value);
      Writer size;
      size.number(bytes.size() - begin);
      bytes.insert(begin, size.bytes);
    }
  }
  // No duration is below 0: -1 is the short word for infinity.
  void write(const Duration& value) { write(value == kInfinity ? std::int64_t{-1} : value.count()); }
  void write(const std::string& value) {
    number(value.size());
    bytes += value;
  }
  template <class A, class B>
  void write(const std::pair<A, B>& value) {
    (*this)(value.first, value.second);
  }
  template <class T>
  void write(const std::vector<T>& list) {
    number(list.size());
    for (const T& item : list) write(item);
  }
  template <class T>
  void write(const std::optional<T>& value) {
    write(value.has_value());
    if (value) write(*value);
  }
  // A bit for each that is there, then those.
  template <class T, std::size_t N>
  void write(const std::array<std::optional<T>, N>& values) {
    static_assert(N <= 64);
    std::uint64_t present = 0;
    for (std::size_t i = 0; i < N; ++i) present |= std::uint64_t{values[i].has_value()} << i;
    number(present);
    for (const auto& value : values) {
      if (value) write(*value);
    }
  }
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  // After the first damage all fields keep their defaults.
  template <class... Ts>
  void operator()(Ts&... fields) {
    (read_field(fields), ...);
  }

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool finished() const { return good_ && bytes_.empty(); }
  // The fields of the structure that follows can be read one by one from here on.
  void enter() { inside_ = size_ahead() > 0; }
  [[nodiscard]] std::string_view text() {
    const std::uint64_t size = size_ahead();
    const std::string_view out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return out;
  }

 private:
  void fail() {
    good_ = false;
    bytes_ = {};
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }

  // Each field takes a byte at least, so at the end of a structure there is none.
  template <class T>
  void read_field(T& field) {
    if (!inside_ || !bytes_.empty()) read(field);
  }

  template <class T>
  void read(T& value) {
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(bounded(std::size(Words<T>::list) - 1));
    } else if constexpr (std::is_same_v<T, bool>) {
      value = bounded(1) != 0;
    } else if constexpr (std::is_unsigned_v<T>) {
      value = static_cast<T>(bounded(std::numeric_limits<T>::max()));
    } else if constexpr (std::is_integral_v<T>) {
      const std::uint64_t raw = number();
      const auto wide = static_cast<std::int64_t>((raw >> 1U) ^ (~(raw & 1U) + 1U));
      if (wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) return fail();
      value = static_cast<T>(wide);
    } else {
      const std::uint64_t size = size_ahead();
      const std::string_view behind = bytes_.substr(size);
      bytes_ = bytes_.substr(0, size);
      const bool outer = std::exchange(inside_, true);
      visit(*this, value);
      inside_ = outer;
      if (good_) bytes_ = behind;
    }
  }
  // Of as many bytes as really follow.
  std::uint64_t size_ahead() {
    const std::uint64_t size = number();
    if (size > bytes_.size()) return fail(), 0;
    return size;
  }
  std::uint64_t bounded(std::uint64_t most) {
    const std::uint64_t value = number();
    if (value > most) return fail(), 0;
    return value;
  }
  void read(Duration& value) {
    std::int64_t count = 0;
    read(count);
    value = count == -1 ? kInfinity : Duration(count);
  }
  void read(std::string& value) { value = text(); }
  template <class A, class B>
  void read(std::pair<A, B>& value) {
    (*this)(value.first, value.second);
  }
  // Each item takes a byte at least, so a list cannot be longer than what is left.
  template <class T>
  void read(std::vector<T>& list) {
    const std::uint64_t count = bounded(bytes_.size());
    list.clear();
    for (std::uint64_t i = 0; i < count && good_; ++i) read(list.emplace_back());
  }
  template <class T>
  void read(std::optional<T>& value) {
    bool present = false;
    read(present);
    if (present) read(value.emplace());
  }
  template <class T, std::size_t N>
  void read(std::array<std::optional<T>, N>& values) {
    const std::uint64_t present = bounded((std::uint64_t{1} << N) - 1);
    for (std::size_t i = 0; i < N; ++i) {
      if ((present >> i & 1U) != 0) read(values[i].emplace());
    }
  }

  std::string_view bytes_;
  bool good_ = true;
  bool inside_ = false;  // of a structure
};

}  // namespace init::unit
