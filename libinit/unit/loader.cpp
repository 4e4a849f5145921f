#include "libinit/unit/loader.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"
#include "libinit/unit/names.h"
#include "libinit/unit/report.h"
#include "libinit/unit/unit_file.h"

namespace init::unit {
namespace {

constexpr std::string_view kSuffix = ".toml";

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// The names in a directory, sorted, without hidden ones; fd stays open for looking into them.
struct Listing {
  UniqueFd fd;
  std::vector<std::string> names;
};

Result<Listing> list_directory(int parent, const std::string& path) {
  Listing listing;
  listing.fd = UniqueFd(openat(parent, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!listing.fd) return failure(errno, "open", path);
  UniqueFd copy(fcntl(listing.fd.get(), F_DUPFD_CLOEXEC, 0));
  const std::unique_ptr<DIR, CloseDirectory> stream(copy ? fdopendir(copy.get()) : nullptr);
  if (!stream) return failure(errno, "read", path);
  (void)copy.release();  // the stream owns it
  errno = 0;             // readdir(3) tells its end from a failure by that alone
  while (const dirent* entry = readdir(stream.get())) {
    if (entry->d_name[0] != '.') listing.names.emplace_back(entry->d_name);
  }
  if (errno != 0) return failure(errno, "read", path);
  std::sort(listing.names.begin(), listing.names.end());
  return listing;
}

// "t.target" for "t.target.wants"; nothing for other names.
std::optional<DependencyKind> link_kind(std::string_view name) {
  if (name.ends_with(".wants")) return DependencyKind::Wants;
  if (name.ends_with(".requires")) return DependencyKind::Requires;
  return std::nullopt;
}

struct LinkFolder {
  std::string path;
  DependencyKind kind;
  std::vector<std::string> members;  // unit ids
};

class Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options) {}

  void directory(const std::string& path) {
    auto listing = list_directory(AT_FDCWD, path);
    if (!listing) {
      if (listing.error().code == ENOENT) return;
      set_.unreadable.push_back(path);
      return refuse(path, "the directory is not used: " + listing.error().text(), {});
    }
    for (const std::string& name : listing->names) {
      if (name.ends_with(kSuffix)) {
        file(*listing, path, name);
      } else if (const auto kind = link_kind(name)) {
        links(*listing, path + "/" + name, name, *kind);
      }
    }
  }

  LoadedSet finish() {
    std::sort(set_.units.begin(), set_.units.end(), [](const Unit& a, const Unit& b) { return a.id < b.id; });
    std::sort(set_.masked.begin(), set_.masked.end());
    std::sort(set_.refused.begin(), set_.refused.end());
    for (Unit& unit : set_.units) {
      const auto found = folders_.find(unit.id);
      for (std::size_t i = 0; found != folders_.end() && i < found->second.size(); ++i)
        add_links(unit, found->second[i]);
    }
    return std::move(set_);
  }

 private:
  void file(const Listing& listing, const std::string& folder, const std::string& name) {
    const std::string id = name.substr(0, name.size() - kSuffix.size());
    const std::string path = folder + "/" + name;
    if (!valid_unit_name(id)) {
      return refuse(path, "\"" + id + "\" is not a unit name",
                    "unit files are called NAME.KIND.toml, as in web.service.toml");
    }
    if (!seen_.insert(id).second) return;
    const SourceFile source = read_source(listing.fd.get(), name.c_str(), options_.check_ownership);
    if (source.state == FileState::Masked) return set_.masked.push_back(id);
    if (source.state == FileState::Missing)
      return refuse_unit(id, path, "it is a link to nothing", "remove the link");
    if (source.state == FileState::Refused) return refuse_unit(id, path, source.problem, source.help);
    if (!kind_of(id)) return refuse_unit(id, path, "units of this kind are not supported yet", {});
    if (is_template(id)) return refuse_unit(id, path, "templates are not supported yet", {});
    if (auto unit = parse_unit(id, path, source.text, set_.diagnostics)) {
      set_.units.push_back(std::move(*unit));
    } else {
      set_.refused.push_back(id);
    }
  }

  // A link to /dev/null takes away the same link of later directories.
  void links(const Listing& parent, const std::string& path, const std::string& name, DependencyKind kind) {
    const std::string owner = name.substr(0, name.rfind('.'));
    auto listing = list_directory(parent.fd.get(), name);
    if (!listing || !valid_unit_name(owner)) return;
    LinkFolder folder{path, kind, {}};
    for (const std::string& link : listing->names) {
      if (!link.ends_with(kSuffix)) continue;
      std::string id = link.substr(0, link.size() - kSuffix.size());
      if (!valid_unit_name(id) || !seen_links_.insert(name + "/" + id).second) continue;
      if (!is_null_link(listing->fd.get(), link)) folder.members.push_back(std::move(id));
    }
    folders_[owner].push_back(std::move(folder));
  }

  static bool is_null_link(int directory, const std::string& link) {
    constexpr std::string_view kNull = "/dev/null";
    char target[kNull.size() + 1];
    const ssize_t size = readlinkat(directory, link.c_str(), target, sizeof target);
    return size >= 0 && std::string_view(target, static_cast<std::size_t>(size)) == kNull;
  }

  static void add_links(Unit& unit, const LinkFolder& folder) {
    if (folder.members.empty() || unit.files.size() > 0xffff) return;
    const auto number = static_cast<std::uint16_t>(unit.files.size());
    unit.files.push_back(folder.path);
    for (const std::string& member : folder.members) {
      unit.dependencies.push_back({folder.kind, member, {number, 0, 0}, true});
    }
  }

  void refuse_unit(const std::string& id, const std::string& path, const std::string& problem,
                   const std::string& help) {
    refuse(path, id + " is not loaded: " + problem, help);
    set_.refused.push_back(id);
  }

  void refuse(const std::string& path, std::string message, std::string help) {
    Report(path, {}, set_.diagnostics).error("E0001", {0, 0, 1}, std::move(message), std::move(help));
  }

  const LoadOptions& options_;
  LoadedSet set_;
  std::unordered_set<std::string> seen_, seen_links_;
  std::unordered_map<std::string, std::vector<LinkFolder>> folders_;  // by the unit that links out
};

std::string variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : otherwise;
}

}  // namespace

SearchPath default_search_path(bool user) {
  if (!user) {
    return {{"/etc/initd/units", "/run/initd/units", "/usr/local/lib/initd/units", "/usr/lib/initd/units",
             "/run/initd/generated"}};
  }
  const std::string home = variable("HOME", "/");
  return {{variable("XDG_CONFIG_HOME", home + "/.config") + "/initd/units",
           variable("XDG_DATA_HOME", home + "/.local/share") + "/initd/units", "/usr/lib/initd/user"}};
}

LoadedSet load_units(const SearchPath& path, const LoadOptions& options) {
  Loader loader(options);
  for (const std::string& directory : path.directories) loader.directory(options.root + directory);
  return loader.finish();
}

}  // namespace init::unit
