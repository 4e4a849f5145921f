// Who owns a few names on a D-Bus message bus.
#pragma once
#include <systemd/sd-bus.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libinit/base/result.h"

namespace init::bus {

// Calls back with each name's owner, where it has one at first, and whenever it changes: the pid, 0 =
// nobody's.
class NameWatch {
 public:
  using Changed = std::function<void(const std::string& name, int pid)>;

  // Connects to the system bus (DBUS_SYSTEM_BUS_ADDRESS, where it is set). Errors: those of connect(2).
  static Result<std::unique_ptr<NameWatch>> connect(const std::vector<std::string>& names, Changed changed);
  NameWatch(const NameWatch&) = delete;
  NameWatch& operator=(const NameWatch&) = delete;
  ~NameWatch();

  // Until the bus is gone. The error that it went with.
  [[nodiscard]] Error run();

 private:
  struct Name {
    NameWatch* watch;
    std::string name;
  };
  NameWatch(sd_bus* bus, Changed changed) : bus_(bus), changed_(std::move(changed)) {}
  Result<> add(const std::string& name);
  [[nodiscard]] int owner_of(const std::string& name);
  static int on_changed(sd_bus_message* message, void* name, sd_bus_error* error) noexcept;

  sd_bus* bus_;
  Changed changed_;
  std::vector<std::unique_ptr<Name>> names_;
};

}  // namespace init::bus
