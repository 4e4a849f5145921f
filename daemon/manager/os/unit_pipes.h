// Pipes from units to the one that reads them: stdout = "unit:NAME". One descriptor that is open for both
// lies in PID 1's store, so that neither side ever meets an end or a broken pipe, whoever of the two dies.
#pragma once
#include <functional>

#include "daemon/channel/facts_reader.h"
#include "daemon/manager/os/channel_client.h"

namespace init::manager {

// An end of the pipe to the unit with this tag, O_RDONLY or O_WRONLY, with flags of its own: one side that
// makes it non-blocking does so for itself. Errors: pipe2(2), open(2) of /proc/self/fd, those of the store.
[[nodiscard]] Result<UniqueFd> open_unit_pipe(ChannelClient& channel, std::uint64_t tag, int access);

// Lets go of the pipes to units that nobody names any more, with what is still in them.
void drop_unit_pipes(ChannelClient& channel, const channel::FactsReader& facts,
                     const std::function<bool(std::uint64_t tag)>& named);

}  // namespace init::manager
