// The keys of the process context.
#include <gtest/gtest.h>

#include "libinit/unit/key_places.h"
#include "tests/unit/unit/unit_text.h"

namespace init::unit {
namespace {

const std::string kWhole = R"([service]
command = ["/bin/true"]
io-class = "realtime"
io-priority = 1
cpu-policy = "rr"
cpu-priority = 9
cpu-affinity = [3, "0-1", 1]
numa-policy = "bind"
numa-nodes = ["0-1"]
parent-death-signal = "TERM"
utmp-id = "ty7"
stdin = "data:one\ntwo\n"
stdout = "tty"
environment-files = ["/a", "-/b"]
[sandbox]
capabilities = { all-but = ["CHOWN"] }
ambient-capabilities = ["CAP_NET_BIND_SERVICE", "KILL"]
securebits = ["noroot", "noroot-locked", "keep-caps"]
[resources]
memory-max = "1G"
memory-high = "50%"
swap-max = 0
cpu-quota = "150%"
tasks-max = "infinity"
cpus = ["0-2"]
delegate = true
oom-policy = "kill"
[tty]
path = "/dev/tty7"
reset = true
[credentials]
"tls.key" = "/etc/tls.key"
)";

TEST(Context, IsReadAsItIsWritten) {
  const Parsed parsed = parse(kWhole);
  ASSERT_TRUE(parsed.unit) << parsed.text();
  const ContextConfig& context = parsed.unit->service.context;
  EXPECT_EQ(
      context.scheduling,
      (Scheduling{IoClass::Realtime, 1, CpuPolicy::RoundRobin, 9, {0, 1, 3}, NumaPolicy::Bind, {0, 1}}));
  EXPECT_EQ(context.privileges, (Privileges{~std::uint64_t{1}, 1U << 10U | 1U << 5U, 0b010011U, 15}));
  EXPECT_EQ(context.resources.memory_max, (Memory{1U << 30U, false}));
  EXPECT_EQ(context.resources.memory_high, (Memory{50, true}));
  EXPECT_EQ(context.resources.swap_max, (Memory{0, false}));
  EXPECT_EQ(context.resources.cpu_quota, 150U);
  EXPECT_EQ(context.resources.tasks_max, kUnlimited);
  EXPECT_EQ(context.resources.cpus, (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_TRUE(context.resources.delegate);
  EXPECT_EQ(context.resources.oom_policy, OomPolicy::Kill);
  EXPECT_EQ(context.tty, (Terminal{"/dev/tty7", true, false, false, "ty7"}));
  EXPECT_EQ(context.credentials, (std::vector<Credential>{{"tls.key", "/etc/tls.key"}}));
  EXPECT_EQ(parsed.unit->service.standard_input, (Input{InputKind::Data, "one\ntwo\n"}));
  EXPECT_EQ(parsed.unit->service.standard_output.kind, OutputKind::Tty);
}

TEST(Context, KnowsWhereEachKeyStands) {
  const Unit unit = *parse(kWhole).unit;
  EXPECT_EQ(place_of(unit, "service", "io-class"), "/u/a.service.toml:3");
  EXPECT_EQ(place_of(unit, "credentials", "tls.key"), "/u/a.service.toml:32");
  EXPECT_EQ(place_of(unit, "service", "user"), "");
}

// A table, a line of it, and a word of what is said.
struct Refused {
  const char* table;
  const char* line;
  const char* says;
};

TEST(Context, WhatMakesNoSenseIsRefusedAtItsPlace) {
  for (const Refused& one : std::initializer_list<Refused>{
           {"service", "cpu-policy = \"fifo\"", "needs a cpu-priority"},
           {"service", "cpu-priority = 3", "for cpu-policy"},
           {"service", "io-class = \"idle\"\nio-priority = 2", "has no io-priority"},
           {"service", "numa-policy = \"bind\"", "needs numa-nodes"},
           {"service", "numa-nodes = [1]", "is for numa-policy"},
           {"service", "numa-nodes = [64]", "between 0 and 63"},
           {"service", "cpu-affinity = [\"3-1\"]", "is not a range"},
           {"service", "cpu-affinity = []", "is empty"},
           {"service", "stdin = \"data\"", "is not known"},
           {"sandbox", "capabilities = [\"NET_BIND\"]", "is not a capability"},
           {"sandbox", "capabilities = []\nambient-capabilities = [\"KILL\"]", "more than capabilities"},
           {"sandbox", "securebits = [\"root\"]", "securebits"},
           {"sandbox", "private-tmp = true", "is not supported yet"},
           {"sandbox", "profile = \"strict\"", "is not supported yet"},
           {"sandbox", "private-temp = true", "unknown key"},
           {"resources", "memory-max = \"101%\"", "no amount of memory"},
           {"resources", "memory-max = -1", "no amount of memory"},
           {"resources", "cpu-quota = \"0%\"", "is not a percentage"},
           {"resources", "cpu-weight = 0", "between 1 and 10000"},
           {"resources", "tasks-max = 0", "between 1 and"},
           {"resources", "slice = \"a.target\"", "is no name of a slice"},
           {"tty", "path = \"tty1\"", "is not an absolute path"},
           {"credentials", "\"../x\" = \"/x\"", "is not a name"},
           {"credentials", "\"a/b\" = \"/x\"", "is not a name"},
           {"credentials", "a = \"x\"", "is not an absolute path"}}) {
    const bool service = std::string(one.table) == "service";
    const Parsed parsed =
        parse(kCommand + (service ? "" : "[" + std::string(one.table) + "]\n") + one.line + "\n");
    EXPECT_FALSE(parsed.unit) << one.line;
    EXPECT_NE(parsed.text().find(one.says), std::string::npos) << parsed.text();
  }
  const Parsed target = parse("[resources]\ncpu-weight = 5\n", "a.target");
  EXPECT_NE(target.text().find("a target has no [resources]"), std::string::npos) << target.text();
}

}  // namespace
}  // namespace init::unit
