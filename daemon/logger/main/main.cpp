// initd-logger: started by the manager, never by hand.
//
//   initd-logger DIRECTORY MEMORY-DIRECTORY BOOT
//   initd-logger --compress FILE
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "daemon/logger/logger.h"

namespace {

int complain(const init::Error& error) {
  std::fprintf(stderr, "initd-logger: %s\n", error.text().c_str());
  return 1;
}

// Two descriptors for each unit that runs.
void raise_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int run(int argc, char** argv) {
  using namespace init::logger;
  if (argc == 3 && std::string_view(argv[1]) == "--compress") {
    const auto done = compress_file(argv[2]);
    return done ? 0 : complain(done.error());
  }
  if (argc != 4) return complain({0, "usage", "initd-logger DIRECTORY MEMORY-DIRECTORY BOOT", {}, {}});
  auto logger = Logger::create({argv[0], argv[1], argv[2], argv[3]});
  return logger ? (*logger)->run() : complain(logger.error());
}

}  // namespace

int main(int argc, char** argv) {
  for (const int signal : {SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGPIPE, SIGUSR1, SIGUSR2})
    (void)::signal(signal, SIG_IGN);
  (void)prctl(PR_SET_NAME, "initd-logger");
  (void)prctl(PR_SET_DUMPABLE, 0);
  raise_limit();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "initd-logger: %s\n", error.what());
    return 1;
  }
}
