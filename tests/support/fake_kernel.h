// Stands between a test program and the kernel: takes the place of init::sys::enter() when it is linked in.
// Without orders it passes every call on. Orders are for one thread and for the children it spawns meanwhile.
#pragma once
#include <vector>

namespace init::sys::testing {

// Gives orders while it lives.
class FakeKernel {
 public:
  FakeKernel();
  ~FakeKernel();
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  // The next `times` calls of this number fail with this errno, and do nothing.
  void refuse(long number, int error, int times = 1);
  // The numbers of all calls from now on, also of children that share this memory until they execute.
  void record();
  [[nodiscard]] std::vector<long> recorded() const;
};

}  // namespace init::sys::testing
