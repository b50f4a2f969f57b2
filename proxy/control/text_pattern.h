// Regular expressions of the configuration, over RE2 (only includer): no expression takes more than linear time,
// whatever a client sends.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "policy/route_conditions.h"

namespace meridian {

inline constexpr size_t kMaxPatternLength = 1024;

// Syntax: https://github.com/google/re2/wiki/Syntax, bytes instead of characters. Null, and *complaint says why, for
// what is no expression, is too long or would need more than 1 MiB. Control thread; the result any thread.
std::shared_ptr<const TextPattern> CompilePattern(std::string_view text, std::string* complaint);

}  // namespace meridian
