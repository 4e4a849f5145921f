// The manager: events in, engine, actions out. Crash-only: being started anew is its only way to start, with
// an empty store (the first time) or a full one.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/channel/facts_reader.h"
#include "daemon/manager/app/blame.h"
#include "daemon/manager/app/configuration.h"
#include "daemon/manager/app/errands.h"
#include "daemon/manager/app/hook.h"
#include "daemon/manager/app/launcher.h"
#include "daemon/manager/app/logging.h"
#include "daemon/manager/app/options.h"
#include "daemon/manager/app/probes.h"
#include "daemon/manager/app/requests.h"
#include "daemon/manager/app/slots.h"
#include "daemon/manager/app/voices.h"
#include "daemon/manager/control/server.h"
#include "daemon/manager/os/channel_client.h"
#include "daemon/manager/os/helpers.h"
#include "daemon/manager/os/intents.h"
#include "daemon/manager/os/recorder.h"
#include "daemon/manager/os/runtime_directories.h"
#include "daemon/manager/os/timers.h"
#include "daemon/manager/os/unit_processes.h"
#include "libinit/core/engine.h"
#include "libinit/process/poller.h"

namespace init::manager {

// In the order in which they are handled within one turn: facts before requests.
enum class Source : std::uint32_t {
  Doorbell,
  Channel,
  Groups,
  Logger,
  Notify,
  ReadyFd,
  Hangup,
  Helpers,
  Probes,
  Control
};

class App final : private core::ActionSink, public RequestTarget {
 public:
  // options must be final; the three inherited descriptors (channel/messages.h) must be open.
  static Result<std::unique_ptr<App>> create(Options options);
  ~App() override;

  // Until PID 1 lets go of this manager. The exit code.
  int run();

  // What requests may ask for (requests.h).
  core::JobId submit(core::Requested request, std::string_view request_id, const Begun& begun) override;
  void submit_shutdown(const Shutdown& shutdown, std::string_view request_id) override;
  void remember(std::string_view request_id) override;
  void reload(Reloaded done) override;
  void show(const control::CallId& call, api::Method method, api::Reply reply) override;
  bool signal(core::UnitIndex unit, int signal, bool all) override;
  Result<> renew(bool from_disk, std::string_view request_id, Refusal refused) override;
  [[nodiscard]] bool is_renewed() override;
  [[nodiscard]] bool flush_log(core::UnitIndex unit) override;
  bool told_ready(core::UnitIndex unit, unit::ProbeKind by) override;
  [[nodiscard]] const JournalEntry* find_request(std::string_view request_id) const override;
  [[nodiscard]] const core::Engine& engine() const override { return *engine_; }
  [[nodiscard]] ViewContext view_context() override;
  [[nodiscard]] api::HistoryReply history(std::string_view unit, bool raw) override;

 private:
  App(Options options, ChannelClient channel, Intents intents, Configuration configuration);

  // Start (start.cpp).
  static Result<Configuration> first_configuration(const Options& options, ChannelClient& channel,
                                                   const Restriction& restriction);
  Result<> open_sources();
  Result<> open_control(UniqueFd listener);
  void keep_rescue_socket();
  void recover();
  void look_for_empty_groups();
  void watch_memories();
  void keep_note(core::UnitIndex unit);
  void read_note(core::UnitIndex unit);
  struct Adopted {
    std::vector<core::ProcessFact> facts;
    std::optional<std::uint32_t> logger;                         // its slot
    std::vector<std::pair<std::uint32_t, core::Attempt>> ended;  // slots, to be freed once the engine knows
    std::vector<std::uint32_t> unheard;  // slots that ended; the engine hears of it later
  };
  Adopted adopt_processes();
  void ask_again(const std::vector<JournalEntry>& accepted);
  void boot();
  void tell_ready();
  void start_essential();
  [[nodiscard]] bool is_aside(std::uint64_t tag) const { return configuration_.aside.contains(tag); }
  [[nodiscard]] std::string boot_target() const;

  // The loop (app.cpp).
  void turn();
  [[nodiscard]] MonotonicTime next_deadline() const;
  void on_logger(std::uint32_t source);
  void on_doorbell();
  [[nodiscard]] bool is_of(const SlotUse& use, const channel::Slot& facts) const;
  void on_slot(std::uint32_t slot);
  void on_failed(std::uint32_t slot, const channel::Slot& facts);
  void on_exited(std::uint32_t slot, const channel::Slot& facts);
  void note_end(const SlotUse& use, const channel::Slot& facts);
  void free_slot(std::uint32_t slot, std::uint32_t attempt);
  void on_signals();
  void on_signal(int signal);
  void reload_for_signal(std::uint32_t count);
  void on_groups();
  void look_at_memory(core::UnitIndex unit);
  void feed(core::Event event);
  void settle();
  void commit();
  void put_jobs();
  void carry_out_all();
  [[nodiscard]] InHand work_of(const core::Event& event) const;
  [[nodiscard]] InHand work_of(const api::Request& request) const;
  void answer(const control::Call& call, MonotonicTime now);

  // The flight recorder (recording.cpp).
  void open_recorder();
  void keep_beginning(const core::Engine::Saved& saved, MonotonicTime now);
  void record(const core::Event& event, MonotonicTime now);
  void record_actions(MonotonicTime now);
  void record_signal(int signal);
  void record_request(const control::Call& call);

  // What services say (heard.cpp).
  void know_voices();
  void on_notify(std::uint32_t voice);
  void on_ready_fd(std::uint32_t voice);
  void on_hangup(std::uint32_t voice_and_place);
  void hear_some(Voice& voice, int most);
  void hear_line(const Voice& voice);
  void hear_last_words(core::UnitIndex unit);
  void hear(core::UnitIndex unit, Voice& voice, Notice& notice);
  void hear_of_main_process(core::UnitIndex unit, pid_t pid);
  void hear_of_descriptors(core::UnitIndex unit, Voice& voice, Notice& notice);
  void hear_of_bus_owner(const notify::Message::BusOwner& owner);
  void ignore(Voice& voice, const Notice& notice);
  void tell(core::UnitIndex unit, core::Notified::What what, std::int64_t value = 0);
  [[nodiscard]] bool may_speak(core::UnitIndex unit, const Voice& voice, const Notice& notice) const;
  [[nodiscard]] bool is_silent(core::UnitIndex unit) const;
  [[nodiscard]] pid_t pid_of(core::UnitIndex unit, core::Attempt attempt) const;
  void look_for_main_processes();
  [[nodiscard]] bool look_for_main_process(core::UnitIndex unit, const core::WatchMain& watch);
  [[nodiscard]] bool watch_main_process(core::UnitIndex unit, core::Attempt attempt, pid_t pid);
  void main_process_is_gone(core::UnitIndex unit, core::Attempt attempt);
  void nobody_took_over(core::UnitIndex unit, core::Attempt attempt);
  [[nodiscard]] bool is_forking(core::UnitIndex unit) const;
  [[nodiscard]] bool is_another(core::UnitIndex unit, const channel::Slot& facts) const;
  void let_go_of(std::uint32_t slot);
  void pass_on_main(core::UnitIndex unit, const channel::Slot& facts);

  // On the way to a process (launching.cpp).
  void begin_launch(const core::Spawn& spawn);
  Result<> prepare_launch(const core::Spawn& spawn);
  void on_helpers();
  void cancel_launch(core::UnitIndex unit, core::Attempt attempt);
  bool take_terminal(const core::Spawn& spawn, const unit::Unit& definition);
  void release_terminal(core::UnitIndex unit, core::Attempt attempt);
  void know_terminals();
  void renumber_launches(const std::vector<core::UnitIndex>& new_index);

  // Probes (probing.cpp).
  struct Asking {
    Probes::Question question;
    MonotonicTime deadline;
  };
  void carry_out(const core::Probe& probe);
  void await_word(const core::Probe& probe, const unit::Probe& how);
  Result<> prepare_probe(const Asking& asking, const unit::Unit& unit);
  bool take_prepared_probe(const Helpers::Done& done);
  Result<> run_probe(const Asking& asking, const unit::Unit& unit, const Prepared& prepared);
  void forget_probe(core::UnitIndex unit);
  void on_answer(const Probes::Answer& answer);
  void on_errands(MonotonicTime now);

  // initd anew (renewal.cpp).
  struct Renewal {
    std::uint64_t helper = 0;  // that reads the successor
    std::string manager;       // its path
    std::string request_id;
    Refusal refused;
  };
  bool take_successor(const Helpers::Done& done);
  Result<> execute_anew(std::string_view initd);
  void complete_renewal();

  // Around runs (run.cpp).
  [[nodiscard]] bool clear_leftovers(const core::Spawn& spawn);
  void tell_hook(const core::StateChanged& change);

  // Effects (effects.cpp).
  void emit(const core::Action& action) override { actions_.push_back(action); }
  void carry_out(const core::Spawn& spawn);
  void carry_out(const core::WatchMain& watch);
  void carry_out(const core::Signal& signal);
  void carry_out(const core::KillGroup& kill);
  void carry_out(const core::ArmTimer& timer);
  void carry_out(const core::CancelTimer& timer) { timers_.cancel(timer.unit, timer.kind); }
  void carry_out(const core::StateChanged& change);
  void carry_out(const core::JobFinished& job);
  void carry_out(const core::Power& power);
  Result<> hold_runtime_directories(const unit::Unit& unit);
  void remove_runtime_directories(const std::string& unit, const UnitProcess& processes);
  void remove_forgotten_directories();
  void refuse_spawn(const core::Spawn& spawn, const Error& error);
  void let_end(core::UnitIndex unit, std::uint32_t slot);
  void signal_others(core::UnitIndex unit);
  void signal_all_others();
  Result<> launch(const core::Spawn& spawn, const unit::Unit& definition, const Prepared& prepared);
  Result<> limit_resources(const unit::Unit& unit, const Launch& launch, UnitState& state);
  Result<> limit_slice(const std::string& slice);
  void limit_slices();
  // What a process is started with, beside its plan.
  struct Equipment {
    LaunchRequest request;
    std::vector<int> fds;       // passed, by index
    UniqueFd ready;             // one of them
    std::vector<UniqueFd> own;  // some of them
    Voice* voice = nullptr;
  };
  Result<> give_voice(const core::Spawn& spawn, const unit::ServiceConfig& service, Equipment& equipment);
  static void give_back_descriptors(const Voice& voice, Equipment& equipment);
  // Entries of utmp(5) (logins.cpp).
  Result<> await_login_record(const core::Spawn& spawn, const unit::Unit& unit, Equipment& equipment);
  void record_login_end(std::uint32_t slot);
  Result<> send_spawn(const core::Spawn& spawn, const unit::Unit& unit, const Launch& launch,
                      std::span<const int> passed);
  [[nodiscard]] std::string invocation_id(core::UnitIndex unit) const;
  [[nodiscard]] std::string invocation_id(std::string_view unit, core::Attempt activation) const;
  [[nodiscard]] LogOwner log_owner(core::UnitIndex unit, core::Attempt activation) const;
  [[nodiscard]] std::uint8_t forward_of(const unit::Output& output) const;
  [[nodiscard]] LogOwner log_owner_of(std::uint64_t tag, std::uint32_t activation) const;
  [[nodiscard]] Result<> open_pipes(core::UnitIndex index, const unit::Unit& unit, Equipment& equipment);
  [[nodiscard]] Result<int> output_pipe(core::UnitIndex index, const unit::Unit& unit, std::uint32_t stream,
                                        Equipment& equipment);
  [[nodiscard]] Result<int> unit_pipe(std::string_view reader, int access, Equipment& equipment);
  // 32 hexadecimal digits that are the same for the same text.
  [[nodiscard]] static std::string hash_id(const std::string& text);
  void know_boot();
  void make_logging();
  void recall_activations();
  [[nodiscard]] UnitProcess processes_of(core::UnitIndex unit) const;
  [[nodiscard]] bool is_operator(const control::Peer& peer, std::string_view unit) const;
  // What is shown of units (showing.cpp).
  struct Showing {
    control::CallId call;
    api::Method method = api::Method::Status;
    api::Reply reply;  // without what lies on disks
    MonotonicTime until;
  };
  bool take_shown(const Helpers::Done& done);
  void show_what_is_late(MonotonicTime now);
  void show_without_disk(Showing showing);

  // Reloads (reloading.cpp).
  struct Reloading {
    std::uint64_t helper = 0;
    UniqueFd generation;  // that the helper fills
    std::vector<Reloaded> callers;
    MonotonicTime until;
    std::optional<Result<api::DaemonReloadReply>> result;  // it is in force, and being kept
  };
  void begin_reload();
  void keep_first();
  void keep_in_force(Result<api::DaemonReloadReply> result);
  void kept_in_force(const Result<>& kept);
  void end_reload(Result<api::DaemonReloadReply> result);
  void give_up_reload();
  [[nodiscard]] Result<std::string> read_again() const;
  bool take_generation(const Helpers::Done& done);
  Result<api::DaemonReloadReply> take_into_force(Configuration fresh, const api::DaemonReloadReply& read);
  [[nodiscard]] bool is_down(core::UnitIndex unit) const;
  [[nodiscard]] bool covers(const Configuration& fresh) const;
  void keep_running_units(Reading& reading) const;
  void renumber(const core::Graph& old);
  void finish(core::PowerKind kind);
  void end_with_main_units(core::UnitIndex changed);

  Options options_;
  channel::FactsReader facts_;
  std::uint64_t change_cursor_ = 0;
  ChannelClient channel_;
  Intents intents_;
  Blame blame_{intents_.header()};
  Restriction restriction_;
  Configuration configuration_;
  process::Poller loop_;
  UnitProcesses processes_;
  RuntimeDirectories runtime_directories_;
  std::unique_ptr<core::Engine> engine_;
  std::unique_ptr<Logging> logging_;
  std::unique_ptr<control::Server> server_;
  std::unique_ptr<Requests> requests_;
  Slots slots_;
  Errands errands_{channel_, slots_, processes_};
  Probes probes_{loop_, static_cast<std::uint32_t>(Source::Probes), errands_};
  Hook hook_{errands_};
  Timers timers_;
  std::optional<Helpers> helpers_;
  std::uint64_t last_helper_ = 0;
  std::map<std::uint64_t, core::Spawn> preparing_;  // by helper
  std::map<std::uint64_t, Asking> asking_;          // by helper
  std::optional<Renewal> renewal_;
  std::map<std::uint64_t, Showing> showing_;  // by helper, the oldest first
  std::optional<Reloading> reloading_;
  std::vector<Reloaded> reload_callers_;  // for whom no reading has begun
  std::uint32_t hangup_ = 0;              // the count of SIGHUP that is being acted upon
  // The main process that has a terminal, by the terminal's path; nothing: not looked for yet.
  std::optional<std::map<std::string, std::pair<core::UnitIndex, core::Attempt>>> terminals_;
  struct Queued {  // for a terminal
    core::Spawn spawn;
    MonotonicTime since;
    std::optional<core::ArmTimer> limit;  // of the start, which begins when it has the terminal
  };
  std::deque<Queued> queued_;
  std::vector<UnitState> units_;
  std::optional<Recorder> recorder_;
  UniqueFd beginning_;  // memfd, core::Beginning
  std::deque<core::Event> events_;
  std::vector<core::Action> actions_;
  std::string boot_id_;
  std::unique_ptr<Voices> voices_;
  std::map<std::uint64_t, core::WatchMain> searches_;  // by tag: main processes that are not found yet
  MonotonicTime searches_due_ = MonotonicTime::never();
  std::map<core::UnitIndex, int> others_;  // units whose leader was signalled, and what the rest is to get
  MonotonicTime others_due_ = MonotonicTime::never();
  MonotonicTime stop_deadline_ = MonotonicTime::never();
  MonotonicTime safe_until_ = MonotonicTime::never();  // never: not in safe mode
  bool settling_ = false;
  bool let_go_ = false;
};

}  // namespace init::manager
