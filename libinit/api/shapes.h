// The fields of each struct, once: the JSON writer, the JSON reader and the interface description all walk
// these. visit("name", member) is a field that is always there, visit.maybe("name", member) one that is left
// out when it holds the default of its type.
#pragma once
#include <concepts>
#include <string_view>
#include <type_traits>

#include "libinit/api/types.h"

namespace init::api {

template <class T, class Struct>
concept Is = std::same_as<std::remove_const_t<T>, Struct>;

void describe(auto& visit, Is<JobRequest> auto& it) {
  visit("unit", it.unit);
  visit.maybe("no_block", it.no_block);
  visit.maybe("timeout_ms", it.timeout_ms);
}
void describe(auto& visit, Is<ResetFailedRequest> auto& it) {
  visit.maybe("unit", it.unit);
}
void describe(auto& visit, Is<TriggerRequest> auto& it) {
  visit("unit", it.unit);
}
void describe(auto& visit, Is<KillRequest> auto& it) {
  visit("unit", it.unit);
  visit("signal", it.signal);
  visit("whom", it.whom);
}
void describe(auto&, Is<DaemonReloadRequest> auto&) {}
void describe(auto& visit, Is<RenewRequest> auto& it) {
  visit.maybe("from_disk", it.from_disk);
}
void describe(auto& visit, Is<PlanRequest> auto& it) {
  visit("verb", it.verb);
  visit("units", it.units);
}
void describe(auto& visit, Is<WhyRequest> auto& it) {
  visit("unit", it.unit);
}
void describe(auto& visit, Is<StatusRequest> auto& it) {
  visit("unit", it.unit);
}
void describe(auto&, Is<SystemRequest> auto&) {}
void describe(auto& visit, Is<ListRequest> auto& it) {
  visit.maybe("pattern", it.pattern);
  visit.maybe("kind", it.kind);
  visit.maybe("state", it.state);
}
void describe(auto& visit, Is<CatRequest> auto& it) {
  visit("unit", it.unit);
}
void describe(auto& visit, Is<HistoryRequest> auto& it) {
  visit.maybe("unit", it.unit);
  visit.maybe("raw", it.raw);
}
void describe(auto& visit, Is<HistoryEntry> auto& it) {
  visit("at_us", it.at_us);
  visit.maybe("unit", it.unit);
  visit("text", it.text);
}
void describe(auto& visit, Is<HistoryReply> auto& it) {
  visit("version", it.version);
  visit("entries", it.entries);
  visit.maybe("raw_entries", it.raw_entries);
  visit.maybe("raw_beginning", it.raw_beginning);
  visit.maybe("raw_generation", it.raw_generation);
}
void describe(auto& visit, Is<PowerRequest> auto& it) {
  visit("kind", it.kind);
  visit.maybe("exit_code", it.exit_code);
}

void describe(auto& visit, Is<Process> auto& it) {
  visit("pid", it.pid);
  visit("ppid", it.ppid);
  visit("name", it.name);
  visit.maybe("command", it.command);
  visit.maybe("start_ticks", it.start_ticks);
}
void describe(auto& visit, Is<ExitInfo> auto& it) {
  visit("kind", it.kind);
  visit("code", it.code);
  visit("text", it.text);
}
void describe(auto& visit, Is<StartError> auto& it) {
  visit("step", it.step);
  visit("error_number", it.error_number);
  visit("text", it.text);
}
void describe(auto& visit, Is<Blocker> auto& it) {
  visit("unit", it.unit);
  visit("relation", it.relation);
  visit.maybe("where", it.where);
}
void describe(auto& visit, Is<Usage> auto& it) {
  visit.maybe("memory", it.memory);
  visit.maybe("memory_peak", it.memory_peak);
  visit.maybe("memory_limit", it.memory_limit);
  visit.maybe("swap", it.swap);
  visit.maybe("tasks", it.tasks);
  visit.maybe("tasks_limit", it.tasks_limit);
  visit.maybe("cpu_us", it.cpu_us);
  visit.maybe("io_read", it.io_read);
  visit.maybe("io_written", it.io_written);
  visit.maybe("oom_kills", it.oom_kills);
}
void describe(auto& visit, Is<LastRun> auto& it) {
  visit("cpu_us", it.cpu_us);
  visit("memory_peak", it.memory_peak);
}
void describe(auto& visit, Is<Status> auto& it) {
  visit("id", it.id);
  visit.maybe("description", it.description);
  visit("kind", it.kind);
  visit("state", it.state);
  visit("substate", it.substate);
  visit("since_us", it.since_us);
  visit.maybe("active_for_us", it.active_for_us);
  visit("wanted", it.wanted);
  visit.maybe("waiting_for", it.waiting_for);
  visit.maybe("main_pid", it.main_pid);
  visit.maybe("status_text", it.status_text);
  visit("processes", it.processes);
  visit.maybe("slice", it.slice);
  visit.maybe("usage", it.usage);
  visit.maybe("exit", it.exit);
  visit.maybe("last_run", it.last_run);
  visit.maybe("error", it.error);
  visit("restarts", it.restarts);
  visit.maybe("next_try_in_us", it.next_try_in_us);
  visit.maybe("blocked_by", it.blocked_by);
  visit.maybe("result", it.result);
  visit("files", it.files);
  visit("changed_on_disk", it.changed_on_disk);
  visit.maybe("log_path", it.log_path);
  visit.maybe("log_tail", it.log_tail);
  visit.maybe("problems", it.problems);
}
void describe(auto& visit, Is<JobReply> auto& it) {
  visit("unit", it.unit);
  visit("outcome", it.outcome);
  visit.maybe("progress", it.progress);
  visit.maybe("cause", it.cause);
  visit.maybe("message", it.message);
  visit.maybe("hint", it.hint);
  visit.maybe("status", it.status);
}
void describe(auto& visit, Is<Diagnostic> auto& it) {
  visit("severity", it.severity);
  visit("where", it.where);
  visit("text", it.text);
}
void describe(auto& visit, Is<DaemonReloadReply> auto& it) {
  visit("loaded", it.loaded);
  visit("changed", it.changed);
  visit("removed", it.removed);
  visit("diagnostics", it.diagnostics);
}
void describe(auto& visit, Is<PlanStep> auto& it) {
  visit("verb", it.verb);
  visit("unit", it.unit);
  visit.maybe("cause", it.cause);
  visit.maybe("relation", it.relation);
  visit.maybe("where", it.where);
}
void describe(auto& visit, Is<PlanReply> auto& it) {
  visit("steps", it.steps);
  visit.maybe("notes", it.notes);
}
void describe(auto& visit, Is<WhyLink> auto& it) {
  visit("unit", it.unit);
  visit("state", it.state);
  visit("text", it.text);
  visit.maybe("relation", it.relation);
  visit.maybe("where", it.where);
}
void describe(auto& visit, Is<WhyReply> auto& it) {
  visit("chain", it.chain);
  visit.maybe("next", it.next);
}
void describe(auto& visit, Is<Note> auto& it) {
  visit("unit", it.unit);
  visit("text", it.text);
}
void describe(auto& visit, Is<Counts> auto& it) {
  visit("total", it.total);
  visit("active", it.active);
  visit("inactive", it.inactive);
  visit("activating", it.activating);
  visit("deactivating", it.deactivating);
  visit("failed", it.failed);
}
void describe(auto& visit, Is<SystemReply> auto& it) {
  visit("host", it.host);
  visit("version", it.version);
  visit("environment", it.environment);
  visit("state", it.state);
  visit("since_us", it.since_us);
  visit("up_for_us", it.up_for_us);
  visit.maybe("boot_us", it.boot_us);
  visit("units", it.units);
  visit("failed", it.failed);
  visit("blocked", it.blocked);
  visit("jobs", it.jobs);
  visit("manager_restarts", it.manager_restarts);
  visit("epoch", it.epoch);
  visit.maybe("log_directory", it.log_directory);
  visit.maybe("problems", it.problems);
}
void describe(auto& visit, Is<ListRow> auto& it) {
  visit("id", it.id);
  visit("state", it.state);
  visit("substate", it.substate);
  visit("wanted", it.wanted);
  visit.maybe("blocked_by", it.blocked_by);
  visit.maybe("main_pid", it.main_pid);
  visit("since_us", it.since_us);
  visit.maybe("description", it.description);
}
void describe(auto& visit, Is<ListReply> auto& it) {
  visit("units", it.units);
}
void describe(auto& visit, Is<File> auto& it) {
  visit("path", it.path);
  visit("text", it.text);
}
void describe(auto& visit, Is<CatReply> auto& it) {
  visit("files", it.files);
}
void describe(auto&, Is<EmptyReply> auto&) {}

// Names of the structs that others are made of, for the interface description.
template <class Struct>
inline constexpr std::string_view kShapeName = {};
template <>
inline constexpr std::string_view kShapeName<Process> = "Process";
template <>
inline constexpr std::string_view kShapeName<ExitInfo> = "ExitInfo";
template <>
inline constexpr std::string_view kShapeName<StartError> = "StartError";
template <>
inline constexpr std::string_view kShapeName<Blocker> = "Blocker";
template <>
inline constexpr std::string_view kShapeName<Usage> = "Usage";
template <>
inline constexpr std::string_view kShapeName<LastRun> = "LastRun";
template <>
inline constexpr std::string_view kShapeName<Status> = "UnitStatus";
template <>
inline constexpr std::string_view kShapeName<Diagnostic> = "Diagnostic";
template <>
inline constexpr std::string_view kShapeName<PlanStep> = "PlanStep";
template <>
inline constexpr std::string_view kShapeName<WhyLink> = "WhyLink";
template <>
inline constexpr std::string_view kShapeName<Note> = "Note";
template <>
inline constexpr std::string_view kShapeName<Counts> = "Counts";
template <>
inline constexpr std::string_view kShapeName<ListRow> = "ListRow";
template <>
inline constexpr std::string_view kShapeName<File> = "File";

}  // namespace init::api
