// Who a service's processes are: resolved anew at each start, since accounts come and go.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/unit/config.h"

namespace init::manager {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::string name = "root", home = "/root", shell = "/bin/sh";
};

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

// Local: /etc/passwd and /etc/group, at once. All: whom getent(1) knows as well, which may take ten seconds
// for each question; for a helper.
enum class Accounts : std::uint8_t { Local, All };

// Errors: step = the key ("user", "group", "extra-groups"), object = the name that nobody knows.
[[nodiscard]] Result<Identity> resolve_identity(const unit::ServiceConfig& service, Accounts accounts);
// Whose a file of this output is, which is `identity` itself unless it says otherwise.
[[nodiscard]] Result<Owner> resolve_owner(const unit::Output& output, const Identity& identity,
                                          Accounts accounts);

}  // namespace init::manager
