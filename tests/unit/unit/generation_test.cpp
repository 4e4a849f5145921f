#include "libinit/unit/generation.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "libinit/base/checksum.h"
#include "libinit/unit/codec.h"
#include "libinit/unit/key_table.h"
#include "libinit/unit/vocabulary.h"
#include "tests/unit/unit/random_unit.h"
#include "tests/unit/unit/unit_text.h"

namespace init::unit {
namespace {

std::string bytes_of(int fd) {
  std::string bytes(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  return bytes;
}

UniqueFd memfd_with(const std::string& bytes, bool sealed = true) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  const int seals = sealed ? F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW : 0;
  EXPECT_EQ(fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

// Reads all that there is to read.
void use(const Generation& generation) {
  for (std::uint32_t i = 0; i < generation.size(); ++i) {
    const std::string id(generation.id(i));
    (void)generation.find(id);
    (void)generation.description(i);
    (void)generation.unit(i);
  }
  (void)generation.config();
}

std::vector<Unit> random_units(std::uint32_t seed, std::uint32_t count) {
  std::vector<Unit> units;
  for (std::uint32_t i = 0; i < count; ++i) units.push_back(random_unit(seed * 1000 + i));
  return units;
}

TEST(CompiledGeneration, GivesBackWhatWasCompiled) {
  rc::check([](std::uint32_t seed) {
    const auto units = random_units(seed, seed % 20);
    SystemConfig config;
    Filler filler(seed);
    filler(config);
    auto fd = compile_generation(units, config);
    RC_ASSERT(fd.has_value());
    const auto generation = Generation::open(std::move(*fd));
    RC_ASSERT(generation.has_value());
    RC_ASSERT(generation->size() == units.size());
    for (std::uint32_t i = 0; i < units.size(); ++i) {
      Unit expected = units[i];
      if (expected.kind == Kind::Target) expected.service = ServiceConfig{};
      RC_ASSERT(*generation->unit(i) == expected);
      RC_ASSERT(generation->id(i) == units[i].id);
      RC_ASSERT(generation->description(i) == units[i].description);
      RC_ASSERT(generation->find(units[i].id) == i);
    }
    RC_ASSERT(!generation->find("no such unit"));
    RC_ASSERT(generation->description(generation->size()).empty());
    RC_ASSERT(*generation->config() == config);
  });
}

// A unit that sets this key to its example.
std::string text_with(const Key& key) {
  const std::string name = key.name == "*" ? "NAME" : std::string(key.name);
  std::string line = "[" + std::string(key.table) + "]\n" + name + " = " + std::string(key.example) + "\n";
  line += needed_by(key.table, name);
  const bool is_command = key.table == "service" && key.name == "command";
  const std::string command = is_command ? "" : "command = [\"/bin/true\"]\n";
  return key.table == "service" ? line + command : "[service]\n" + command + line;
}

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(CompiledGeneration, EveryKeyOfTheTableSurvives) {
  for (const Key& key : key_table()) {
    if (is_later(key.table, key.name)) continue;
    const auto parsed = parse(text_with(key));
    ASSERT_TRUE(parsed.unit) << parsed.text();
    const auto generation = Generation::open(*compile_generation({&*parsed.unit, 1}, {}));
    EXPECT_EQ(*generation->unit(0), *parsed.unit) << key.name;
  }
}

TEST(CompiledGeneration, ASmallUnitIsSmall) {
  const auto parsed =
      parse("[unit]\ndescription = \"A small web server\"\nwants = [\"network-online.target\"]\n" + kCommand +
            "restart = \"always\"\n[install]\nwanted-by = [\"multi-user.target\"]\n");
  const auto one = compile_generation({&*parsed.unit, 1}, {});
  EXPECT_LE(bytes_of(one->get()).size(), 330U);
}

// ---- Programs of two versions

struct Inner {
  int one = 1;
  std::string two = "two";
};
struct NewInner {
  int one = 1;
  std::string two = "two";
  std::vector<int> three{3};
};
template <class V, Like<Inner> T>
void visit(V& v, T& inner) {
  v(inner.one, inner.two);
}
template <class V, Like<NewInner> T>
void visit(V& v, T& inner) {
  v(inner.one, inner.two, inner.three);
}
template <class I>
struct Outer {
  I first;
  std::vector<I> list;
  int last = 9;
};
template <class V, class T>
requires requires(T& outer) {
  outer.list;
  outer.last;
}
void visit(V& v, T& outer) {
  v(outer.first, outer.list, outer.last);
}

TEST(Codec, WhoKnowsFewerFieldsSkipsTheRest) {
  Outer<NewInner> written{{10, "ten", {1, 2, 3}}, {{11, "a", {}}, {12, "b", {4}}}, 13};
  Writer writer;
  writer(written);
  Outer<Inner> read;
  Reader reader(writer.bytes);
  reader(read);
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(read.first.two, "ten");
  ASSERT_EQ(read.list.size(), 2U);
  EXPECT_EQ(read.list[1].one, 12);
  EXPECT_EQ(read.last, 13);
}

TEST(Codec, WhoKnowsMoreLeavesTheRestAtItsDefaults) {
  Outer<Inner> written{{10, "ten"}, {{11, "a"}, {12, "b"}}, 13};
  Writer writer;
  writer(written);
  Outer<NewInner> read;
  read.first.three = {7, 8};
  Reader reader(writer.bytes);
  reader(read);
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(read.first.three, (std::vector<int>{7, 8}));
  ASSERT_EQ(read.list.size(), 2U);
  EXPECT_EQ(read.list[1].two, "b");
  EXPECT_EQ(read.list[1].three, std::vector<int>{3});
  EXPECT_EQ(read.last, 13);
}

// Every key of the table as it was when this version was frozen: what a program of then has compiled is what
// the text means today. After a change of kGenerationVersion both files are made anew (INITD_FREEZE=1).
TEST(CompiledGeneration, OfAnEarlierProgramIsReadAsItWasMeant) {
  const std::string place = std::string(FROZEN_UNITS) + "/" + std::to_string(kGenerationVersion);
  if (std::getenv("INITD_FREEZE") != nullptr) {
    std::vector<Unit> units;
    std::ofstream texts(place + ".units", std::ios::binary);
    for (const Key& key : key_table()) {
      if (is_later(key.table, key.name)) continue;
      const std::string text = text_with(key);
      texts << text << '\0';
      auto parsed = parse(text);
      parsed.unit->id = std::to_string(units.size()) + ".service";
      units.push_back(std::move(*parsed.unit));
    }
    std::ofstream(place + ".bin", std::ios::binary) << bytes_of(compile_generation(units, {})->get());
  }
  const auto generation = Generation::open(memfd_with(file_text(place + ".bin")));
  ASSERT_TRUE(generation);
  std::istringstream texts(file_text(place + ".units"));
  std::uint32_t read = 0;
  for (std::string text; std::getline(texts, text, '\0'); ++read) {
    auto expected = parse(text);
    ASSERT_TRUE(expected.unit) << expected.text();
    expected.unit->id = std::to_string(read) + ".service";
    const auto unit = generation->unit(*generation->find(expected.unit->id));
    ASSERT_TRUE(unit);
    EXPECT_EQ(*unit, *expected.unit) << text;
  }
  EXPECT_EQ(read, generation->size());
  EXPECT_GT(read, 100U);
}

TEST(CompiledGeneration, IdsMustDifferAndIndicesEnd) {
  const std::vector<Unit> twice(2, random_unit(1));
  EXPECT_EQ(compile_generation(twice, {}).error().code, EINVAL);
  const auto empty = Generation::open(*compile_generation({}, {}));
  EXPECT_EQ(empty->size(), 0U);
  EXPECT_EQ(empty->id(0), "");
  EXPECT_FALSE(empty->unit(0));
  EXPECT_EQ(*empty->config(), SystemConfig{});
}

TEST(CompiledGeneration, CannotBeChangedAndIsRefusedWhenItCould) {
  const auto fd = compile_generation(random_units(1, 3), {});
  EXPECT_EQ(ftruncate(fd->get(), 0), -1);
  EXPECT_EQ(pwrite(fd->get(), "x", 1, 0), -1);
  EXPECT_EQ(Generation::open(memfd_with(bytes_of(fd->get()), false)).error().code, EINVAL);
  EXPECT_EQ(Generation::open(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC))).error().code, EINVAL);
}

TEST(CompiledGeneration, EveryTruncationAndBitFlipIsRefused) {
  const std::string good = bytes_of(compile_generation(random_units(7, 2), {})->get());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Generation::open(memfd_with(good.substr(0, size))).error().code, EBADMSG) << size;
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(Generation::open(memfd_with(bad)).error().code, EBADMSG) << bit;
  }
}

// With the checksum made right again only the checks of each field stand.
TEST(CompiledGeneration, DamageUnderAValidChecksumIsHarmless) {
  const std::string good = bytes_of(compile_generation(random_units(8, 3), {})->get());
  std::mt19937 random(4);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (std::uint32_t i = 0; i <= random() % 3; ++i)
      bad[16 + random() % (bad.size() - 16)] = static_cast<char>(random());
    const std::uint32_t sum = crc32c(bad.data() + 12, bad.size() - 12);
    std::memcpy(bad.data() + 8, &sum, 4);
    if (const auto generation = Generation::open(memfd_with(bad))) use(*generation);
  }
}

}  // namespace
}  // namespace init::unit
