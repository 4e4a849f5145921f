#include "daemon/manager/app/configuration.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "daemon/manager/app/bus_names.h"
#include "libinit/unit/loader.h"

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

void keep_last_good(Reading& reading, const std::vector<std::string>& refused,
                    const unit::Generation& last_good) {
  for (const auto& id : refused) {
    const auto index = last_good.find(id);
    if (!index) continue;
    auto unit = last_good.unit(*index);
    if (!unit) continue;
    unit::Diagnostic note;
    note.severity = unit::Severity::Warning;
    note.path = unit->files.empty() ? id : unit->files.front();
    note.message = "the last good version of " + id + " stays in force";
    reading.diagnostics.push_back(std::move(note));
    reading.units.push_back(std::move(*unit));
  }
}

}  // namespace

Result<Configuration> Configuration::open(UniqueFd fd) {
  auto generation = unit::Generation::open(std::move(fd));
  if (!generation) return Failure(generation.error());
  auto system = generation->config();
  if (!system) return Failure(system.error());
  std::shared_ptr<const core::Graph> graph;
  std::multimap<std::string, core::UnitIndex> bus_names;
  std::set<std::string, std::less<>> readers;
  {
    std::vector<unit::Unit> units;
    units.reserve(generation->size());
    for (std::uint32_t index = 0; index < generation->size(); ++index) {
      auto unit = generation->unit(index);
      if (!unit) return Failure(unit.error());
      if (!unit->service.bus_name.empty()) bus_names.emplace(unit->service.bus_name, index);
      for (const auto* output : {&unit->service.standard_output, &unit->service.standard_error}) {
        if (output->kind == unit::OutputKind::Unit) readers.insert(output->path);
      }
      units.push_back(std::move(*unit));
    }
    graph = core::Graph::build(units);
  }
  malloc_trim(0);  // the decoded units were the largest thing this process will ever hold
  return Configuration{std::move(*generation), std::move(*system), std::move(graph), std::move(bus_names),
                       std::move(readers)};
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
  if (last_good != nullptr) keep_last_good(reading, loaded.refused, *last_good);
  add_bus_watcher(reading.units, bus_program());
  std::sort(reading.units.begin(), reading.units.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return reading;
}

std::optional<unit::Generation> saved_generation(const Options& options) {
  const UniqueFd file(open(saved_path(options).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (status.st_uid != geteuid() || status.st_size > kMaxGeneration) return std::nullopt;
  UniqueFd copy(memfd_create("initd-saved", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy || !copy_all(file.get(), copy.get(), status.st_size)) return std::nullopt;
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (fcntl(copy.get(), F_ADD_SEALS, kSeals) != 0) return std::nullopt;
  auto generation = unit::Generation::open(std::move(copy));
  return generation ? std::optional(std::move(*generation)) : std::nullopt;
}

Result<> save_generation(const Options& options, int generation_fd) {
  const std::string path = saved_path(options);
  const std::string fresh = path + ".new";
  if (mkdir(options.state.c_str(), 0755) != 0 && errno != EEXIST)
    return failure(errno, "mkdir", options.state);
  const UniqueFd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
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
