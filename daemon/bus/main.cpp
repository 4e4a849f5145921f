// initd-bus NAME...: tells initd's manager who owns these names on the system bus, by datagrams to its
// NOTIFY_SOCKET. The manager never waits for a bus; this program does, for one that comes late and for one
// that comes back.
#include <poll.h>
#include <systemd/sd-daemon.h>

#include <string>
#include <vector>

#include "daemon/bus/name_watch.h"

namespace {

constexpr int kWait = 250;  // ms, between two tries to reach a bus

void tell(const std::string& name, int pid) {
  (void)sd_notifyf(0, "X_INITD_BUS_OWNER=%s %d", name.c_str(), pid);
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> names(arguments + 1, arguments + count);
  for (;;) {
    auto watch = init::bus::NameWatch::connect(names, tell);
    if (watch) (void)sd_notifyf(0, "STATUS=watching %zu names", names.size());
    const init::Error error = watch ? (*watch)->run() : watch.error();
    (void)sd_notifyf(0, "STATUS=waiting for the bus: %s", error.text().c_str());
    (void)poll(nullptr, 0, kWait);
  }
}
