#include "policy/route_match.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <tuple>

namespace meridian {
namespace {

enum class HostClass : uint8_t { kExact, kSuffix, kAny };
enum class PathClass : uint8_t { kExact, kPattern, kPrefix, kAny };

HostClass HostClassOf(const RouteModel& route) {
  if (route.host.empty()) return HostClass::kAny;
  return route.host.starts_with("*.") ? HostClass::kSuffix : HostClass::kExact;
}

PathClass PathClassOf(const RouteModel& route) {
  if (route.path.empty()) return PathClass::kAny;
  if (route.path_pattern) return PathClass::kPattern;
  return route.path_exact ? PathClass::kExact : PathClass::kPrefix;
}

// Smaller is more specific. Exact hosts and paths match one text only, so their length must not reorder the file.
auto Specificity(const RouteModel& route) {
  HostClass host = HostClassOf(route);
  PathClass path = PathClassOf(route);
  auto host_length = host == HostClass::kSuffix ? -static_cast<ptrdiff_t>(route.host.size()) : 0;
  auto path_length = path == PathClass::kPrefix ? -static_cast<ptrdiff_t>(route.path.size()) : 0;
  const auto conditions = route.conditions ? -static_cast<ptrdiff_t>(route.conditions->count()) : 0;
  return std::tuple(host, host_length, path, path_length, conditions);
}

std::string_view HostOf(std::string_view authority) {
  std::string_view host = WithoutPort(authority);
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

bool HostMatches(std::string_view wanted, std::string_view host) {
  if (wanted.empty()) return true;
  if (!wanted.starts_with("*.")) return wanted == host;
  std::string_view suffix = wanted.substr(1);
  return host.size() > suffix.size() && host.ends_with(suffix);
}

bool PathMatches(const RouteModel& route, std::string_view path, PatternBudget& budget) {
  std::string_view wanted = route.path;
  if (wanted.empty()) return true;
  if (route.path_pattern) return budget.Matches(*route.path_pattern, path);
  if (route.path_exact) return wanted == path;
  if (!path.starts_with(wanted)) return false;
  return path.size() == wanted.size() || wanted.back() == '/' || path[wanted.size()] == '/';
}

}  // namespace

std::vector<uint16_t> OrderRoutes(const std::vector<RouteModel>& routes) {
  std::vector<uint16_t> order(routes.size());
  std::iota(order.begin(), order.end(), uint16_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](uint16_t a, uint16_t b) { return Specificity(routes[a]) < Specificity(routes[b]); });
  return order;
}

int MatchRoute(const std::vector<RouteModel>& routes, const std::vector<uint16_t>& order, const RouteRequest& request) {
  const std::string_view host = HostOf(request.authority);
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  PatternBudget budget;
  for (uint16_t index : order) {
    const RouteModel& route = routes[index];
    if (!HostMatches(route.host, host)) continue;
    const bool fits =
        PathMatches(route, path, budget) && (!route.conditions || Fulfils(*route.conditions, request, budget));
    if (budget.spent()) return kTooCostly;
    if (fits) return index;
  }
  return kNoRoute;
}

}  // namespace meridian
