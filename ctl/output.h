// Where initctl's words go. Everything is collected and written at once.
#pragma once
#include <string>
#include <string_view>

#include "ctl/text.h"
#include "ctl/verbs.h"

namespace init::ctl {

struct Output {
  Style style;            // of standard output
  Style error_style;      // of standard error
  bool progress = false;  // standard error is a terminal that may show what is waited for
  std::string out;
  std::string err;

  // One line on the terminal that the next one, or flush(), replaces.
  void show_progress(std::string_view line);
  // Writes out and err, ends a progress line. Writing errors are ignored: there is nobody left to tell.
  void flush();

 private:
  void write_all(int fd, std::string& text);
  bool line_shown_ = false;
};

// Looks at the terminal, NO_COLOR, TERM, LC_ALL, LC_CTYPE and LANG.
[[nodiscard]] Output make_output(ColorWhen color, bool quiet);

}  // namespace init::ctl
