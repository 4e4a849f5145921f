#include "libinit/api/introspection.h"

#include <type_traits>

#include "libinit/api/json_write.h"
#include "libinit/api/message.h"
#include "libinit/base/version.h"

namespace init::api {
namespace {

// The type of a field, in the description language. Structs are named here and described once, in `types`.
class TypeWriter {
 public:
  template <class T>
  void add(std::string& out, const T& sample) {
    if constexpr (std::is_same_v<T, bool>) {
      out += "bool";
    } else if constexpr (std::is_integral_v<T>) {
      out += "int";
    } else if constexpr (Named<T>) {
      add_enum<T>(out);
    } else if constexpr (std::is_same_v<T, std::string>) {
      out += "string";
    } else {
      add_compound(out, sample);
    }
  }
  template <class Struct>
  void add_fields(std::string& out, const Struct& sample);

  std::string types;

 private:
  template <class Enum>
  static void add_enum(std::string& out) {
    out += '(';
    for (const std::string_view name : Names<Enum>::kAll) out.append(name).append(", ");
    out.replace(out.size() - 2, 2, ")");
  }
  template <class T>
  void add_compound(std::string& out, const std::vector<T>&) {
    out += "[]";
    add(out, T{});
  }
  template <class T>
  void add_compound(std::string& out, const std::optional<T>&) {
    add(out, T{});
  }
  template <class Struct>
  void add_compound(std::string& out, const Struct& sample) {
    out += kShapeName<Struct>;
    const std::string head = "type " + std::string(kShapeName<Struct>) + " (";
    if (types.find(head) != std::string::npos) return;
    std::string body;
    add_fields(body, sample);
    types += head + body + ")\n\n";
  }
};

struct FieldWriter {
  TypeWriter& types;
  std::string& out;

  template <class T>
  void operator()(std::string_view name, const T& sample) {
    add(name, "", sample);
  }
  template <class T>
  void maybe(std::string_view name, const T& sample) {
    add(name, "?", sample);
  }
  template <class T>
  void add(std::string_view name, std::string_view mark, const T& sample) {
    if (!out.empty()) out += ", ";
    out.append(name).append(": ").append(mark);
    types.add(out, sample);
  }
};

template <class Struct>
void TypeWriter::add_fields(std::string& out, const Struct& sample) {
  FieldWriter writer{*this, out};
  describe(writer, sample);
}

std::string describe_method(const MethodInfo& method, TypeWriter& types) {
  std::string in;
  std::string out;
  std::visit([&](const auto& sample) { types.add_fields(in, sample); }, blank_request(method.method));
  std::visit([&](const auto& sample) { types.add_fields(out, sample); }, blank_reply(method.method));
  if (method.mutating) in += in.empty() ? "request_id: ?string" : ", request_id: ?string";
  std::string text = "# ";
  text.append(method.help).append("\nmethod ").append(method.name);
  return text + "(" + in + ") -> (" + out + ")\n\n";
}

constexpr std::string_view kServiceDescription =
    "# Every Varlink service answers these\n"
    "interface org.varlink.service\n\n"
    "method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: "
    "[]string)\n\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n\n"
    "error InterfaceNotFound(interface: string)\n\n"
    "error MethodNotFound(method: string)\n\n"
    "error MethodNotImplemented(method: string)\n\n"
    "error InvalidParameter(parameter: string)\n";

}  // namespace

std::string interface_description() {
  TypeWriter types;
  std::string methods_text;
  for (const MethodInfo& method : methods()) methods_text += describe_method(method, types);
  std::string errors;
  for (const ErrorRow& row : error_rows()) {
    if (row.interface != kInterface) continue;
    errors.append("error ").append(row.name).append("(");
    if (!row.parameter.empty()) errors.append(row.parameter).append(": string, ");
    errors += "message: ?string, hint: ?string)\n\n";
  }
  errors.pop_back();
  return "# Control of the init system\ninterface " + std::string(kInterface) + "\n\n" + types.types +
         methods_text + errors;
}

std::string service_info() {
  std::string out = R"({"vendor":"initd","product":"initd","version":)";
  write_json(out, kVersion);
  out += R"(,"url":"","interfaces":["org.varlink.service",)";
  write_json(out, kInterface);
  return out + "]}";
}

std::optional<std::string> described_interface(std::string_view interface) {
  std::string out = R"({"description":)";
  if (interface == kServiceInterface) {
    write_json(out, kServiceDescription);
  } else if (interface == kInterface) {
    write_json(out, interface_description());
  } else {
    return std::nullopt;
  }
  return out + "}";
}

}  // namespace init::api
