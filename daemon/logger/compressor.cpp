#include "daemon/logger/compressor.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "libinit/base/unique_fd.h"
#include "libinit/process/command.h"

namespace init::logger {
namespace {

constexpr int kLevel = 3;
constexpr int kNicest = 19;

using Context = std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)>;

Result<> write_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t wrote = write(fd, bytes, size);
    if (wrote <= 0) return failure(errno, "write");
    bytes += wrote;
    size -= static_cast<std::size_t>(wrote);
  }
  return {};
}

Result<> compress(int from, int to) {
  const Context context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (!context) return failure(ENOMEM, "compress");
  (void)ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  (void)ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::vector<char> in(ZSTD_CStreamInSize()), out(ZSTD_CStreamOutSize());
  for (ssize_t got = 1; got > 0;) {
    got = read(from, in.data(), in.size());
    if (got < 0) return failure(errno, "read");
    ZSTD_inBuffer input{in.data(), static_cast<std::size_t>(got), 0};
    const ZSTD_EndDirective directive = got == 0 ? ZSTD_e_end : ZSTD_e_continue;
    for (std::size_t left = 1; left != 0 && (got == 0 || input.pos < input.size);) {
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      left = ZSTD_compressStream2(context.get(), &output, &input, directive);
      if (ZSTD_isError(left) != 0) return failure(EIO, "compress");
      if (auto wrote = write_all(to, out.data(), output.pos); !wrote) return wrote;
      if (got > 0) left = 1;
    }
  }
  return {};
}

}  // namespace

Result<> compress_file(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = path.substr(0, slash), name = path.substr(slash + 1);
  const UniqueFd directory(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return failure(errno, "open", parent);
  const int in = directory.get();
  const UniqueFd from(openat(in, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!from) return failure(errno, "open", path);
  struct stat status {};
  if (fstat(from.get(), &status) != 0) return failure(errno, "stat", path);
  const std::string whole = name + ".zst";
  const std::string half = whole + ".half";
  (void)unlinkat(in, half.c_str(), 0);
  const UniqueFd to(
      openat(in, half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, status.st_mode & 0777U));
  if (!to) return failure(errno, "open", path + ".zst.half");
  (void)!fchown(to.get(), static_cast<uid_t>(-1), status.st_gid);
  auto done = compress(from.get(), to.get());
  if (done && fsync(to.get()) != 0) done = failure(errno, "sync", path + ".zst.half");
  if (done && renameat(in, half.c_str(), in, whole.c_str()) != 0)
    done = failure(errno, "rename", path + ".zst.half");
  if (!done) {
    (void)unlinkat(in, half.c_str(), 0);
  } else if (unlinkat(in, name.c_str(), 0) != 0 && errno == ENOENT) {
    (void)unlinkat(in, whole.c_str(), 0);  // its time was up meanwhile
  }
  return done;
}

int Compressor::start(std::deque<std::string>& paths) {
  if (child_ || paths.empty()) return -1;
  process::Command command(program_);
  command.arg("--compress").arg(paths.front()).nice(kNicest).parent_death_signal(SIGKILL);
  paths.pop_front();
  command.scheduler(SCHED_IDLE).io_priority(process::IoClass::Idle).env_clear().cwd("/");
  auto child = command.spawn();
  if (!child) return -1;  // it stays as large as it is
  child_ = std::move(*child);
  return child_->pidfd();
}

void Compressor::reap() {
  if (child_) (void)child_->wait(Duration::zero());
  child_.reset();
}

}  // namespace init::logger
