#include "ctl/inspect.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace init::ctl {
namespace {

UnitInspection hostile() {
  Inspection it(*process::Pid::from(812), true);
  it.running_for_us = 65'000'000;
  it.stat.name = "a\nb";
  it.stat.state = 'S';
  it.stat.parent = process::Pid::from(1).value();
  it.stat.group = it.stat.session = 812;
  it.stat.threads = 2;
  it.status.credentials.uid = {33, 33, 33, 33};
  it.status.credentials.gid = {0, 33, 33, 33};
  it.status.credentials.groups = {4, 33};
  it.status.credentials.effective.bits = 1U << 10U;
  it.status.signals.ignored.bits = 1U << 12U;
  it.status.signals.pending.bits = 1U << 14U;
  it.status.processors = "0-1";
  it.status.memory =
      process_info::Memory{.size = 8192, .peak = 8192, .resident = 4096, .swapped = 0, .locked = 0};
  it.limits.fill({RLIM_INFINITY, RLIM_INFINITY});
  it.limits[RLIMIT_NOFILE] = {1024, RLIM_INFINITY};
  it.cgroups = {{0, "", "/system/a.service"}};
  it.arguments = {"/bin/sh", "", "a b", "\x1b[2J", "\xff"};
  it.program = "/bin/\x1b]0;x\x07";
  it.children = {*process::Pid::from(813)};
  it.descriptors = {{0, "/tmp/a\nb", 0, O_RDWR | O_APPEND}};
  it.maps = {{0x1000, 0x3000, true, true, false, false, 0, 0, 0, 0, "[heap]"}};
  it.denied = {"children"};
  return {"a.service", {it}, true};
}

TEST(Inspect, ShowsNothingThatAServiceChoseUnescaped) {
  EXPECT_EQ(render_inspection({false, true, 0}, hostile()),
            "a.service\n"
            "  process   812 a\\x0ab (main), sleeping, runs for 1 min 5 s\n"
            "  command   /bin/sh '' 'a b' \\x1b[2J \\xff\n"
            "  program   /bin/\\x1b]0;x\\x07\n"
            "  relatives parent 1, children 813, group 812, session 812\n"
            "  identity  uid 33, gid 0 (effective 33), groups 4 33\n"
            "  may       NET_BIND_SERVICE\n"
            "  schedule  other, nice 0, 2 threads, processors 0-1; used 0 us + 0 us of the system\n"
            "  memory    4 KiB resident, 8 KiB of addresses; oom score adjusted by 0\n"
            "  regions   heap 8 KiB\n"
            "  maps      000000001000-000000003000 rw-p      8 KiB  heap       [heap]\n"
            "  signals   ignored PIPE; pending TERM\n"
            "  limits    nofile 1024:infinity\n"
            "  cgroup    /system/a.service\n"
            "  files     0 /tmp/a\\x0ab (read-write, append)\n"
            "  not told  children: for root and the same user only\n");
}

TEST(Inspect, JsonHoldsNoBytesThatAreNotText) {
  const std::string json = to_json(hostile());
  for (const char c : json.substr(0, json.size() - 1)) EXPECT_GE(static_cast<unsigned char>(c), 0x20U);
  EXPECT_NE(json.find(R"("name":"a\nb")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("nofile":{"soft":1024})"), std::string::npos) << json;
}

TEST(Sizes, AreToldInTheLargestUnitThatFits) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1024), "1 KiB");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(10 << 20), "10 MiB");
  EXPECT_EQ(size_text(~std::uint64_t{0}), "16777215.9 TiB");
}

}  // namespace
}  // namespace init::ctl
