// What a stream of a program is connected with, and the pipe.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::process {

// Of a file that a program writes to.
struct FileOptions {
  mode_t mode = 0644;  // of a file that is created; the program's umask applies
  // Of a file that is created: names or numbers, empty = the program's own. With either the file is opened by
  // the caller, as by_caller says, no link is followed anywhere on the way (Linux 5.6), and a file that has a
  // second name is refused (EMLINK).
  std::string owner{}, group{};
  // Opened with the caller's identity and in its root directory, with just this mode, and never through a
  // link. Otherwise all as the program itself would open it.
  bool by_caller = false;
};

class Stdio {
 public:
  enum class Kind : std::uint8_t { Null, Inherit, Pipe, Fd, Read, Append, Truncate, Data, Terminal, Merge };

  static Stdio null() { return Stdio(Kind::Null); }
  static Stdio inherit() { return Stdio(Kind::Inherit); }
  static Stdio pipe() { return Stdio(Kind::Pipe); }  // its other end belongs to the Child
  // Borrowed: it stays the caller's, and must be open when the program is spawned.
  static Stdio fd(int fd) {
    Stdio stdio(Kind::Fd);
    stdio.borrowed = fd;
    return stdio;
  }
  static Stdio read(std::string path) { return Stdio(Kind::Read, std::move(path)); }
  static Stdio append(std::string path, FileOptions options = {}) {
    return Stdio(Kind::Append, std::move(path), std::move(options));
  }
  static Stdio truncate(std::string path, FileOptions options = {}) {
    return Stdio(Kind::Truncate, std::move(path), std::move(options));
  }
  // Of stdin: these bytes, however many, then the end.
  static Stdio data(std::string bytes) { return Stdio(Kind::Data, std::move(bytes)); }
  // A terminal, open for both. Becomes the controlling one only by Command::controlling_terminal().
  static Stdio terminal(std::string path) { return Stdio(Kind::Terminal, std::move(path)); }
  static Stdio merge() { return Stdio(Kind::Merge); }  // of stderr: wherever stdout goes

  Kind kind;
  int borrowed = -1;
  std::string text;  // path or data
  FileOptions options;

 private:
  explicit Stdio(Kind of, std::string path_or_data = {}, FileOptions with = {})
      : kind(of), text(std::move(path_or_data)), options(std::move(with)) {}
};

// A pipe(7) between any two processes. Give an end to a Command by Stdio::fd() or pass_fd(), and close it
// here when all who shall have it are running: the reader sees the end only after the last writer is gone.
struct Pipe {
  UniqueFd read;
  UniqueFd write;

  // Both ends close-on-exec. Errors: EMFILE, ENFILE.
  [[nodiscard]] static Result<Pipe> create();
};

}  // namespace init::process
