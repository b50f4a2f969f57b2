// What the ramps of breakers need to know about response times, read from the counters that workers keep anyway:
// nothing is added to the path of a request. Control thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "policy/breaker.h"
#include "telemetry/stats.h"

namespace meridian {

class LatencyFeed {
 public:
  static constexpr Duration kUsual = 10s;         // between two looks at a region that is well
  static constexpr uint64_t kEnoughSamples = 20;  // fewer say nothing

  // `regions`: as many as WorkerStats::regions.
  explicit LatencyFeed(size_t regions) : regions_(regions) {}
  // Tells the breaker of region `index` what it should know before its next Tick.
  void Look(size_t index, const std::vector<const WorkerStats*>& workers, Breaker& breaker, TimePoint now);

 private:
  using Counts = std::array<uint64_t, kLatencyBounds.size() + 1>;
  struct Region {
    Counts base{};
    TimePoint since{};
    BreakerState state = BreakerState::kClosed;
    uint64_t step = 0;  // of the ramp, holds included
  };
  static Counts Read(size_t index, const std::vector<const WorkerStats*>& workers);
  static Duration P95(const Counts& now, const Counts& base);

  std::vector<Region> regions_;
};

}  // namespace meridian
