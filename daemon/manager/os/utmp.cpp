#include "daemon/manager/os/utmp.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utmpx.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>

namespace init::manager {
namespace {

// Open and locked against other writers until it is closed; nothing when that cannot be.
UniqueFd open_locked(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (!fd || fcntl(fd.get(), F_SETLKW, &lock) != 0) return {};
  return fd;
}

// The end of the whole records: what a writer that died has left behind it is overwritten.
off_t end_of_records(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return -1;
  constexpr auto kSize = static_cast<off_t>(sizeof(utmpx));
  return status.st_size - status.st_size % kSize;
}

bool is_process(const utmpx& record) {
  return record.ut_type >= INIT_PROCESS && record.ut_type <= DEAD_PROCESS;
}

// visit(record, where it lies) for those of processes, until it gives false.
void for_each_process(int fd, const std::function<bool(const utmpx&, off_t)>& visit) {
  utmpx record{};
  for (off_t at = 0; pread(fd, &record, sizeof record, at) == sizeof record;
       at += static_cast<off_t>(sizeof record)) {
    if (is_process(record) && !visit(record, at)) return;
  }
}

void put(int fd, const utmpx& record, off_t at) {
  if (at >= 0) (void)!pwrite(fd, &record, sizeof record, at);
}

void stamp(utmpx& record) {
  timeval now{};
  gettimeofday(&now, nullptr);
  record.ut_tv.tv_sec = static_cast<decltype(record.ut_tv.tv_sec)>(now.tv_sec);
  record.ut_tv.tv_usec = static_cast<decltype(record.ut_tv.tv_usec)>(now.tv_usec);
}

void append_to(const std::string& wtmp, const utmpx& record) {
  if (const auto fd = open_locked(wtmp)) put(fd.get(), record, end_of_records(fd.get()));
}

template <std::size_t N>
void copy_end(std::string_view text, char (&to)[N]) {
  text.remove_prefix(text.size() - std::min(text.size(), N));
  std::copy(text.begin(), text.end(), to);
}

}  // namespace

void record_init_process(const LoginFiles& files, pid_t pid, const std::string& id,
                         const std::string& terminal) {
  constexpr std::string_view kDevices = "/dev/";
  utmpx record{};
  record.ut_type = INIT_PROCESS;
  record.ut_pid = pid;
  record.ut_session = getsid(pid);
  copy_end(id, record.ut_id);
  copy_end(terminal.starts_with(kDevices) ? std::string_view(terminal).substr(kDevices.size()) : terminal,
           record.ut_line);
  stamp(record);
  if (const auto fd = open_locked(files.utmp)) {
    off_t place = end_of_records(fd.get());
    for_each_process(fd.get(), [&](const utmpx& seen, off_t at) {
      const bool same = std::memcmp(seen.ut_id, record.ut_id, sizeof seen.ut_id) == 0;
      if (same) place = at;
      return !same;
    });
    put(fd.get(), record, place);
  }
  append_to(files.wtmp, record);
}

void record_dead_process(const LoginFiles& files, pid_t pid) {
  const auto fd = open_locked(files.utmp);
  if (!fd) return;
  for_each_process(fd.get(), [&](const utmpx& seen, off_t at) {
    if (seen.ut_type == DEAD_PROCESS || (seen.ut_pid != pid && seen.ut_session != pid)) return true;
    utmpx record = seen;
    record.ut_type = DEAD_PROCESS;
    std::memset(record.ut_user, 0, sizeof record.ut_user);
    std::memset(record.ut_host, 0, sizeof record.ut_host);
    stamp(record);
    put(fd.get(), record, at);
    append_to(files.wtmp, record);
    return true;
  });
}

Result<std::pair<UniqueFd, UniqueFd>> make_greeting_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failure(errno, "socketpair");
  std::pair<UniqueFd, UniqueFd> pair(ends[0], ends[1]);
  const int on = 1;
  if (setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return failure(errno, "setsockopt", "SO_PASSCRED");
  return pair;
}

pid_t await_greeting(int our_end) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(our_end, &message, 0) != 1) return 0;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS) return 0;
  ucred sender{};
  std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
  return sender.pid;
}

}  // namespace init::manager
