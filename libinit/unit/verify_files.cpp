#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "libinit/unit/report.h"
#include "libinit/unit/verify.h"

namespace init::unit {
namespace {

// What was named on the command line, by the folder it lies in: the folder itself, or files of it.
using Named = std::map<std::string, std::set<std::string>>;

bool in_folder(const std::string& folder, const std::string& path) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

bool concerns(const std::string& folder, const std::set<std::string>& named, const std::string& path) {
  return named.contains(path) || (named.contains(folder) && in_folder(folder, path));
}

class Files {
 public:
  explicit Files(const VerifyOptions& options) : options_(options) {}

  void name(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return refuse(path, "no such file or folder", {});
    if (S_ISDIR(info.st_mode)) return void(named_[path].insert(path));
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
    const std::string base = path.substr(slash + 1);
    if (base.starts_with('.') || !base.ends_with(".toml")) {
      return refuse(path, "this is not a unit file",
                    "unit files are called NAME.KIND.toml, as in web.service.toml");
    }
    named_[folder].insert(folder + "/" + base);
  }

  Verification run() {
    for (const auto& [folder, files] : named_) folder_of_files(folder, files);
    out_.files = static_cast<std::uint32_t>(seen_.size());
    return std::move(out_);
  }

 private:
  // Each folder is put first once, so that nothing that was named is hidden by another of its name.
  void folder_of_files(const std::string& folder, const std::set<std::string>& files) {
    SearchPath path{{folder}};
    for (const auto& [other, unused] : named_) {
      if (other != folder) path.directories.push_back(other);
    }
    for (const std::string& system : default_search_path(false).directories) {
      path.directories.push_back(options_.root + system);
    }
    const LoadedSet set = load_units(path, {false, {}});
    for (const Unit& unit : set.units) {
      if (concerns(folder, files, unit.files[0])) seen_.insert(unit.files[0]);
    }
    keep(folder, files, set.diagnostics);
    keep(folder, files, verify(set, options_));
  }

  void keep(const std::string& folder, const std::set<std::string>& files,
            const std::vector<Diagnostic>& diagnostics) {
    for (const Diagnostic& diagnostic : diagnostics) {
      const bool own = concerns(folder, files, diagnostic.path);
      const bool noted = std::any_of(diagnostic.notes.begin(), diagnostic.notes.end(),
                                     [&](const Note& note) { return concerns(folder, files, note.path); });
      if (own) seen_.insert(diagnostic.path);
      if (own || noted) out_.diagnostics.push_back(diagnostic);
    }
  }

  void refuse(const std::string& path, std::string message, std::string help) {
    seen_.insert(path);
    Report(path, {}, out_.diagnostics).error("E0001", {0, 0, 1}, std::move(message), std::move(help));
  }

  const VerifyOptions& options_;
  Named named_;
  std::set<std::string> seen_;
  Verification out_;
};

}  // namespace

Verification verify_files(const std::vector<std::string>& paths, const VerifyOptions& options) {
  Files files(options);
  for (const std::string& path : paths) files.name(path);
  return files.run();
}

}  // namespace init::unit
