// Manager -> PID 1 and back, over one SOCK_SEQPACKET socketpair. One message per packet: MessageHeader, then
// the body of its type, then `payload` bytes. Descriptors travel with the message that names them
// (SCM_RIGHTS). PID 1 answers a request only where the table says so; everything else shows in the facts,
// announced by the doorbell (an eventfd that PID 1 adds 1 to). When the manager dies, PID 1 first carries out
// what is still queued on the old pair, then makes a new pair and a new manager: a request is either done or
// was never sent.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace init::channel {

inline constexpr std::uint16_t kChannelVersion = 2;
inline constexpr std::size_t kMaxMessage = 64 * 1024;
inline constexpr std::size_t kMaxMessageFds = 130;

enum class MessageType : std::uint16_t {
  Invalid = 0,
  // Manager to PID 1.
  Spawn = 1,  // SpawnBody, payload = exec plan; fds: [cgroup directory][cgroup.procs][plan memfd] as flagged,
              // then passed
  Signal = 2,   // no body; payload = any number of Signals, sent in this order
  Watch = 4,    // WatchBody: slot <- a process that was not spawned here
  StoreFd = 5,  // StoreBody, one fd; replaces the entry of the same kind and tag
  FetchFd = 6,  // StoreBody; answered by Fd
  DropFd = 7,   // StoreBody
  Acknowledge =
      8,       // no body; payload = any number of Ended: Exited/Failed -> Free, where the attempt matches
  Finish = 9,  // FinishBody: end everything
  Renew = 11,  // no body: initd executes itself anew; fds, if any, are what runs from now on: initd (a sealed
               // memfd), initd-manager (O_PATH)
  Ready = 10,  // no body: the manager is up (READY=1 goes to initd's own NOTIFY_SOCKET, the first time)
  // PID 1 to manager.
  Resumed = 32,  // ResumedBody: first message on every new pair
  Fd = 33,       // StoreBody with one fd; without an fd: there is no such entry
  // Manager to logger and back, over a pair of their own; PID 1 never sees these.
  LogOpen = 64,     // LogOpenBody, one fd: the end of a pipe to read from; payload = [log] of the unit,
                    // then the log-line of its [ready]
  LogSync = 65,     // no body: every pipe of before has been told
  LogDone = 66,     // StoreBody: nobody holds the other end, and all is stored
  LogTrouble = 67,  // LogTroubleBody; payload = what is wrong with a unit's log, empty = nothing any more
  LogFlush = 68,    // LogFlushBody: store what stands in the unit's pipes; answered by LogFlushed
  LogFlushed = 69,  // LogFlushBody
  LogReady =
      70,  // StoreBody: a line of this pipe's activation is the log-line; told once, or again after LogOpen
  LogSyslog = 71,  // LogSyslogBody; fds: a socket /dev/log, then the directory of the units' control groups,
                   // where there is one; payload = /proc/PID/cgroup of a unit, up to its name. LogDone
                   // follows when it is shut down and empty
};

struct MessageHeader {
  MessageType type = MessageType::Invalid;
  std::uint16_t version = kChannelVersion;
  std::uint32_t sequence = 0;
  std::uint32_t payload = 0;  // bytes after the body
  std::uint32_t fd_count = 0;
};

enum SpawnFlags : std::uint32_t {
  kSpawnHasCgroup = 1U << 0,       // fd: directory, for CLONE_INTO_CGROUP
  kSpawnHasCgroupProcs = 1U << 1,  // fd: cgroup.procs, for the fall-back
  kSpawnPlanInMemfd = 1U << 2,     // fd: sealed memfd that holds the plan; payload is empty
  kSpawnKept = 1U << 3,  // PID 1 keeps all of this, to start it again while no manager can run; with
                         // kSpawnPlanInMemfd. Dropping kStoreKept of the slot ends that.
};

struct SpawnBody {
  std::uint64_t tag = 0;
  std::uint32_t slot = 0;  // must be Free, else the request is ignored (it was carried out before)
  std::uint32_t attempt = 0;
  std::uint32_t role = 0;
  std::uint32_t flags = 0;
};

struct Signal {
  std::uint32_t slot = 0;
  std::uint32_t attempt = 0;  // of another attempt than the slot's: ignored
  std::int32_t signal = 0;
};

struct WatchBody {
  std::uint64_t tag = 0;
  std::uint32_t slot = 0;
  std::uint32_t attempt = 0;
  std::uint32_t role = 0;
  std::int32_t pid = 0;
};

struct StoreBody {
  std::uint64_t tag = 0;
  std::uint32_t kind = 0;
  std::uint32_t reserved = 0;
};

struct Ended {
  std::uint32_t slot = 0;
  std::uint32_t attempt = 0;
};

enum class FinishKind : std::uint32_t { Exit = 0, Poweroff = 1, Reboot = 2, Halt = 3 };

struct FinishBody {
  FinishKind kind = FinishKind::Exit;
  std::int32_t exit_code = 0;     // of initd itself, where it can end
  std::uint32_t grace_ms = 5000;  // between TERM to whatever is left and KILL
};

struct ResumedBody {
  std::uint64_t epoch = 0;  // 1 = first manager of this boot
};

enum Forward : std::uint8_t {
  kForwardSyslog = 1U << 0,
  kForwardKmsg = 1U << 1,
  kForwardConsole = 1U << 2,
  kForwardStdout = 1U << 3,  // initd's own
};

// A pipe that a unit writes to, named as its entry in the store is. Names end with a NUL.
struct LogOpenBody {
  StoreBody entry;
  std::uint32_t stream = 0;  // log::Stream
  std::array<char, 33> invocation{};
  std::array<char, 256> unit{};
  std::uint8_t forward = 0;  // bits of Forward: where its lines go, beside the log
};

struct LogSyslogBody {
  StoreBody entry;           // tag: file_identity() of the socket's file
  std::uint8_t forward = 0;  // bits of Forward: where its lines go, beside the logs
};

struct LogFlushBody {
  std::uint64_t tag = 0;  // of the unit
};

struct LogTroubleBody {
  std::array<char, 256> unit{};
};

// Numbers of the descriptors that a new logger finds open.
inline constexpr int kLoggerChannelFd = 3;
inline constexpr int kLoggerStateFd = 4;        // memfd of a page: the piece of work in hand
inline constexpr int kLoggerStagingReadFd = 5;  // a pipe: what that piece of work has taken
inline constexpr int kLoggerStagingWriteFd = 6;

// Numbers of the descriptors that a new manager finds open.
inline constexpr int kChannelFd = 3;
inline constexpr int kFactsFd = 4;
inline constexpr int kDoorbellFd = 5;

// Kinds in the store.
inline constexpr std::uint32_t kStoreControlListener = 1;
inline constexpr std::uint32_t kStoreGeneration = 2;
inline constexpr std::uint32_t kStoreIntents = 3;
inline constexpr std::uint32_t kStoreHistory = 8;
inline constexpr std::uint32_t kStoreBeginning = 9;  // what the newest manager has begun with
inline constexpr std::uint32_t kStoreRescue = 7;  // a listening socket that PID 1 answers on when it is alone
// Of a slot, whose number is the tag: the descriptors of its Spawn, this and the next kMaxMessageFds.
inline constexpr std::uint32_t kStoreKept = 1024;
// Of one unit, whose tag is the entry's.
inline constexpr std::uint32_t kStoreNotifySocket = 16;
inline constexpr std::uint32_t kStoreReadyFd = 17;     // the read end
inline constexpr std::uint32_t kStoreFdNames = 18;     // of what the service gave away
inline constexpr std::uint32_t kStoreUnitPipe = 19;    // open for both: what other units write, and it reads
inline constexpr std::uint32_t kStoreServiceFd = 256;  // and the next 255: one that the service gave away
inline constexpr std::uint32_t kStoreServiceFdEnd = 512;
inline constexpr std::uint32_t kStoreLoggerChannel = 4;  // the manager's end
inline constexpr std::uint32_t kStoreLoggerState = 5;
inline constexpr std::uint32_t kStoreLoggerStaging = 6;  // tag 0: the end to read, 1: to write
inline constexpr std::uint32_t kStoreSyslog = 10;  // a socket /dev/log, tag: file_identity() of its file
// Read ends of the pipes that units write to: this and the stream in the upper eight bits, the lower 24 bits
// of the activation below; tag: the unit's.
inline constexpr std::uint32_t kStoreLogPipe = 1U << 24;

}  // namespace init::channel
