#include "support/programs.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "support/harness_error.h"

namespace meridian::testing {
namespace {

namespace fs = std::filesystem;

constexpr Millis kCompileLimit = 150s;  // Go may have to compile its library first
constexpr Millis kStartLimit = 15s;

std::string Source(const std::string& file) { return std::string(MERIDIAN_CLIENTS_SOURCE) + "/" + file; }

bool UpToDate(const std::string& built, const std::string& source) {
  std::error_code error;
  const auto built_at = fs::last_write_time(built, error);
  return !error && built_at >= fs::last_write_time(source, error) && !error;
}

// Into a place of its own first, so that nobody runs half a program.
Program Compiled(const std::string& source, const std::string& built, std::vector<std::string> compiler,
                 std::vector<std::string> argv) {
  if (UpToDate(built, source)) return {std::move(argv), ""};
  const std::string fresh = built + "." + std::to_string(getpid());
  fs::create_directories(fs::path(built).parent_path());
  compiler.insert(compiler.end(), {fresh, source});
  const RunResult result = RunProgram({.argv = std::move(compiler)}, kCompileLimit);
  if (result.exit_code != 0) throw HarnessError("cannot compile " + source + ": " + result.out + result.err);
  fs::remove_all(built);
  fs::rename(fresh, built);
  return {std::move(argv), ""};
}

std::string FirstTool(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (const std::string path = FindTool(name); !path.empty()) return path;
  }
  return "";
}

Program Missing(const std::string& what) { return {{}, what + " is not installed"}; }

std::vector<std::string> With(std::vector<std::string> argv, const std::vector<std::string>& arguments) {
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

}  // namespace

Program GoProgram(const std::string& name) {
  const std::string go = FirstTool({"go", "/usr/local/go/bin/go"});
  if (go.empty()) return Missing("a Go compiler");
  const std::string built = std::string(MERIDIAN_CLIENTS_BUILT) + "/go_" + name;
  return Compiled(Source("go/" + name + ".go"), built, {go, "build", "-buildvcs=false", "-o"}, {built});
}

Program JavaProgram(const std::string& name) {
  const std::string compiler = FindTool("javac");
  if (compiler.empty()) return Missing("a Java compiler");
  const std::string built = std::string(MERIDIAN_CLIENTS_BUILT) + "/java_" + name;
  // Short runs: the first compiler is enough, and the collector needs no threads.
  return Compiled(Source("java/" + name + ".java"), built, {compiler, "-d"},
                  {"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp", built, name});
}

Program NodeProgram(const std::string& name) {
  if (FindTool("node").empty()) return Missing("Node.js");
  return {{"node", Source("node/" + name + ".mjs")}, ""};
}

Program PythonProgram(const std::string& name, const std::vector<std::string>& packages) {
  // Found, not imported: some of them take half a second for that.
  static constexpr const char* kFind =
      "import importlib.util, sys; sys.exit(not all(importlib.util.find_spec(name) for name in sys.argv[1:]))";
  std::vector<std::string> candidates{"python3", "/usr/bin/python3"};
  if (const char* chosen = std::getenv("MERIDIAN_TEST_PYTHON")) candidates = {chosen};
  for (const std::string& python : candidates) {
    if (FindTool(python).empty()) continue;
    if (RunProgram({.argv = With({python, "-c", kFind}, packages)}).exit_code != 0) continue;
    return {{python, Source("python/" + name + ".py")}, ""};
  }
  std::string wanted;
  for (const std::string& package : packages) wanted += " " + package;
  return Missing("a Python with" + (wanted.empty() ? " its library" : wanted));
}

RunResult RunToEnd(const Program& program, const std::vector<std::string>& arguments, Millis limit) {
  return RunProgram({.argv = With(program.argv, arguments)}, limit);
}

OriginProgram::OriginProgram(const Program& program, const std::vector<std::string>& arguments)
    : process_(dir_, "origin", {.argv = With(program.argv, arguments)}) {
  const auto started = [&] {
    const std::vector<std::string> lines = WholeLines(process_.Out());
    if (lines.empty() || !lines[0].starts_with("port ")) return false;
    port_ = static_cast<uint16_t>(std::atoi(lines[0].c_str() + 5));
    return true;
  };
  if (!Eventually([&] { return started() || !process_.Running(); }, kStartLimit) || port_ == 0) {
    throw HarnessError("an origin does not start: " + process_.Out() + process_.Err());
  }
}

void OriginProgram::Kill() {
  process_.Signal(SIGKILL);
  process_.Wait(5s);
}

}  // namespace meridian::testing
