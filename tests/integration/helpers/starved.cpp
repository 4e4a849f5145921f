// Manager or logger with system calls and allocations that fail on demand, put in at link time (ld --wrap). A
// file "starve" beside the program names one of them for the next process alone, which takes the file away:
//
//     CALL NTH SPAN ERRNO WHEN
//
// From its NTH hit on SPAN hits of CALL fail with ERRNO, counted from the start (WHEN 0) or from when the
// manager is up (1). "malloc" stands for all that allocates. The first failure leaves a file "fired".
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#define CALL(result, name, failure, parameters, arguments)   \
  extern "C" result __real_##name parameters;                \
  extern "C" result __wrap_##name parameters {               \
    return fails(#name) ? failure : __real_##name arguments; \
  }

extern "C" int __real_open(const char* path, int flags, mode_t mode);
extern "C" ssize_t __real_read(int fd, void* data, size_t size);
extern "C" int __real_unlink(const char* path);
extern "C" ssize_t __real_readlink(const char* path, char* target, size_t size);
extern "C" void __real__ZN4init16release_own_codeEv();

namespace {

struct Fault {
  char call[32];
  long nth, span;
  int error, late;
};
Fault fault;
bool armed = false;
long hits = 0;
char place[4096];  // "DIRECTORY/", and where a name begins
char* name_at = nullptr;

const char* beside(const char* name) {
  std::strcpy(name_at, name);
  return place;
}

void find_place() {
  const ssize_t size = __real_readlink("/proc/self/exe", place, sizeof(place) - 32);
  if (size <= 0) return;
  place[size] = '\0';
  name_at = std::strrchr(place, '/') + 1;
}

__attribute__((constructor)) void take_orders() {
  find_place();
  if (name_at == nullptr) return;
  const int fd = __real_open(beside("starve"), O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return;
  char text[128] = {};
  const ssize_t size = __real_read(fd, text, sizeof(text) - 1);
  ::close(fd);
  __real_unlink(beside("starve"));
  if (size <= 0 || std::sscanf(text, "%31s %ld %ld %d %d", fault.call, &fault.nth, &fault.span, &fault.error,
                               &fault.late) != 5)
    return;
  armed = fault.late == 0;
}

bool fails(const char* call) {
  if (!armed || std::strcmp(call, fault.call) != 0) return false;
  ++hits;
  if (hits < fault.nth || hits >= fault.nth + fault.span) return false;
  if (hits == fault.nth) ::close(__real_open(beside("fired"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  errno = fault.error;
  return true;
}

}  // namespace

// The last thing on the way up.
extern "C" void __wrap__ZN4init16release_own_codeEv() {
  __real__ZN4init16release_own_codeEv();
  armed = fault.call[0] != '\0';
}

extern "C" void* __real_malloc(size_t size);
extern "C" void* __real_calloc(size_t count, size_t size);
extern "C" void* __real_realloc(void* before, size_t size);
extern "C" void* __wrap_malloc(size_t size) {
  return fails("malloc") ? nullptr : __real_malloc(size);
}
extern "C" void* __wrap_calloc(size_t count, size_t size) {
  return fails("malloc") ? nullptr : __real_calloc(count, size);
}
extern "C" void* __wrap_realloc(void* before, size_t size) {
  return fails("malloc") ? nullptr : __real_realloc(before, size);
}

CALL(int, open, -1, (const char* path, int flags, mode_t mode), (path, flags, mode))
CALL(int, openat, -1, (int at, const char* path, int flags, mode_t mode), (at, path, flags, mode))
CALL(ssize_t, read, -1, (int fd, void* data, size_t size), (fd, data, size))
CALL(ssize_t, write, -1, (int fd, const void* data, size_t size), (fd, data, size))
CALL(ssize_t, pread, -1, (int fd, void* data, size_t size, off_t at), (fd, data, size, at))
CALL(ssize_t, pwrite, -1, (int fd, const void* data, size_t size, off_t at), (fd, data, size, at))
CALL(int, fcntl, -1, (int fd, int command, long argument), (fd, command, argument))
CALL(int, fstat, -1, (int fd, struct stat* status), (fd, status))
CALL(int, stat, -1, (const char* path, struct stat* status), (path, status))
CALL(int, lstat, -1, (const char* path, struct stat* status), (path, status))
CALL(int, memfd_create, -1, (const char* name, unsigned flags), (name, flags))
CALL(int, ftruncate, -1, (int fd, off_t size), (fd, size))
CALL(void*, mmap, MAP_FAILED, (void* at, size_t size, int access, int flags, int fd, off_t offset),
     (at, size, access, flags, fd, offset))
CALL(int, mkdir, -1, (const char* path, mode_t mode), (path, mode))
CALL(int, mkdirat, -1, (int at, const char* path, mode_t mode), (at, path, mode))
CALL(int, rename, -1, (const char* from, const char* to), (from, to))
CALL(int, renameat, -1, (int from, const char* name, int to, const char* other), (from, name, to, other))
CALL(int, unlinkat, -1, (int at, const char* path, int flags), (at, path, flags))
CALL(ssize_t, tee, -1, (int from, int to, size_t size, unsigned flags), (from, to, size, flags))
CALL(ssize_t, splice, -1, (int from, off_t* at, int to, off_t* there, size_t size, unsigned flags),
     (from, at, to, there, size, flags))
CALL(int, signalfd, -1, (int fd, const sigset_t* set, int flags), (fd, set, flags))
CALL(int, unlink, -1, (const char* path), (path))
CALL(ssize_t, readlink, -1, (const char* path, char* target, size_t size), (path, target, size))
CALL(ssize_t, sendfile, -1, (int to, int from, off_t* at, size_t size), (to, from, at, size))
CALL(int, pipe2, -1, (int* ends, int flags), (ends, flags))
CALL(int, socket, -1, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, socketpair, -1, (int domain, int type, int protocol, int* ends), (domain, type, protocol, ends))
CALL(int, bind, -1, (int fd, const sockaddr* name, socklen_t size), (fd, name, size))
CALL(int, listen, -1, (int fd, int backlog), (fd, backlog))
CALL(int, accept4, -1, (int fd, sockaddr* name, socklen_t* size, int flags), (fd, name, size, flags))
CALL(int, getsockopt, -1, (int fd, int level, int name, void* value, socklen_t* size),
     (fd, level, name, value, size))
CALL(ssize_t, send, -1, (int fd, const void* data, size_t size, int flags), (fd, data, size, flags))
CALL(ssize_t, recv, -1, (int fd, void* data, size_t size, int flags), (fd, data, size, flags))
CALL(ssize_t, sendmsg, -1, (int fd, const msghdr* message, int flags), (fd, message, flags))
CALL(ssize_t, recvmsg, -1, (int fd, msghdr* message, int flags), (fd, message, flags))
CALL(int, poll, -1, (pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))
CALL(int, epoll_create1, -1, (int flags), (flags))
CALL(int, epoll_ctl, -1, (int fd, int what, int on, epoll_event* event), (fd, what, on, event))
CALL(int, epoll_wait, -1, (int fd, epoll_event* events, int most, int timeout), (fd, events, most, timeout))
CALL(int, inotify_init1, -1, (int flags), (flags))
CALL(int, inotify_add_watch, -1, (int fd, const char* path, std::uint32_t mask), (fd, path, mask))
CALL(pid_t, fork, -1, (), ())
