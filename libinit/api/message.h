// Varlink messages (varlink.org, "Protocol"): JSON objects, each ended by one NUL byte, over a stream socket.
// Calls of one connection are answered in the order in which they were made.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "libinit/api/method.h"
#include "libinit/base/result.h"

namespace init::api {

inline constexpr std::size_t kMaxCallBytes = 64 * 1024;  // of one call, its NUL not counted
inline constexpr std::size_t kMaxReplyBytes = std::size_t{64}
                                              << 20;  // what a client reads before it gives up
inline constexpr std::size_t kMaxRequestId = 64;

enum class ErrorKind : std::uint8_t {
  MethodNotFound,     // parameter = the method
  InterfaceNotFound,  // parameter = the interface
  InvalidParameter,   // parameter = its name
  NoSuchUnit,         // parameter = the unit
  PermissionDenied,   // parameter = the method
  TooManyClients,
  Failed,  // message says what
};

// What a method answers instead of a reply.
struct CallError {
  ErrorKind kind = ErrorKind::Failed;
  std::string parameter;  // whom or what it is about
  std::string message;    // for people; may be empty
  std::string hint;
};

struct ErrorRow {
  ErrorKind kind = ErrorKind::Failed;
  std::string_view interface;
  std::string_view name;       // without the interface
  std::string_view parameter;  // the name that CallError::parameter has in JSON; empty = it has none
};
[[nodiscard]] std::span<const ErrorRow> error_rows();

struct IncomingCall {
  Request request;
  std::string request_id;  // empty = none was given
  bool more = false;
  bool oneway = false;
};

// A complete answer, made without asking the application (introspection).
struct ReadyAnswer {
  std::string message;
  bool oneway = false;
};

struct BadCall {
  CallError error;
  bool oneway = false;
};

// One call without its NUL. A failure means that this is no Varlink at all (no JSON object with a "method"):
// the connection is to be closed.
[[nodiscard]] Result<std::variant<IncomingCall, ReadyAnswer, BadCall>> decode_call(std::string_view text);

// Each is one whole message with its NUL.
[[nodiscard]] std::string encode_call(const Request& request, std::string_view request_id, bool more);
[[nodiscard]] std::string encode_reply(const Reply& reply, bool continues);
[[nodiscard]] std::string wrap_reply(std::string_view parameters, bool continues);
[[nodiscard]] std::string encode_error(const CallError& error);

struct IncomingReply {
  std::variant<Reply, CallError> body;
  bool continues = false;
};
// One message without its NUL, as the answer to a call of that method. Errors: EBADMSG.
[[nodiscard]] Result<IncomingReply> decode_reply(std::string_view text, Method method);

// The reply's fields alone, as JSON without a NUL: what `--json` prints.
[[nodiscard]] std::string to_json(const Reply& reply);
[[nodiscard]] std::string to_json(const CallError& error);
[[nodiscard]] std::string to_json(const Diagnostic& diagnostic);

// The interface in the Varlink description language, made from the method table and the shapes.
[[nodiscard]] std::string interface_description();

}  // namespace init::api
