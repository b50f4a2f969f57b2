// What a harness stands on and no test is about: if it fails, nothing behind it means anything.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace meridian::testing {

inline void Must(bool held, std::string_view what) {
  if (held) return;
  std::fprintf(stderr, "\nFAILED: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace meridian::testing
