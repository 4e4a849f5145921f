// What the examples do with an error: say it, and end with 1.
#pragma once
#include <cstdio>

#include "libinit/base/result.h"

inline int report(const init::Error& error) {
  std::fprintf(stderr, "%s\n", error.text().c_str());
  return 1;
}
