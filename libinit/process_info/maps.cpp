#include "libinit/process_info/maps.h"

#include <cerrno>

#include "libinit/process_info/words.h"

namespace init::process_info {
namespace {

struct Pair {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

// "7f7bb6251000-7f7bb6253000", "fe:00"
std::optional<Pair> hexadecimal_pair(std::string_view word, char separator) {
  const std::size_t at = word.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const auto first = number<std::uint64_t>(word.substr(0, at), 16);
  const auto second = number<std::uint64_t>(word.substr(at + 1), 16);
  return first && second ? std::optional(Pair{*first, *second}) : std::nullopt;
}

bool read_rights(std::string_view word, Mapping& mapping) {
  if (word.size() != 4) return false;
  mapping.readable = word[0] == 'r';
  mapping.writable = word[1] == 'w';
  mapping.executable = word[2] == 'x';
  mapping.shared = word[3] == 's';
  return mapping.shared || word[3] == 'p';
}

std::optional<Mapping> parse_line(std::string_view line) {
  Mapping mapping;
  const auto range = hexadecimal_pair(next_word(line), '-');
  const bool rights = read_rights(next_word(line), mapping);
  const auto offset = number<std::uint64_t>(next_word(line), 16);
  const auto device = hexadecimal_pair(next_word(line), ':');
  const auto inode = number<std::uint64_t>(next_word(line));
  if (!range || range->first > range->second || !rights || !offset || !device || !inode) return std::nullopt;
  mapping.begin = range->first;
  mapping.end = range->second;
  mapping.offset = *offset;
  mapping.device_major = static_cast<std::uint32_t>(device->first);
  mapping.device_minor = static_cast<std::uint32_t>(device->second);
  mapping.inode = *inode;
  // The name is the rest: it may hold blanks. None of ours begins with one, for a path begins with '/'.
  mapping.name = line.substr(std::min(line.find_first_not_of(' '), line.size()));
  return mapping;
}

// What the kernel names itself; a file's name begins with '/', so no service can pretend.
Region region_of_kernel_name(std::string_view name) {
  if (name == "[heap]") return Region::Heap;
  if (name.starts_with("[stack")) return Region::Stack;
  if (name == "[vsyscall]") return Region::Outside;
  if (name.starts_with("[v") || name == "[uprobes]" || name == "[sigpage]") return Region::Kernel;
  return Region::Anonymous;
}

}  // namespace

std::string rights_text(const Mapping& mapping) {
  return {mapping.readable ? 'r' : '-', mapping.writable ? 'w' : '-', mapping.executable ? 'x' : '-',
          mapping.shared ? 's' : 'p'};
}

std::string_view name(Region region) {
  constexpr std::array<std::string_view, kRegions> kNames{"code",      "data",   "file",   "heap",   "stack",
                                                          "anonymous", "shared", "kernel", "outside"};
  return kNames[static_cast<std::size_t>(region)];
}

Region region_of(const Mapping& mapping) {
  if (mapping.shared) return Region::Shared;
  if (mapping.inode == 0) return region_of_kernel_name(mapping.name);
  if (mapping.executable) return Region::Code;
  return mapping.writable ? Region::Data : Region::File;
}

std::uint64_t RegionTotals::sum() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t one : bytes) sum += one;
  return sum - (*this)[Region::Outside];
}

RegionTotals totals_of(const std::vector<Mapping>& maps) {
  RegionTotals totals;
  for (const Mapping& mapping : maps)
    totals.bytes[static_cast<std::size_t>(region_of(mapping))] += mapping.size();
  return totals;
}

Result<std::vector<Mapping>> parse_maps(std::string_view text) {
  std::vector<Mapping> maps;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    auto mapping = parse_line(line);
    if (!mapping) return failure(EBADMSG, "read /proc", "maps: " + std::string(line));
    maps.push_back(std::move(*mapping));
  }
  return maps;
}

}  // namespace init::process_info
