#include "libinit/process_info/maps.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdio>

#include "libinit/process_info/process_info.h"
#include "tests/unit/process_info/child.h"

namespace init::process_info {
namespace {

constexpr std::size_t kPage = 4096;

// As the kernel writes it: proc_pid_maps(5); a name begins in column 73.
std::string line_of(const Mapping& it) {
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu",
                static_cast<unsigned long long>(it.begin), static_cast<unsigned long long>(it.end),
                it.readable ? 'r' : '-', it.writable ? 'w' : '-', it.executable ? 'x' : '-',
                it.shared ? 's' : 'p', static_cast<unsigned long long>(it.offset), it.device_major,
                it.device_minor, static_cast<unsigned long long>(it.inode));
  std::string line = text.data();
  if (it.name.empty()) return line + " \n";
  line.resize(std::max<std::size_t>(line.size() + 1, 73), ' ');
  return line + it.name + "\n";
}

TEST(ProcessMaps, EqualThoseOfProcLineByLine) {
  const Child child([] { return true; });
  const auto maps = ProcessInfo::open(child.pid())->maps();
  ASSERT_TRUE(maps) << maps.error().text();
  EXPECT_GT(maps->size(), 10U);
  std::string text;
  for (const Mapping& mapping : *maps) text += line_of(mapping);
  EXPECT_EQ(text, child.text("maps"));
}

TEST(ProcessMaps, RegionTotalsAddUpToTheAddressSpace) {
  const Child child([] {
    void* const shared = mmap(nullptr, 40 * kPage, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    void* const locked = mmap(nullptr, 50 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void* const heap = sbrk(kPage);  // an allocator may do without
    return shared != MAP_FAILED && locked != MAP_FAILED && heap != MAP_FAILED;
  });
  const auto info = ProcessInfo::open(child.pid());
  const RegionTotals totals = totals_of(*info->maps());
  EXPECT_EQ(totals.sum(), info->status()->memory->size);
  for (const Region region : {Region::Code, Region::Data, Region::File, Region::Heap, Region::Stack,
                              Region::Anonymous, Region::Shared})
    EXPECT_GT(totals[region], 0U) << name(region);
  EXPECT_GE(totals[Region::Shared], 40 * kPage);
  EXPECT_GE(totals[Region::Anonymous], 50 * kPage);
}

Region region_at(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const auto maps = ProcessInfo::open(Pid::self())->maps();
  for (const Mapping& mapping : *maps) {
    if (mapping.begin <= at && at < mapping.end) return region_of(mapping);
  }
  return Region::Outside;
}

int g_static_variable = 1;

TEST(ProcessMaps, KnowWhatEachPieceOfMemoryIsFor) {
  const int local = 0;
  const auto map = [](int protection, int flags, int fd) {
    return mmap(nullptr, kPage, protection, flags, fd, 0);
  };
  const int file = open("/proc/self/exe", O_RDONLY);
  const int memory = memfd_create("[heap]", 0);
  ASSERT_EQ(ftruncate(memory, kPage), 0);
  EXPECT_EQ(region_at(reinterpret_cast<const void*>(&line_of)), Region::Code);
  EXPECT_EQ(region_at(&g_static_variable), Region::Data);
  EXPECT_EQ(region_at(&local), Region::Stack);
  EXPECT_EQ(region_at(sbrk(kPage)), Region::Heap);
  EXPECT_EQ(region_at(map(PROT_READ, MAP_PRIVATE, file)), Region::File);
  EXPECT_EQ(region_at(map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)), Region::Anonymous);
  EXPECT_EQ(region_at(map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1)), Region::Anonymous);
  EXPECT_EQ(region_at(map(PROT_READ | PROT_WRITE, MAP_SHARED, memory)), Region::Shared)
      << "a name that a program chose does not make it a heap";
  EXPECT_EQ(region_at(map(PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1)), Region::Shared);
  close(file);
  close(memory);
}

TEST(ProcessMaps, KeepNamesWithBlanksAndOfDeletedFiles) {
  const auto maps =
      parse_maps("7f00-7f01 r-xp 00001000 fe:00 12 /tmp/a b (deleted)\n7f01-7f02 ---p 00000000 00:00 0 \n");
  ASSERT_TRUE(maps);
  ASSERT_EQ(maps->size(), 2U);
  EXPECT_EQ(maps->front().name, "/tmp/a b (deleted)");
  EXPECT_EQ(maps->front().offset, 0x1000U);
  EXPECT_EQ(maps->front().device_major, 0xfeU);
  EXPECT_EQ(region_of(maps->front()), Region::Code);
  EXPECT_EQ(region_of(maps->back()), Region::Anonymous);
}

TEST(ProcessMaps, ThatAreNotUnderstoodAreAnError) {
  for (const char* text :
       {"x\n", "7f00 r-xp 0 0:0 0\n", "7f00-7eff r-xp 0 0:0 0\n", "7f00-7f01 r-x 0 0:0 0\n",
        "7f00-7f01 r-xq 0 0:0 0\n", "7f00-7f01 r-xp 0 00 0\n", "7f00-7f01 r-xp 0 0:0 \n",
        "7f00-7f0g r-xp 0 0:0 0\n", "ffffffffffffffffff-7f01 r-xp 0 0:0 0\n", "\n"}) {
    const auto maps = parse_maps(text);
    ASSERT_FALSE(maps) << text;
    EXPECT_EQ(maps.error().code, EBADMSG);
  }
}

}  // namespace
}  // namespace init::process_info
