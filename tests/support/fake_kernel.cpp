#include "tests/support/fake_kernel.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "libinit/sys/enter.h"

namespace init::sys {
namespace {

struct Refusal {
  long number;
  int error;
  int times;
};

// Fixed in size: a child between fork and exec reads and writes it.
struct Orders {
  std::array<Refusal, 8> refusals;
  std::size_t refusal_count;
  std::array<long, 4096> record;
  std::size_t record_count;
  bool recording;
};
Orders orders;
std::atomic<bool> any_orders = false;

bool refused(long number, int& error) {
  for (std::size_t at = 0; at < orders.refusal_count; ++at) {
    Refusal& refusal = orders.refusals[at];
    if (refusal.number != number || refusal.times == 0) continue;
    --refusal.times;
    error = refusal.error;
    return true;
  }
  return false;
}

}  // namespace

long enter(long number, long a, long b, long c, long d, long e) noexcept {
  if (any_orders) {
    int error = 0;
    if (orders.recording && orders.record_count < orders.record.size())
      orders.record[orders.record_count++] = number;
    if (refused(number, error)) return -error;
  }
  const long result = ::syscall(number, a, b, c, d, e, 0);
  return result == -1 ? -errno : result;
}

namespace testing {

FakeKernel::FakeKernel() {
  orders.refusal_count = 0;
  orders.record_count = 0;
  orders.recording = false;
  any_orders = true;
}

FakeKernel::~FakeKernel() {
  any_orders = false;
}

void FakeKernel::refuse(long number, int error, int times) {
  orders.refusals.at(orders.refusal_count++) = {number, error, times};
}

void FakeKernel::record() {
  orders.recording = true;
}

std::vector<long> FakeKernel::recorded() const {
  return {orders.record.begin(), orders.record.begin() + static_cast<std::ptrdiff_t>(orders.record_count)};
}

}  // namespace testing
}  // namespace init::sys
