#include "libinit/unit/verify.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "libinit/base/accounts.h"
#include "libinit/base/environment_file.h"
#include "libinit/unit/enums.h"
#include "libinit/unit/ordering.h"
#include "libinit/unit/outputs.h"
#include "libinit/unit/source_lines.h"
#include "libinit/unit/suggest.h"

namespace init::unit {
namespace {

// Where a bare name is looked for: the PATH that services get.
constexpr std::string_view kServicePath[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                             "/usr/bin",        "/sbin",          "/bin"};
constexpr std::size_t kNamesInMessage = 12;
constexpr std::size_t kHints = 50;  // each looks at all names: thousands of mistakes get no hint each

std::string help_for(std::string_view near) {
  return near.empty() ? std::string() : "did you mean \"" + std::string(near) + "\"?";
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

// What becomes of a unit whose dependency does not exist.
enum class Need : std::uint8_t { None, Wish, Must };
Need need_of(const Dependency& dependency) {
  switch (dependency.kind) {
    case DependencyKind::Requires:
    case DependencyKind::Requisite:
    case DependencyKind::BindsTo:
    case DependencyKind::PreparedBy:
      return dependency.from_link ? Need::Wish : Need::Must;
    case DependencyKind::Wants:
    case DependencyKind::Upholds:
    case DependencyKind::OnFailure:
    case DependencyKind::OnSuccess:
    case DependencyKind::OnRestartLimit:
      return Need::Wish;
    default:
      return Need::None;  // order and the like are often said about units that may be there
  }
}

enum class Program : std::uint8_t { Good, Missing, NotExecutable };
Program look_at(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return Program::Missing;
  return S_ISREG(info.st_mode) && (info.st_mode & 0111) != 0 ? Program::Good : Program::NotExecutable;
}

Program find_program(const std::string& root, const std::string& name) {
  if (name.find('/') != std::string::npos) return look_at(root + name);
  for (const std::string_view folder : kServicePath) {
    if (look_at(root + std::string(folder) + "/" + name) == Program::Good) return Program::Good;
  }
  return Program::Missing;
}

class Verifier {
 public:
  Verifier(const LoadedSet& set, const VerifyOptions& options)
      : set_(set),
        options_(options),
        accounts_{options.root + "/etc/passwd", options.root + "/etc/group"},
        refused_(set.refused.begin(), set.refused.end()),
        masked_(set.masked.begin(), set.masked.end()) {
    for (const Unit& unit : set.units) {
      known_.insert(unit.id);
      by_id_.emplace(unit.id, &unit);
      for (const Dependency& dependency : unit.dependencies) {
        if (dependency.kind == DependencyKind::Provides) known_.insert(dependency.target);
      }
    }
  }

  std::vector<Diagnostic> run() {
    for (const Unit& unit : set_.units) {
      for (const Dependency& dependency : unit.dependencies) check_reference(unit, dependency);
      const ServiceConfig& s = unit.service;
      for (const auto* steps : {&s.command, &s.condition_commands, &s.pre_start, &s.post_start, &s.reload,
                                &s.pre_stop, &s.stop, &s.post_stop}) {
        for (const Step& step : *steps) check_program(unit, step);
      }
      for (const Probe* probe : {&s.ready, &s.health}) {
        if (probe->kind == ProbeKind::Command) check_program(unit, probe->command);
      }
      check_accounts(unit);
      check_output(unit, "stdout", s.standard_output);
      check_output(unit, "stderr", s.standard_error);
      check_places(unit);
      check_environment_files(unit);
      check_install(unit);
    }
    check_cycles();
    const auto key = [](const Diagnostic& d) { return std::tie(d.path, d.line, d.column); };
    std::stable_sort(found_.begin(), found_.end(),
                     [key](const auto& a, const auto& b) { return key(a) < key(b); });
    return std::move(found_);
  }

 private:
  Diagnostic& add(Severity severity, std::string code, std::string message) {
    Diagnostic& diagnostic = found_.emplace_back();
    diagnostic.severity = severity;
    diagnostic.code = std::move(code);
    diagnostic.message = std::move(message);
    return diagnostic;
  }

  void check_reference(const Unit& unit, const Dependency& dependency) {
    const Need need = need_of(dependency);
    if (need == Need::None || known_.contains(dependency.target)) return;
    const bool refused = refused_.contains(dependency.target), masked = masked_.contains(dependency.target);
    const char* state = refused  ? ", whose file has errors"
                        : masked ? ", which is masked"
                                 : ", which does not exist";
    const std::string message =
        unit.id + " " + std::string(word(dependency.kind)) + " " + dependency.target + state;
    Diagnostic& diagnostic = need == Need::Must ? add(Severity::Error, "E0201", message)
                                                : add(Severity::Warning, "W0202", message);
    lines_.show(diagnostic, unit, dependency.where, dependency.target);
    if (refused || masked || ++hints_ > kHints) return;
    std::vector<std::string_view> ids;
    for (const Unit& other : set_.units) ids.push_back(other.id);
    diagnostic.help = help_for(nearest(dependency.target, ids));
  }

  // What a variable or a root directory decides is not known before the start.
  void check_program(const Unit& unit, const Step& step) {
    const std::string& name = step.argv.front();
    if (name.find('$') != std::string::npos) return;
    const Program program = find_program(options_.root + unit.service.root_directory, name);
    if (program == Program::Good) return;
    const char* problem = program == Program::Missing ? "\" does not exist" : "\" is not an executable file";
    Diagnostic& diagnostic = add(Severity::Error, "E0203", '"' + name + problem);
    lines_.show(diagnostic, unit, step.where, name);
  }

  void check_accounts(const Unit& unit) {
    check_user(unit, "service", "user", unit.service.user);
    check_group(unit, "group", unit.service.group);
    for (const std::string& group : unit.service.extra_groups) check_group(unit, "extra-groups", group);
    for (const std::string& name : unit.operators) {
      if (!find_user(name, accounts_))
        warn(unit, {"unit", "operators"}, "W0208", name, "no user \"" + name + '"');
    }
  }

  void check_output(const Unit& unit, std::string_view key, const Output& output) {
    check_user(unit, "service", key, output.user);
    check_group(unit, key, output.group);
    if (output.kind != OutputKind::Unit) return;
    const auto reader = by_id_.find(output.path);
    const std::string_view why = why_not_readable(reader == by_id_.end() ? nullptr : reader->second);
    if (why.empty()) return;
    Diagnostic& diagnostic = add(Severity::Error, "E0211", output.path + ", which reads this, ");
    diagnostic.message += why;
    lines_.show(diagnostic, unit, lines_.find_key(unit, "service", key), "unit:" + output.path);
  }

  // What follows may be there by the time that the unit starts, and so is not an error.
  struct Key {
    std::string_view table, name;
  };
  void warn(const Unit& unit, Key key, const char* code, const std::string& token, std::string message) {
    Diagnostic& diagnostic = add(Severity::Warning, code, std::move(message));
    lines_.show(diagnostic, unit, lines_.find_key(unit, key.table, key.name), token);
  }

  void check_places(const Unit& unit) {
    const ServiceConfig& service = unit.service;
    check_directory(unit, "root-directory", {}, service.root_directory);
    if (!service.working_directory_may_miss)
      check_directory(unit, "working-directory", service.root_directory, service.working_directory);
  }

  void check_directory(const Unit& unit, std::string_view key, const std::string& root,
                       const std::string& path) {
    struct stat info {};
    if (path.empty()) return;
    const bool there = stat((options_.root + root + path).c_str(), &info) == 0;
    if (there && S_ISDIR(info.st_mode)) return;
    warn(unit, {"service", key}, "W0205", path,
         '"' + root + path + (there ? "\" is not a directory" : "\" does not exist"));
  }

  void check_environment_files(const Unit& unit) {
    for (const std::string& path : unit.service.environment_files) {
      const bool may_miss = path.starts_with('-');
      check_environment_file(unit, "environment-files", path.substr(may_miss ? 1 : 0), may_miss);
    }
    for (const std::string& path : unit.service.optional_environment_files)
      check_environment_file(unit, "optional-environment-files", path, true);
  }

  void check_environment_file(const Unit& unit, std::string_view key, const std::string& path,
                              bool may_miss) {
    const auto variables = read_environment_file(options_.root + path);
    if (variables || (may_miss && variables.error().code == ENOENT)) return;
    const int error = variables.error().code;
    const std::string problem = error == ENOENT   ? "does not exist"
                                : error == EINVAL ? "is not a text file"
                                : error == EFBIG  ? "is too large"
                                                  : std::string("cannot be read: ") + strerrordesc_np(error);
    warn(unit, {"service", key}, "W0206", path, '"' + path + "\" " + problem);
  }

  void check_install(const Unit& unit) {
    const InstallConfig& install = unit.install;
    check_installed(unit, "wanted-by", install.wanted_by);
    check_installed(unit, "required-by", install.required_by);
    check_installed(unit, "also", install.also);
  }

  void check_installed(const Unit& unit, std::string_view key, const std::vector<std::string>& targets) {
    for (const std::string& target : targets) {
      if (known_.contains(target) || refused_.contains(target) || masked_.contains(target)) continue;
      warn(unit, {"install", key}, "W0207", target,
           unit.id + " " + std::string(key) + " " + target + ", which does not exist");
    }
  }

  void check_user(const Unit& unit, std::string_view table, std::string_view key, const std::string& name) {
    if (name.empty() || find_user(name, accounts_)) return;
    Diagnostic& diagnostic = add(Severity::Error, "E0204", "no user \"" + name + '"');
    lines_.show(diagnostic, unit, lines_.find_key(unit, table, key), name);
    const auto names = user_names(accounts_);
    diagnostic.help = help_for(nearest(name, views(names)));
  }

  void check_group(const Unit& unit, std::string_view key, const std::string& name) {
    if (name.empty() || find_group(name, accounts_)) return;
    Diagnostic& diagnostic = add(Severity::Error, "E0204", "no group \"" + name + '"');
    lines_.show(diagnostic, unit, lines_.find_key(unit, "service", key), name);
    const auto names = group_names(accounts_);
    diagnostic.help = help_for(nearest(name, views(names)));
  }

  void check_cycles() {
    const std::vector<OrderEdge> edges = order_edges(set_.units);
    for (const Cycle& cycle : find_cycles(static_cast<std::uint32_t>(set_.units.size()), edges))
      add_cycle(cycle);
  }

  // Told from the last edge to the first, so that each unit waits for the next one; the first unit begins.
  void add_cycle(const Cycle& cycle) {
    std::vector<OrderEdge> edges = cycle.edges;
    const auto first_unit = std::min_element(
        edges.begin(), edges.end(), [](const OrderEdge& a, const OrderEdge& b) { return a.after < b.after; });
    std::rotate(edges.begin(), first_unit + 1, edges.end());
    std::string message = "dependency cycle: " + set_.units[edges.back().after].id;
    for (std::size_t i = edges.size(); i-- > 0;) {
      if (edges.size() - i > kNamesInMessage && i > 0) continue;
      if (edges.size() > kNamesInMessage && i == 0) message += " \u2192 ...";
      message += " \u2192 " + set_.units[edges[i].before].id;
    }
    Diagnostic& diagnostic = add(Severity::Error, "E0210", std::move(message));
    const OrderEdge& first = edges.back();
    const Dependency& reason = set_.units[first.unit].dependencies[first.dependency];
    lines_.show(diagnostic, set_.units[first.unit], reason.where, reason.target);
    diagnostic.help =
        cycle.strong ? "take one of these out" : "order by wants gives way at boot: say unordered or before";
    for (std::size_t i = edges.size(); i-- > 0;) diagnostic.notes.push_back(note_of(edges[i]));
  }

  [[nodiscard]] Note note_of(const OrderEdge& edge) const {
    const Unit& unit = set_.units[edge.unit];
    const Dependency& dependency = unit.dependencies[edge.dependency];
    const std::string how = dependency.from_link ? "by a link " : "";
    return {dependency.where.file < unit.files.size() ? unit.files[dependency.where.file] : unit.id,
            dependency.where.line, dependency.where.column,
            unit.id + " " + how + std::string(word(dependency.kind)) + " " + dependency.target};
  }

  const LoadedSet& set_;
  const VerifyOptions& options_;
  const AccountFiles accounts_;
  std::unordered_set<std::string_view> known_;
  std::unordered_map<std::string_view, const Unit*> by_id_;
  const std::unordered_set<std::string_view> refused_, masked_;
  SourceLines lines_;
  std::size_t hints_ = 0;
  std::vector<Diagnostic> found_;
};

}  // namespace

std::vector<Diagnostic> verify(const LoadedSet& set, const VerifyOptions& options) {
  return Verifier(set, options).run();
}

}  // namespace init::unit
