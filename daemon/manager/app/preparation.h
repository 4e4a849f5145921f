// The part of a launch that may block: accounts that a name service knows, environment files, directories,
// credentials, the terminal. Done by a helper (daemon/manager/os/helpers.h) where it may; its result is data
// that a launch plan is made of.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "daemon/manager/app/identity.h"
#include "daemon/manager/app/options.h"
#include "libinit/base/environment_file.h"

namespace init::manager {

struct Prepared {
  Identity identity;
  std::array<Owner, 2> output_owners{};  // of the files of stdout and stderr that initd opens
  Variables variables;                   // of the environment files, in their order
};

// What a unit has that lies on a file system which may hang.
[[nodiscard]] bool may_block(const unit::ServiceConfig& service);

// Whether a name service may know accounts that the local files do not.
[[nodiscard]] bool may_be_known_elsewhere(const unit::ServiceConfig& service);

// Who runs, and the environment files: all that a probe needs. Errors as those of prepare().
[[nodiscard]] bool may_block_probe(const unit::ServiceConfig& service);
[[nodiscard]] Result<Prepared> prepare_probe(const unit::Unit& unit, Accounts accounts);

// first: of an activation, which gets its credentials anew. Errors name the key and its place; not found by
// LocalAccounts means that a helper with AllAccounts may find more.
[[nodiscard]] Result<Prepared> prepare(const unit::Unit& unit, const Options& options, Accounts accounts,
                                       bool first);

// Where the unit's credentials lie.
[[nodiscard]] std::string credentials_place(const Options& options);

// The way from a helper.
[[nodiscard]] std::string pack(const Result<Prepared>& prepared);
[[nodiscard]] Result<Prepared> unpack(std::string_view bytes);

}  // namespace init::manager
