#include "libinit/api/message.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "libinit/api/introspection.h"
#include "libinit/api/json_read.h"
#include "libinit/api/json_write.h"

namespace init::api {
namespace {

constexpr std::array kErrors{
    ErrorRow{ErrorKind::MethodNotFound, kServiceInterface, "MethodNotFound", "method"},
    ErrorRow{ErrorKind::InterfaceNotFound, kServiceInterface, "InterfaceNotFound", "interface"},
    ErrorRow{ErrorKind::InvalidParameter, kServiceInterface, "InvalidParameter", "parameter"},
    ErrorRow{ErrorKind::NoSuchUnit, kInterface, "NoSuchUnit", "unit"},
    ErrorRow{ErrorKind::PermissionDenied, kInterface, "PermissionDenied", "method"},
    ErrorRow{ErrorKind::TooManyClients, kInterface, "TooManyClients", ""},
    ErrorRow{ErrorKind::Failed, kInterface, "Failed", ""},
};

const ErrorRow& row_of(ErrorKind kind) {
  return *std::find_if(kErrors.begin(), kErrors.end(),
                       [kind](const ErrorRow& row) { return row.kind == kind; });
}

// Finds out whether a shape has a field of that name.
struct FieldFinder {
  std::string_view wanted;
  bool found = false;

  template <class T>
  void operator()(std::string_view name, const T&) {
    found = found || name == wanted;
  }
  template <class T>
  void maybe(std::string_view name, const T&) {
    found = found || name == wanted;
  }
};

// The parts of a call around its parameters.
struct Envelope {
  std::string_view method;
  std::optional<std::uint32_t> parameters;  // index of an object
  bool more = false;
  bool oneway = false;
};

bool flag(const JsonDocument& json, std::string_view name) {
  bool value = false;
  const std::optional<std::uint32_t> at = json.find(0, name);
  return at && read_json(json, *at, value) && value;
}

Result<Envelope> open_envelope(const JsonDocument& json) {
  if (json[0].kind != JsonNode::Kind::Object) return failure(EBADMSG, "read call", "not a JSON object");
  const std::optional<std::uint32_t> method = json.find(0, "method");
  if (!method || json[*method].kind != JsonNode::Kind::String)
    return failure(EBADMSG, "read call", "no \"method\"");
  Envelope envelope{json.text(*method), json.find(0, "parameters"), flag(json, "more"), flag(json, "oneway")};
  if (envelope.parameters && json[*envelope.parameters].kind != JsonNode::Kind::Object) {
    return failure(EBADMSG, "read call", "\"parameters\" is not an object");
  }
  return envelope;
}

CallError invalid_parameter(std::string_view name) {
  return {ErrorKind::InvalidParameter, std::string(name), {}, {}};
}

// A typo in an optional parameter must not be passed over.
std::optional<CallError> find_stranger(const JsonDocument& json, std::uint32_t object,
                                       const Request& request) {
  for (std::uint32_t i = object + 1; i < json[object].end; i = json[i + 1].end) {
    FieldFinder finder{json.text(i)};
    std::visit([&finder](const auto& typed) { describe(finder, typed); }, request);
    const bool is_id = json.text(i) == "request_id" && info(method_of(request)).mutating;
    if (!finder.found && !is_id) return invalid_parameter(json.text(i));
  }
  return std::nullopt;
}

bool is_request_id(std::string_view id) {
  return id.size() <= kMaxRequestId &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::optional<CallError> read_parameters(const JsonDocument& json, std::uint32_t object, IncomingCall& call) {
  ObjectReader reader(json, object);
  std::visit([&reader](auto& typed) { describe(reader, typed); }, call.request);
  if (!reader.bad_field().empty()) return invalid_parameter(reader.bad_field());
  const std::optional<std::uint32_t> id = json.find(object, "request_id");
  if (id && (!read_json(json, *id, call.request_id) || !is_request_id(call.request_id))) {
    return invalid_parameter("request_id");
  }
  return find_stranger(json, object, call.request);
}

using Decoded = std::variant<IncomingCall, ReadyAnswer, BadCall>;

Decoded decode_introspection(const JsonDocument& json, const Envelope& call, std::string_view method) {
  if (method == "GetInfo") return ReadyAnswer{wrap_reply(service_info(), false), call.oneway};
  if (method != "GetInterfaceDescription") {
    return BadCall{{ErrorKind::MethodNotFound, std::string(call.method), {}, {}}, call.oneway};
  }
  std::string interface;
  const std::optional<std::uint32_t> at =
      call.parameters ? json.find(*call.parameters, "interface") : std::optional<std::uint32_t>();
  if (!at || !read_json(json, *at, interface)) return BadCall{invalid_parameter("interface"), call.oneway};
  const std::optional<std::string> described = described_interface(interface);
  if (!described) return BadCall{{ErrorKind::InterfaceNotFound, interface, {}, {}}, call.oneway};
  return ReadyAnswer{wrap_reply(*described, false), call.oneway};
}

Decoded decode_method(const JsonDocument& json, const Envelope& envelope, const MethodInfo& method) {
  IncomingCall call{blank_request(method.method), {}, envelope.more, envelope.oneway};
  if (envelope.parameters) {
    std::optional<CallError> error = read_parameters(json, *envelope.parameters, call);
    if (error) return BadCall{std::move(*error), envelope.oneway};
    return call;
  }
  static const JsonDocument kNothing = *JsonDocument::parse("{}");
  std::optional<CallError> error = read_parameters(kNothing, 0, call);
  if (error) return BadCall{std::move(*error), envelope.oneway};
  return call;
}

std::optional<CallError> read_error(const JsonDocument& json, std::uint32_t name_at) {
  if (json[name_at].kind != JsonNode::Kind::String) return std::nullopt;
  const std::string_view full_name = json.text(name_at);
  const auto row = std::find_if(kErrors.begin(), kErrors.end(), [full_name](const ErrorRow& candidate) {
    return full_name.size() == candidate.interface.size() + 1 + candidate.name.size() &&
           full_name.starts_with(candidate.interface) && full_name.ends_with(candidate.name);
  });
  if (row == kErrors.end()) return CallError{ErrorKind::Failed, {}, std::string(full_name), {}};
  CallError error{row->kind, {}, {}, {}};
  const std::optional<std::uint32_t> parameters = json.find(0, "parameters");
  if (!parameters || json[*parameters].kind != JsonNode::Kind::Object) return error;
  ObjectReader reader(json, *parameters);
  if (!row->parameter.empty()) reader.maybe(row->parameter, error.parameter);
  reader.maybe("message", error.message);
  reader.maybe("hint", error.hint);
  return error;
}

Failure bad_reply(std::string what) {
  return failure(EBADMSG, "read reply", std::move(what));
}

}  // namespace

std::span<const ErrorRow> error_rows() {
  return kErrors;
}

Result<Decoded> decode_call(std::string_view text) {
  const Result<JsonDocument> json = JsonDocument::parse(text);
  if (!json) return Failure(json.error());
  const Result<Envelope> envelope = open_envelope(*json);
  if (!envelope) return Failure(envelope.error());
  const std::size_t dot = envelope->method.rfind('.');
  const std::string_view interface = envelope->method.substr(0, dot == std::string_view::npos ? 0 : dot);
  const std::string_view method = envelope->method.substr(dot + 1);
  if (interface == kServiceInterface) return decode_introspection(*json, *envelope, method);
  if (interface != kInterface) {
    return BadCall{{ErrorKind::InterfaceNotFound, std::string(interface), {}, {}}, envelope->oneway};
  }
  const MethodInfo* row = find_method(method);
  if (row == nullptr) {
    return BadCall{{ErrorKind::MethodNotFound, std::string(envelope->method), {}, {}}, envelope->oneway};
  }
  return decode_method(*json, *envelope, *row);
}

std::string encode_call(const Request& request, std::string_view request_id, bool more) {
  const MethodInfo& method = info(method_of(request));
  std::string out = R"({"method":")";
  out.append(kInterface).append(".").append(method.name).append(R"(","parameters":)");
  ObjectWriter writer(out);
  std::visit([&writer](const auto& typed) { describe(writer, typed); }, request);
  if (method.mutating && !request_id.empty()) writer("request_id", std::string(request_id));
  writer.end();
  if (more) out += R"(,"more":true)";
  out += '}';
  out += '\0';
  return out;
}

std::string wrap_reply(std::string_view parameters, bool continues) {
  std::string out = R"({"parameters":)";
  out += parameters;
  if (continues) out += R"(,"continues":true)";
  out += '}';
  out += '\0';
  return out;
}

std::string to_json(const Reply& reply) {
  std::string out;
  std::visit([&out](const auto& typed) { write_object(out, typed); }, reply);
  return out;
}

std::string encode_reply(const Reply& reply, bool continues) {
  return wrap_reply(to_json(reply), continues);
}

std::string to_json(const CallError& error) {
  const ErrorRow& row = row_of(error.kind);
  std::string out = R"({"error":")";
  out.append(row.interface).append(".").append(row.name).append(R"(","parameters":)");
  ObjectWriter writer(out);
  if (!row.parameter.empty()) writer(row.parameter, error.parameter);
  writer.maybe("message", error.message);
  writer.maybe("hint", error.hint);
  writer.end();
  return out + '}';
}

std::string to_json(const Diagnostic& diagnostic) {
  std::string out;
  write_object(out, diagnostic);
  return out;
}

std::string encode_error(const CallError& error) {
  return to_json(error) + '\0';
}

Result<IncomingReply> decode_reply(std::string_view text, Method method) {
  const Result<JsonDocument> json = JsonDocument::parse(text);
  if (!json) return Failure(json.error());
  if ((*json)[0].kind != JsonNode::Kind::Object) return bad_reply("not a JSON object");
  IncomingReply reply{blank_reply(method), flag(*json, "continues")};
  if (const std::optional<std::uint32_t> name = json->find(0, "error")) {
    std::optional<CallError> error = read_error(*json, *name);
    if (!error) return bad_reply("\"error\" is not a string");
    return IncomingReply{std::move(*error), false};
  }
  const std::optional<std::uint32_t> parameters = json->find(0, "parameters");
  if (!parameters || (*json)[*parameters].kind != JsonNode::Kind::Object)
    return bad_reply("no \"parameters\"");
  ObjectReader reader(*json, *parameters);
  std::visit([&reader](auto& typed) { describe(reader, typed); }, std::get<Reply>(reply.body));
  if (!reader.bad_field().empty()) return bad_reply("field \"" + std::string(reader.bad_field()) + "\"");
  return reply;
}

}  // namespace init::api
