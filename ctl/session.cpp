#include "ctl/session.h"

#include <cerrno>

#include "ctl/rescue.h"

namespace init::ctl {
namespace {

// What the client grants beyond --timeout, so that the manager's own answer to it arrives.
constexpr Duration kGrace = std::chrono::seconds(2);
constexpr Duration kPatience = std::chrono::seconds(1);  // with PID 1, which answers at once or not at all

int show_failure(Output& output, const Error& error, const std::string& path) {
  std::string& err = output.err;
  if (error.code == ETIMEDOUT) {
    err += "initctl: no answer in time; what was asked goes on\n  next: initctl\n";
    return kFailed;
  }
  if (error.code == EHOSTDOWN) {
    err +=
        "initctl: no manager can run, each crashes; PID 1 is alone and keeps essential services up\n"
        "  next: initctl rescue shows its processes, initctl rescue manager-restart tries again\n";
    return kUnreachable;
  }
  err += "initctl: cannot reach initd at " + printable(output.error_style, path) + ": " + error.text() + "\n";
  if (error.code == EACCES || error.code == EPERM) return kPermission;
  err += "  next: is initd running? Another runtime directory: --runtime DIR or INITD_RUNTIME\n";
  return kUnreachable;
}

}  // namespace

Answers ask(const Request& request, Output& output, const std::vector<api::OutgoingCall>& calls) {
  const std::string path = request.runtime + "/control";
  api::ClientOptions options;
  options.on_wait = [&output, &path] {
    output.show_progress("waiting for initd at " + printable(output.error_style, path));
  };
  options.is_hopeless = [&request] { return ask_pid1(request.runtime, "list", kPatience).has_value(); };
  Result<api::Client> client = api::Client::connect(path, std::move(options));
  if (!client) return {{}, show_failure(output, client.error(), path)};
  const MonotonicTime deadline =
      request.timeout == kInfinity ? MonotonicTime::never() : monotonic_now() + request.timeout + kGrace;
  const auto on_progress = [&output](std::size_t, const api::Reply& reply) {
    if (const auto* job = std::get_if<api::JobReply>(&reply))
      output.show_progress(render_progress(output.error_style, *job));
  };
  Result<std::vector<api::Answer>> answers = client->call_all(calls, deadline, on_progress);
  if (!answers) return {{}, show_failure(output, answers.error(), path)};
  return {std::move(*answers), kOk};
}

int exit_code_of(const api::CallError& error) {
  switch (error.kind) {
    case api::ErrorKind::NoSuchUnit:
      return kNoSuchUnit;
    case api::ErrorKind::PermissionDenied:
      return kPermission;
    case api::ErrorKind::InvalidParameter:
      return kUsage;
    case api::ErrorKind::TooManyClients:
      return kUnreachable;
    case api::ErrorKind::MethodNotFound:
    case api::ErrorKind::InterfaceNotFound:
    case api::ErrorKind::Failed:
      return kFailed;
  }
  return kFailed;
}

int show_error(const Request& request, Output& output, const api::CallError& error) {
  if (request.json) {
    output.out += api::to_json(error) + "\n";
  } else {
    output.err += render_error(output.error_style, error);
  }
  return exit_code_of(error);
}

}  // namespace init::ctl
