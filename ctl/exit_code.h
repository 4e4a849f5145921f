// How initctl ends. The numbers are those of LSB 5.0, "Init Script Actions"; docs/initctl.md has the table.
#pragma once

namespace init::ctl {

enum ExitCode : int {
  kOk = 0,
  kFailed = 1,  // a part of what was asked failed, is blocked or timed out
  kUsage = 2,
  kNotActive = 3,  // status, is-active: known, but not up
  kPermission = 4,
  kStatusUnknown = 4,  // status, is-active: no such unit
  kNoSuchUnit = 5,
  kUnreachable = 7,  // no manager answers
};

}  // namespace init::ctl
