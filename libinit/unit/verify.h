// What is wrong with units beyond their own text: references, programs, users, cycles. The data of `initctl
// verify`.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "libinit/unit/diagnostic.h"
#include "libinit/unit/loader.h"

namespace init::unit {

struct VerifyOptions {
  std::string root;  // where programs and accounts are looked for; empty = the real root
};

// Sorted by file and line. Errors: a requirement that is not there (E0201), a program that is not there or
// cannot be run (E0203), an unknown user or group (E0204), a cycle with the place of every edge (E0210).
// Warnings, for what may come to be before the start: other references to nothing (W0202), directories
// (W0205) and environment files (W0206) that are not there or not such, [install] for units that do not exist
// (W0207), operators that are no users (W0208). Does not repeat set.diagnostics.
[[nodiscard]] std::vector<Diagnostic> verify(const LoadedSet& set, const VerifyOptions& options);

struct Verification {
  std::vector<Diagnostic> diagnostics;  // of loading and of verify()
  std::uint32_t files = 0;              // unit files looked at
};

// Unit files and folders of them, as named; nothing of ownership is asked. The system's own units are read
// too, so that references to them are known, but only what concerns the named ones is reported.
[[nodiscard]] Verification verify_files(const std::vector<std::string>& paths,
                                        const VerifyOptions& options = {});

}  // namespace init::unit
