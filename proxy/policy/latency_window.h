// The recent distribution of times to a response head, and the attempt timeout derived from it.
//
// Why: a fixed attempt timeout makes each request to a hanging origin wait it out, or cuts answers that are merely
// slow. How: a log-linear histogram (8 sub-buckets per power of two, 1 µs … 4 min, error ≤ 12.5 %), two halves of 30 s
// that rotate, so a quantile speaks of the last 30–60 s. Only real response heads are samples, never timeouts.
// AutoTimeout = max(500 ms, 3 × p99); with fewer than kMinSamples: max(1 s, 3 × the slowest). Pure; one thread.
#pragma once

#include <array>
#include <cstdint>

#include "meridian/time.h"

namespace meridian {

class LatencyWindow {
 public:
  static constexpr Duration kHalf = 30s;
  static constexpr uint32_t kMinSamples = 20;
  static constexpr Duration kMinTimeout = 500ms;
  static constexpr Duration kBlindTimeout = 1s;  // while there are too few samples

  void Add(Duration sample, TimePoint now);
  uint64_t count(TimePoint now);
  // q in (0,1]; upper edge of the bucket; 0 without samples.
  Duration Quantile(double q, TimePoint now);
  // Cached for 100 ms of `now`, since it is asked on every request.
  Duration AutoTimeout(TimePoint now);

 private:
  static constexpr size_t kBuckets = 8 * 28;  // powers of two from 1024 ns on
  static size_t BucketOf(Duration d);
  static Duration UpperEdge(size_t bucket);
  void Rotate(TimePoint now);
  std::array<uint32_t, kBuckets> halves_[2]{};
  uint64_t counts_[2]{};
  int current_ = 0;
  TimePoint rotated_{};
  TimePoint cached_until_{};
  Duration cached_ = kBlindTimeout;
};

}  // namespace meridian
