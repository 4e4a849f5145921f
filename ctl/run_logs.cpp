// initctl logs: reads the files itself, so it works without a manager, and what the kernel lets this user
// read is what is shown.
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>

#include "ctl/log_source.h"
#include "ctl/log_time.h"
#include "ctl/render.h"
#include "ctl/run.h"
#include "ctl/session.h"
#include "libinit/log/names.h"
#include "libinit/pattern/pattern.h"
#include "libinit/unit/names.h"

namespace init::ctl {
namespace {

constexpr const char* kUsualDirectory = "/var/log/initd";
constexpr std::size_t kOutputBytes = 64 * 1024;
constexpr std::uint64_t kLinesBeforeFollowing = 10;

std::string unit_name(const std::string& word) {
  return word == log::kInitd || word == log::kSyslog ? word : unit::canonical_name(word);
}

// Where the manager says, or where it usually is when there is no manager.
std::string log_directory(const Request& request) {
  Output silent;
  Request quiet = request;
  quiet.json = false;
  const Answers answers = ask(quiet, silent, {{api::SystemRequest{}, false}});
  if (answers.list.empty() || !std::holds_alternative<api::Reply>(answers.list[0])) return kUsualDirectory;
  const auto& system = std::get<api::SystemReply>(std::get<api::Reply>(answers.list[0]));
  return system.log_directory.empty() ? kUsualDirectory : system.log_directory;
}

// Which lines are shown.
class Wanted {
 public:
  Wanted(const LogRequest& log, std::int64_t now_us) : log_(log) {
    if (!log.since.empty()) since_ = parse_moment(log.since, now_us).value_or(0);
    if (!log.until.empty()) until_ = parse_moment(log.until, now_us).value_or(INT64_MAX);
    if (!log.pattern.empty()) {
      if (auto pattern = Pattern::compile(log.pattern)) pattern_ = std::move(*pattern);
    }
  }

  void of_boot(std::string boot) { boot_ = std::move(boot); }
  [[nodiscard]] std::int64_t since() const { return since_; }
  [[nodiscard]] bool shows(const LogRecord& record) const {
    if (record.time_us < since_ || record.time_us > until_ || record.severity > log_.severity) return false;
    if (log_.stream == "stdout" && record.stream != log::Stream::Out) return false;
    if (log_.stream == "stderr" && record.stream != log::Stream::Err) return false;
    if (log_.stream == "syslog" && record.stream != log::Stream::Syslog) return false;
    if (!record.invocation.starts_with(log_.invocation)) return false;
    if (boot_ && record.boot != *boot_) return false;
    return !pattern_ || pattern_->found_in(log::without_prefix(record.text));
  }

 private:
  const LogRequest& log_;
  std::int64_t since_ = 0, until_ = INT64_MAX;
  std::optional<std::string> boot_;
  std::optional<Pattern> pattern_;
};

// Merges the lines of several units by time, and shows those that are wanted.
class Show {
 public:
  Show(const Request& request, Output& output)
      : request_(request), output_(output), wanted_(request.log, output.style.now_us) {
    const std::string disk = log_directory(request);
    for (const std::string& word : request.words) {
      const std::string unit = unit_name(word);
      directories_.push_back({disk + "/" + unit, request.runtime + "/log/" + unit});
      units_.push_back(unit);
    }
  }

  int run();

 private:
  struct Head {
    LogSource source;
    std::optional<LogRecord> record;
  };
  [[nodiscard]] std::vector<Head> open(std::int64_t since);
  [[nodiscard]] static Head* earliest(std::vector<Head>& heads);
  [[nodiscard]] bool find_boot();
  void show_all(std::vector<Head>& heads);
  void show_last(std::vector<Head>& heads, std::uint64_t lines);
  void show(const LogRecord& record);
  void follow(std::vector<Head>& heads);
  int complain(const std::vector<Head>& heads);

  const Request& request_;
  Output& output_;
  Wanted wanted_;
  std::vector<std::string> units_;
  std::vector<std::vector<std::string>> directories_;
  bool any_ = false;
};

std::vector<Show::Head> Show::open(std::int64_t since) {
  std::vector<Head> heads;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    heads.push_back({LogSource(units_[i], directories_[i]), {}});
    any_ = heads.back().source.list(since) || any_;
  }
  return heads;
}

// Null: that is all for now.
Show::Head* Show::earliest(std::vector<Head>& heads) {
  Head* first = nullptr;
  for (Head& head : heads) {
    if (!head.record) head.record = head.source.next();
    if (head.record && (first == nullptr || head.record->time_us < first->record->time_us)) first = &head;
  }
  return first;
}

// The boots that have left lines, in the order of their first ones.
bool Show::find_boot() {
  std::map<std::string, std::int64_t> first;
  auto heads = open(0);
  while (Head* head = earliest(heads)) {
    first.try_emplace(head->record->boot, head->record->time_us);
    head->record.reset();
  }
  std::vector<std::pair<std::int64_t, std::string>> boots;
  for (const auto& [boot, time] : first) boots.emplace_back(time, boot);
  std::sort(boots.begin(), boots.end());
  const auto back = static_cast<std::size_t>(-*request_.log.boot);
  if (back >= boots.size()) return false;
  wanted_.of_boot(boots[boots.size() - 1 - back].second);
  return true;
}

void Show::show(const LogRecord& record) {
  if (request_.log.raw) {
    output_.out += record.text;
    if (!record.unfinished) output_.out += '\n';
  } else if (request_.json) {
    output_.out += log_json(record);
  } else {
    output_.out += render_log(output_.style, record, units_.size() > 1);
  }
  if (output_.out.size() > kOutputBytes) output_.flush();
}

void Show::show_all(std::vector<Head>& heads) {
  while (Head* head = earliest(heads)) {
    if (wanted_.shows(*head->record)) show(*head->record);
    head->record.reset();
  }
}

void Show::show_last(std::vector<Head>& heads, std::uint64_t lines) {
  std::deque<LogRecord> last;
  while (Head* head = earliest(heads)) {
    if (wanted_.shows(*head->record)) last.push_back(std::move(*head->record));
    head->record.reset();
    if (last.size() > lines) last.pop_front();
  }
  for (const auto& record : last) show(record);
}

// Sleeps until a file of a log changes.
void Show::follow(std::vector<Head>& heads) {
  const UniqueFd changes(inotify_init1(IN_CLOEXEC));
  const auto watch = [this, &changes] {
    constexpr std::uint32_t kEvents = IN_MODIFY | IN_CREATE | IN_MOVED_TO;
    for (const auto& pair : directories_) {
      for (const auto& directory : pair) {
        (void)inotify_add_watch(changes.get(), directory.c_str(), kEvents);
        (void)inotify_add_watch(changes.get(), directory.substr(0, directory.rfind('/')).c_str(), IN_CREATE);
      }
    }
  };
  watch();
  alignas(inotify_event) std::array<char, 4096> events;
  do {
    watch();
    for (Head& head : heads) {
      if (!head.source.started()) (void)head.source.list(0);
    }
    show_all(heads);
    output_.flush();
  } while (read(changes.get(), events.data(), events.size()) > 0);
}

int Show::complain(const std::vector<Head>& heads) {
  int code = kOk;
  for (const Head& head : heads) {
    for (const Error& error : head.source.errors()) {
      output_.err += "initctl: " + printable(output_.error_style, error.text()) + "\n";
      code = error.code == EACCES ? kPermission : kFailed;
    }
  }
  if (any_ || code != kOk) return code;
  output_.err += "initctl: there are no lines of " + joined(output_.error_style, units_) + " in " +
                 printable(output_.error_style, directories_[0][0].substr(0, directories_[0][0].rfind('/'))) +
                 "\n";
  return kFailed;
}

int Show::run() {
  if (request_.log.boot && !find_boot()) {
    output_.err += "initctl: no boot so long ago has left a line\n";
    return kFailed;
  }
  auto heads = open(wanted_.since());
  auto lines = request_.log.lines;
  if (!lines && request_.log.follow && request_.log.since.empty()) lines = kLinesBeforeFollowing;
  lines ? show_last(heads, *lines) : show_all(heads);
  if (request_.log.follow) follow(heads);
  return complain(heads);
}

}  // namespace

int run_logs(const Request& request, Output& output) {
  return Show(request, output).run();
}

}  // namespace init::ctl
