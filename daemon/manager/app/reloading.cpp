// The unit files are read again: by a helper, for the place of any of them may hang. What it has compiled is
// taken into force here, as one. Another helper keeps that for a boot at which a file is broken.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "daemon/manager/app/answer.h"
#include "daemon/manager/app/app.h"
#include "daemon/manager/app/bus_names.h"
#include "daemon/manager/os/log.h"
#include "daemon/manager/os/unit_pipes.h"
#include "libinit/api/message.h"

namespace init::manager {
namespace {

constexpr Duration kReadLimit = std::chrono::seconds(60);
constexpr Duration kKeepLimit = std::chrono::seconds(2);

api::Diagnostic shown(const unit::Diagnostic& diagnostic) {
  const bool error = diagnostic.severity == unit::Severity::Error;
  const std::string where =
      diagnostic.path + ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column);
  return {error ? api::Severity::Error : api::Severity::Warning, where, unit::render(diagnostic, false)};
}

}  // namespace

// Who asks while files are being read may have changed what has been read already: another reading follows.
void App::reload(Reloaded done) {
  reload_callers_.push_back(std::move(done));
  if (!reloading_) begin_reload();
}

void App::begin_reload() {
  Reloading reloading{
      ++last_helper_, {}, std::exchange(reload_callers_, {}), monotonic_now() + kReadLimit, {}};
  reloading.generation.reset(memfd_create("initd-generation", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  auto begun = !reloading.generation ? failure(errno, "memfd_create", "initd-generation")
                                     : helpers_->start(
                                           reloading.helper, [this] { return pack_answer(read_again()); },
                                           kInfinity, reloading.generation.get());
  reloading_ = std::move(reloading);
  if (!begun) end_reload(Failure(begun.error()));
}

void App::end_reload(Result<api::DaemonReloadReply> result) {
  const auto callers = std::move(reloading_->callers);
  reloading_.reset();
  for (const Reloaded& done : callers) done(result);
  if (!reload_callers_.empty()) begin_reload();
}

void App::give_up_reload() {
  helpers_->cancel(reloading_->helper);
  if (reloading_->result)
    return kept_in_force(failure(ETIMEDOUT, "write", options_.state, "its file system does not answer"));
  end_reload(failure(ETIMEDOUT, "read the unit files", "their file system does not answer"));
}

// What this manager has read itself, when it was the first.
void App::keep_first() {
  reloading_ = Reloading{};
  keep_in_force(api::DaemonReloadReply{});
}

void App::keep_in_force(Result<api::DaemonReloadReply> result) {
  reloading_->helper = ++last_helper_;
  reloading_->until = monotonic_now() + kKeepLimit;
  reloading_->result = std::move(result);
  const auto keep = [this] {
    const auto saved = save_generation(options_, Helpers::kKept);
    return pack_answer(saved ? Result<std::string>("") : Result<std::string>(Failure(saved.error())));
  };
  if (auto begun = helpers_->start(reloading_->helper, keep, kInfinity, configuration_.whole.fd()); !begun)
    kept_in_force(begun);
}

void App::kept_in_force(const Result<>& kept) {
  if (!kept)
    log_warning("a broken unit file will have no last good version to fall back to: " + kept.error().text());
  end_reload(std::move(*reloading_->result));
}

// In the helper. What is wrong with the files; what they say goes to kKept.
Result<std::string> App::read_again() const {
  Reading reading = read_units(options_, &configuration_.whole);
  keep_running_units(reading);
  auto compiled = unit::compile_generation(reading.units, reading.system);
  if (!compiled) return Failure(compiled.error());
  if (auto copied = copy_generation(compiled->get(), Helpers::kKept); !copied) return Failure(copied.error());
  api::DaemonReloadReply reply;
  std::transform(reading.diagnostics.begin(), reading.diagnostics.end(),
                 std::back_inserter(reply.diagnostics), shown);
  std::string text = api::encode_reply(reply, false);
  text.pop_back();  // the NUL that ends a message
  return text;
}

bool App::take_generation(const Helpers::Done& done) {
  if (!reloading_ || done.key != reloading_->helper) return false;
  if (reloading_->result) {
    const auto kept = unpack_answer<std::string>(done.answer);
    kept_in_force(kept ? Result<>() : Result<>(Failure(kept.error())));
    return true;
  }
  const Blame::Mark mark(blame_, in_hand_call(api::DaemonReloadRequest{}));
  const auto text = unpack_answer<std::string>(done.answer);
  const auto read = text ? api::decode_reply(*text, api::Method::DaemonReload)
                         : Result<api::IncomingReply>(Failure(text.error()));
  if (!read) {
    end_reload(Failure(read.error()));
    return true;
  }
  auto opened = Configuration::open(std::move(reloading_->generation), restriction_);
  if (!opened) {
    end_reload(Failure(opened.error()));
  } else if (!covers(*opened)) {  // something has come up whose file was gone
    auto& first = reloading_->callers;
    reload_callers_.insert(reload_callers_.begin(), std::make_move_iterator(first.begin()),
                           std::make_move_iterator(first.end()));
    begin_reload();
  } else {
    const auto& reply = std::get<api::Reply>(read->body);
    auto result = take_into_force(std::move(*opened), std::get<api::DaemonReloadReply>(reply));
    result ? keep_in_force(std::move(result)) : end_reload(std::move(result));
  }
  return true;
}

Result<api::DaemonReloadReply> App::take_into_force(Configuration fresh, const api::DaemonReloadReply& read) {
  api::DaemonReloadReply reply = compare(configuration_, fresh);
  reply.diagnostics = read.diagnostics;
  signal_all_others();
  // From here on a crash recovers into the new generation.
  if (auto kept = channel_.store(channel::kStoreGeneration, 0, fresh.whole.fd()); !kept)
    return Failure(kept.error());
  const auto old = engine_->graph();
  configuration_ = std::move(fresh);
  logging_->look_at_syslog();
  intents_.header().loaded_wall_ns = wall_now().since_epoch.count();
  timers_.clear();
  settling_ = true;
  const MonotonicTime now = monotonic_now();
  record(core::Reloaded{configuration_.graph}, now);
  engine_->handle(core::Reloaded{configuration_.graph}, now, *this);
  record_actions(now);
  renumber(*old);
  limit_slices();
  drop_unit_pipes(channel_, facts_, [this](std::uint64_t tag) {
    const auto unit = configuration_.graph->find_tag(tag);
    if (is_aside(tag)) return true;
    return unit && configuration_.readers.contains(configuration_.graph->name(*unit));
  });
  commit();
  carry_out_all();
  settling_ = false;
  settle();
  const auto changed = std::find(reply.changed.begin(), reply.changed.end(), kBusUnit);
  const auto watcher = engine_->graph()->find(kBusUnit);
  if (changed != reply.changed.end() && watcher)  // the names that it watches are its arguments
    (void)submit({0, core::Verb::TryRestart, *watcher, 0, false}, {}, [](core::JobId) {});
  return reply;
}

bool App::is_down(core::UnitIndex unit) const {
  const auto view = engine_->view(unit);
  const bool down = view.state == core::PublicState::Inactive || view.state == core::PublicState::Failed;
  return down && !view.leftover;
}

bool App::covers(const Configuration& fresh) const {
  const auto& generation = configuration_.generation;
  for (core::UnitIndex unit = 0; unit < generation.size(); ++unit) {
    if (!is_down(unit) && !fresh.whole.find(generation.id(unit))) return false;
  }
  return true;
}

// A unit whose file is gone but that is not down keeps its definition, so that it can be stopped as it says;
// the next reload takes it away.
void App::keep_running_units(Reading& reading) const {
  const auto& generation = configuration_.generation;
  const auto by_id = [](const unit::Unit& unit, std::string_view id) { return unit.id < id; };
  for (core::UnitIndex unit = 0; unit < generation.size(); ++unit) {
    const auto at = std::lower_bound(reading.units.begin(), reading.units.end(), generation.id(unit), by_id);
    if ((at != reading.units.end() && at->id == generation.id(unit)) || is_down(unit)) continue;
    auto definition = configuration_.unit(unit);
    if (!definition) continue;
    if (!definition->files.empty()) {  // it had one
      unit::Diagnostic note;
      note.severity = unit::Severity::Warning;
      note.path = definition->files.front();
      note.message =
          definition->id + " has no file any more and is not down: its definition stays until it is";
      reading.diagnostics.push_back(std::move(note));
    }
    reading.units.insert(at, std::move(*definition));
  }
}

void App::renumber(const core::Graph& old) {
  const auto& graph = *engine_->graph();
  std::vector<core::UnitIndex> new_index(old.size(), core::kNoUnit);
  std::vector<UnitState> states(graph.size());
  for (core::UnitIndex unit = 0; unit < old.size(); ++unit) {
    if (const auto found = graph.find_tag(old.tag(unit))) {
      new_index[unit] = *found;
      states[*found] = std::move(units_[unit]);
    } else {
      intents_.release(units_[unit].place);
    }
  }
  units_ = std::move(states);
  slots_.renumber(new_index);
  renumber_launches(new_index);
}

}  // namespace init::manager
