// respawn STAMPS NAME ROUNDS: kills the process that last stamped as NAME with SIGKILL and takes the time
// until its successor's stamp, ROUNDS times. Prints "restart P10 MEDIAN P90" in microseconds. Runs in the
// services' PID namespace.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <string>

#include "bench/helpers/stamp_record.h"
#include "bench/helpers/support.h"

using namespace init::bench;

namespace {

constexpr std::uint64_t kPatienceNs = 15'000'000'000U;

class Stamps {
 public:
  explicit Stamps(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) die(path);
  }

  // The last record of that name so far; waits for the first one.
  StampRecord last(const std::string& name) {
    StampRecord found = next(name), record;
    while (read_one(record)) {
      if (name == record.name) found = record;
    }
    return found;
  }

  // The next record of that name, in order of the file; waits for it.
  StampRecord next(const std::string& name) {
    const std::uint64_t deadline = now_ns() + kPatienceNs;
    while (now_ns() < deadline) {
      StampRecord record;
      if (!read_one(record)) {
        usleep(100);
      } else if (name == record.name) {
        return record;
      }
    }
    errno = ETIME;
    die(name.c_str());
  }

 private:
  bool read_one(StampRecord& record) {
    if (pread(fd_, &record, sizeof record, offset_) != sizeof record) return false;
    offset_ += sizeof record;
    return true;
  }

  int fd_;
  off_t offset_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  Stamps stamps(argv[1]);
  StampRecord current = stamps.last(argv[2]);
  std::vector<std::uint64_t> latencies;
  for (int round = std::atoi(argv[3]); round > 0; --round) {
    usleep(5000);  // let the supervisor come to rest: one restart is measured, not a storm of them
    const std::uint64_t begin = now_ns();
    if (kill(current.pid, SIGKILL) != 0) die("kill");
    current = stamps.next(argv[2]);
    latencies.push_back(current.ns - begin);
  }
  print_quantiles("restart", latencies);
  return 0;
}
