#include "daemon/manager/os/runtime_directories.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "daemon/manager/os/directories.h"
#include "daemon/manager/os/file.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {
namespace {

constexpr std::size_t kMaximumNames = 256 * 1024;  // of a unit file

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

bool is_below(std::string_view name, std::string_view above) {
  return name.size() > above.size() && name.starts_with(above) && name[above.size()] == '/';
}

Result<> write_new(const std::string& path, std::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return failure(errno, "open", path);
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failure(errno != 0 ? errno : ENOSPC, "write", path);
  return {};
}

}  // namespace

RuntimeDirectories::RuntimeDirectories(std::string place) : place_(std::move(place)) {
  const std::unique_ptr<DIR, decltype([](DIR* one) { closedir(one); })> opened(opendir(place_.c_str()));
  if (!opened) return;
  while (const dirent* entry = readdir(opened.get())) {
    if (entry->d_name[0] == '.') continue;
    const auto text = read_file(AT_FDCWD, place_ + "/" + entry->d_name, kMaximumNames);
    if (text) held_[entry->d_name] = lines_of(*text);
  }
}

Result<> RuntimeDirectories::hold(const std::string& unit, const std::vector<std::string>& names) {
  std::vector<std::string>& held = held_[unit];
  std::vector<std::string> all = held;
  for (const std::string& name : names) {
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
  }
  if (all == held) return {};
  held = std::move(all);
  if (mkdir(place_.c_str(), 0700) != 0 && errno != EEXIST) return failure(errno, "mkdir", place_);
  std::string text;
  for (const std::string& name : held) text += name + "\n";
  return write_new(place_ + "/" + unit, text);
}

std::vector<std::string> RuntimeDirectories::units() const {
  std::vector<std::string> units;
  units.reserve(held_.size());
  for (const auto& [unit, names] : held_) units.push_back(unit);
  return units;
}

bool RuntimeDirectories::is_shared(const std::string& unit, std::string_view name) const {
  return std::any_of(held_.begin(), held_.end(), [&](const auto& other) {
    return other.first != unit &&
           std::any_of(other.second.begin(), other.second.end(),
                       [&](const std::string& one) { return one == name || is_below(one, name); });
  });
}

std::vector<Error> RuntimeDirectories::release(const std::string& unit) {
  std::vector<Error> errors;
  const auto held = held_.find(unit);
  if (held == held_.end()) return errors;
  for (const std::string& name : held->second) {
    if (is_shared(unit, name)) continue;
    auto removed = remove_unit_directory({unit::DirectoryKind::Runtime, name, 0});
    if (!removed) errors.push_back(removed.error());
  }
  held_.erase(held);
  (void)unlink((place_ + "/" + unit).c_str());
  return errors;
}

}  // namespace init::manager
