// Random units. Filled by the field visitor; that it knows all fields is checked through the key table.
#pragma once
#include <random>

#include "libinit/unit/codec.h"

namespace init::unit {

class Filler {
 public:
  explicit Filler(std::uint32_t seed) : random_(seed) {}

  template <class... Ts>
  void operator()(Ts&... fields) {
    (fill(fields), ...);
  }

 private:
  std::uint64_t any() { return (std::uint64_t{random_()} << 32U | random_()) >> (random_() % 64); }

  template <class T>
  void fill(T& value) {
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(random_() % std::size(Words<T>::list));
    } else if constexpr (std::is_same_v<T, bool>) {
      value = random_() % 2 == 0;
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(random_() % 8 == 0 ? ~any() : any());
    } else {
      visit(*this, value);
    }
  }
  void fill(Duration& value) {
    std::int64_t count = 0;
    fill(count);
    value = random_() % 8 == 0 ? kInfinity : Duration(count < 0 ? ~count : count);
  }
  void fill(std::string& text) {
    text.resize(random_() % 4 == 0 ? 0 : random_() % 40);
    for (char& c : text) c = static_cast<char>(random_());
  }
  template <class A, class B>
  void fill(std::pair<A, B>& value) {
    (*this)(value.first, value.second);
  }
  template <class T>
  void fill(std::vector<T>& list) {
    list.resize(random_() % 4);
    for (T& item : list) fill(item);
  }
  template <class T>
  void fill(std::optional<T>& value) {
    if (random_() % 2 == 0) fill(value.emplace());
  }
  template <class T, std::size_t N>
  void fill(std::array<std::optional<T>, N>& values) {
    for (auto& value : values) fill(value);
  }

  std::mt19937 random_;
};

inline Unit random_unit(std::uint32_t seed) {
  Unit unit;
  Filler filler(seed);
  filler(unit);
  unit.id += std::to_string(seed) + ".service";
  return unit;
}

}  // namespace init::unit
