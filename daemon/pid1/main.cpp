// initd: PID 1 of a machine or a container, or the root of services as a plain process.
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <new>

#include "daemon/pid1/log.h"
#include "daemon/pid1/memory.h"
#include "daemon/pid1/pid1.h"
#include "daemon/pid1/start.h"

namespace init::pid1 {
namespace {

Pid1& whole = *new (shared_memory(sizeof(Pid1))) Pid1;

// Without these there is nothing that PID 1 could do.
void require(int error, const char* what) noexcept {
  if (error == 0) return;
  log_line(Line("cannot start: ").text(what).text(": errno ").number(error));
  _exit(70);
}

void prepare_place(channel::Environment where) noexcept {
  if (where == channel::Environment::Machine) {
    mount_api_filesystems();
    reboot(RB_DISABLE_CAD);  // ctrl-alt-del becomes SIGINT
  } else if (where == channel::Environment::Process) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  open_standard_streams(where);
  open_log(where);
}

void prepare_rooms(const Options& options, channel::Environment where) noexcept {
  require(whole.facts.create(), "facts");
  whole.facts.edit().environment = where;
  whole.facts.edit().started_ns = static_cast<std::uint64_t>(monotonic_now().since_epoch.count());
  require(whole.loop.open(), "event loop");
  whole.signals.reset(open_signals());
  require(whole.signals ? 0 : errno, "signalfd");
  const int program = open_manager(options.manager);
  if (program < 0) log_line(Line("no manager found: errno ").number(errno));
  int readable = open_for_reading(whole.facts.fd());
  if (readable < 0) readable = dup(whole.facts.fd());  // no /proc
  whole.guard.arm(program, raise_fd(readable), options.manager_argv);
}

}  // namespace

[[noreturn]] static void start(int argc, char** argv) noexcept {
  block_signals();
  leave_restartable_sequence();
  const channel::Environment where = find_environment();
  const Options options = parse_options(argc, argv, where);
  prepare_place(where);
  prepare_rooms(options, where);
  whole.notify_socket = getenv("NOTIFY_SOCKET");
  unsetenv("NOTIFY_SOCKET");
  whole.run(false);
}

}  // namespace init::pid1

int main(int argc, char** argv) {
  init::pid1::start(argc, argv);
}
