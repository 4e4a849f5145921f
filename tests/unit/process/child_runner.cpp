#include "tests/unit/process/child_runner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace init::process::testing {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;

  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  return text;
}

std::vector<ChildReport> read_reports(int fd) {
  const std::string bytes = read_all(fd);
  std::vector<ChildReport> reports(bytes.size() / sizeof(ChildReport));
  std::memcpy(reports.data(), bytes.data(), reports.size() * sizeof(ChildReport));
  return reports;
}

pid_t fork_with(bool shared_table) {
  return static_cast<pid_t>(
      ::syscall(SYS_clone, (shared_table ? CLONE_FILES : 0) | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

struct End {
  pid_t pid = 0;
  int status = 0;
};

// Never returns. The parent of the child: spoiled, and the one that waits.
[[noreturn]] void be_parent(std::vector<std::byte>& plan, const RunOptions& options, int report, int end_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
  if (options.spoil_parent) options.spoil_parent();
  End end;
  end.pid = fork_with(options.shares_table);
  if (end.pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (options.spoil_child) options.spoil_child();
    run_child_steps(plan, {report, options.passed, options.cgroup_procs_fd, options.shares_table});
  }
  while (::waitpid(end.pid, &end.status, 0) < 0 && errno == EINTR) {
  }
  if (options.parent_afterwards) options.parent_afterwards();
  const bool told = ::write(end_fd, &end, sizeof end) == static_cast<ssize_t>(sizeof end);
  ::_exit(told ? 0 : 1);
}

}  // namespace

std::string RunResult::end() const {
  if (reports.empty()) return "no report";
  const ChildReport& last = reports.back();
  const auto step = static_cast<ChildStep>(last.step);
  if (step == ChildStep::Exec && last.error == 0) return "running";
  return std::string(child_step_name(step)) + "/" + ::strerrorname_np(last.error) + "/" +
         std::to_string(last.detail);
}

RunResult run_child(const PlanInput& input, const RunOptions& options) {
  auto plan = encode_plan(input);
  if (!plan) throw std::runtime_error(plan.error().text());
  if (!plan_is_well_formed(*plan)) throw std::runtime_error("plan is not well-formed");
  Pipe report, output, ended;
  RunOptions full = options;
  full.passed.push_back(output.write.get());
  const pid_t parent = ::fork();
  if (parent == 0) be_parent(*plan, full, report.write.get(), ended.write.get());
  report.write.reset();
  output.write.reset();
  ended.write.reset();
  RunResult result;
  result.reports = read_reports(report.read.get());
  result.output = read_all(output.read.get());
  End end;
  EXPECT_EQ(::read(ended.read.get(), &end, sizeof end), static_cast<ssize_t>(sizeof end));
  result.pid = end.pid;
  result.status = end.status;
  int parent_status = 0;
  ::waitpid(parent, &parent_status, 0);
  EXPECT_EQ(parent_status, 0);
  return result;
}

Folder::Folder() {
  std::string name = ::testing::TempDir() + "/child-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  path_ = std::filesystem::canonical(name);
  ::chmod(path_.c_str(), 0755);
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void install_probe(const std::string& to) {
  std::filesystem::copy_file(INITD_TEST_PROBE, to);
  ::chmod(to.c_str(), 0755);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

State parse_state(const std::string& text) {
  State state;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    const std::string key = line.substr(0, space);
    const std::string value = space == std::string::npos ? "" : line.substr(space + 1);
    std::string& slot = state[key];
    slot += (slot.empty() ? "" : "\n") + value;
  }
  return state;
}

void refuse_syscall(long number, int error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(filter)), filter};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0) return;
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);  // without privileges a filter is only taken after this
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) ::_exit(99);
}

bool is_root() {
  return ::geteuid() == 0;
}

}  // namespace init::process::testing
