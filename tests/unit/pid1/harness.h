// Runs the real initd, with the test in the place of the manager: the fake manager that initd starts hands
// its three descriptors to the test over a socket and then just lives, until the test kills it.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/channel/facts_reader.h"
#include "daemon/channel/packet.h"
#include "libinit/base/unique_fd.h"
#include "libinit/process/exec_plan.h"

namespace init::test {

struct World {
  bool new_pid_namespace = false;
  bool own_proc = true;                // else /proc shows the pids of the namespace outside
  std::vector<int> refused;            // system call numbers that a seccomp filter answers with refused_errno
  int refused_errno = 38;              // ENOSYS
  int log_fd = -1;                     // initd's standard error; -1 = a file
  std::optional<unsigned> open_files;  // RLIMIT_NOFILE, soft
  std::optional<unsigned> open_files_hard;  // the same when absent
  std::vector<std::string> arguments;
  std::string notify_socket;
};

// One life of a manager: the channel, the facts and the doorbell.
class Manager {
 public:
  // Waits for the next fake manager on the listening socket.
  void take(int listener);
  void send(const channel::Outgoing& message) const;
  [[nodiscard]] bool try_send(const channel::Outgoing& message) const;
  [[nodiscard]] channel::Packet& receive();  // waits for one

  void spawn(std::uint32_t slot, const process::PlanInput& input, const std::vector<int>& fds = {},
             std::uint32_t flags = 0, std::uint32_t attempt = 1) const;
  // /bin/sh -c script
  void shell(std::uint32_t slot, const std::string& script, std::uint32_t attempt = 1) const;
  void signal(std::uint32_t slot, int number, std::uint32_t attempt = 1) const;
  void acknowledge(std::uint32_t slot, std::uint32_t attempt = 1) const;
  void finish(std::uint32_t grace_ms = 1000, int code = 0) const;
  void store(std::uint32_t kind, std::uint64_t tag, int fd) const;
  void say(channel::MessageType type) const { send({.type = type}); }

  [[nodiscard]] channel::Slot slot(std::uint32_t index) const;
  [[nodiscard]] bool alive() const;
  // Waits for doorbells until the condition holds. False after 100 s, or at the end of this manager.
  [[nodiscard]] bool until(const std::function<bool()>& condition) const;
  [[nodiscard]] bool until_state(std::uint32_t index, channel::SlotState state) const;

  channel::FactsReader facts;
  UniqueFd link;  // to the fake manager; its end is the end of this life
  UniqueFd socket;
  UniqueFd doorbell;
  pid_t pid = 0;  // of the fake manager, in the test's own namespace

 private:
  channel::Packet packet_;
};

class Initd {
 public:
  explicit Initd(const World& setup = {});
  ~Initd();
  Initd(const Initd&) = delete;
  Initd& operator=(const Initd&) = delete;

  // The first manager, or the next one after the last was killed.
  Manager& manager();
  void next_manager();
  void kill_manager() const;
  // Stops initd, so that what is sent meanwhile is handled in one turn, after go_on().
  void stop() const;
  void go_on() const { kill(pid, SIGCONT); }
  // The exit status as waitpid(2) gives it.
  [[nodiscard]] int wait();

  pid_t pid = -1;
  std::string folder;

 private:
  void end_services();

  UniqueFd listener_;
  std::unique_ptr<Manager> manager_;
};

// The state letter of a process, as of proc(5); '-' = there is none.
[[nodiscard]] char process_state(pid_t pid);
// Waits until it is in that state.
void await_state(pid_t pid, char state);
[[nodiscard]] process::PlanInput shell_plan(const std::string& script);
[[nodiscard]] std::string read_file(const std::string& path);

}  // namespace init::test
