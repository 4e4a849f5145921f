// ProcessInfo: one process, seen through /proc (proc(5)). It holds the process's directory there, which is of
// that very process for ever: when it has ended, every question fails with ESRCH, also when its number is in
// use again. Each answer is one look of its own; between two the process has gone on.
//
// Who may see what is the kernel's rule (ptrace(2), "access mode checking"): everybody sees stat, status,
// limits, cgroups and arguments; descriptors, maps and the three paths are for the same user and root, EACCES
// or EPERM for others.
#pragma once
#include <string>
#include <vector>

#include "libinit/base/unique_fd.h"
#include "libinit/process_info/maps.h"
#include "libinit/process_info/values.h"

namespace init::process_info {

// Bytes; a process has at most 65,530 mappings where nobody raised that.
inline constexpr std::size_t kLargestText = std::size_t{64} << 20;

class ProcessInfo {
 public:
  // Errors: ESRCH: no such process, or it has ended, or this user may not know of it (hidepid).
  [[nodiscard]] static Result<ProcessInfo> open(Pid pid);
  // The process of that number that began at that time. Errors: also ESRCH when it is another one by now.
  [[nodiscard]] static Result<ProcessInfo> open(Pid pid, std::uint64_t start_ticks);

  [[nodiscard]] Pid pid() const { return pid_; }

  // All of these fail with ESRCH when the process has been reaped, EBADMSG for what is not understood, and
  // with the errno of open(2) and read(2).
  [[nodiscard]] Result<Stat> stat() const;
  [[nodiscard]] Result<Status> status() const;
  [[nodiscard]] Result<Limits> limits() const;
  [[nodiscard]] Result<std::vector<Cgroup>> cgroups() const;
  [[nodiscard]] Result<std::int32_t> oom_score_adjust() const;
  // Of the first bytes of them, at most; the process may have changed them.
  [[nodiscard]] Result<std::vector<std::string>> arguments(std::size_t most = kLargestText) const;
  [[nodiscard]] Result<std::vector<Mapping>> maps() const;
  [[nodiscard]] Result<std::vector<Descriptor>> descriptors() const;  // by number
  // By number. One that was born or died during the look may be missing. ENOENT: the kernel does not tell.
  [[nodiscard]] Result<std::vector<Pid>> children() const;

  // As readlink(2) has them: " (deleted)" may follow. A kernel thread has no program: ENOENT.
  [[nodiscard]] Result<std::string> program() const;
  [[nodiscard]] Result<std::string> working_directory() const;
  [[nodiscard]] Result<std::string> root_directory() const;

 private:
  ProcessInfo(Pid pid, UniqueFd directory) : pid_(pid), directory_(std::move(directory)) {}

  // EFBIG above kLargestText; what is above most is left out.
  [[nodiscard]] Result<std::string> text_of(const std::string& file, std::size_t most = kLargestText) const;
  [[nodiscard]] Result<std::string> link_of(const std::string& name) const;
  [[nodiscard]] Result<std::vector<std::int32_t>> numbers_in(const char* folder) const;
  [[nodiscard]] Result<Descriptor> descriptor(std::int32_t number) const;
  [[nodiscard]] Failure failed(int error, const char* step, const std::string& file) const;
  template <class T>
  [[nodiscard]] Result<T> parsed(const char* file, Result<T> (*parse)(std::string_view)) const;

  Pid pid_;
  UniqueFd directory_;
};

}  // namespace init::process_info
