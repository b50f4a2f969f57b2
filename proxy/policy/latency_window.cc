#include "policy/latency_window.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace meridian {
namespace {

constexpr int kSubBits = 3;  // 8 sub-buckets
constexpr uint64_t kUnitNs = 128;
constexpr Duration kCacheTime = 100ms;

}  // namespace

// In units of 128 ns a value of [8, 16) lies in the first power of two; its three bits below the highest one choose
// the sub-bucket.
size_t LatencyWindow::BucketOf(Duration d) {
  uint64_t units = static_cast<uint64_t>(std::max<Duration::rep>(d.count(), 0)) / kUnitNs;
  if (units < 1u << kSubBits) return 0;
  size_t power = static_cast<size_t>(std::bit_width(units)) - 1 - kSubBits;
  size_t bucket = (power << kSubBits) + (units >> power) - (1u << kSubBits);
  return std::min(bucket, kBuckets - 1);
}

Duration LatencyWindow::UpperEdge(size_t bucket) {
  size_t power = bucket >> kSubBits;
  uint64_t top = (bucket & ((1u << kSubBits) - 1)) + (1u << kSubBits) + 1;
  return Duration(static_cast<Duration::rep>((top << power) * kUnitNs));
}

void LatencyWindow::Add(Duration sample, TimePoint now) {
  Rotate(now);
  ++halves_[current_][BucketOf(sample)];
  ++counts_[current_];
}

uint64_t LatencyWindow::count(TimePoint now) {
  Rotate(now);
  return counts_[0] + counts_[1];
}

Duration LatencyWindow::Quantile(double q, TimePoint now) {
  uint64_t n = count(now);
  if (n == 0) return Duration::zero();
  uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(std::ceil(q * static_cast<double>(n))), 1, n);
  size_t bucket = 0;
  uint64_t seen = 0;
  for (;; ++bucket) {
    seen += halves_[0][bucket] + halves_[1][bucket];
    if (seen >= rank) return UpperEdge(bucket);
  }
}

Duration LatencyWindow::AutoTimeout(TimePoint now) {
  if (now < cached_until_) return cached_;
  cached_until_ = now + kCacheTime;
  // A few samples are no distribution, but one slow answer already says that a second may not be enough.
  cached_ = count(now) < kMinSamples ? std::max(kBlindTimeout, 3 * Quantile(1.0, now))
                                     : std::max(kMinTimeout, 3 * Quantile(0.99, now));
  return cached_;
}

void LatencyWindow::Rotate(TimePoint now) {
  Duration age = now - rotated_;
  if (age < kHalf) return;
  current_ ^= 1;
  halves_[current_].fill(0);
  counts_[current_] = 0;
  rotated_ += kHalf;
  if (age < 2 * kHalf) return;
  halves_[current_ ^ 1].fill(0);
  counts_[current_ ^ 1] = 0;
  rotated_ = now;
}

}  // namespace meridian
