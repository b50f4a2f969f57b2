// Thrown when the harness itself cannot do its part (no port, no file, a helper program that does not start).
// GoogleTest reports it as the failure of the test that runs.
#pragma once

#include <stdexcept>
#include <string>

namespace meridian::testing {

struct HarnessError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `what` and the text of errno.
[[noreturn]] void ThrowErrno(const std::string& what);

}  // namespace meridian::testing
