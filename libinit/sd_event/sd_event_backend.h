// An EventLoop on sd-event(3): for a program that has an sd_event already, as those have that speak D-Bus by
// sd-bus. One run() serves both.
#pragma once
#include <memory>
#include <unordered_map>
#include <vector>

#include "libinit/loop/backend.h"

struct sd_event;
struct sd_event_source;

namespace init::loop {

class SdEventBackend final : public Backend {
 public:
  // An sd_event of its own, or a reference to the given one. Errors: those of sd_event_new(3).
  [[nodiscard]] static Result<std::unique_ptr<SdEventBackend>> create(sd_event* shared = nullptr);
  ~SdEventBackend() override;

  [[nodiscard]] Result<> add(int fd, std::uint32_t events, process::Token token) override;
  void remove(int fd) noexcept override;
  // Errors: ESTALE after sd_event_exit(3), ECHILD after a fork.
  [[nodiscard]] Result<std::span<const process::Ready>> wait(MonotonicTime deadline) override;
  [[nodiscard]] bool serves_others() const noexcept override { return shared_; }

 private:
  struct Source;
  SdEventBackend(sd_event* event, bool shared) noexcept;
  static int on_io(sd_event_source* source, int fd, std::uint32_t events, void* context) noexcept;

  sd_event* event_;
  bool shared_;
  std::unordered_map<int, std::unique_ptr<Source>> sources_;  // by fd
  std::vector<process::Ready> ready_;
};

}  // namespace init::loop
