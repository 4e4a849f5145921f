// One unit's files in one directory: `current`, and what it was before (libinit/log/names.h). Each step opens
// the directory, which must be no link, and names files within it: whoever may exchange it for a link to
// another directory harms nothing there.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"
#include "libinit/log/names.h"

namespace init::logger {

// Bytes and files, as in [log].
struct Bounds {
  std::uint64_t size = 0;
  std::uint32_t count = 0;
  std::uint64_t total = 0;
};

class Storage {
 public:
  // directory: of the unit; its parent may be missing, too. Files belong to `group`.
  Storage(std::string directory, gid_t group) : directory_(std::move(directory)), group_(group) {}

  [[nodiscard]] bool is_open() const { return file_.valid(); }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  // Makes what is missing and opens `current`, cutting off a torn tail. Nothing is followed that another may
  // have planted: not a link, nor a file with a second name. Errors: of mkdir(2), open(2); EINVAL for what is
  // no plain file.
  [[nodiscard]] Result<> open();
  void close() { file_.reset(); }

  // Looks whether the file is still there, and where it ends.
  [[nodiscard]] Result<> refresh();
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t inode() const { return inode_; }
  [[nodiscard]] std::int64_t first_us() const { return first_us_; }  // 0 = it is empty

  // At the end. All or, after an error, nothing.
  [[nodiscard]] Result<> append(std::string_view lines, std::int64_t time_us);
  // Cuts `current` off there, when it is that file.
  void cut(std::uint64_t offset, std::uint64_t inode);
  // `current` becomes a file of the past; its name, or nothing when it was empty. open() must follow.
  [[nodiscard]] Result<std::string> rotate();
  // Removes the oldest files beyond the bounds; how many.
  std::size_t prune(const Bounds& bounds);
  // Files of the past, oldest first.
  [[nodiscard]] std::vector<std::string> past() const;
  // Copies a file of the past of another directory to here, and removes it there.
  [[nodiscard]] Result<> take_in(const Storage& from, const std::string& name);
  // Removes `current` and the directory, when nothing else is in there.
  void remove();

 private:
  [[nodiscard]] Result<UniqueFd> open_directory() const;
  [[nodiscard]] Result<UniqueFd> make_directory() const;
  [[nodiscard]] Result<> repair();
  void read_first();
  [[nodiscard]] std::string path(std::string_view name) const { return directory_ + "/" + std::string(name); }

  std::string directory_;
  gid_t group_;
  UniqueFd file_;
  std::uint64_t size_ = 0;
  std::uint64_t inode_ = 0;
  std::int64_t first_us_ = 0;
};

// The names of the directories in one; none when it is not there.
[[nodiscard]] std::vector<std::string> directories_in(const std::string& path);

}  // namespace init::logger
