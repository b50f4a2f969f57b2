// Which route a request belongs to.
//
// Specificity, most specific first: exact host, then longest suffix (*.a.b before *.b), then any host; inside one host
// class exact path, then regular expression, then longest prefix, then any path; then the one with more conditions;
// equal: order of the file. A prefix "/api/" matches "/api/x" but not "/api"; a prefix "/api" matches "/api", "/api/x"
// and "/api?x" but not "/apix" (segment border). Host compare ignores the port and one dot at the end, and is
// case-insensitive (the codec lower-cases); path excludes the query.
#pragma once

#include <string_view>
#include <vector>

#include "policy/model.h"

namespace meridian {

// Route indexes by falling specificity; computed when a snapshot is built.
std::vector<uint16_t> OrderRoutes(const std::vector<RouteModel>& routes);
// First match in `order`, or one of these. kTooCostly: the expressions of routes would take too long (PatternBudget).
inline constexpr int kNoRoute = -1;
inline constexpr int kTooCostly = -2;
int MatchRoute(const std::vector<RouteModel>& routes, const std::vector<uint16_t>& order, const RouteRequest& request);

}  // namespace meridian
