// Child programs that never outlive the test: started with PR_SET_PDEATHSIG, killed in the destructor, waited for with
// a deadline. Start a Process on a thread that lives as long as the child: the kernel sends the death signal when the
// starting *thread* ends.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/deadline.h"
#include "support/temp_dir.h"

namespace meridian::testing {

struct ProcessOptions {
  std::vector<std::string> argv;                           // argv[0]: a path, or a name that FindTool knows
  std::vector<std::pair<std::string, std::string>> env{};  // on top of the test's own
  std::string stdin_file{};                                // empty: /dev/null
  std::string directory{};                                 // empty: the test's own
};

class Process {
 public:
  // Output goes to <label>.out and <label>.err in `dir`. Throws HarnessError.
  Process(const TempDir& dir, const std::string& label, const ProcessOptions& options);
  ~Process();  // SIGKILL if it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool Running();
  void Signal(int number) const;
  // The exit code, 128 + signal if a signal ended it; nothing if it still runs at the deadline.
  std::optional<int> Wait(Millis limit);

  std::string Out() const { return ReadFile(out_); }
  std::string Err() const { return ReadFile(err_); }

  // From /proc; 0 when the process is gone.
  uint64_t RssBytes() const { return StatusBytes("VmRSS:"); }
  uint64_t PeakRssBytes() const { return StatusBytes("VmHWM:"); }
  size_t OpenFds() const;

 private:
  uint64_t StatusBytes(std::string_view key) const;

  std::string out_, err_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  std::optional<int> exit_code_;
};

struct RunResult {
  int exit_code = -1;  // -1: killed at the deadline
  std::string out, err;
};

// Runs a program to its end.
RunResult RunProgram(const ProcessOptions& options, Millis limit = 20s);

// The full path of a program on PATH or in /usr/sbin, or empty.
std::string FindTool(const std::string& name);

}  // namespace meridian::testing

// Skips the running test, saying why, when a program is not installed.
#define MERIDIAN_REQUIRE_TOOL(name)                                    \
  if (::meridian::testing::FindTool(name).empty()) {                   \
    GTEST_SKIP() << "the program '" << (name) << "' is not installed"; \
  }
