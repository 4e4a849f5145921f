#include "libinit/process/resolve.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "libinit/base/accounts.h"
#include "libinit/base/names.h"

namespace init::process {
namespace {

constexpr const char* kDefaultPath = "/bin:/usr/bin";  // as execvp(3) has it
constexpr std::uint64_t kMaximumId = kKeepId - 1;
constexpr const char* kStreamNames[] = {"stdin", "stdout", "stderr"};

Failure unknown(const char* what, const std::string& name) {
  auto error = failure(ENOENT, what, name);
  error.value().hint = std::string("there is no such ") + what + " in /etc/passwd and /etc/group";
  return error;
}

std::optional<std::uint32_t> number(std::string_view text) {
  const auto value = parse_decimal(text, kMaximumId);
  return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
}

class Resolver {
 public:
  Resolver(const CommandSettings& settings, LaunchMode mode) : settings_(settings), mode_(mode) {
    out_.input = settings.plan;
  }

  Result<Resolved> run() {
    if (!settings_.invalid.empty()) return failure(EINVAL, settings_.invalid);
    for (const auto step : {&Resolver::environment, &Resolver::identity, &Resolver::streams,
                            &Resolver::passed_fds, &Resolver::cgroup, &Resolver::encode}) {
      if (auto done = (this->*step)(); !done) return Failure(done.error());
    }
    return std::move(out_);
  }

 private:
  Result<> environment() {
    auto environment = resolve_environment(settings_);
    if (!environment) return Failure(environment.error());
    out_.input.search_path = kDefaultPath;
    for (const std::string& variable : *environment) {
      if (variable.starts_with("PATH=")) out_.input.search_path = variable.substr(5);
    }
    out_.input.environment = std::move(*environment);
    out_.input.listen_pid = std::any_of(settings_.passed.begin(), settings_.passed.end(),
                                        [](const auto& passed) { return !passed.name.empty(); });
    return {};
  }

  Result<> identity() {
    if (auto done = user(); !done) return done;
    if (!settings_.group.empty()) {
      const auto gid = find_group(settings_.group);
      if (!gid) return unknown("group", settings_.group);
      out_.input.gid = *gid;
    }
    if (!settings_.groups) return {};
    out_.input.groups.emplace();
    for (const std::string& name : *settings_.groups) {
      const auto gid = find_group(name);
      if (!gid) return unknown("group", name);
      out_.input.groups->push_back(*gid);
    }
    return {};
  }

  // A number is just that; a name is an account, with its groups. Only root may change groups, and must.
  Result<> user() {
    if (settings_.user.empty()) return {};
    std::vector<gid_t> groups;
    if (const auto uid = number(settings_.user)) {
      out_.input.uid = *uid;
    } else {
      const auto account = find_user(settings_.user);
      if (!account) return unknown("user", settings_.user);
      out_.input.uid = account->uid;
      out_.input.gid = account->gid;
      groups = account->groups;
    }
    if (geteuid() == 0) out_.input.groups = std::move(groups);
    return {};
  }

  Result<> streams() {
    using Kind = Stdio::Kind;
    const Stdio first = mode_ == LaunchMode::Replace ? Stdio::inherit() : Stdio::null();
    const Stdio others = mode_ == LaunchMode::Output ? Stdio::pipe() : Stdio::inherit();
    for (std::size_t stream = 0; stream < settings_.stdio.size(); ++stream) {
      const Stdio& stdio = settings_.stdio[stream] ? *settings_.stdio[stream] : stream == 0 ? first : others;
      const bool fits = (stdio.kind != Kind::Pipe || mode_ != LaunchMode::Replace) &&
                        (stdio.kind != Kind::Data || stream == 0) &&
                        (stdio.kind != Kind::Merge || stream == 2);
      if (!fits) return failure(EINVAL, "stdio", kStreamNames[stream]);
      if (auto done = connect(stream, stdio); !done) return done;
    }
    return {};
  }

  Result<> connect(std::size_t stream, const Stdio& stdio) {
    PlanInput::Stdio& plan = out_.input.stdio[stream];
    plan.path = stdio.text;
    switch (stdio.kind) {
      case Stdio::Kind::Null:
        plan.kind = StdioKind::Null;
        return {};
      case Stdio::Kind::Inherit:
        plan.kind = StdioKind::Inherit;
        return {};
      case Stdio::Kind::Merge:
        plan.kind = StdioKind::SameAsStdout;
        return {};
      case Stdio::Kind::Read:
        plan.kind = StdioKind::Read;
        return {};
      case Stdio::Kind::Terminal:
        plan.kind = StdioKind::Terminal;
        return {};
      case Stdio::Kind::Append:
        plan.kind = StdioKind::Append;
        return file(stdio.options, plan);
      case Stdio::Kind::Truncate:
        plan.kind = StdioKind::Truncate;
        return file(stdio.options, plan);
      case Stdio::Kind::Fd:
        pass(stdio.borrowed, plan);
        return {};
      case Stdio::Kind::Data:
        plan.path.clear();
        return data(stdio.text, plan);
      case Stdio::Kind::Pipe:
        return pipe(stream, plan);
    }
    return failure(EINVAL, "stdio", kStreamNames[stream]);
  }

  Result<> file(const FileOptions& options, PlanInput::Stdio& plan) {
    plan.mode = static_cast<std::uint16_t>(options.mode);
    plan.before_identity = options.by_caller || !options.owner.empty() || !options.group.empty();
    if (!options.owner.empty()) {
      const auto account = find_user(options.owner);
      const auto uid = account ? std::optional(account->uid) : number(options.owner);
      if (!uid) return unknown("user", options.owner);
      plan.owner = *uid;
    }
    if (!options.group.empty()) {
      const auto gid = find_group(options.group);
      if (!gid) return unknown("group", options.group);
      plan.group = *gid;
    }
    return {};
  }

  void pass(int fd, PlanInput::Stdio& plan) {
    plan.kind = StdioKind::Passed;
    plan.index = static_cast<std::uint32_t>(out_.passed.size());
    out_.passed.push_back(fd);
  }

  // In a file without a name: no writer is needed, and nothing waits.
  Result<> data(std::string_view bytes, PlanInput::Stdio& plan) {
    UniqueFd fd(memfd_create("stdin", MFD_CLOEXEC));
    if (!fd) return failure(errno, "memfd_create", "stdin");
    while (!bytes.empty()) {
      const ssize_t written = write(fd.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return failure(errno, "write", "stdin");
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    if (lseek(fd.get(), 0, SEEK_SET) < 0) return failure(errno, "lseek", "stdin");
    pass(fd.get(), plan);
    out_.held.push_back(std::move(fd));
    return {};
  }

  Result<> pipe(std::size_t stream, PlanInput::Stdio& plan) {
    auto made = Pipe::create();
    if (!made) return Failure(made.error());
    UniqueFd& childs = stream == 0 ? made->read : made->write;
    out_.parent_ends[stream] = std::move(stream == 0 ? made->write : made->read);
    pass(childs.get(), plan);
    out_.held.push_back(std::move(childs));
    return {};
  }

  Result<> passed_fds() {
    for (const auto& passed : settings_.passed) {
      out_.input.passed.push_back(
          {static_cast<std::uint32_t>(out_.passed.size()), static_cast<std::uint32_t>(passed.target)});
      out_.passed.push_back(passed.source);
    }
    return {};
  }

  Result<> cgroup() {
    if (settings_.cgroup.empty()) return {};
    const std::string path = settings_.cgroup + "/cgroup.procs";
    out_.cgroup_procs.reset(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!out_.cgroup_procs) return failure(errno, "cgroup", path);
    return {};
  }

  Result<> encode() {
    auto plan = encode_plan(out_.input);
    if (!plan) return Failure(plan.error());
    out_.plan = std::move(*plan);
    return {};
  }

  const CommandSettings& settings_;
  const LaunchMode mode_;
  Resolved out_;
};

}  // namespace

Result<Resolved> resolve(const CommandSettings& settings, LaunchMode mode) {
  return Resolver(settings, mode).run();
}

}  // namespace init::process
