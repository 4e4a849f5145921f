// initd-manager: started by PID 1, never by hand.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "daemon/channel/layout.h"
#include "daemon/manager/app/app.h"
#include "daemon/manager/os/log.h"
#include "daemon/manager/os/probe_child.h"
#include "daemon/manager/os/unmount.h"

namespace {

int run(int argc, char** argv) {
  using namespace init::manager;
  if (argc == 2 && std::string_view(argv[1]) == "--unmount") {
    unmount_everything();
    return 0;
  }
  if ((argc == 4 || argc == 5) && argv[1] == kProbeOption)
    return probe_path(argv[2], argv[3], argc == 5 ? argv[4] : "/");
  if (argc == 2 && std::string_view(argv[1]) == init::channel::kLayoutOption)
    return init::channel::print_layout();
  auto app = App::create(parse_options({argv + 1, static_cast<std::size_t>(argc - 1)}));
  if (!app) {
    log_error("the manager cannot start: " + app.error().text());
    return 1;
  }
  return (*app)->run();
}

}  // namespace

int main(int argc, char** argv) {
  // What a terminal sends to the whole foreground group is for PID 1, which tells by the facts.
  for (const int signal : {SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGPIPE, SIGUSR1, SIGUSR2})
    (void)::signal(signal, SIG_IGN);
  (void)prctl(PR_SET_NAME, "initd-manager");
  (void)prctl(PR_SET_DUMPABLE, 0);
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    // Out of memory or a broken library call: PID 1 starts the next one, which takes up where this one stood.
    init::manager::log_error(error.what());
    return 1;
  }
}
