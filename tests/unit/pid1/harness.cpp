#include "tests/unit/pid1/harness.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace init::test {
namespace {

constexpr int kPatience = 100'000;  // ms; only a failing test waits that long

sockaddr_un address_of(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  return name;
}

const sockaddr* generic(const sockaddr_un& name) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&name));
}

void refuse(const std::vector<int>& calls, int error) {
  std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};
  for (const int call : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

// initd, or what stands for it.
const char* program() {
  const char* other = getenv("INITD_TEST_PROGRAM");
  return other != nullptr ? other : INITD_PROGRAM;
}

[[noreturn]] void become_initd(const World& setup, const std::string& folder) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (setup.new_pid_namespace) {
    mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (setup.own_proc) mount("proc", "/proc", "proc", 0, nullptr);
  }
  const int log = open((folder + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(log, 1);
  dup2(setup.log_fd >= 0 ? setup.log_fd : log, 2);
  if (!setup.notify_socket.empty()) setenv("NOTIFY_SOCKET", setup.notify_socket.c_str(), 1);
  // A test on a busy machine may take its time with the doorbell.
  std::vector<std::string> words{program(), "--manager",  FAKE_MANAGER, "--runtime",
                                 folder,    "--patience", "600000"};
  words.insert(words.end(), setup.arguments.begin(), setup.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (setup.open_files) {
    const rlimit limit{*setup.open_files, setup.open_files_hard.value_or(*setup.open_files)};
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (!setup.refused.empty()) refuse(setup.refused, setup.refused_errno);
  execv(argv[0], argv.data());
  _exit(99);
}

}  // namespace

void Manager::take(int listener) {
  pollfd ready{listener, POLLIN, 0};
  if (poll(&ready, 1, kPatience) != 1) {
    ADD_FAILURE() << "no manager was started";
    return;
  }
  link.reset(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  ucred peer{};
  socklen_t size = sizeof(peer);
  getsockopt(link.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
  pid = peer.pid;
  ready.fd = link.get();
  poll(&ready, 1, kPatience);
  channel::Packet& hello = packet_;
  ASSERT_EQ(hello.receive(link.get()), channel::Packet::Outcome::Message);
  ASSERT_EQ(hello.fds().size(), 3U);
  socket.reset(hello.take_fd(0));
  const UniqueFd memory(hello.take_fd(1));
  doorbell.reset(hello.take_fd(2));
  ASSERT_EQ(facts.open(memory.get()), 0);
}

bool Manager::try_send(const channel::Outgoing& message) const {
  for (;;) {
    const int error = channel::send_packet(socket.get(), message);
    if (error != EAGAIN) return error == 0;
    pollfd room{socket.get(), POLLOUT, 0};
    if (poll(&room, 1, kPatience) != 1) return false;
  }
}

void Manager::send(const channel::Outgoing& message) const {
  EXPECT_TRUE(try_send(message));
}

channel::Packet& Manager::receive() {
  pollfd ready{socket.get(), POLLIN, 0};
  EXPECT_EQ(poll(&ready, 1, kPatience), 1);
  EXPECT_EQ(packet_.receive(socket.get()), channel::Packet::Outcome::Message);
  return packet_;
}

void Manager::spawn(std::uint32_t slot, const process::PlanInput& input, const std::vector<int>& fds,
                    std::uint32_t flags, std::uint32_t attempt) const {
  const auto plan = process::encode_plan(input);
  ASSERT_TRUE(plan) << plan.error().text();
  const channel::SpawnBody body{
      .tag = 1000U + slot, .slot = slot, .attempt = attempt, .role = 7, .flags = flags};
  send(
      {.type = channel::MessageType::Spawn, .body = channel::body_bytes(body), .payload = *plan, .fds = fds});
}

void Manager::shell(std::uint32_t slot, const std::string& script, std::uint32_t attempt) const {
  spawn(slot, shell_plan(script), {}, 0, attempt);
}

void Manager::signal(std::uint32_t slot, int number, std::uint32_t attempt) const {
  const channel::Signal one{.slot = slot, .attempt = attempt, .signal = number};
  send({.type = channel::MessageType::Signal, .payload = channel::body_bytes(one)});
}

void Manager::acknowledge(std::uint32_t slot, std::uint32_t attempt) const {
  const channel::Ended one{.slot = slot, .attempt = attempt};
  send({.type = channel::MessageType::Acknowledge, .payload = channel::body_bytes(one)});
}

void Manager::finish(std::uint32_t grace_ms, int code) const {
  const channel::FinishBody body{.exit_code = code, .grace_ms = grace_ms};
  send({.type = channel::MessageType::Finish, .body = channel::body_bytes(body)});
}

void Manager::store(std::uint32_t kind, std::uint64_t tag, int fd) const {
  const channel::StoreBody body{.tag = tag, .kind = kind};
  send({.type = channel::MessageType::StoreFd, .body = channel::body_bytes(body), .fds = {&fd, 1}});
}

channel::Slot Manager::slot(std::uint32_t index) const {
  channel::Slot copy;
  while (!facts.read_slot(index, copy)) sched_yield();  // initd lost the processor in the middle of a commit
  return copy;
}

bool Manager::until(const std::function<bool()>& condition) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
  while (!condition()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    std::array<pollfd, 2> sources{pollfd{doorbell.get(), POLLIN, 0}, pollfd{link.get(), POLLIN, 0}};
    if (poll(sources.data(), sources.size(), static_cast<int>(left.count())) < 1) continue;
    if (sources[1].revents != 0) return condition();
    std::uint64_t rung = 0;
    static_cast<void>(!read(doorbell.get(), &rung, sizeof(rung)));
  }
  return true;
}

bool Manager::alive() const {
  pollfd hung_up{link.get(), POLLIN, 0};
  return poll(&hung_up, 1, 0) == 0;
}

bool Manager::until_state(std::uint32_t index, channel::SlotState state) const {
  if (state != channel::SlotState::Free) return until([&] { return slot(index).state == state; });
  // The manager has asked for it, so no doorbell tells.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
  while (slot(index).state != state && std::chrono::steady_clock::now() < end) sched_yield();
  return slot(index).state == state;
}

Initd::Initd(const World& setup) {
  std::string name = "/tmp/initd-test-XXXXXX";
  folder = mkdtemp(name.data());
  listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un here = address_of(folder + "/test");
  EXPECT_EQ(bind(listener_.get(), generic(here), sizeof(here)), 0);
  EXPECT_EQ(listen(listener_.get(), 8), 0);
  const unsigned long flags = SIGCHLD | (setup.new_pid_namespace ? CLONE_NEWPID | CLONE_NEWNS : 0);
  pid = static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
  if (pid == 0) become_initd(setup, folder);
}

Initd::~Initd() {
  if (pid > 0) {
    end_services();
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  if (testing::Test::HasFailure()) fprintf(stderr, "%s", read_file(folder + "/log").c_str());
  std::filesystem::remove_all(folder);
}

// KILL alone is not enough where initd is a plain process: its services would stay.
void Initd::end_services() {
  const UniqueFd ended(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const channel::FinishBody body{.grace_ms = 0};
  while (manager_ &&
         manager_->try_send({.type = channel::MessageType::Finish, .body = channel::body_bytes(body)})) {
    std::array<pollfd, 2> ends{pollfd{ended.get(), POLLIN, 0}, pollfd{manager_->link.get(), POLLIN, 0}};
    poll(ends.data(), ends.size(), -1);
    // What stands in the channel of a manager may go with it: the next one says it again.
    ends[1].fd = listener_.get();
    if (ends[0].revents == 0) poll(ends.data(), ends.size(), -1);
    if (ends[0].revents != 0) return;
    next_manager();
  }
}

Manager& Initd::manager() {
  if (!manager_) next_manager();
  return *manager_;
}

void Initd::next_manager() {
  manager_ = std::make_unique<Manager>();
  manager_->take(listener_.get());
}

void Initd::kill_manager() const {
  kill(manager_->pid, SIGKILL);
}

void Initd::stop() const {
  kill(pid, SIGSTOP);
  await_state(pid, 'T');
}

int Initd::wait() {
  int status = 0;
  waitpid(pid, &status, 0);
  pid = -1;
  return status;
}

char process_state(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = stat.rfind(") ");
  return end == std::string::npos ? '-' : stat[end + 2];
}

void await_state(pid_t pid, char state) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
  while (process_state(pid) != state && std::chrono::steady_clock::now() < end) sched_yield();
  EXPECT_EQ(process_state(pid), state);
}

process::PlanInput shell_plan(const std::string& script) {
  process::PlanInput input;
  input.program = "/bin/sh";
  input.arguments = {"sh", "-c", script};
  return input;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace init::test
