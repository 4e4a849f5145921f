#include "daemon/manager/os/unit_pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

namespace init::manager {
namespace {

Result<UniqueFd> reopen(int fd, int access) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  UniqueFd opened(::open(path.c_str(), access | O_CLOEXEC));
  if (!opened) return failure(errno, "open the pipe between units", path);
  return opened;
}

Result<UniqueFd> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failure(errno, "make a pipe between units");
  const UniqueFd read(ends[0]), write(ends[1]);
  return reopen(read.get(), O_RDWR);
}

}  // namespace

Result<UniqueFd> open_unit_pipe(ChannelClient& channel, std::uint64_t tag, int access) {
  auto kept = channel.fetch(channel::kStoreUnitPipe, tag);
  if (!kept) return kept;
  if (!kept->valid()) {
    kept = make_pipe();
    if (!kept) return kept;
    if (auto stored = channel.store(channel::kStoreUnitPipe, tag, kept->get()); !stored)
      return Failure(stored.error());
  }
  return reopen(kept->get(), access);
}

void drop_unit_pipes(ChannelClient& channel, const channel::FactsReader& facts,
                     const std::function<bool(std::uint64_t tag)>& named) {
  std::vector<std::uint64_t> gone;
  for (std::uint32_t i = 0; i < facts.header().store_used; ++i) {
    const channel::StoreEntry& entry = facts.store_entry(i);
    if (entry.kind == channel::kStoreUnitPipe && !named(entry.tag)) gone.push_back(entry.tag);
  }
  for (const std::uint64_t tag : gone) (void)channel.drop(channel::kStoreUnitPipe, tag);
}

}  // namespace init::manager
