// [credentials] of a unit: copies in a directory of their own below the run-time directory, in memory as that
// is, which the unit's user alone may read. They come with a start and go with the stop.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/unit/config.h"

namespace init::manager {

inline constexpr std::size_t kLargestCredential = std::size_t{1} << 20U;  // bytes
inline constexpr std::size_t kMostCredentials = std::size_t{16} << 20U;   // bytes of one unit

// place: "/run/initd/credentials", made when it is not there; unit: the name of the directory in it (0500,
// files 0400). One of an earlier start is replaced. Errors: object = the path; EFBIG above the limits.
Result<> make_credentials(const std::string& place, const std::string& unit,
                          const std::vector<unit::Credential>& credentials, uid_t uid, gid_t gid);
// Nothing there is success.
Result<> remove_credentials(const std::string& place, const std::string& unit);
// Those that have some.
[[nodiscard]] std::vector<std::string> units_with_credentials(const std::string& place);

}  // namespace init::manager
