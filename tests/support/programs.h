// The programs of tests/clients: built where they have to be, and run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/process.h"
#include "support/temp_dir.h"

namespace meridian::testing {

struct Program {
  std::vector<std::string> argv;  // how it begins; its own arguments follow
  std::string missing;            // not empty: why it cannot be run here
};

// `name`: of the file in tests/clients/<language>, without its ending. Go and Java are compiled if they have changed.
Program GoProgram(const std::string& name);
Program JavaProgram(const std::string& name);
Program NodeProgram(const std::string& name);
// By the first interpreter that has these packages: $MERIDIAN_TEST_PYTHON, python3, /usr/bin/python3.
Program PythonProgram(const std::string& name, const std::vector<std::string>& packages = {});

RunResult RunToEnd(const Program& program, const std::vector<std::string>& arguments, Millis limit);

// One that prints "port N" and then serves until the object goes. Throws HarnessError if it does not begin.
class OriginProgram {
 public:
  OriginProgram(const Program& program, const std::vector<std::string>& arguments);
  uint16_t port() const { return port_; }
  void Kill();

 private:
  TempDir dir_;
  Process process_;
  uint16_t port_ = 0;
};

}  // namespace meridian::testing

#define MERIDIAN_REQUIRE_PROGRAM(program) \
  if (!(program).missing.empty()) GTEST_SKIP() << (program).missing
