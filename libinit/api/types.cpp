#include "libinit/api/types.h"

namespace init::api {

void redact(Status& status) {
  for (Process& process : status.processes) process.command.clear();
  status.log_tail.clear();
}

}  // namespace init::api
