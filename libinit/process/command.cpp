#include "libinit/process/command.h"

#include <cstdarg>
#include <cstdio>

#include "libinit/process/launch.h"

namespace init::process {
namespace {

using Change = CommandSettings::Variable::Change;

constexpr int kIoClassShift = 13;  // ioprio_set(2)

// One command of a pipeline: reads from `from`, which becomes what the next one reads from.
Result<Child> spawn_linked(Command& command, UniqueFd& from, bool is_last) {
  Pipe link;
  if (from) command.standard_input(Stdio::fd(from.get()));
  if (!is_last) {
    auto made = Pipe::create();
    if (!made) return Failure(made.error());
    link = std::move(*made);
    command.standard_output(Stdio::fd(link.write.get()));
  }
  auto child = command.spawn();
  from = std::move(link.read);
  return child;
}

}  // namespace

Command::Command(std::string program) {
  settings_.plan.arguments.push_back(program);
  settings_.plan.program = std::move(program);
  settings_.plan.umask.reset();
  settings_.plan.new_session = false;
}

Command& Command::arg(std::string argument) {
  settings_.plan.arguments.push_back(std::move(argument));
  return *this;
}

Command& Command::argf(const char* format, ...) {
  va_list measured, printed;
  va_start(measured, format);
  va_copy(printed, measured);
  const int length = std::vsnprintf(nullptr, 0, format, measured);
  va_end(measured);
  std::string text(length > 0 ? static_cast<std::size_t>(length) : 0, '\0');
  if (length > 0) std::vsnprintf(text.data(), text.size() + 1, format, printed);
  va_end(printed);
  return arg(std::move(text));
}

Command& Command::args(std::vector<std::string> arguments) {
  for (std::string& argument : arguments) arg(std::move(argument));
  return *this;
}

Command& Command::argv0(std::string name) {
  settings_.plan.arguments.front() = std::move(name);
  return *this;
}

Command& Command::env(std::string name, std::string value) {
  settings_.environment.push_back({Change::Set, std::move(name), std::move(value)});
  return *this;
}

Command& Command::envs(std::vector<std::pair<std::string, std::string>> variables) {
  for (auto& [name, value] : variables) env(std::move(name), std::move(value));
  return *this;
}

Command& Command::env_file(std::string path) {
  settings_.environment.push_back({Change::File, std::move(path), {}});
  return *this;
}

Command& Command::env_remove(std::string name) {
  settings_.environment.push_back({Change::Remove, std::move(name), {}});
  return *this;
}

Command& Command::env_clear() {
  settings_.environment.assign(1, {Change::Clear, {}, {}});
  return *this;
}

Command& Command::cwd(std::string path) {
  settings_.plan.working_directory = std::move(path);
  settings_.plan.working_directory_may_miss = false;
  return *this;
}

Command& Command::cwd_or_root(std::string path) {
  settings_.plan.working_directory = std::move(path);
  settings_.plan.working_directory_may_miss = true;
  return *this;
}

Command& Command::root(std::string path) {
  settings_.plan.root_directory = std::move(path);
  return *this;
}

Command& Command::cgroup(std::string path) {
  settings_.cgroup = std::move(path);
  return *this;
}

Command& Command::umask(mode_t mask) {
  settings_.plan.umask = mask;
  return *this;
}

Command& Command::user(std::string name_or_number) {
  settings_.user = std::move(name_or_number);
  return *this;
}

Command& Command::group(std::string name_or_number) {
  settings_.group = std::move(name_or_number);
  return *this;
}

Command& Command::groups(std::vector<std::string> names_or_numbers) {
  settings_.groups = std::move(names_or_numbers);
  return *this;
}

Command& Command::standard_input(Stdio stdio) {
  settings_.stdio[0] = std::move(stdio);
  return *this;
}

Command& Command::standard_output(Stdio stdio) {
  settings_.stdio[1] = std::move(stdio);
  return *this;
}

Command& Command::standard_error(Stdio stdio) {
  settings_.stdio[2] = std::move(stdio);
  return *this;
}

Command& Command::pass_fd(int source, int target, std::string name) {
  settings_.passed.push_back({source, target, std::move(name)});
  return *this;
}

Command& Command::new_session() {
  settings_.plan.new_session = true;
  return *this;
}

Command& Command::process_group(pid_t to_join) {
  settings_.plan.process_group = to_join;
  return *this;
}

Command& Command::controlling_terminal() {
  settings_.plan.controlling_tty = true;
  return new_session();
}

Command& Command::foreground() {
  settings_.plan.foreground = true;
  return *this;
}

Command& Command::nice(int value) {
  settings_.plan.nice = value;
  return *this;
}

Command& Command::io_priority(IoClass io_class, int level) {
  settings_.plan.io_priority = static_cast<int>(io_class) << kIoClassShift | level;
  return *this;
}

Command& Command::scheduler(int policy, int priority) {
  settings_.plan.scheduler = {policy, priority};
  return *this;
}

Command& Command::cpu_affinity(std::vector<std::uint32_t> cpus) {
  settings_.plan.cpus = std::move(cpus);
  return *this;
}

Command& Command::limit(int resource, std::uint64_t soft, std::uint64_t hard) {
  if (resource < 0 || static_cast<std::size_t>(resource) >= kLimitCount) {
    settings_.invalid = "limit";
  } else {
    settings_.plan.limits[static_cast<std::size_t>(resource)] = LimitPlan{soft, hard};
  }
  return *this;
}

Command& Command::oom_score_adjust(int value) {
  settings_.plan.oom_score_adjust = value;
  return *this;
}

Command& Command::no_new_privileges() {
  settings_.plan.no_new_privileges = true;
  return *this;
}

Command& Command::bounding_capabilities(std::uint64_t set) {
  settings_.plan.bounding = set;
  return *this;
}

Command& Command::ambient_capabilities(std::uint64_t set) {
  settings_.plan.ambient = set;
  return *this;
}

Command& Command::securebits(std::uint32_t bits) {
  settings_.plan.securebits = bits;
  return *this;
}

Command& Command::parent_death_signal(int signal) {
  settings_.plan.parent_death_signal = signal;
  return *this;
}

Result<Child> Command::spawn() const {
  return launch(settings_, LaunchMode::Spawn);
}

Result<ExitStatus> Command::status(Duration timeout) const {
  auto child = spawn();
  if (!child) return Failure(child.error());
  return child->wait(timeout);
}

Result<Output> Command::output(Duration timeout) const {
  auto child = launch(settings_, LaunchMode::Output);
  if (!child) return Failure(child.error());
  return child->wait_with_output(timeout);
}

Error Command::exec() const {
  return replace_self(settings_);
}

Result<std::vector<Child>> spawn_pipeline(std::vector<Command> commands) {
  std::vector<Child> children;
  UniqueFd from;  // the read end of the pipe behind the command before
  for (std::size_t at = 0; at < commands.size(); ++at) {
    auto child = spawn_linked(commands[at], from, at + 1 == commands.size());
    if (child) {
      children.push_back(std::move(*child));
      continue;
    }
    for (Child& other : children) {
      static_cast<void>(other.kill());
      static_cast<void>(other.wait());
    }
    return Failure(child.error());
  }
  return children;
}

}  // namespace init::process
