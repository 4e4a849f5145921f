#include "ctl/log_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>

namespace init::ctl {
namespace {

constexpr std::size_t kChunk = 128 * 1024;

}  // namespace

struct LogFile::Decompressor {
  std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context{ZSTD_createDCtx(), ZSTD_freeDCtx};
  std::string in;
  ZSTD_inBuffer input{};
};

LogFile::LogFile(UniqueFd fd) : fd_(std::move(fd)), buffer_(kChunk, '\0') {}
LogFile::LogFile(LogFile&&) noexcept = default;
LogFile& LogFile::operator=(LogFile&&) noexcept = default;
LogFile::~LogFile() = default;

Result<LogFile> LogFile::open(const std::string& path, bool compressed) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return failure(errno, "open", path);
  LogFile file(std::move(fd));
  if (compressed) {
    file.decompressor_ = std::make_unique<Decompressor>();
    file.decompressor_->in.resize(kChunk);
  }
  return file;
}

Result<std::string_view> LogFile::read() {
  if (!decompressor_) {
    const ssize_t got = ::read(fd_.get(), buffer_.data(), buffer_.size());
    if (got < 0) return failure(errno, "read");
    return std::string_view(buffer_).substr(0, static_cast<std::size_t>(got));
  }
  ZSTD_outBuffer output{buffer_.data(), buffer_.size(), 0};
  while (output.pos == 0) {
    auto& input = decompressor_->input;
    if (input.pos == input.size) {
      const ssize_t got = ::read(fd_.get(), decompressor_->in.data(), decompressor_->in.size());
      if (got < 0) return failure(errno, "read");
      if (got == 0) return std::string_view();
      input = {decompressor_->in.data(), static_cast<std::size_t>(got), 0};
    }
    const std::size_t left = ZSTD_decompressStream(decompressor_->context.get(), &output, &input);
    if (ZSTD_isError(left) != 0) return failure(EIO, "decompress");
  }
  return std::string_view(buffer_).substr(0, output.pos);
}

}  // namespace init::ctl
