#include "libinit/api/message.h"

#include <gtest/gtest.h>

#include <random>

#include "libinit/api/json_write.h"
#include "libinit/api/shapes.h"

namespace init::api {
namespace {

// Gives every field of a struct, at every depth, a value of its own.
class Filler {
 public:
  template <class T>
  void operator()(std::string_view name, T& value) {
    fill(name, value);
  }
  template <class T>
  void maybe(std::string_view name, T& value) {
    fill(name, value);
  }

 private:
  void fill(std::string_view name, std::string& value) {
    value = std::string(name) + std::to_string(++count_);
  }
  void fill(std::string_view, bool& value) { value = true; }
  void fill(std::string_view, std::int32_t& value) { value = -++count_; }
  void fill(std::string_view, std::int64_t& value) { value = (std::int64_t{1} << 60) + ++count_; }
  template <Named Enum>
  void fill(std::string_view, Enum& value) {
    value = static_cast<Enum>(Names<Enum>::kAll.size() - 1);
  }
  template <class T>
  void fill(std::string_view name, std::vector<T>& values) {
    for (int i = 0; i < 2; ++i) fill(name, values.emplace_back());
  }
  template <class T>
  void fill(std::string_view name, std::optional<T>& value) {
    fill(name, value.emplace());
  }
  template <class Struct>
  void fill(std::string_view, Struct& value) {
    describe(*this, value);
  }
  int count_ = 0;
};

std::string without_nul(std::string message) {
  EXPECT_EQ(message.back(), '\0');
  message.pop_back();
  EXPECT_EQ(message.find('\0'), std::string::npos);
  return message;
}

std::string request_json(const Request& request) {
  return encode_call(request, "", false);
}

TEST(Message, EveryRequestSurvivesTheWireWithAllItsFields) {
  for (const MethodInfo& method : methods()) {
    Request request = blank_request(method.method);
    std::visit(
        [](auto& typed) {
          Filler filler;
          describe(filler, typed);
        },
        request);
    const auto decoded = decode_call(without_nul(encode_call(request, "id-1", true)));
    ASSERT_TRUE(decoded) << method.name;
    const auto* call = std::get_if<IncomingCall>(&*decoded);
    ASSERT_NE(call, nullptr) << method.name;
    EXPECT_EQ(request_json(call->request), request_json(request));
    EXPECT_EQ(method_of(call->request), method.method);
    EXPECT_EQ(call->request_id, method.mutating ? "id-1" : "");
    EXPECT_TRUE(call->more);
    EXPECT_FALSE(call->oneway);
  }
}

TEST(Message, EveryReplySurvivesTheWireFullAndEmpty) {
  for (const MethodInfo& method : methods()) {
    for (const bool full : {true, false}) {
      Reply reply = blank_reply(method.method);
      if (full)
        std::visit(
            [](auto& typed) {
              Filler filler;
              describe(filler, typed);
            },
            reply);
      const auto decoded = decode_reply(without_nul(encode_reply(reply, full)), method.method);
      ASSERT_TRUE(decoded) << method.name << ": " << decoded.error().text();
      EXPECT_EQ(decoded->continues, full);
      EXPECT_EQ(to_json(std::get<Reply>(decoded->body)), to_json(reply));
    }
  }
}

TEST(Message, EveryErrorSurvivesTheWire) {
  for (const ErrorRow& row : error_rows()) {
    const CallError error{row.kind, row.parameter.empty() ? "" : "a.service", "what", "do this"};
    const auto decoded = decode_reply(without_nul(encode_error(error)), Method::Status);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(to_json(std::get<CallError>(decoded->body)), to_json(error));
  }
}

CallError refused(std::string_view text) {
  const auto decoded = decode_call(text);
  if (!decoded || !std::holds_alternative<BadCall>(*decoded))
    return {ErrorKind::Failed, "was not refused", {}, {}};
  return std::get<BadCall>(*decoded).error;
}

TEST(Message, NamesTheParameterThatIsMissingMistypedOrUnknown) {
  const auto parameter = [](std::string_view method, std::string_view parameters) {
    const CallError error = refused(R"({"method":"org.initd.Manager.)" + std::string(method) +
                                    R"(","parameters":)" + std::string(parameters) + "}");
    EXPECT_EQ(error.kind, ErrorKind::InvalidParameter) << parameters;
    return error.parameter;
  };
  EXPECT_EQ(parameter("Start", "{}"), "unit");
  EXPECT_EQ(parameter("Start", R"({"unit":3})"), "unit");
  EXPECT_EQ(parameter("Start", R"({"unit":null})"), "unit");
  EXPECT_EQ(parameter("Start", R"({"unit":"a","timeout_ms":1.5})"), "timeout_ms");
  EXPECT_EQ(parameter("Start", R"({"unit":"a","timeout_ms":9223372036854775808})"), "timeout_ms");
  EXPECT_EQ(parameter("Start", R"({"unit":"a","no_blok":true})"), "no_blok");
  EXPECT_EQ(parameter("Start", R"({"unit":"a","request_id":"has blank"})"), "request_id");
  EXPECT_EQ(parameter("Kill", R"({"unit":"a","signal":2147483648,"whom":"all"})"), "signal");
  EXPECT_EQ(parameter("Kill", R"({"unit":"a","signal":9,"whom":"everybody"})"), "whom");
  EXPECT_EQ(parameter("Status", R"({"unit":"a","request_id":"x"})"), "request_id");
  EXPECT_EQ(parameter("Plan", R"({"verb":"start","units":["a",1]})"), "units");
}

TEST(Message, RefusesUnknownMethodsAndInterfaces) {
  EXPECT_EQ(refused(R"({"method":"org.initd.Manager.Destroy"})").kind, ErrorKind::MethodNotFound);
  EXPECT_EQ(refused(R"({"method":"org.initd.Manager.__class__"})").kind, ErrorKind::MethodNotFound);
  EXPECT_EQ(refused(R"({"method":"org.example.Start"})").kind, ErrorKind::InterfaceNotFound);
  EXPECT_EQ(refused(R"({"method":""})").kind, ErrorKind::InterfaceNotFound);
}

TEST(Message, WhatIsNoVarlinkIsAFailureAndNeverACrash) {
  const std::string deep =
      R"({"method":"org.initd.Manager.System","parameters":{"x":)" + std::string(50000, '[');
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("{}"),
        std::string(R"({"method":1})"), std::string(R"({"method":"a.b","parameters":[]})"),
        std::string("{\"method\":\"\xff\xfe\"}"), deep, std::string(R"({"method":"a.b"} x)")}) {
    EXPECT_FALSE(decode_call(text)) << text.substr(0, 40);
  }
}

TEST(Message, RandomlyDamagedCallsAreDecodedOrRefused) {
  std::mt19937 random(7);
  const std::string good = without_nul(encode_call(KillRequest{"a.service", 9, Whom::Main}, "id", true));
  for (int round = 0; round < 20000; ++round) {
    std::string text = good;
    for (unsigned i = random() % 4 + 1; i > 0; --i)
      text[random() % text.size()] = static_cast<char>(random());
    const auto call = decode_call(text);
    const auto reply = decode_reply(text, Method::Status);
    EXPECT_FALSE(reply);
  }
}

TEST(Message, JsonStringsAreSafeToShowOnATerminal) {
  std::string out;
  write_json(out, std::string_view("\x1b[2J\r\a\"\\\n\t\xc2\x9b \xe2\x80\xae \xff \xe2\x97\x8f"));
  EXPECT_EQ(out, "\"\\u001b[2J\\u000d\\u0007\\\"\\\\\\n\\t\\u009b \\u202e \\ufffd \xe2\x97\x8f\"");
}

TEST(Message, AnswersIntrospectionFromTheMethodTable) {
  const auto info = decode_call(R"({"method":"org.varlink.service.GetInfo"})");
  ASSERT_TRUE(info && std::holds_alternative<ReadyAnswer>(*info));
  EXPECT_NE(std::get<ReadyAnswer>(*info).message.find(
                R"("interfaces":["org.varlink.service","org.initd.Manager"])"),
            std::string::npos);
  const std::string text = interface_description();
  for (const MethodInfo& method : methods()) {
    EXPECT_NE(text.find("\nmethod " + std::string(method.name) + "("), std::string::npos) << method.name;
  }
  EXPECT_NE(text.find("method Kill(unit: string, signal: int, whom: (main, all), request_id: ?string) -> ()"),
            std::string::npos);
  EXPECT_NE(text.find("type Blocker (unit: string, relation: string, where: ?string)"), std::string::npos);
  EXPECT_EQ(text.find("?[]"), text.find("?[]string"));
  const auto other = decode_call(
      R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"x.y"}})");
  ASSERT_TRUE(other && std::holds_alternative<BadCall>(*other));
  EXPECT_EQ(std::get<BadCall>(*other).error.kind, ErrorKind::InterfaceNotFound);
}

TEST(Redact, TakesOutArgumentsAndLogText) {
  Status status;
  status.processes = {{7, 1, "app", "app --password=x"}};
  status.log_tail = {"secret"};
  redact(status);
  EXPECT_EQ(status.processes[0].name, "app");
  EXPECT_EQ(to_json(status).find("password"), std::string::npos);
  EXPECT_TRUE(status.log_tail.empty());
}

}  // namespace
}  // namespace init::api
