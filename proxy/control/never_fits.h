// Conditions of a match that no request can fulfil: a slip that the operator would notice when a route that should
// guard something does not. What can be said without trying every text is said; nothing is refused that may fit. Pure.
#pragma once

#include <string>
#include <string_view>

#include "policy/canonical_path.h"
#include "policy/route_conditions.h"

namespace meridian {

struct NeverFits {
  std::string why;   // behind the name of the key; empty: it may fit
  std::string cure;  // or empty
};

enum class ConditionOn : uint8_t { kField, kCookie, kParameter };

NeverFits CheckCookieName(std::string_view name);
// REQUIRES: `condition` was read without a problem.
NeverFits CheckCondition(const TextCondition& condition, ConditionOn on);
// For `path_regex`.
NeverFits CheckPathPattern(const TextPattern& pattern, std::string_view source, PathPolicy paths);
// As routes read it; empty: no request has this path. *cure is another spelling, if that is all.
std::string SpellPath(std::string_view path, PathPolicy paths, std::string* cure);

}  // namespace meridian
