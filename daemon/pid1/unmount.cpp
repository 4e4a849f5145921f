// The last helper of a machine, in a process of its own: it may block on a dead disk, PID 1 does not.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "daemon/pid1/finish.h"
#include "daemon/pid1/log.h"

namespace init::pid1 {
namespace {

// /proc/self/mounts or /proc/swaps as it is at this moment; what does not fit is cut.
std::array<char, 262144> table;

std::size_t read_table(const char* path) noexcept {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  std::size_t size = 0;
  for (ssize_t got = 1;
       fd >= 0 && got > 0 && size<table.size() - 1; size += got> 0 ? static_cast<std::size_t>(got) : 0) {
    got = read(fd, table.data() + size, table.size() - 1 - size);
  }
  table[size] = '\0';
  if (fd >= 0) close(fd);
  return size;
}

// Spaces and the like stand as \040 in these tables.
void unescape(char* text) noexcept {
  char* to = text;
  for (const char* from = text; *from != '\0'; ++from) {
    if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] != '\0' && from[3] != '\0') {
      *to++ = static_cast<char>((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
      from += 3;
    } else {
      *to++ = *from;
    }
  }
  *to = '\0';
}

// Calls visit with field number `field` of each line, last line first.
template <class Visit>
void each_line_backwards(std::size_t size, int field, Visit visit) noexcept {
  while (size > 0) {
    table[--size] = '\0';
    while (size > 0 && table[size - 1] != '\n') --size;
    char* text = table.data() + size;
    for (int i = 0; i < field && text != nullptr; ++i) {
      text = std::strchr(text, ' ');
      if (text != nullptr) ++text;
    }
    if (text == nullptr) continue;
    text[std::strcspn(text, " \t")] = '\0';
    unescape(text);
    visit(text);
  }
}

bool is_api(const char* path) noexcept {
  for (const char* api : {"/", "/proc", "/sys", "/dev"}) {
    if (std::strcmp(path, api) == 0) return true;
  }
  return false;
}

}  // namespace

void unmount_everything() noexcept {
  sync();
  each_line_backwards(read_table("/proc/swaps"), 0, [](const char* path) {
    if (*path == '/') swapoff(path);
  });
  // Twice: what is mounted below a busy one may go in the first round.
  for (int round = 0; round < 2; ++round) {
    each_line_backwards(read_table("/proc/self/mounts"), 1, [](const char* path) {
      if (!is_api(path) && umount2(path, UMOUNT_NOFOLLOW) != 0) {
        mount(nullptr, path, nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
      }
    });
  }
  mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
  sync();
  _exit(0);
}

}  // namespace init::pid1
