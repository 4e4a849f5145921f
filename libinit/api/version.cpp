#include "libinit/api/version.h"

namespace init::api {

constinit const std::string_view kVersion = INITD_VERSION;

}  // namespace init::api
