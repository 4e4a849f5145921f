#include "ctl/verbs.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "ctl/exit_code.h"
#include "ctl/run.h"
#include "libinit/base/version.h"

namespace init::ctl {
namespace {

constexpr std::array kOptions{
    OptionInfo{Option::Runtime, "--runtime", "DIR",
               "where initd's control socket is (INITD_RUNTIME; /run/initd)"},
    OptionInfo{Option::Json, "--json", "", "answer in JSON, one object per line"},
    OptionInfo{Option::Quiet, "--quiet", "", "say nothing when all went well"},
    OptionInfo{Option::ColorWhen, "--color", "auto|always|never", "colours; NO_COLOR is heeded"},
    OptionInfo{Option::Help, "--help", "", "show this help"},
    OptionInfo{Option::NoBlock, "--no-block", "", "do not wait for the end"},
    OptionInfo{Option::Timeout, "--timeout", "TIME", "wait no longer than this (\"30s\", \"2min\")"},
    OptionInfo{Option::Plan, "--plan", "", "show the steps and do nothing"},
    OptionInfo{Option::Signal, "--signal", "SIGNAL", "name or number (TERM)"},
    OptionInfo{Option::Whom, "--whom", "main|all", "the main process only, or all of the unit (all)"},
    OptionInfo{Option::Kind, "--kind", "KIND", "units of this kind only (service, target, slice)"},
    OptionInfo{Option::State, "--state", "STATE", "units in this state only (active, failed, blocked, ...)"},
    OptionInfo{Option::ExitCode, "--exit-code", "N", "what initd itself ends with (0)"},
    OptionInfo{Option::Strict, "--strict", "", "warnings count as errors"},
    OptionInfo{Option::System, "--system", "", "of all units, with what initd-replay needs"},
    OptionInfo{Option::Maps, "--maps", "", "each piece of memory, not only the totals"},
    OptionInfo{Option::Follow, "--follow", "", "go on with what comes", "-f"},
    OptionInfo{Option::Lines, "--lines", "N", "the last so many", "-n"},
    OptionInfo{Option::Since, "--since", "TIME",
               "\"2026-11-21 08:00\", \"08:00\", \"today\", or so long ago: \"10min\""},
    OptionInfo{Option::Until, "--until", "TIME", "as --since"},
    OptionInfo{Option::Boot, "--boot", "N", "of this boot (0), the one before (-1), ..."},
    OptionInfo{Option::InvocationId, "--invocation", "ID", "of one run of the unit"},
    OptionInfo{Option::Stream, "--stream", "stdout|stderr|syslog", "of this stream only"},
    OptionInfo{Option::Priority, "--priority", "PRIORITY", "this severe or more: err, warning, 0 to 7", "-p"},
    OptionInfo{Option::Grep, "--grep", "RE", "lines in which the regular expression is found"},
    OptionInfo{Option::Raw, "--raw", "", "the bytes as they were written, and nothing else"},
};

template <class... Options>
constexpr std::uint32_t with(Options... options) {
  return ((1U << static_cast<std::uint32_t>(options)) | ... | 0U);
}

constexpr std::size_t kMany = 1000;
constexpr std::uint32_t kJob = with(Option::NoBlock, Option::Timeout);
constexpr std::uint32_t kPlannedJob = kJob | with(Option::Plan);
constexpr std::uint32_t kLog =
    with(Option::Follow, Option::Lines, Option::Since, Option::Until, Option::Boot) |
    with(Option::InvocationId, Option::Stream, Option::Priority, Option::Grep, Option::Raw);
constexpr std::uint32_t kFilter = with(Option::Kind, Option::State);

constexpr std::array kVerbs{
    VerbInfo{"status", "[UNIT...]", 0, kMany, 0, "Show units, or the whole system.", run_status},
    VerbInfo{"start", "UNIT...", 1, kMany, kPlannedJob, "Have units up, and all they need.", run_job},
    VerbInfo{"stop", "UNIT...", 1, kMany, kPlannedJob, "Let units go, and all that require them.", run_job},
    VerbInfo{"restart", "UNIT...", 1, kMany, kPlannedJob, "Stop units, then start them.", run_job},
    VerbInfo{"try-restart", "UNIT...", 1, kMany, kJob, "Restart those units that are up.", run_job},
    VerbInfo{"reload", "UNIT...", 1, kMany, kJob, "Have services read their configuration again.", run_job},
    VerbInfo{"list", "[PATTERN]", 0, 1, kFilter, "List units.", run_list},
    VerbInfo{"why", "UNIT", 1, 1, 0, "Show why a unit is in its state.", run_why},
    VerbInfo{"logs", "UNIT...", 1, kMany, kLog, "Show what units wrote, by time; initd is a unit as well.",
             run_logs},
    VerbInfo{"inspect", "UNIT...", 1, kMany, with(Option::Maps),
             "Show all that /proc tells of the processes of units.", run_inspect},
    VerbInfo{"cat", "UNIT", 1, 1, 0, "Show the files a unit was loaded from.", run_cat},
    VerbInfo{"verify", "[FILE|DIR...]", 0, kMany, with(Option::Strict),
             "Check unit files, without a manager.", run_verify},
    VerbInfo{"is-active", "UNIT...", 1, kMany, 0, "Succeed when all are up.", run_is_active},
    VerbInfo{"is-failed", "UNIT...", 1, kMany, 0, "Succeed when all have failed.", run_is_failed},
    VerbInfo{"is-system-running", "", 0, 0, 0, "Succeed when all that is wanted is up.",
             run_is_system_running},
    VerbInfo{"kill", "UNIT...", 1, kMany, with(Option::Signal, Option::Whom), "Send a signal to units.",
             run_kill},
    VerbInfo{"trigger", "UNIT...", 1, kMany, 0, "Say that units are ready which wait to be told so.",
             run_trigger},
    VerbInfo{"reset-failed", "[UNIT...]", 0, kMany, 0, "Forget failures and back-off.", run_reset_failed},
    VerbInfo{"daemon-reload", "", 0, 0, 0, "Read the unit files again.", run_daemon_reload},
    VerbInfo{"reexec", "", 0, 0, 0, "Have initd run anew, as it is; no service notices.", run_renew},
    VerbInfo{"upgrade", "", 0, 0, 0, "Have initd run as it lies on disk now; no service notices.", run_renew},
    VerbInfo{"exit", "", 0, 0, with(Option::ExitCode), "Stop everything; initd ends.", run_power},
    VerbInfo{"poweroff", "", 0, 0, 0, "Stop everything and switch off.", run_power},
    VerbInfo{"reboot", "", 0, 0, 0, "Stop everything and boot again.", run_power},
    VerbInfo{"halt", "", 0, 0, 0, "Stop everything and halt.", run_power},
    VerbInfo{"report", "[UNIT...]", 0, kMany, with(Option::System),
             "Write all that is known of units, and what happened last, into one file.", run_report},
    VerbInfo{"rescue", "[list|stop SLOT|restart SLOT|manager-restart|reboot|poweroff]", 0, 2, 0,
             "Ask PID 1 itself, while no manager can run.", run_rescue},
    VerbInfo{"help", "[VERB]", 0, 1, 0, "Show what there is, or one verb.", run_help},
    VerbInfo{"version", "", 0, 0, 0, "Show the version.", run_version},
    VerbInfo{"complete", "[VERB]", 0, 1, 0, "Print what may follow, for the shell's completion.",
             run_complete},
};

// Levenshtein's distance, by one row of the table.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string padded_line(std::string_view left, std::string_view right) {
  std::string line = "  " + std::string(left);
  line.append(line.size() < 32 ? 32 - line.size() : 2, ' ');
  return line.append(right) + '\n';
}

std::string option_line(const OptionInfo& row) {
  std::string left =
      row.letter.empty() ? std::string(row.name) : std::string(row.letter) + ", " + std::string(row.name);
  if (!row.value.empty()) left.append("=").append(row.value);
  return padded_line(left, row.help);
}

}  // namespace

std::span<const OptionInfo> options() {
  return kOptions;
}

std::span<const VerbInfo> verbs() {
  return kVerbs;
}

const VerbInfo* find_verb(std::string_view name) {
  const auto found =
      std::find_if(kVerbs.begin(), kVerbs.end(), [name](const VerbInfo& verb) { return verb.name == name; });
  return found != kVerbs.end() ? &*found : nullptr;
}

std::string_view similar_verb(std::string_view name) {
  if (name.size() > 32) return {};
  const auto closest =
      std::min_element(kVerbs.begin(), kVerbs.end(), [name](const VerbInfo& a, const VerbInfo& b) {
        return distance(name, a.name) < distance(name, b.name);
      });
  return distance(name, closest->name) <= std::max<std::size_t>(1, name.size() / 3) ? closest->name
                                                                                    : std::string_view();
}

std::string general_help() {
  std::string out =
      "initctl [OPTION...] [VERB [WORD...]]: talk to initd. Without a verb: the state of the system.\n\n";
  for (const VerbInfo& verb : kVerbs)
    out += padded_line(std::string(verb.name) + " " + std::string(verb.words), verb.help);
  out += "\nWith every verb:\n";
  for (std::size_t i = 0; i < kCommonOptions; ++i) out += option_line(kOptions[i]);
  return out +
         "\nA unit's name without a kind means a service: nginx is nginx.service.\n"
         "Exit: 0 done, 1 failed or blocked, 2 usage, 3 not active, 4 not permitted (status: no such unit),\n"
         "5 no such unit, 7 initd cannot be reached.\n";
}

std::string verb_help(const VerbInfo& verb) {
  std::string out = "initctl " + std::string(verb.name) + " " + std::string(verb.words) + "\n" +
                    std::string(verb.help) + "\n\n";
  for (const OptionInfo& row : kOptions) {
    if (verb.takes(row.option)) out += option_line(row);
  }
  return out;
}

int run_help(const Request& request, Output& output) {
  const VerbInfo* verb = request.words.empty() ? nullptr : find_verb(request.words[0]);
  if (!request.words.empty() && verb == nullptr) {
    output.err += "initctl: there is no verb \"" + printable(output.error_style, request.words[0]) +
                  "\"\n  next: initctl help\n";
    return kUsage;
  }
  output.out += verb != nullptr ? verb_help(*verb) : general_help();
  return kOk;
}

int run_complete(const Request& request, Output& output) {
  const VerbInfo* verb = request.words.empty() ? nullptr : find_verb(request.words[0]);
  for (const VerbInfo& row : kVerbs) {
    if (verb == nullptr) output.out.append(row.name).append("\n");
  }
  for (const OptionInfo& row : kOptions) {
    if (verb != nullptr && verb->takes(row.option)) output.out.append(row.name).append("\n");
  }
  return kOk;
}

int run_version(const Request&, Output& output) {
  output.out.append("initctl ").append(kVersion).append("\n");
  return kOk;
}

}  // namespace init::ctl
