#include "daemon/manager/os/log.h"

#define FMT_HEADER_ONLY  // there is no static one in Debian
#include <poll.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

namespace init::manager {
namespace {

int second = -1;

class StderrSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    pollfd ready{STDERR_FILENO, POLLOUT, 0};
    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
      ++dropped_;
      return;
    }
    spdlog::memory_buf_t line;
    if (dropped_ > 0) fmt::format_to(std::back_inserter(line), "initd: {} lines were dropped\n", dropped_);
    dropped_ = 0;
    base_sink::formatter_->format(message, line);
    (void)!write(STDERR_FILENO, line.data(), line.size());
  }
  void flush_() override {}

 private:
  std::size_t dropped_ = 0;
};

spdlog::logger& logger() {
  static const auto made = [] {
    auto fresh = std::make_unique<spdlog::logger>("initd", std::make_shared<StderrSink>());
    fresh->set_pattern("initd: %v");
    return fresh;
  }();
  return *made;
}

void say(char severity, spdlog::level::level_enum level, std::string_view text) {
  logger().log(level, text);
  if (second < 0) return;
  std::string lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    lines.append({'<', severity, '>'}).append(line) += '\n';
  }
  (void)!write(second, lines.data(), lines.size());
}

}  // namespace

void log_to(int fd) {
  second = fd;
}

void log_info(std::string_view text) {
  say('6', spdlog::level::info, text);
}
void log_warning(std::string_view text) {
  say('4', spdlog::level::warn, text);
}
void log_error(std::string_view text) {
  say('3', spdlog::level::err, text);
}

}  // namespace init::manager
