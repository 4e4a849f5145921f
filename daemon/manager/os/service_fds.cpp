#include "daemon/manager/os/service_fds.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "libinit/notify/message.h"
#include "libinit/sys/calls.h"

namespace init::manager {
namespace {

// At its place in the memfd.
struct Label {
  std::uint16_t size = 0;
  std::uint16_t poll = 1;
  std::array<char, 256> name{};
};

constexpr std::string_view kNoName = "stored";  // as sd_pid_notify_with_fds(3) has it

off_t offset_of(std::uint32_t place) {
  return static_cast<off_t>(place * sizeof(Label));
}

bool same_file(int a, int b) {
  return sys::same_open_file(a, b) == 0;
}

}  // namespace

Result<ServiceFds> ServiceFds::create() {
  UniqueFd names(memfd_create("initd-fd-names", MFD_CLOEXEC));
  if (!names) return failure(errno, "memfd_create", "initd-fd-names");
  return ServiceFds(std::move(names));
}

const ServiceFds::Kept& ServiceFds::put_back(std::uint32_t place, UniqueFd fd) {
  Label label;
  const bool known = pread(names_.get(), &label, sizeof label, offset_of(place)) == sizeof label;
  if (!known || label.size > label.name.size()) label = Label{};
  std::string name(label.name.data(), label.size);
  if (!notify::is_fd_name(name)) name = kNoName;
  const auto next =
      std::find_if(kept_.begin(), kept_.end(), [place](const Kept& one) { return one.place >= place; });
  return *kept_.insert(next, {place, std::move(name), label.poll != 0, std::move(fd)});
}

std::uint32_t ServiceFds::free_place() const {
  std::uint32_t place = 0;
  for (const Kept& one : kept_) {
    if (one.place != place) break;
    ++place;
  }
  return place;
}

Result<const ServiceFds::Kept*> ServiceFds::add(std::string_view name, bool poll, UniqueFd fd,
                                                std::uint32_t most) {
  if (name.empty()) name = kNoName;
  const auto same = [&fd](const Kept& one) { return same_file(one.fd.get(), fd.get()); };
  if (std::any_of(kept_.begin(), kept_.end(), same)) return failure(EEXIST, "store", std::string(name));
  if (kept_.size() >= std::min(most, kMostServiceFds)) return failure(ENOSPC, "store", std::string(name));
  Label label;
  label.size = static_cast<std::uint16_t>(std::min(name.size(), label.name.size()));
  label.poll = poll ? 1 : 0;
  std::memcpy(label.name.data(), name.data(), label.size);
  const std::uint32_t place = free_place();
  if (pwrite(names_.get(), &label, sizeof label, offset_of(place)) != sizeof label)
    return failure(errno, "write", "initd-fd-names");
  return &*kept_.insert(kept_.begin() + place, {place, std::string(name), poll, std::move(fd)});
}

const ServiceFds::Kept* ServiceFds::find(std::uint32_t place) const {
  const auto at =
      std::find_if(kept_.begin(), kept_.end(), [place](const Kept& one) { return one.place == place; });
  return at == kept_.end() ? nullptr : &*at;
}

void ServiceFds::remove(std::uint32_t place) {
  std::erase_if(kept_, [place](const Kept& one) { return one.place == place; });
}

}  // namespace init::manager
