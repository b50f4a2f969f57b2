#include "control/latency_feed.h"

#include "policy/histogram_quantile.h"

namespace meridian {

void LatencyFeed::Look(size_t index, const std::vector<const WorkerStats*>& workers, Breaker& breaker, TimePoint now) {
  Region& region = regions_[index];
  const BreakerState state = breaker.state();
  const uint64_t step = static_cast<uint64_t>(breaker.ramp_step()) + breaker.holds();
  const bool begins = region.state != state || region.step != step;
  region.state = state;
  region.step = step;
  const bool ramp = state == BreakerState::kRamp;
  if (!begins && !ramp && now - region.since < kUsual) return;
  const Counts counts = Read(index, workers);
  if (!begins && (ramp || state == BreakerState::kClosed)) {
    const Duration p95 = P95(counts, region.base);
    if (p95 > Duration::zero()) breaker.NoteLatency(p95);
  }
  if (begins || !ramp) {
    region.base = counts;
    region.since = now;
  }
}

LatencyFeed::Counts LatencyFeed::Read(size_t index, const std::vector<const WorkerStats*>& workers) {
  Counts counts{};
  for (const WorkerStats* worker : workers) {
    const auto& buckets = worker->regions[index].head_time.buckets;
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += buckets[i].Get();
  }
  return counts;
}

Duration LatencyFeed::P95(const Counts& now, const Counts& base) {
  Counts fresh{};
  uint64_t n = 0;
  for (size_t i = 0; i < fresh.size(); ++i) n += fresh[i] = now[i] - base[i];
  if (n < kEnoughSamples) return {};
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(HistogramQuantile(fresh, kLatencyBounds, 0.95)));
}

}  // namespace meridian
