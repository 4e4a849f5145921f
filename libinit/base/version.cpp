#include "libinit/base/version.h"

namespace init {

constinit const std::string_view kVersion = INITD_VERSION;

}  // namespace init
