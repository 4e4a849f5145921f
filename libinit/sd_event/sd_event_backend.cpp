#include "libinit/sd_event/sd_event_backend.h"

#include <systemd/sd-event.h>

#include <cerrno>

namespace init::loop {
namespace {

// Microseconds, rounded up: a turn that ends before its deadline would only spin until it.
std::uint64_t timeout_until(MonotonicTime deadline) {
  if (deadline == MonotonicTime::never()) return ~std::uint64_t{0};
  const Duration left = deadline - monotonic_now();
  if (left <= Duration::zero()) return 0;
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::microseconds>(left).count());
}

}  // namespace

struct SdEventBackend::Source {
  SdEventBackend* backend = nullptr;
  process::Token token;
  sd_event_source* source = nullptr;

  Source(SdEventBackend* owner, process::Token of) noexcept : backend(owner), token(of) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() { sd_event_source_disable_unref(source); }
};

Result<std::unique_ptr<SdEventBackend>> SdEventBackend::create(sd_event* shared) {
  sd_event* event = shared != nullptr ? sd_event_ref(shared) : nullptr;
  const int error = event != nullptr ? 0 : sd_event_new(&event);
  if (error < 0) return failure(-error, "open an sd_event");
  return std::unique_ptr<SdEventBackend>(new SdEventBackend(event, shared != nullptr));
}

SdEventBackend::SdEventBackend(sd_event* event, bool shared) noexcept : event_(event), shared_(shared) {}

SdEventBackend::~SdEventBackend() {
  sources_.clear();
  sd_event_unref(event_);
}

int SdEventBackend::on_io(sd_event_source* /*source*/, int /*fd*/, std::uint32_t events,
                          void* context) noexcept {
  const Source& source = *static_cast<Source*>(context);
  source.backend->ready_.push_back({source.token, events});  // has room: one event per run
  return 0;
}

Result<> SdEventBackend::add(int fd, std::uint32_t events, process::Token token) {
  auto source = std::make_unique<Source>(this, token);
  int error = sd_event_add_io(event_, &source->source, fd, events, on_io, source.get());
  if (error >= 0) error = sd_event_source_set_priority(source->source, token.kind);
  if (error < 0) return failure(-error, "watch", "fd " + std::to_string(fd));
  sources_[fd] = std::move(source);
  return {};
}

void SdEventBackend::remove(int fd) noexcept {
  sources_.erase(fd);
}

Result<std::span<const process::Ready>> SdEventBackend::wait(MonotonicTime deadline) {
  ready_.clear();
  ready_.reserve(1);
  const int error = sd_event_run(event_, timeout_until(deadline));
  if (error < 0 && error != -EINTR) return failure(-error, "run an sd_event");
  return std::span<const process::Ready>(ready_);
}

}  // namespace init::loop
