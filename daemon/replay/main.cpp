// initd-replay FILE [--trace]: runs the history that a report of `initctl report --system` holds through the
// engine again, from the start of the manager that made it. Exit 0: each action came again as it was
// recorded; 1: one did not, and which; 2: there is nothing that can be replayed. --trace prints every entry.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>

#include "libinit/api/json_read.h"
#include "libinit/base/text_file.h"
#include "libinit/base/version.h"
#include "libinit/core/engine.h"
#include "libinit/core/history.h"
#include "libinit/unit/generation.h"

namespace init {
namespace {

using core::Entry;

constexpr std::size_t kMostBytes = std::size_t{256} << 20;

Result<std::string> bytes_of(std::string_view hex) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    const int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return failure(EBADMSG, "read hexadecimal");
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

Result<api::HistoryReply> read_report(const std::string& path) {
  auto text = read_text_file(path, kMostBytes);
  if (!text) return Failure(text.error());
  constexpr std::string_view kLine = "{\"history\":";
  const std::size_t begin = text->find(kLine);
  if (begin == std::string::npos) return failure(EBADMSG, "find a history", path);
  const std::size_t end = std::min(text->find('\n', begin), text->size());
  const auto json = api::JsonDocument::parse(std::string_view(*text).substr(begin, end - begin));
  if (!json) return Failure(json.error());
  api::HistoryReply history;
  api::ObjectReader reader(*json, *json->find(0, "history"));
  api::describe(reader, history);
  if (!reader.bad_field().empty()) return failure(EBADMSG, "read the history", path);
  if (history.version != kVersion)
    return failure(EBADMSG, "replay what another version wrote", history.version);
  if (history.raw_beginning.empty() || history.raw_generation.empty())
    return failure(EBADMSG, "replay a report that was not made with --system", path);
  return history;
}

Result<std::shared_ptr<const core::Graph>> graph_of(std::string_view bytes) {
  UniqueFd fd(memfd_create("generation", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
    return failure(errno, "make the units");
  const auto generation = unit::Generation::open(std::move(fd));
  if (!generation) return Failure(generation.error());
  std::vector<unit::Unit> units;
  for (std::uint32_t index = 0; index < generation->size(); ++index) {
    auto unit = generation->unit(index);
    if (!unit) return Failure(unit.error());
    units.push_back(std::move(*unit));
  }
  return core::Graph::build(units);
}

std::vector<Entry> entries_of(std::string_view bytes) {
  std::vector<Entry> entries(bytes.size() / sizeof(Entry));
  if (!entries.empty())
    std::memcpy(static_cast<void*>(entries.data()), bytes.data(), entries.size() * sizeof(Entry));
  return entries;
}

class Replay : private core::ActionSink {
 public:
  Replay(std::shared_ptr<const core::Graph> graph, const core::Beginning& beginning)
      : engine_(core::Engine::restore(std::move(graph),
                                      {beginning.units, beginning.jobs, beginning.processes, beginning.seed},
                                      beginning.now, *this)) {
    engine_.clear_changed();
  }

  // Empty: it agrees with what is recorded.
  std::string take(const Entry& entry) {
    if (entry.kind == Entry::Kind::Input) {
      const auto event = core::event_of(entry);
      if (!event) return "an event that cannot be read";
      if (!due_.empty()) return "not recorded: " + due_.front();
      engine_.handle(*event, MonotonicTime{Duration(entry.at_ns)}, *this);
      engine_.clear_changed();
    } else if (entry.kind == Entry::Kind::Output) {
      const auto action = core::action_of(entry);
      if (!action) return "an action that cannot be read";
      const std::string recorded = core::text_of(*action);
      if (due_.empty()) return "not done again";
      const std::string done = std::move(due_.front());
      due_.pop_front();
      if (done != recorded) return "done instead: " + done;
    }
    return {};
  }

  [[nodiscard]] std::string name_of(const Entry& entry) const {
    const auto unit = engine_.graph()->find_tag(entry.tag);
    return unit ? std::string(engine_.graph()->name(*unit)) + " " : std::string();
  }

 private:
  void emit(const core::Action& action) override { due_.push_back(core::text_of(action)); }

  std::deque<std::string> due_;  // actions that the record must show next
  core::Engine engine_;
};

std::string text_of(const Entry& entry) {
  if (const auto event = core::event_of(entry)) return core::text_of(*event);
  if (const auto action = core::action_of(entry)) return core::text_of(*action);
  return "(kind " + std::to_string(static_cast<int>(entry.kind)) + ", index " + std::to_string(entry.index) +
         ")";
}

Result<std::size_t> start_of(const std::vector<Entry>& entries, const core::Beginning& beginning) {
  for (std::size_t i = entries.size(); i-- > 0;) {
    if (entries[i].kind == Entry::Kind::Reload) return failure(ENODATA, "replay past a reload of the units");
    if (entries[i].kind == Entry::Kind::Start && entries[i].at_ns == beginning.now.since_epoch.count())
      return i + 1;
  }
  return failure(ENODATA, "find the start of the manager, too much has happened since");
}

Result<int> run(const std::string& path, bool trace) {
  const auto history = read_report(path);
  if (!history) return Failure(history.error());
  const auto raw_entries = bytes_of(history->raw_entries), raw_beginning = bytes_of(history->raw_beginning),
             raw_generation = bytes_of(history->raw_generation);
  if (!raw_entries || !raw_beginning || !raw_generation) return failure(EBADMSG, "read the history", path);
  const auto beginning = core::unpack_beginning(*raw_beginning);
  if (!beginning) return failure(EBADMSG, "read what the manager began with", path);
  auto graph = graph_of(*raw_generation);
  if (!graph) return Failure(graph.error());
  const auto entries = entries_of(*raw_entries);
  const auto start = start_of(entries, *beginning);
  if (!start) return Failure(start.error());
  Replay replay(std::move(*graph), *beginning);
  std::size_t events = 0;
  for (std::size_t i = *start; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    const std::string wrong = replay.take(entry);
    if (trace || !wrong.empty())
      std::printf("%lld.%09lld %s%s\n", static_cast<long long>(entry.at_ns / 1'000'000'000),
                  static_cast<long long>(entry.at_ns % 1'000'000'000), replay.name_of(entry).c_str(),
                  text_of(entry).c_str());
    if (!wrong.empty()) return std::printf("%s\n", wrong.c_str()), 1;
    if (entry.kind == Entry::Kind::Input) ++events;
  }
  std::printf("%zu events give the same actions again\n", events);
  return 0;
}

}  // namespace
}  // namespace init

int main(int argc, char** argv) {
  const bool trace = argc == 3 && std::string_view(argv[2]) == "--trace";
  if (argc != 2 && !trace) {
    std::fputs("usage: initd-replay FILE [--trace]\n", stderr);
    return 2;
  }
  const auto code = init::run(argv[1], trace);
  if (code) return *code;
  std::fprintf(stderr, "initd-replay: %s\n", code.error().text().c_str());
  return 2;
}
