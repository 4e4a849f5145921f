#include "libinit/unit/suggest.h"

#include <algorithm>
#include <array>

namespace init::unit {
namespace {

constexpr std::size_t kLongestWord = 48;  // longer ones are no typos of ours

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Optimal string alignment, three rows of the matrix at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, kLongestWord + 1>;
  Row before{}, above{}, row{};
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = above;
    above = row;
  }
  return above[b.size()];
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool lists(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const std::string_view first = names.substr(0, names.find(' '));
    if (same_letters(first, name)) return true;
    names.remove_prefix(std::min(first.size() + 1, names.size()));
  }
  return false;
}

std::string table_text(const Key& key) {
  return key.table.empty() ? "at the top of the file" : "in [" + std::string(key.table) + "]";
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.size() > kLongestWord) return {};
  std::string_view best;
  std::size_t limit = std::max<std::size_t>(1, word.size() / 4) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < limit) limit = distance, best = candidate;
  }
  return best;
}

std::string suggest_key(std::span<const Key> keys, std::string_view table, std::string_view name) {
  std::vector<std::string_view> here, elsewhere;
  for (const Key& key : keys) (key.table == table ? here : elsewhere).push_back(key.name);
  for (const Key& key : keys) {
    if (key.name == name) return "\"" + std::string(name) + "\" belongs " + table_text(key);
  }
  for (const Key& key : keys) {
    if (!lists(key.systemd, name) && !lists(key.dinit, name)) continue;
    return "here it is called \"" + std::string(key.name) + "\"" +
           (key.table == table ? "" : " " + table_text(key));
  }
  if (const auto near = nearest(name, here); !near.empty())
    return "did you mean \"" + std::string(near) + "\"?";
  const std::string_view far = nearest(name, elsewhere);
  if (far.empty()) return {};
  const auto key = std::find_if(keys.begin(), keys.end(), [far](const Key& k) { return k.name == far; });
  return "did you mean \"" + std::string(far) + "\" " + table_text(*key) + "?";
}

}  // namespace init::unit
