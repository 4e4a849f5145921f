// initd: PID 1 of a machine or a container, or the root of services as a plain process.
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <new>
#include <span>

#include "daemon/one_command/one_command.h"
#include "daemon/pid1/fault.h"
#include "daemon/pid1/log.h"
#include "daemon/pid1/memory.h"
#include "daemon/pid1/pid1.h"
#include "daemon/pid1/start.h"

namespace init::pid1 {
namespace {

Pid1* whole = nullptr;

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

void open_loop() noexcept {
  require(whole->loop.open(), "event loop");
  whole->signals.reset(open_signals());
  require(whole->signals ? 0 : errno, "signalfd");
}

Resume start_fresh(const Options& options, channel::Environment where) noexcept {
  require(whole->facts.create(), "facts");
  whole->facts.edit().environment = where;
  whole->facts.edit().started_ns = static_cast<std::uint64_t>(monotonic_now().since_epoch.count());
  open_loop();
  const int program = open_manager(options.manager);
  if (program < 0) log_line(Line("no manager found: errno ").number(errno));
  int readable = open_for_reading(whole->facts.fd());
  if (readable < 0) readable = dup(whole->facts.fd());  // no /proc
  readable = raise_fd(readable);
  whole->guard.arm(program, readable, options.manager_argv, std::chrono::milliseconds(options.patience_ms));
  return {.facts = whole->facts.fd(), .facts_for_reading = readable, .program = program, .self = copy_self()};
}

// False: the facts cannot be used. The manager that trusted them goes as well, and all starts from nothing.
bool start_resumed(const Options& options, const Resume& resume) noexcept {
  const auto manager = static_cast<std::int32_t>(resume.manager_pid);
  if (whole->facts.adopt(static_cast<int>(resume.facts)) != 0) {
    log_line("the facts of the earlier self cannot be used");
    if (manager > 1) kill(manager, SIGKILL);
    return false;
  }
  open_loop();
  whole->guard.arm(static_cast<int>(resume.program), static_cast<int>(resume.facts_for_reading),
                   options.manager_argv, std::chrono::milliseconds(options.patience_ms));
  if (manager <= 1) return true;
  whole->channel.adopt(static_cast<int>(resume.socket), static_cast<int>(resume.doorbell));
  whole->guard.adopt(manager);
  return true;
}

}  // namespace

[[noreturn]] static void start(int argc, char** argv) noexcept {
  block_signals();
  whole = new (shared_memory(sizeof(Pid1))) Pid1;
  leave_restartable_sequence();
  const channel::Environment where = find_environment();
  const Options options = parse_options(argc, argv, where);
  Resume resume;
  bool resumed = options.resume != nullptr && parse_resume(options.resume, resume);
  settle_descriptors(resumed);
  prepare_place(where);
  resumed = resumed && start_resumed(options, resume);
  if (!resumed) resume = start_fresh(options, where);
  arm_fault_handlers(argv, whole->facts.base(), where);
  whole->notify_socket = getenv("NOTIFY_SOCKET");
  unsetenv("NOTIFY_SOCKET");
  whole->run(resume, resumed);
}

}  // namespace init::pid1

int main(int argc, char** argv) {
  const std::span<char* const> words(argv + 1, argc > 0 ? static_cast<std::size_t>(argc) - 1 : 0);
  if (init::one_command::is_asked_for(words)) init::one_command::run(words);
  init::pid1::start(argc, argv);
}
