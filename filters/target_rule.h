// The path that a TargetRule makes of a request's. Pure.
#pragma once

#include "meridian/message.h"
#include "meridian/route_rules.h"

namespace meridian {

// Path and query; the query stays as it is. `matched` is the route's path: of a request for "/old/x?y" that a route
// for "/old" took, the prefix "/new/" makes "/new/x?y". One '/' stands between prefix and rest, however many there were
// at the end of either. A view of `target` if nothing changes, else of the arena.
std::string_view RewriteTarget(std::string_view target, const TargetRule& rule, std::string_view matched, Arena& arena);

}  // namespace meridian
