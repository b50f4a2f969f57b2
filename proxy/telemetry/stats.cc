#include "telemetry/stats.h"

#include <algorithm>
#include <cmath>

namespace meridian {
namespace {

const auto kBoundsNs = [] {
  std::array<int64_t, kLatencyBounds.size()> ns{};
  // Rounded, since 0.0025 s and others have no exact double.
  for (size_t i = 0; i < ns.size(); ++i) ns[i] = std::llround(kLatencyBounds[i] * 1e9);
  return ns;
}();

}  // namespace

void LatencyCells::Add(Duration d) {
  const Duration time = std::max(d, Duration::zero());
  // A bucket holds what is less than or equal to its bound, as Prometheus reads it.
  const auto bound = std::lower_bound(kBoundsNs.begin(), kBoundsNs.end(), time.count());
  buckets[static_cast<size_t>(bound - kBoundsNs.begin())].Add();
  sum_us.Add(static_cast<uint64_t>(ToMicroseconds(time)));
}

WorkerStats::WorkerStats(size_t service_regions, size_t route_count, size_t arm_count)
    : regions(service_regions), routes(route_count), arms(arm_count) {}

}  // namespace meridian
