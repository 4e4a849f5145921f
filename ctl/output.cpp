#include "ctl/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace init::ctl {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// As setlocale(3) chooses the character set, without loading a locale.
bool speaks_utf8() {
  if (environment("TERM") == "dumb") return false;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = environment(name);
    if (value.empty()) continue;
    for (const std::string_view word : {"UTF-8", "utf-8", "utf8", "UTF8"}) {
      if (value.find(word) != std::string_view::npos) return true;
    }
    return false;
  }
  return false;
}

bool wants_color(ColorWhen color, int fd) {
  if (color != ColorWhen::Auto) return color == ColorWhen::Always;
  return environment("NO_COLOR").empty() && environment("TERM") != "dumb" && isatty(fd) == 1;
}

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// The first characters that fit on one line; text is printable, but for colours, which take no columns.
std::string_view clipped(std::string_view text, std::size_t width) {
  std::size_t used = 0;
  bool in_color = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0x1b) in_color = true;
    if (!in_color && (byte & 0xc0U) != 0x80U && ++used > width) return text.substr(0, i);
    if (in_color && byte == 'm') in_color = false;
  }
  return text;
}

}  // namespace

Output make_output(ColorWhen color, bool quiet) {
  Output output;
  output.style.now_us = wall_now().since_epoch / std::chrono::microseconds(1);
  output.style.utf8 = speaks_utf8();
  output.error_style = output.style;
  output.style.color = wants_color(color, STDOUT_FILENO);
  output.error_style.color = wants_color(color, STDERR_FILENO);
  output.progress = !quiet && environment("TERM") != "dumb" && isatty(STDERR_FILENO) == 1;
  return output;
}

void Output::show_progress(std::string_view line) {
  if (!progress) return;
  std::string text = "\r\x1b[K" + std::string(clipped(line, terminal_width() - 1)) + "\x1b[0m";
  write_all(STDERR_FILENO, text);
  line_shown_ = true;
}

void Output::flush() {
  std::string erase = line_shown_ ? "\r\x1b[K" : "";
  line_shown_ = false;
  write_all(STDERR_FILENO, erase);
  write_all(STDOUT_FILENO, out);
  write_all(STDERR_FILENO, err);
}

void Output::write_all(int fd, std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  text.clear();
}

}  // namespace init::ctl
