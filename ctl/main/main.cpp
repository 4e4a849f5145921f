#include <sys/auxv.h>

#include "ctl/command_line.h"
#include "ctl/exit_code.h"
#include "ctl/output.h"
#include "ctl/telinit.h"

namespace init::ctl {
namespace {

int run(std::span<const char* const> words) {
  const Result<Invocation> invocation = parse_command_line(words);
  if (!invocation) {
    Output output = make_output(ColorWhen::Auto, true);
    output.err += "initctl: " + printable(output.error_style, invocation.error().object) +
                  "\n  next: " + printable(output.error_style, invocation.error().hint) + "\n";
    output.flush();
    return kUsage;
  }
  const Request& request = invocation->request;
  Output output = make_output(request.color, request.quiet || request.json);
  int code = kOk;
  if (request.help) {
    output.out += verb_help(*invocation->verb);
  } else {
    code = invocation->verb->run(request, output);
  }
  output.flush();
  return code;
}

}  // namespace
}  // namespace init::ctl

int main(int argc, char** argv) {
  // Whom initctl speaks for is decided by the kernel at the other end; with another's rights it would speak
  // for them.
  if (getauxval(AT_SECURE) != 0) return init::ctl::kPermission;
  if (argc < 1) return init::ctl::kUsage;
  const std::span<const char* const> words(argv + 1, static_cast<std::size_t>(argc - 1));
  const auto meant = init::ctl::from_telinit(argv[0], words);
  return init::ctl::run(meant ? std::span<const char* const>(*meant) : words);
}
