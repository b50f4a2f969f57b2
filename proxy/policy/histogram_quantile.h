// A quantile of counts in buckets, by linear interpolation within the bucket that holds it (as Prometheus has it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace meridian {

// `counts[i]` samples lie in (bounds[i − 1], bounds[i]], the first ones from 0, the last ones above all bounds.
// q in (0,1]. 0 without samples; at most the highest bound. REQUIRES: counts.size() == bounds.size() + 1.
inline double HistogramQuantile(std::span<const uint64_t> counts, std::span<const double> bounds, double q) {
  uint64_t n = 0;
  for (const uint64_t count : counts) n += count;
  if (n == 0) return 0;
  const double rank = q * static_cast<double>(n);
  double below = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= rank) {
      const double low = i == 0 ? 0 : bounds[i - 1];
      return low + (bounds[i] - low) * (rank - below) / here;
    }
    below += here;
  }
  return bounds.back();
}

}  // namespace meridian
