// The manager with three faults put in at link time (ld --wrap), for the tests of the ladder: it crashes when
// it is asked why of poison.service, when it starts a unit whose name begins with "poison", and, as long as a
// file "crash" lies beside it, as soon as it is up.
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "daemon/manager/app/views.h"
#include "daemon/manager/os/unit_processes.h"
#include "libinit/base/own_code.h"

using init::Result;
using init::manager::UnitProcesses;
using init::manager::ViewContext;

extern "C" {
init::api::WhyReply __real__ZN4init7manager6why_ofERKNS0_11ViewContextEj(const ViewContext& context,
                                                                         init::core::UnitIndex unit);
init::api::WhyReply __wrap__ZN4init7manager6why_ofERKNS0_11ViewContextEj(const ViewContext& context,
                                                                         init::core::UnitIndex unit) {
  if (context.engine.graph()->name(unit) == "poison.service") abort();
  return __real__ZN4init7manager6why_ofERKNS0_11ViewContextEj(context, unit);
}

Result<UnitProcesses::Place>
__real__ZN4init7manager13UnitProcesses5placeESt17basic_string_viewIcSt11char_traitsIcEES5_(
    UnitProcesses* self, std::string_view unit, std::string_view slice);
Result<UnitProcesses::Place>
__wrap__ZN4init7manager13UnitProcesses5placeESt17basic_string_viewIcSt11char_traitsIcEES5_(
    UnitProcesses* self, std::string_view unit, std::string_view slice) {
  if (unit.starts_with("poison")) abort();
  return __real__ZN4init7manager13UnitProcesses5placeESt17basic_string_viewIcSt11char_traitsIcEES5_(
      self, unit, slice);
}

void __real__ZN4init16release_own_codeEv();
void __wrap__ZN4init16release_own_codeEv() {
  std::string path(4096, '\0');
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  path.resize(path.rfind('/') + 1);
  if (access((path + "crash").c_str(), F_OK) == 0) abort();
  __real__ZN4init16release_own_codeEv();
}
}
