// SplitMix64: the generator of jitter and starting points. Not for secrets, and not for what strangers can read: one
// number gives its state away (policy/keyed_random.h).
#pragma once

#include <cstdint>

namespace meridian {

// The next value, uniform in [0, 2^64); `state` is any seed and moves on.
inline uint64_t SplitMix64(uint64_t& state) {
  uint64_t z = (state += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

}  // namespace meridian
