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
  whole->signals.reset(raise_fd(open_signals()));
  require(whole->signals ? 0 : errno, "signalfd");
}

void start_fresh(const Options& options, channel::Environment where) noexcept {
  require(whole->facts.create(), "facts");
  whole->facts.edit().environment = where;
  whole->facts.edit().started_ns = static_cast<std::uint64_t>(monotonic_now().since_epoch.count());
  open_loop();
  Resume& resume = whole->facts.edit_resume();
  const int program = open_manager(options.manager);
  if (program < 0) log_line(Line("no manager found: errno ").number(errno));
  resume.program = raise_fd(program);
  const int readable = open_for_reading(whole->facts.fd());
  resume.facts_for_reading = raise_fd(readable >= 0 ? readable : dup(whole->facts.fd()));  // no /proc
  resume.self = raise_fd(copy_self());
}

// False: the facts cannot be used. The manager that trusted them loses its channel, which is its end, and all
// starts from nothing.
bool start_resumed(int facts, char* const* argv) noexcept {
  if (whole->facts.adopt(facts) != 0) {
    log_line("the facts of the earlier self cannot be used");
    settle_descriptors(false);
    return false;
  }
  arm_fault_handlers(argv, whole->facts);
  ++whole->facts.edit().executions;
  open_loop();
  whole->guard.resume();
  return true;
}

}  // namespace

[[noreturn]] static void start(std::span<char*> words) noexcept {
  block_signals();
  whole = new (shared_memory(sizeof(Pid1))) Pid1;
  leave_restartable_sequence();
  const channel::Environment where = find_environment();
  const Options options = parse_options(words, where);
  settle_descriptors(options.facts >= 0);
  whole->children.raise_limit();
  prepare_place(where);
  whole->guard.arm(words.data() + (options.facts >= 0 ? 2 : 0),
                   std::chrono::milliseconds(options.patience_ms));
  const bool resumed = options.facts >= 0 && start_resumed(options.facts, words.data());
  if (!resumed) {
    start_fresh(options, where);
    arm_fault_handlers(words.data(), whole->facts);
  }
  whole->notify_socket = getenv("NOTIFY_SOCKET");
  unsetenv("NOTIFY_SOCKET");
  hide_from_children({reinterpret_cast<std::byte*>(whole), sizeof(Pid1)});
  whole->run(resumed);
}

}  // namespace init::pid1

int main(int argc, char** argv) {
  if (argc < 1) return 2;
  const std::span<char*> words(argv, static_cast<std::size_t>(argc));
  if (init::one_command::is_asked_for(words.subspan(1))) init::one_command::run(words.subspan(1));
  init::pid1::start(words);
}
