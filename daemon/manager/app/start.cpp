// How the manager starts: the same way for the first time and after a crash. What PID 1's store holds is
// taken up, what it does not hold is made.
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <unordered_map>

#include "daemon/manager/app/app.h"
#include "daemon/manager/os/credentials.h"
#include "daemon/manager/os/file.h"
#include "daemon/manager/os/log.h"
#include "daemon/manager/os/syslog_socket.h"
#include "libinit/base/checksum.h"
#include "libinit/base/own_code.h"
#include "libinit/log/line.h"
#include "libinit/unit/names.h"

namespace init::manager {
namespace {

// Then the manager ends, and the next one tries with all units.
constexpr Duration kSafeModeLength = std::chrono::minutes(10);

void report(const std::vector<unit::Diagnostic>& diagnostics) {
  for (const auto& diagnostic : diagnostics) {
    const std::string text = unit::render(diagnostic, false);
    diagnostic.severity == unit::Severity::Error ? log_error(text) : log_warning(text);
  }
}

std::string boot_id() {
  auto text = read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64);
  return text ? *text : std::string();
}

core::ProcessFact::State fact_state(channel::SlotState state) {
  switch (state) {
    case channel::SlotState::Running:
      return core::ProcessFact::State::Running;
    case channel::SlotState::Exited:
      return core::ProcessFact::State::Exited;
    case channel::SlotState::Failed:
      return core::ProcessFact::State::Failed;
    default:
      return core::ProcessFact::State::Spawning;
  }
}

Result<Intents> take_up_intents(ChannelClient& channel) {
  auto stored = channel.fetch(channel::kStoreIntents, 0);
  if (!stored) return Failure(stored.error());
  if (stored->valid()) {
    const int before = stored->get();
    auto opened = Intents::open(std::move(*stored));
    if (opened && opened->fd() == before) return opened;
    if (opened) {  // made anew, of an earlier program's
      if (auto kept = channel.store(channel::kStoreIntents, 0, opened->fd()); !kept)
        return Failure(kept.error());
      return opened;
    }
    // What cannot be had now may be had by the next manager; what is no intents will never be.
    if (opened.error().code != EBADMSG) return opened;
    log_error("intents are not readable, starting from the facts alone: " + opened.error().text());
  }
  auto made = Intents::create();
  if (!made) return made;
  if (auto kept = channel.store(channel::kStoreIntents, 0, made->fd()); !kept) return Failure(kept.error());
  return made;
}

// What this manager sees to, after how the ones before have ended.
Restriction restriction_of(const Blame& blame, const channel::FactsHeader& facts) {
  Restriction restriction;
  restriction.essential_only = facts.manager_deaths >= channel::kDeathsToSafeMode;
  for (const InHand& work : blame.refused()) {
    if (work.kind == Work::Unit) restriction.refused.insert(work.what);
  }
  return restriction;
}

void make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    log_warning(Error{errno, "mkdir", path, {}, {}}.text());
  }
}

}  // namespace

Result<Configuration> App::first_configuration(const Options& options, ChannelClient& channel,
                                               const Restriction& restriction) {
  auto stored = channel.fetch(channel::kStoreGeneration, 0);
  if (!stored) return Failure(stored.error());
  if (stored->valid()) return Configuration::open(std::move(*stored), restriction);
  const auto last_good = saved_generation(options);
  const Reading reading = read_units(options, last_good ? &*last_good : nullptr);
  report(reading.diagnostics);
  auto compiled = unit::compile_generation(reading.units, reading.system);
  if (!compiled) return Failure(compiled.error());
  if (auto kept = channel.store(channel::kStoreGeneration, 0, compiled->get()); !kept)
    return Failure(kept.error());
  auto opened = Configuration::open(std::move(*compiled), restriction);
  if (opened) opened->is_new = true;
  return opened;
}

Result<std::unique_ptr<App>> App::create(Options options) {
  ChannelClient channel{UniqueFd(channel::kChannelFd)};
  auto epoch = channel.await_resumed();
  if (!epoch) return Failure(epoch.error());
  make_directory(options.runtime);
  auto intents = take_up_intents(channel);
  if (!intents) return Failure(intents.error());
  channel::FactsReader facts;
  if (const int error = facts.open(channel::kFactsFd)) return failure(error, "map the facts");
  Blame blame(intents->header());
  blame.judge(facts.header());
  Restriction restriction = restriction_of(blame, facts.header());
  auto configuration = first_configuration(options, channel, restriction);
  if (!configuration) return Failure(configuration.error());
  if (options.log_directory.empty()) options.log_directory = configuration->system.log_directory;
  make_directory(options.log_directory);
  std::unique_ptr<App> app(
      new App(std::move(options), std::move(channel), std::move(*intents), std::move(*configuration)));
  if (const int error = app->facts_.open(channel::kFactsFd)) return failure(error, "map the facts");
  app->restriction_ = std::move(restriction);
  if (app->restriction_.essential_only) {
    app->safe_until_ = monotonic_now() + kSafeModeLength;
    log_error("safe mode: after so many crashes only essential units are seen to");
  }
  app->know_boot();
  if (auto opened = app->open_sources(); !opened) return Failure(opened.error());
  const auto is_aside = [&app = *app](std::uint64_t tag) { return app.is_aside(tag); };
  if (auto taken = app->voices_->take_up(app->facts_, is_aside); !taken) return Failure(taken.error());
  app->open_recorder();
  if (app->configuration_.is_new) app->keep_first();
  app->recover();
  app->boot();
  return app;
}

App::App(Options options, ChannelClient channel, Intents intents, Configuration configuration)
    : options_(std::move(options)),
      channel_(std::move(channel)),
      intents_(std::move(intents)),
      configuration_(std::move(configuration)),
      processes_(UnitProcesses::without_cgroups("not looked for yet")),
      runtime_directories_(options_.runtime + "/directories"),
      boot_id_(boot_id()) {}

// Of a machine it is the kernel's; another initd on it, a container's, begins with itself.
void App::know_boot() {
  std::erase_if(boot_id_, [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) == 0; });
  if (facts_.header().environment == channel::Environment::Machine && boot_id_.size() == log::kIdBytes)
    return;
  boot_id_ = hash_id(boot_id_ + "/" + std::to_string(facts_.header().started_ns));
}

Result<> App::open_sources() {
  processes_ = UnitProcesses::create(facts_.header().environment, getppid());
  if (!processes_.has_cgroups() && facts_.header().epoch == 1) {
    log_warning("no cgroups, units are followed by session and process group: " +
                processes_.why_no_cgroups());
  }
  if (const int error = loop_.open()) return failure(error, "epoll_create");
  const auto add = [this](int fd, Source source) {
    return loop_.add(fd, EPOLLIN, {static_cast<std::uint32_t>(source), 0});
  };
  if (const int error = add(channel::kDoorbellFd, Source::Doorbell))
    return failure(error, "watch the doorbell");
  if (const int error = add(channel_.fd(), Source::Channel)) return failure(error, "watch the channel");
  if (const int error = add(processes_.fd(), Source::Groups)) return failure(error, "watch the cgroups");
  const auto kind = [](Source source) { return static_cast<std::uint32_t>(source); };
  voices_ = std::make_unique<Voices>(
      channel_, loop_, options_.runtime + "/n",
      Voices::Kinds{kind(Source::Notify), kind(Source::ReadyFd), kind(Source::Hangup)});
  auto helpers = Helpers::create();
  if (!helpers) return Failure(helpers.error());
  helpers_.emplace(std::move(*helpers));
  (void)::signal(SIGCHLD, SIG_IGN);  // the kernel reaps them
  if (const int error = add(helpers_->fd(), Source::Helpers)) return failure(error, "watch the helpers");
  keep_rescue_socket();
  auto stored = channel_.fetch(channel::kStoreControlListener, 0);
  if (!stored) return Failure(stored.error());
  if (stored->valid()) return open_control(std::move(*stored));
  auto listener = control::create_listener(options_.runtime + "/control");
  auto opened = listener ? open_control(std::move(*listener)) : Result<>(Failure(listener.error()));
  if (opened) return opened;
  // A machine whose run-time directory cannot be written still boots: control is off, and that is said once.
  log_error("initctl will not work: " + opened.error().text());
  return open_control(UniqueFd());
}

// For PID 1, when no manager can run any more.
void App::keep_rescue_socket() {
  auto stored = channel_.fetch(channel::kStoreRescue, 0);
  if (!stored || stored->valid()) return;
  const std::string path = options_.runtime + "/pid1";
  auto listener = control::create_listener(path);
  if (listener && chmod(path.c_str(), 0600) == 0)
    (void)channel_.store(channel::kStoreRescue, 0, listener->get());
  if (!listener) log_warning("initctl rescue will not work: " + listener.error().text());
}

Result<> App::open_control(UniqueFd listener) {
  if (listener.valid()) {
    if (auto kept = channel_.store(channel::kStoreControlListener, 0, listener.get()); !kept) return kept;
  }
  control::ServerOptions options;
  options.token_kind = static_cast<std::uint32_t>(Source::Control);
  options.owner = geteuid();
  options.is_operator = [this](const control::Peer& peer, std::string_view unit) {
    return is_operator(peer, unit);
  };
  if (server_) {
    return server_->replace_listener(std::move(listener));
  }
  auto server = control::Server::create(loop_, std::move(listener), std::move(options));
  if (!server) return Failure(server.error());
  server_ = std::move(*server);
  requests_ = std::make_unique<Requests>(*this, *server_);
  return {};
}

void App::keep_note(core::UnitIndex unit) {
  const UnitState& state = units_[unit];
  UnitNote note;
  note.activation = state.activation;
  note.ready = state.ready;
  note.oom_kills = state.oom_kills;
  note.out_of_memory = state.out_of_memory ? 1 : 0;
  if (state.last_run) {
    note.has_last_run = 1;
    note.cpu_us = state.last_run->cpu_us;
    note.memory_peak = state.last_run->memory_peak;
  }
  static_assert(notify::kMaxStatus <= kNoteStatusBytes);
  if (const Voice* voice = voices_->find(engine_->graph()->tag(unit)))
    note.status_size = static_cast<std::uint32_t>(voice->status.copy(note.status.data(), note.status.size()));
  intents_.keep_note(state.place, note);
}

void App::read_note(core::UnitIndex unit) {
  UnitState& state = units_[unit];
  const auto note = intents_.note(state.place);
  if (!note) return;
  state.activation = note->activation;
  state.ready = note->ready;
  state.oom_kills = note->oom_kills;
  state.out_of_memory = note->out_of_memory != 0;
  if (note->has_last_run != 0) state.last_run = api::LastRun{note->cpu_us, note->memory_peak};
}

// Takes up every process that PID 1 holds, and tells of each. What changes while it looks is told by the
// doorbell, later.
App::Adopted App::adopt_processes() {
  Adopted adopted;
  change_cursor_ = facts_.change_head();
  std::vector<std::pair<core::Attempt, pid_t>> newest(units_.size());
  for (std::uint32_t slot = 0; slot < facts_.header().slots_used; ++slot) {
    channel::Slot seen;
    if (!facts_.read_slot(slot, seen) || seen.state == channel::SlotState::Free) continue;
    if (seen.role == kErrandRole) {
      errands_.adopt(slot, seen);
      continue;
    }
    const auto unit = configuration_.graph->find_tag(seen.tag);
    const auto role = static_cast<core::Role>(seen.role);
    if (is_aside(seen.tag)) {  // its ends wait in the facts for a manager that sees to it
      slots_.adopt(slot, {core::kNoUnit, seen.attempt, role, true, true});
      continue;
    }
    slots_.adopt(slot, {unit.value_or(core::kNoUnit), seen.attempt, role, seen.pid > 0,
                        seen.state != channel::SlotState::Spawning});
    const bool ended = seen.state == channel::SlotState::Exited || seen.state == channel::SlotState::Failed;
    if (seen.tag == Logging::kSlotTag && !ended) adopted.logger = slot;
    // What it said comes before its end: the engine takes it to be alive until that was heard.
    const bool unheard = seen.state == channel::SlotState::Exited && unit && core::is_main(role) &&
                         voices_->find(seen.tag) != nullptr;
    if (unheard) adopted.unheard.push_back(slot);
    if (ended && !unheard) adopted.ended.push_back({slot, seen.attempt});
    if (!unit) continue;
    // What has ended may still stand beside its successor.
    auto& [attempt, leader] = newest[*unit];
    if (core::is_main(role) && seen.attempt >= attempt) newest[*unit] = {seen.attempt, seen.pid};
    core::ProcessFact fact;
    fact.tag = seen.tag;
    fact.attempt = seen.attempt;
    fact.state = unheard ? fact_state(channel::SlotState::Running) : fact_state(seen.state);
    fact.pid = seen.pid;
    fact.failure = core::SpawnError::Setup;
    fact.step = static_cast<std::uint16_t>(seen.failed_step);
    fact.error = seen.failed_errno;
    fact.exit = {static_cast<core::Exit::Kind>(seen.exit_kind), seen.exit_value};
    const UnitProcess of{std::string(configuration_.graph->name(*unit)), leader};
    fact.group_empty = ended && !unheard && !processes_.watch(of);
    adopted.facts.push_back(fact);
  }
  return adopted;
}

void App::make_logging() {
  const auto environment = facts_.header().environment;
  const bool has_dev = environment == channel::Environment::Machine ||
                       (environment == channel::Environment::Container && !shares_dev());
  logging_ = std::make_unique<Logging>(Logging::Surroundings{
      channel_,
      facts_,
      slots_,
      loop_,
      {static_cast<std::uint32_t>(Source::Logger), 0},
      options_,
      boot_id_,
      processes_,
      [this, has_dev] {
        const bool wanted = has_dev && configuration_.system.dev_log;
        return wanted ? std::optional(forward_of(unit::Output{})) : std::nullopt;
      },
      [this](std::uint64_t tag, std::uint32_t activation) { return log_owner_of(tag, activation); }});
}

// The newest activation of each unit is known by its pipes, what PID 1 keeps by its slot.
void App::recall_activations() {
  for (std::uint32_t i = 0; i < facts_.header().store_used; ++i) {
    const auto& entry = facts_.store_entry(i);
    if (entry.kind == channel::kStoreKept) {
      const SlotUse* use = slots_.find(static_cast<std::uint32_t>(entry.tag));
      if (use != nullptr && use->unit != core::kNoUnit) units_[use->unit].kept = true;
      continue;
    }
    const auto unit = configuration_.graph->find_tag(entry.tag);
    if (entry.kind < channel::kStoreLogPipe || !unit) continue;
    units_[*unit].activation = std::max(units_[*unit].activation, entry.kind & (channel::kStoreLogPipe - 1));
  }
}

void App::recover() {
  units_.resize(configuration_.graph->size());
  std::vector<core::UnitRecord> records;
  for (const auto& placed : intents_.records()) {
    const auto unit = configuration_.graph->find_tag(placed.record.tag);
    if (!unit) {
      if (!is_aside(placed.record.tag)) intents_.release(placed.place);
      continue;
    }
    units_[*unit].place = placed.place;
    read_note(*unit);
    records.push_back(placed.record);
  }
  std::vector<core::JobRecord> jobs;
  std::vector<JournalEntry> accepted;
  for (JournalEntry& entry : intents_.unfinished()) {
    const auto verb = static_cast<core::Verb>(entry.job.verb);
    if (is_aside(entry.job.unit) || blame_.refuses(in_hand_job(verb, entry.job.unit))) {
      entry.state = JournalState::Done;
      entry.job.outcome = core::JobOutcome::Refused;
      intents_.change(entry);
      intents_.commit();
      continue;
    }
    if (entry.state == JournalState::Pending) jobs.push_back(entry.job);
    if (entry.state == JournalState::Accepted) accepted.push_back(entry);
  }
  const auto adopted = adopt_processes();
  recall_activations();
  settling_ = true;
  make_logging();
  const core::Engine::Saved saved{records, jobs, adopted.facts, fnv1a64(boot_id_)};
  const MonotonicTime now = monotonic_now();
  keep_beginning(saved, now);
  engine_ = std::make_unique<core::Engine>(core::Engine::restore(configuration_.graph, saved, now, *this));
  record_actions(now);
  logging_->start(adopted.logger);
  commit();
  carry_out_all();
  settling_ = false;
  // The engine has heard of these ends now, and of no others.
  for (const auto& [slot, attempt] : adopted.ended) {
    record_login_end(slot);
    free_slot(slot, attempt);
  }
  know_voices();
  for (const std::uint32_t slot : adopted.unheard) on_slot(slot);
  settle();
  look_for_empty_groups();
  watch_memories();
  remove_forgotten_directories();
  ask_again(accepted);
  if (intents_.header().shutdown != 0) stop_deadline_ = {Duration(intents_.header().stop_deadline_ns)};
  on_signals();
  complete_renewal();
}

// A group may have become empty while no manager was there to be told.
void App::look_for_empty_groups() {
  for (core::UnitIndex unit = 0; unit < engine_->graph()->size(); ++unit) {
    const auto& record = engine_->record(unit);
    if ((record.flags & core::kGroup) == 0 || record.main_attempt != 0) continue;
    if (!processes_.watch(processes_of(unit))) feed(core::GroupEmpty{unit});
  }
}

void App::watch_memories() {
  for (core::UnitIndex unit = 0; processes_.has_cgroups() && unit < engine_->graph()->size(); ++unit) {
    if (!engine_->graph()->policy(unit).stop_when_starved || engine_->record(unit).main_attempt == 0)
      continue;
    processes_.watch_memory(std::string(engine_->graph()->name(unit)));
    look_at_memory(unit);
  }
}

// A manager may have died between the records of a stop and its actions; or the unit is no longer known.
void App::remove_forgotten_directories() {
  auto names = runtime_directories_.units();
  for (auto& name : units_with_credentials(credentials_place(options_))) names.push_back(std::move(name));
  for (const std::string& name : names) {
    if (is_aside(fnv1a64(name))) continue;
    const auto unit = engine_->graph()->find(name);
    const auto state = unit ? engine_->view(*unit).state : core::PublicState::Inactive;
    const bool again = unit && engine_->view(*unit).next_try != MonotonicTime::never();
    if (again || (state != core::PublicState::Inactive && state != core::PublicState::Failed)) continue;
    remove_runtime_directories(name, unit ? processes_of(*unit) : UnitProcess{name, 0});
  }
}

// Requests that were written down when the manager died, and of which the engine may not have heard.
void App::ask_again(const std::vector<JournalEntry>& accepted) {
  for (const auto& entry : accepted) {
    if (entry.job.verb == core::JobVerb::Shutdown) {
      feed(core::ShutdownRequested{entry.job.power, entry.job.job, entry.job.uid});
    } else if (const auto unit = engine_->graph()->find_tag(entry.job.unit)) {
      const bool boot = entry.job.job == intents_.header().boot_job;
      feed(core::Requested{entry.job.job, static_cast<core::Verb>(entry.job.verb), *unit, entry.job.uid,
                           boot});
    }
  }
}

// The command line of initd first, then the kernel's (initd.target=, bootparam(7)), then initd.toml.
std::string App::boot_target() const {
  if (!options_.target.empty()) return options_.target;
  constexpr std::string_view kWord = " initd.target=";
  if (facts_.header().environment == channel::Environment::Machine) {
    const auto text = " " + read_file(AT_FDCWD, "/proc/cmdline").value_or("");
    const std::size_t at = text.find(kWord);
    const std::size_t begin = at + kWord.size();
    if (at != std::string::npos)
      return unit::canonical_name(text.substr(begin, text.find_first_of(" \n", begin) - begin));
  }
  return configuration_.system.default_target;
}

void App::tell_ready() {
  (void)channel_.ready();
  malloc_trim(0);
  release_own_code();
}

// Those that were never started: the crashes may have begun with the boot.
void App::start_essential() {
  for (core::UnitIndex unit = 0; unit < configuration_.generation.size(); ++unit) {
    const auto definition = configuration_.unit(unit);
    if (definition && definition->essential && units_[unit].place == Intents::kNoPlace)
      (void)submit({0, core::Verb::Start, unit, 0, true}, {}, [](core::JobId) {});
  }
}

void App::boot() {
  auto& header = intents_.header();
  if (header.boot_done != 0) tell_ready();  // the first time it waits for the boot target
  if (restriction_.essential_only && header.shutdown == 0) return start_essential();
  if (header.booted != 0 || header.shutdown != 0) return;
  const std::string target = boot_target();
  header.loaded_wall_ns = wall_now().since_epoch.count();
  const auto unit = engine_->graph()->find(target);
  if (!unit) {
    log_error("there is no unit " + target + " to boot to: initctl start UNIT starts what you need");
    header.boot_done = 1;
    tell_ready();
  } else if (header.boot_job == 0) {
    (void)submit({0, core::Verb::Start, *unit, 0, true}, {},
                 [&header](core::JobId job) { header.boot_job = job; });
  }
  header.booted = 1;
}

}  // namespace init::manager
