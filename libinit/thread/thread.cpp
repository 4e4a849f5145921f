#include "libinit/thread/thread.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>

namespace init::thread {
namespace {

using Body = std::function<void()>;

class Attributes {
 public:
  Attributes() { ::pthread_attr_init(&native_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::pthread_attr_destroy(&native_); }
  pthread_attr_t* get() { return &native_; }

 private:
  pthread_attr_t native_;
};

std::size_t whole_pages(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

Result<> set_affinity(Attributes& attributes, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= CPU_SETSIZE)
      return failure(EINVAL, "set the affinity", "cpu " + std::to_string(cpu));
    CPU_SET(static_cast<unsigned>(cpu), &set);
  }
  const int error = cpus.empty() ? EINVAL : ::pthread_attr_setaffinity_np(attributes.get(), sizeof set, &set);
  if (error != 0) return failure(error, "set the affinity");
  return {};
}

void* run_body(void* context) {
  const std::unique_ptr<Body> body(static_cast<Body*>(context));
  (*body)();
  return nullptr;
}

}  // namespace

Result<std::optional<pthread_t>> ThreadBuilder::start(Body body) const {
  Attributes attributes;
  if (stack_size_) {
    const int error = ::pthread_attr_setstacksize(attributes.get(), whole_pages(*stack_size_));
    if (error != 0) return failure(error, "set the stack size", std::to_string(*stack_size_));
  }
  if (is_pinned_) {
    if (auto set = set_affinity(attributes, affinity_); !set) return Failure(set.error());
  }
  if (is_detached_) ::pthread_attr_setdetachstate(attributes.get(), PTHREAD_CREATE_DETACHED);
  auto context = std::make_unique<Body>(std::move(body));
  pthread_t id{};
  const int error = ::pthread_create(&id, attributes.get(), run_body, context.get());
  if (error != 0) return failure(error, "start a thread");
  context.release();  // the thread's own now
  return is_detached_ ? std::optional<pthread_t>() : id;
}

}  // namespace init::thread
