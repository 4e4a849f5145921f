#include "tests/fuzz/bounded.h"

#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

#ifdef INITD_SANITIZED
constexpr int kFactor = 10;
#else
constexpr int kFactor = 1;
#endif
constexpr std::size_t kStackBytes = kFactor * std::size_t{256 * 1024};
constexpr long kLongest = kFactor * 100'000'000L;  // nanoseconds

struct Input {
  const std::uint8_t* data;
  std::size_t size;
};

void* take(void* argument) {
  const auto& input = *static_cast<const Input*>(argument);
  (void)init::test::fuzz_input(input.data, input.size);
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  if (used.tv_sec == 0 && used.tv_nsec <= kLongest) return nullptr;
  std::fprintf(stderr, "%zu bytes took %lld.%09ld s\n", input.size, static_cast<long long>(used.tv_sec),
               used.tv_nsec);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread{};
  if (pthread_attr_setstacksize(&attributes, kStackBytes) != 0 ||
      pthread_create(&thread, &attributes, take, &input) != 0)
    std::abort();
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  return 0;
}
