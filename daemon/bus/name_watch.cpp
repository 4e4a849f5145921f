#include "daemon/bus/name_watch.h"

#include <cerrno>

namespace init::bus {

Result<std::unique_ptr<NameWatch>> NameWatch::connect(const std::vector<std::string>& names,
                                                      Changed changed) {
  sd_bus* bus = nullptr;
  if (const int error = sd_bus_open_system(&bus); error < 0) return failure(-error, "connect to the bus");
  std::unique_ptr<NameWatch> made(new NameWatch(bus, std::move(changed)));
  for (const std::string& name : names) {
    if (auto added = made->add(name); !added) return Failure(added.error());
  }
  return made;
}

NameWatch::~NameWatch() {
  sd_bus_close_unref(bus_);
}

// The match stands before the question: what changes in between is told twice, never missed.
Result<> NameWatch::add(const std::string& name) {
  names_.push_back(std::make_unique<Name>(Name{this, name}));
  const std::string rule =
      "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
      "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" +
      name + "'";
  const int error = sd_bus_add_match(bus_, nullptr, rule.c_str(), on_changed, names_.back().get());
  if (error < 0) return failure(-error, "watch the name", name);
  // That nobody owns it yet is no news, least of all on a bus that has come back without its clients.
  if (const int owner = owner_of(name); owner > 0) changed_(name, owner);
  return {};
}

int NameWatch::on_changed(sd_bus_message* /*message*/, void* name, sd_bus_error* /*error*/) noexcept {
  const Name& changed = *static_cast<Name*>(name);
  changed.watch->changed_(changed.name, changed.watch->owner_of(changed.name));
  return 0;
}

// Asked anew each time: what a signal says may be overtaken by the time it is read.
int NameWatch::owner_of(const std::string& name) {
  sd_bus_creds* owner = nullptr;
  pid_t pid = 0;
  if (sd_bus_get_name_creds(bus_, name.c_str(), SD_BUS_CREDS_PID, &owner) >= 0) {
    (void)sd_bus_creds_get_pid(owner, &pid);
    sd_bus_creds_unref(owner);
  }
  return pid;
}

Error NameWatch::run() {
  for (;;) {
    int result = sd_bus_process(bus_, nullptr);
    if (result == 0) result = sd_bus_wait(bus_, ~std::uint64_t{0});
    if (result < 0 && result != -EINTR) return failure(-result, "listen to the bus").value();
  }
}

}  // namespace init::bus
