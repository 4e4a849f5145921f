// initd anew: PID 1 executes itself or what lies on disk, this manager ends, and its successor comes from the
// same place. All that must not be lost stands where a crash would need it, so this is one, made on purpose.
#include <fcntl.h>
#include <signal.h>

#include <array>

#include "daemon/manager/app/answer.h"
#include "daemon/manager/app/app.h"
#include "daemon/manager/app/bus_names.h"
#include "daemon/manager/os/log.h"
#include "daemon/manager/os/programs.h"
#include "libinit/base/version.h"

namespace init::manager {
namespace {

constexpr Duration kCheckLimit = std::chrono::seconds(20);

}  // namespace

Result<> App::renew(bool from_disk, std::string_view request_id, Refusal refused) {
  if (renewal_) return failure(EALREADY, "renew initd", "it is under way");
  if (intents_.header().shutdown != 0)
    return failure(ESHUTDOWN, "renew initd", "everything is being stopped");
  Renewal renewal{0, {}, std::string(request_id), std::move(refused)};
  if (!from_disk) {
    renewal_ = std::move(renewal);
    return execute_anew({});
  }
  const auto programs = find_programs();
  if (!programs) return Failure(programs.error());
  renewal.helper = ++last_helper_;
  renewal.manager = programs->manager;
  if (auto started = helpers_->start(
          last_helper_, [&programs] { return pack_answer(read_successor(*programs)); }, kCheckLimit);
      !started)
    return started;
  renewal_ = std::move(renewal);
  return {};
}

bool App::take_successor(const Helpers::Done& done) {
  if (!renewal_ || done.key != renewal_->helper) return false;
  auto bytes = unpack_answer<std::string>(done.answer);
  auto renewed = bytes ? execute_anew(*bytes) : Result<>(Failure(bytes.error()));
  if (renewed) return true;
  log_error("the upgrade is refused: " + renewed.error().text());
  const Refusal refused = std::move(renewal_->refused);
  renewal_.reset();
  if (refused) refused(renewed.error());
  return true;
}

// The answer to the request is in the journal before PID 1 hears of it; whoever asked comes back for it.
Result<> App::execute_anew(std::string_view initd) {
  UniqueFd self, program;
  if (!initd.empty()) {
    auto memfd = executable_memfd(initd);
    if (!memfd) return Failure(memfd.error());
    self = std::move(*memfd);
    program.reset(::open(renewal_->manager.c_str(), O_PATH | O_CLOEXEC));
    if (!program) return failure(errno, "open", renewal_->manager);
  }
  auto& header = intents_.header();
  header.executions_wanted = facts_.header().executions + 1;
  header.renewed = 0;
  blame_.forget();
  remember(renewal_->request_id);
  const std::array<int, 2> fds{self.get(), program.get()};
  channel_.flush();
  if (auto sent = channel_.renew(initd.empty() ? std::span<const int>() : fds); !sent) return sent;
  let_go_ = true;
  return {};
}

bool App::is_renewed() {
  return facts_.header().executions >= intents_.header().executions_wanted;
}

// The first thing that a manager does which came by it. The logger ends by itself, and so does the watcher of
// names on the bus.
void App::complete_renewal() {
  auto& header = intents_.header();
  if (header.executions_wanted == 0 || header.renewed != 0) return;
  header.renewed = 1;
  if (!is_renewed()) return log_error("the kernel refused to execute initd anew: what ran before still runs");
  log_info("initd " + std::string(kVersion) + " runs anew");
  logging_->renew();
  if (const auto watcher = engine_->graph()->find(kBusUnit))
    (void)submit({0, core::Verb::TryRestart, *watcher, 0, false}, {}, [](core::JobId) {});
}

}  // namespace init::manager
