#include "daemon/manager/app/configuration.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "daemon/manager/app/bus_names.h"
#include "libinit/base/checksum.h"
#include "libinit/unit/loader.h"
#include "libinit/unit/slices.h"

namespace init::manager {
namespace {

constexpr off_t kMaxGeneration = off_t{256} << 20;

std::string saved_path(const Options& options) {
  return options.state + "/generation";
}

bool copy_all(int from, int to, off_t size) {
  off_t at = 0;
  while (at < size) {
    if (sendfile(to, from, &at, static_cast<std::size_t>(size - at)) <= 0) return false;
  }
  return true;
}

bool lies_in(const unit::Unit& unit, const std::vector<std::string>& directories) {
  return !unit.files.empty() && std::any_of(directories.begin(), directories.end(), [&](const auto& path) {
    return unit.files.front().starts_with(path + "/");
  });
}

// Of broken files, and of all files in a directory that cannot be read.
void keep_last_good(Reading& reading, const unit::LoadedSet& loaded, const unit::Generation& last_good) {
  const auto& refused = loaded.refused;
  for (std::uint32_t index = 0; index < last_good.size(); ++index) {
    const std::string id(last_good.id(index));
    const bool broken = std::binary_search(refused.begin(), refused.end(), id);
    if (!broken && loaded.unreadable.empty()) continue;
    auto unit = last_good.unit(index);
    if (!unit || (!broken && !lies_in(*unit, loaded.unreadable))) continue;
    std::erase_if(reading.units, [&id](const unit::Unit& other) { return other.id == id; });
    unit::Diagnostic note;
    note.severity = unit::Severity::Warning;
    note.path = unit->files.empty() ? id : unit->files.front();
    note.message = "the last good version of " + id + " stays in force";
    reading.diagnostics.push_back(std::move(note));
    reading.units.push_back(std::move(*unit));
  }
}

bool is_required(const unit::Dependency& dependency) {
  using enum unit::DependencyKind;
  return dependency.kind == Requires || dependency.kind == Requisite || dependency.kind == BindsTo;
}

std::set<std::string> essential_units(const std::vector<unit::Unit>& units) {
  std::map<std::string_view, const unit::Unit*> by_id;
  std::vector<const unit::Unit*> to_do;
  for (const auto& unit : units) {
    by_id[unit.id] = &unit;
    if (unit.essential) to_do.push_back(&unit);
  }
  std::set<std::string> found;
  while (!to_do.empty()) {
    const unit::Unit* unit = to_do.back();
    to_do.pop_back();
    if (!found.insert(unit->id).second) continue;
    for (const auto& dependency : unit->dependencies) {
      const auto at = by_id.find(dependency.target);
      if (is_required(dependency) && at != by_id.end()) to_do.push_back(at->second);
    }
  }
  return found;
}

// Takes out of the units what is not to be seen to. By tag.
std::map<std::uint64_t, std::string> set_aside(std::vector<unit::Unit>& units,
                                               const Restriction& restriction) {
  std::set<std::string> essential;
  if (restriction.essential_only) essential = essential_units(units);
  std::map<std::uint64_t, std::string> aside;
  std::erase_if(units, [&](const unit::Unit& unit) {
    const std::uint64_t tag = fnv1a64(unit.id);
    const bool out =
        restriction.refused.contains(tag) || (restriction.essential_only && !essential.contains(unit.id));
    if (out) aside.emplace(tag, unit.id);
    return out;
  });
  return aside;
}

Result<std::vector<unit::Unit>> all_units(const unit::Generation& generation) {
  std::vector<unit::Unit> units;
  units.reserve(generation.size());
  for (std::uint32_t index = 0; index < generation.size(); ++index) {
    auto unit = generation.unit(index);
    if (!unit) return Failure(unit.error());
    units.push_back(std::move(*unit));
  }
  return units;
}

Result<unit::Generation> same_again(const unit::Generation& generation) {
  return unit::Generation::open(UniqueFd(fcntl(generation.fd(), F_DUPFD_CLOEXEC, 0)));
}

Result<unit::Generation> reduced(std::span<const unit::Unit> units, const unit::SystemConfig& system) {
  auto compiled = unit::compile_generation(units, system);
  if (!compiled) return Failure(compiled.error());
  return unit::Generation::open(std::move(*compiled));
}

}  // namespace

Result<Configuration> Configuration::open(UniqueFd fd, const Restriction& restriction) {
  auto whole = unit::Generation::open(std::move(fd));
  if (!whole) return Failure(whole.error());
  auto system = whole->config();
  if (!system) return Failure(system.error());
  auto units = all_units(*whole);
  if (!units) return Failure(units.error());
  std::set<std::string, std::less<>> readers, logins;
  for (const auto& unit : *units) {
    if (!unit.service.context.tty.utmp_id.empty()) logins.insert(unit.id);
    for (const auto* output : {&unit.service.standard_output, &unit.service.standard_error}) {
      if (output->kind == unit::OutputKind::Unit) readers.insert(output->path);
    }
  }
  auto aside = set_aside(*units, restriction);
  auto generation = aside.empty() ? same_again(*whole) : reduced(*units, *system);
  if (!generation) return Failure(generation.error());
  std::multimap<std::string, core::UnitIndex> bus_names;
  for (core::UnitIndex index = 0; index < units->size(); ++index) {
    const std::string& name = (*units)[index].service.bus_name;
    if (!name.empty()) bus_names.emplace(name, index);
  }
  auto graph = core::Graph::build(*units);
  *units = {};
  malloc_trim(0);  // the decoded units were the largest thing this process will ever hold
  return Configuration{std::move(*generation), std::move(*whole),  std::move(*system), std::move(graph),
                       std::move(bus_names),   std::move(readers), std::move(logins),  std::move(aside)};
}

std::optional<unit::Unit> Configuration::unit(core::UnitIndex index) const {
  if (index >= generation.size()) return std::nullopt;
  auto found = generation.unit(index);
  return found ? std::optional(std::move(*found)) : std::nullopt;
}

Reading read_units(const Options& options, const unit::Generation* last_good) {
  unit::SearchPath path = unit::default_search_path(options.user);
  if (!options.unit_directories.empty()) path.directories = options.unit_directories;
  Reading reading;
  reading.system = unit::load_system_config(options.config_file, reading.diagnostics);
  auto loaded = unit::load_units(path, {});
  reading.units = std::move(loaded.units);
  reading.diagnostics.insert(reading.diagnostics.end(), loaded.diagnostics.begin(), loaded.diagnostics.end());
  if (last_good != nullptr) keep_last_good(reading, loaded, *last_good);
  add_bus_watcher(reading.units, bus_program());
  loaded.refused.insert(loaded.refused.end(), loaded.masked.begin(), loaded.masked.end());
  unit::add_slices(reading.units, loaded.refused);
  std::sort(reading.units.begin(), reading.units.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return reading;
}

Result<> copy_generation(int from, int memfd) {
  struct stat status {};
  if (fstat(from, &status) != 0) return failure(errno, "fstat", "generation");
  if (!copy_all(from, memfd, status.st_size)) return failure(errno, "copy", "generation");
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (fcntl(memfd, F_ADD_SEALS, kSeals) != 0) return failure(errno, "seal", "generation");
  return {};
}

std::optional<unit::Generation> saved_generation(const Options& options) {
  const UniqueFd file(open(saved_path(options).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (status.st_uid != geteuid() || status.st_size > kMaxGeneration) return std::nullopt;
  UniqueFd copy(memfd_create("initd-saved", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy || !copy_generation(file.get(), copy.get())) return std::nullopt;
  auto generation = unit::Generation::open(std::move(copy));
  return generation ? std::optional(std::move(*generation)) : std::nullopt;
}

Result<> save_generation(const Options& options, int generation_fd) {
  const std::string path = saved_path(options);
  const std::string fresh = path + ".new";
  if (mkdir(options.state.c_str(), 0755) != 0 && errno != EEXIST)
    return failure(errno, "mkdir", options.state);
  (void)unlink(fresh.c_str());  // somebody who was killed may be writing there still
  const UniqueFd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  struct stat status {};
  if (!file) return failure(errno, "open", fresh);
  if (fstat(generation_fd, &status) != 0) return failure(errno, "fstat", "generation");
  if (!copy_all(generation_fd, file.get(), status.st_size)) return failure(errno, "write", fresh);
  if (rename(fresh.c_str(), path.c_str()) != 0) return failure(errno, "rename", path);
  return {};
}

api::DaemonReloadReply compare(const Configuration& before, const Configuration& after) {
  api::DaemonReloadReply reply;
  reply.loaded = static_cast<std::int32_t>(after.generation.size());
  for (std::uint32_t index = 0; index < after.generation.size(); ++index) {
    const std::string id(after.generation.id(index));
    const auto old = before.generation.find(id);
    if (!old || before.unit(*old) != after.unit(index)) reply.changed.push_back(id);
  }
  for (std::uint32_t index = 0; index < before.generation.size(); ++index) {
    const std::string id(before.generation.id(index));
    if (!after.generation.find(id)) reply.removed.push_back(id);
  }
  return reply;
}

}  // namespace init::manager
