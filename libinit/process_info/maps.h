// The memory of a process: its mappings, and what each is for.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/base/result.h"

namespace init::process_info {

// One line of proc_pid_maps(5).
struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool shared = false;
  std::uint64_t offset = 0;  // in the file
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t inode = 0;
  std::string name;  // of the file, or "[heap]" and the like; as the kernel writes it: a line break is \012

  [[nodiscard]] std::uint64_t size() const { return end - begin; }
};

// "r-xp", as the kernel writes them; s is shared, p private.
[[nodiscard]] std::string rights_text(const Mapping& mapping);

// Each mapping is of exactly one kind.
enum class Region : std::uint8_t {
  Code,       // of a file, executable
  Data,       // of a file, private and writable: static variables
  File,       // of a file, private, only read
  Heap,       // what brk(2) gives
  Stack,      // of the main thread
  Anonymous,  // of no file, private: malloc's large blocks, .bss, stacks of threads
  Shared,     // with other processes, of a file or not
  Kernel,     // vdso and vvar: the kernel's own, for quick calls
  Outside,    // vsyscall: the same in every process, counted for none
};
inline constexpr std::size_t kRegions = 9;
[[nodiscard]] std::string_view name(Region region);

[[nodiscard]] Region region_of(const Mapping& mapping);

// Bytes by Region. All but Outside add up to the size of the address space, VmSize of proc_pid_status(5).
struct RegionTotals {
  std::array<std::uint64_t, kRegions> bytes{};
  [[nodiscard]] std::uint64_t operator[](Region region) const {
    return bytes[static_cast<std::size_t>(region)];
  }
  [[nodiscard]] std::uint64_t sum() const;  // without Outside
};
[[nodiscard]] RegionTotals totals_of(const std::vector<Mapping>& maps);

// The text of /proc/PID/maps. Errors: EBADMSG, with the line as the object.
[[nodiscard]] Result<std::vector<Mapping>> parse_maps(std::string_view text);

}  // namespace init::process_info
