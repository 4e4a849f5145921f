// What may block, done beside the manager: by a copy of it (fork(2)) that sees all its memory, has none of
// its descriptors, answers over a pipe and dies with it. A name service or a file system that hangs holds up
// nothing but the start that asked for it. Who ignores SIGCHLD, as the manager does, has none left to reap.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {

class Helpers {
 public:
  static Result<Helpers> create();
  Helpers(Helpers&&) = default;
  Helpers& operator=(Helpers&&) = default;
  ~Helpers();

  // Readable when take_done() has something.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  // Runs work in the helper; its answer is at most 4 MiB. After the limit it is killed. It has `kept`, if
  // any, as kKept. Errors: EAGAIN (512 are at work already), those of pipe2(2) and fork(2).
  Result<> start(std::uint64_t key, const std::function<std::string()>& work, Duration limit = kInfinity,
                 int kept = -1);
  static constexpr int kKept = 4;
  void cancel(std::uint64_t key);

  struct Done {
    std::uint64_t key = 0;
    std::string answer;  // empty when the helper ended without one
  };
  std::vector<Done> take_done();

 private:
  struct Helper {
    pid_t pid = 0;
    UniqueFd pipe;
    std::string answer;
  };

  Helpers() = default;
  void end(std::map<std::uint64_t, Helper>::iterator helper);
  void reap();

  UniqueFd epoll_;
  std::map<std::uint64_t, Helper> helpers_;
  std::vector<pid_t> ending_;  // killed; not yet seen to be gone
};

}  // namespace init::manager
