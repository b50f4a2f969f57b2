#include "support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "support/harness_error.h"

namespace meridian::testing {
namespace {

constexpr int kExecFailed = 127;

std::vector<std::string> Environment(const std::vector<std::pair<std::string, std::string>>& extra) {
  std::vector<std::string> env;
  for (char** entry = environ; *entry; ++entry) env.emplace_back(*entry);
  // Later duplicates would be ignored by getenv, so ours come first.
  for (const auto& [name, value] : extra) env.insert(env.begin(), name + "=" + value);
  return env;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

int OpenOrThrow(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) ThrowErrno("open " + path);
  return fd;
}

struct ChildSetup {
  const char* program;
  char* const* argv;
  char* const* envp;
  const char* directory;  // or null
  int in, out, err;
  pid_t parent;
};

// Between fork and exec only async-signal-safe calls: other threads of the test may have held any lock.
[[noreturn]] void BecomeChild(const ChildSetup& setup) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != setup.parent) _exit(kExecFailed);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (dup2(setup.in, 0) < 0 || dup2(setup.out, 1) < 0 || dup2(setup.err, 2) < 0) _exit(kExecFailed);
  if (setup.directory && chdir(setup.directory) != 0) _exit(kExecFailed);
  execve(setup.program, setup.argv, setup.envp);
  _exit(kExecFailed);
}

int ExitCode(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

std::string FindTool(const std::string& name) {
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path ? path : "") + ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

Process::Process(const TempDir& dir, const std::string& label, const ProcessOptions& options)
    : out_(dir.File(label + ".out")), err_(dir.File(label + ".err")) {
  const std::string program = FindTool(options.argv.at(0));
  if (program.empty()) throw HarnessError("no such program: " + options.argv.at(0));
  std::vector<std::string> arguments = options.argv;
  std::vector<std::string> environment = Environment(options.env);
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(environment);

  const int in = OpenOrThrow(options.stdin_file.empty() ? "/dev/null" : options.stdin_file, O_RDONLY);
  const int out = OpenOrThrow(out_, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  const int err = OpenOrThrow(err_, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  const ChildSetup setup{.program = program.c_str(),
                         .argv = argv.data(),
                         .envp = envp.data(),
                         .directory = options.directory.empty() ? nullptr : options.directory.c_str(),
                         .in = in,
                         .out = out,
                         .err = err,
                         .parent = getpid()};
  pid_ = fork();
  if (pid_ == 0) BecomeChild(setup);
  for (const int fd : {in, out, err}) close(fd);
  if (pid_ < 0) ThrowErrno("fork");
  // The wrapper of glibc 2.36 cannot be linked from C++.
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) ThrowErrno("pidfd_open");
}

Process::~Process() {
  if (!exit_code_) {
    Signal(SIGKILL);
    Wait(5s);
  }
  if (pidfd_ >= 0) close(pidfd_);
}

bool Process::Running() { return !Wait(0ms).has_value(); }

void Process::Signal(int number) const {
  if (!exit_code_) kill(pid_, number);
}

std::optional<int> Process::Wait(Millis limit) {
  if (exit_code_) return exit_code_;
  const Deadline deadline(limit);
  pollfd ended{.fd = pidfd_, .events = POLLIN, .revents = 0};
  while (poll(&ended, 1, deadline.poll_timeout()) < 1) {
    if (deadline.passed()) return std::nullopt;
  }
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_) ThrowErrno("waitpid");
  exit_code_ = ExitCode(status);
  return exit_code_;
}

size_t Process::OpenFds() const {
  std::error_code error;
  size_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/" + std::to_string(pid_) + "/fd", error), end; it != end;
       it.increment(error)) {
    ++count;
  }
  return count;
}

uint64_t Process::StatusBytes(std::string_view key) const {
  for (const std::string& line : Lines(ReadFile("/proc/" + std::to_string(pid_) + "/status"))) {
    if (line.starts_with(key)) return std::strtoull(line.c_str() + key.size(), nullptr, 10) * 1024;
  }
  return 0;
}

RunResult RunProgram(const ProcessOptions& options, Millis limit) {
  const TempDir dir;
  Process process(dir, "run", options);
  RunResult result;
  const std::optional<int> code = process.Wait(limit);
  if (code) result.exit_code = *code;
  result.out = process.Out();
  result.err = process.Err();
  return result;
}

}  // namespace meridian::testing
