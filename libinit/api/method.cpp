#include "libinit/api/method.h"

#include <utility>

namespace init::api {
namespace {

constexpr std::array<MethodInfo, kMethodCount> kMethods{{
    {Method::Start, "Start", Role::Operate, true, true, "Make a unit wanted and bring it up."},
    {Method::Stop, "Stop", Role::Operate, true, true,
     "Let a unit go and bring it down, with all that requires it."},
    {Method::Restart, "Restart", Role::Operate, true, true, "Stop a unit, then start it."},
    {Method::TryRestart, "TryRestart", Role::Operate, true, true, "Restart a unit if it is up."},
    {Method::Reload, "Reload", Role::Operate, true, true,
     "Have a running service read its configuration again."},
    {Method::ResetFailed, "ResetFailed", Role::Operate, true, false,
     "Forget failures and back-off of one or all units."},
    {Method::Kill, "Kill", Role::Operate, true, false,
     "Send a signal to a unit's main process or to all of it."},
    {Method::Trigger, "Trigger", Role::Operate, true, false,
     "Say that a unit is ready which waits to be told so."},
    {Method::DaemonReload, "DaemonReload", Role::Admin, true, false, "Read the unit files again."},
    {Method::Renew, "Renew", Role::Admin, true, false,
     "Run PID 1, manager and logger anew, from disk or as they are; no service notices."},
    {Method::Plan, "Plan", Role::Read, false, false,
     "Show the steps a request would take, without taking them."},
    {Method::Why, "Why", Role::Read, false, false, "Show the chain of causes of the state a unit is in."},
    {Method::Status, "Status", Role::Read, false, false, "Show one unit."},
    {Method::System, "System", Role::Read, false, false, "Show the whole system."},
    {Method::List, "List", Role::Read, false, false, "List units."},
    {Method::Cat, "Cat", Role::Operate, false, false, "Show the files a unit was loaded from."},
    {Method::History, "History", Role::Admin, false, false,
     "Show the last events, actions, signals and requests."},
    {Method::Power, "Power", Role::Admin, true, false,
     "Stop everything, then exit, power off, reboot or halt."},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kMethods.size(); ++i) {
    if (kMethods[i].method != static_cast<Method>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "rows stand in the order of the enumeration");

constexpr Method method_of_verb(Verb verb) {
  switch (verb) {
    case Verb::Start:
      return Method::Start;
    case Verb::Stop:
      return Method::Stop;
    case Verb::Restart:
      return Method::Restart;
    case Verb::TryRestart:
      return Method::TryRestart;
    case Verb::Reload:
      return Method::Reload;
  }
  return Method::Start;
}

struct MethodOf {
  Method operator()(const JobRequest& request) const { return method_of_verb(request.verb); }
  Method operator()(const ResetFailedRequest&) const { return Method::ResetFailed; }
  Method operator()(const KillRequest&) const { return Method::Kill; }
  Method operator()(const TriggerRequest&) const { return Method::Trigger; }
  Method operator()(const DaemonReloadRequest&) const { return Method::DaemonReload; }
  Method operator()(const RenewRequest&) const { return Method::Renew; }
  Method operator()(const PlanRequest&) const { return Method::Plan; }
  Method operator()(const WhyRequest&) const { return Method::Why; }
  Method operator()(const StatusRequest&) const { return Method::Status; }
  Method operator()(const SystemRequest&) const { return Method::System; }
  Method operator()(const ListRequest&) const { return Method::List; }
  Method operator()(const CatRequest&) const { return Method::Cat; }
  Method operator()(const HistoryRequest&) const { return Method::History; }
  Method operator()(const PowerRequest&) const { return Method::Power; }
};

Request blank_job(Verb verb) {
  JobRequest request;
  request.verb = verb;
  return request;
}

}  // namespace

std::span<const MethodInfo, kMethodCount> methods() {
  return kMethods;
}

const MethodInfo& info(Method method) {
  return kMethods[static_cast<std::size_t>(method)];
}

const MethodInfo* find_method(std::string_view name) {
  for (const MethodInfo& row : kMethods) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

Method method_of(const Request& request) {
  return std::visit(MethodOf{}, request);
}

Request blank_request(Method method) {
  switch (method) {
    case Method::Start:
      return blank_job(Verb::Start);
    case Method::Stop:
      return blank_job(Verb::Stop);
    case Method::Restart:
      return blank_job(Verb::Restart);
    case Method::TryRestart:
      return blank_job(Verb::TryRestart);
    case Method::Reload:
      return blank_job(Verb::Reload);
    case Method::ResetFailed:
      return ResetFailedRequest{};
    case Method::Kill:
      return KillRequest{};
    case Method::Trigger:
      return TriggerRequest{};
    case Method::DaemonReload:
      return DaemonReloadRequest{};
    case Method::Renew:
      return RenewRequest{};
    case Method::Plan:
      return PlanRequest{};
    case Method::Why:
      return WhyRequest{};
    case Method::Status:
      return StatusRequest{};
    case Method::System:
      return SystemRequest{};
    case Method::List:
      return ListRequest{};
    case Method::Cat:
      return CatRequest{};
    case Method::History:
      return HistoryRequest{};
    case Method::Power:
      return PowerRequest{};
  }
  return SystemRequest{};
}

Reply blank_reply(Method method) {
  switch (method) {
    case Method::Start:
    case Method::Stop:
    case Method::Restart:
    case Method::TryRestart:
    case Method::Reload:
      return JobReply{};
    case Method::DaemonReload:
      return DaemonReloadReply{};
    case Method::Plan:
      return PlanReply{};
    case Method::Why:
      return WhyReply{};
    case Method::Status:
      return Status{};
    case Method::System:
      return SystemReply{};
    case Method::List:
      return ListReply{};
    case Method::Cat:
      return CatReply{};
    case Method::History:
      return HistoryReply{};
    case Method::ResetFailed:
    case Method::Kill:
    case Method::Trigger:
    case Method::Renew:
    case Method::Power:
      return EmptyReply{};
  }
  return EmptyReply{};
}

std::string_view unit_of(const Request& request) {
  return std::visit(
      [](const auto& typed) -> std::string_view {
        if constexpr (requires { typed.unit; }) return typed.unit;
        return {};
      },
      request);
}

}  // namespace init::api
