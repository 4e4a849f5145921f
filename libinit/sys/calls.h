// Every raw system call of this project, each wrapped once: those that libc has no function for or wraps in
// state of its own, and those that a test must be able to refuse. Each gives the kernel's word, a value or
// -errno; section 2 of the manual says the rest. No EINTR is hidden. Usable between fork and exec.
#pragma once
#include <linux/kcmp.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include "libinit/sys/enter.h"

namespace init::sys {

// Signals as the kernel counts them: all 64, with those that libc keeps to itself.
using SignalSet = std::uint64_t;
inline constexpr int kLastSignal = 64;
constexpr SignalSet signal_bit(int signal) noexcept {
  return SignalSet{1} << (signal - 1);
}

// struct sigaction as the kernel has it.
struct SignalAction {
  std::uint64_t handler = 0;  // SIG_DFL
  std::uint64_t flags = 0;
  std::uint64_t restorer = 0;
  SignalSet mask = 0;
};

struct Limit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;  // RLIM64_INFINITY = ~0
};

// The errno of a result, 0 when the call succeeded.
inline int error_of(long result) noexcept {
  return result < 0 ? static_cast<int>(-result) : 0;
}

// ---- files and descriptors
inline long openat(int directory, const char* path, int flags, std::uint32_t mode) noexcept {
  return call(SYS_openat, directory, path, flags, mode);
}
inline long openat2(int directory, const char* path, const open_how& how) noexcept {
  return call(SYS_openat2, directory, path, &how, sizeof how);
}
inline long read(int fd, void* to, std::size_t size) noexcept {
  return call(SYS_read, fd, to, size);
}
inline long write(int fd, const void* from, std::size_t size) noexcept {
  return call(SYS_write, fd, from, size);
}
inline long close(int fd) noexcept {
  return call(SYS_close, fd);
}
inline long close_range(unsigned first, unsigned last, unsigned flags) noexcept {
  return call(SYS_close_range, first, last, flags);
}
inline long fcntl(int fd, int command, long argument) noexcept {
  return call(SYS_fcntl, fd, command, argument);
}
inline long dup3(int fd, int number, int flags) noexcept {
  return call(SYS_dup3, fd, number, flags);
}
inline long pipe2(int (&ends)[2], int flags) noexcept {
  return call(SYS_pipe2, &ends[0], flags);
}
inline long fstat(int fd, struct stat& to) noexcept {
  return call(SYS_fstat, fd, &to);
}
inline long ftruncate(int fd, std::uint64_t size) noexcept {
  return call(SYS_ftruncate, fd, size);
}
inline long fchown(int fd, std::uint32_t uid, std::uint32_t gid) noexcept {
  return call(SYS_fchown, fd, uid, gid);
}
// 0 when two descriptors of this process are one open file, kcmp(2).
inline long same_open_file(int a, int b) noexcept {
  const long self = call(SYS_getpid);
  return call(SYS_kcmp, self, self, KCMP_FILE, a, b);
}
inline long getdents64(int fd, void* to, std::size_t size) noexcept {
  return call(SYS_getdents64, fd, to, size);
}
inline long ioctl(int fd, unsigned long request, const void* argument) noexcept {
  return call(SYS_ioctl, fd, request, argument);
}
// Without a timeout: for ever. The rest of the time is not written back.
inline long ppoll(pollfd* fds, std::size_t count, const timespec* timeout) noexcept {
  timespec left{};
  if (timeout != nullptr) left = *timeout;
  return call(SYS_ppoll, fds, count, timeout != nullptr ? &left : nullptr, nullptr, sizeof(SignalSet));
}

// ---- memory
inline long madvise(std::uintptr_t at, std::size_t bytes, int advice) noexcept {
  return call(SYS_madvise, at, bytes, advice);
}

// ---- what a process is made of
inline long umask(std::uint32_t mask) noexcept {
  return call(SYS_umask, mask);
}
inline long chdir(const char* path) noexcept {
  return call(SYS_chdir, path);
}
inline long chroot(const char* path) noexcept {
  return call(SYS_chroot, path);
}
inline long unshare(int flags) noexcept {
  return call(SYS_unshare, flags);
}
inline long setsid() noexcept {
  return call(SYS_setsid);
}
inline long setpgid(pid_t pid, pid_t group) noexcept {
  return call(SYS_setpgid, pid, group);
}
inline long getpgid(pid_t pid) noexcept {
  return call(SYS_getpgid, pid);
}
inline long getpid() noexcept {
  return call(SYS_getpid);
}
inline long getppid() noexcept {
  return call(SYS_getppid);
}
// Of the calling process; either may be null.
inline long prlimit(unsigned resource, const Limit* wanted, Limit* before) noexcept {
  return call(SYS_prlimit64, 0, resource, wanted, before);
}
inline long setpriority(int which, int who, int value) noexcept {
  return call(SYS_setpriority, which, who, value);
}
inline long ioprio_set(int which, int who, int value) noexcept {
  return call(SYS_ioprio_set, which, who, value);
}
inline long sched_setscheduler(pid_t pid, int policy, int priority) noexcept {
  return call(SYS_sched_setscheduler, pid, policy, &priority);  // struct sched_param is this one number
}
inline long sched_setaffinity(pid_t pid, std::size_t bytes, const void* mask) noexcept {
  return call(SYS_sched_setaffinity, pid, bytes, mask);
}
// A mask of 64 nodes; 0 = none is named. The kernel reads one bit less than it is told of.
inline long set_mempolicy(int policy, std::uint64_t nodes) noexcept {
  return call(SYS_set_mempolicy, policy, nodes != 0 ? &nodes : nullptr, nodes != 0 ? 65UL : 0UL);
}
inline long prctl(int option, unsigned long a = 0, unsigned long b = 0) noexcept {
  return call(SYS_prctl, option, a, b, 0, 0);
}
inline long rseq(void* area, std::uint32_t size, int flags, std::uint32_t signature) noexcept {
  return call(SYS_rseq, area, size, flags, signature);
}

// ---- identity
inline long setgroups(std::size_t count, const void* groups) noexcept {
  return call(SYS_setgroups, count, groups);
}
inline long setresgid(gid_t gid) noexcept {
  return call(SYS_setresgid, gid, gid, gid);
}
inline long getresgid(gid_t (&now)[3]) noexcept {
  return call(SYS_getresgid, &now[0], &now[1], &now[2]);
}
inline long setresuid(uid_t uid) noexcept {
  return call(SYS_setresuid, uid, uid, uid);
}
inline long getresuid(uid_t (&now)[3]) noexcept {
  return call(SYS_getresuid, &now[0], &now[1], &now[2]);
}
inline long capget(void* header, void* data) noexcept {
  return call(SYS_capget, header, data);
}
inline long capset(void* header, const void* data) noexcept {
  return call(SYS_capset, header, data);
}

// ---- signals
inline long rt_sigaction(int signal, const SignalAction* wanted, SignalAction* before) noexcept {
  return call(SYS_rt_sigaction, signal, wanted, before, sizeof(SignalSet));
}
inline long rt_sigprocmask(int how, const SignalSet* wanted, SignalSet* before) noexcept {
  return call(SYS_rt_sigprocmask, how, wanted, before, sizeof(SignalSet));
}
inline long rt_sigpending(SignalSet* pending) noexcept {
  return call(SYS_rt_sigpending, pending, sizeof(SignalSet));
}
inline long rt_sigtimedwait(const SignalSet& wanted, const timespec& timeout) noexcept {
  return call(SYS_rt_sigtimedwait, &wanted, nullptr, &timeout, sizeof(SignalSet));
}
inline long pidfd_open(pid_t pid) noexcept {
  return call(SYS_pidfd_open, pid, 0);
}
inline long pidfd_send_signal(int pidfd, int signal) noexcept {
  return call(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}
inline long kill(pid_t pid, int signal) noexcept {
  return call(SYS_kill, pid, signal);
}

// ---- processes
// A copy of this process, which goes on behind the call with 0.
inline long fork() noexcept {
  return call(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
}
// usage: of just this process and what it has reaped; libc's function does not give it. May be null, and info
// too.
inline long waitid(int type, int id, siginfo_t* info, int options, rusage* usage) noexcept {
  return call(SYS_waitid, type, id, info, options, usage);
}
inline long execve(const char* path, const void* argv, const void* envp) noexcept {
  return call(SYS_execve, path, argv, envp);
}
// The program that fd is.
inline long fexecve(int fd, const void* argv, const void* envp) noexcept {
  constexpr int kEmptyPath = 0x1000;  // AT_EMPTY_PATH, which needs _GNU_SOURCE
  return call(SYS_execveat, fd, "", argv, envp, kEmptyPath);
}
inline void exit_group(int code) noexcept {
  call(SYS_exit_group, code);
}

}  // namespace init::sys
