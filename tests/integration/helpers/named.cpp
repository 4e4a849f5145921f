// named NAME: owns NAME on the system bus until a signal ends it.
#include <systemd/sd-bus.h>
#include <unistd.h>

int main(int count, char** arguments) {
  sd_bus* bus = nullptr;
  if (count != 2 || sd_bus_open_system(&bus) < 0) return 1;
  if (sd_bus_request_name(bus, arguments[1], 0) < 0) return 2;
  while (sd_bus_process(bus, nullptr) >= 0 && sd_bus_wait(bus, ~0ULL) >= 0) {
  }
  return 3;
}
