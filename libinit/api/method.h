// The one table of methods of org.initd.Manager. Who may call what, what `help` says and what introspection
// describes all come from here.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "libinit/api/types.h"

namespace init::api {

inline constexpr std::string_view kInterface = "org.initd.Manager";

enum class Method : std::uint8_t {
  Start,
  Stop,
  Restart,
  TryRestart,
  Reload,
  ResetFailed,
  Kill,
  Trigger,
  DaemonReload,
  Renew,
  Plan,
  Why,
  Status,
  System,
  List,
  Cat,
  History,
  Power,
};
inline constexpr std::size_t kMethodCount = 18;

// Read: everybody. Operate: root, initd's own user, and the operators of the unit that the request names.
// Admin: root and initd's own user.
enum class Role : std::uint8_t { Read, Operate, Admin };

struct MethodInfo {
  Method method = Method::Start;
  std::string_view name;  // without the interface
  Role role = Role::Admin;
  bool mutating = true;  // takes a request_id, and is carried out once per id
  bool streams = false;  // sends progress to callers that ask for "more"
  std::string_view help;
};

[[nodiscard]] std::span<const MethodInfo, kMethodCount> methods();
[[nodiscard]] const MethodInfo& info(Method method);
// By its name without the interface; nullptr = there is none.
[[nodiscard]] const MethodInfo* find_method(std::string_view name);

using Request = std::variant<JobRequest, ResetFailedRequest, KillRequest, TriggerRequest, DaemonReloadRequest,
                             RenewRequest, PlanRequest, WhyRequest, StatusRequest, SystemRequest, ListRequest,
                             CatRequest, HistoryRequest, PowerRequest>;
using Reply = std::variant<EmptyReply, JobReply, DaemonReloadReply, PlanReply, WhyReply, Status, SystemReply,
                           ListReply, CatReply, HistoryReply>;

[[nodiscard]] Method method_of(const Request& request);
// A request or reply of the method's type with nothing filled in.
[[nodiscard]] Request blank_request(Method method);
[[nodiscard]] Reply blank_reply(Method method);
// The unit that a request is about; empty when it is about none or several.
[[nodiscard]] std::string_view unit_of(const Request& request);

}  // namespace init::api
