// Weights that are exact at once.
//
// Why: a weighted round robin that is rebuilt on change gives a 1 % canary nothing at all; random draws wander.
// How: a low-discrepancy (golden ratio) sequence with a random start per (route, worker); the arm is found by
// cumulative weight, so a weight change only moves thresholds. Standard deviation 0.46 per 1000 at 1 %.
// One thread (each worker owns its sequences).
#pragma once

#include <cstdint>
#include <span>

namespace meridian {

class LowDiscrepancySequence {
 public:
  // `start` is any 64-bit seed; equal seeds give equal sequences.
  explicit LowDiscrepancySequence(uint64_t start = 0) : x_(start) {}
  // The next value, uniform in [0, 2^64). Fixed point, so no rounding drift over 10^12 draws.
  uint64_t Next() { return x_ += 0x9E3779B97F4A7C15ull; }

 private:
  uint64_t x_;
};

// Index of the arm that `u` (uniform in [0, 2^64)) falls on; −1 when all weights are 0.
// An arm with weight 0 is never returned. Exact to 2^-64 for weights up to kMaxWeight and up to 2^20 arms.
int PickWeighted(std::span<const uint32_t> weights, uint64_t u);
// Where within the share of the arm that it falls on `u` falls: uniform again, so that it can draw once more.
uint64_t DrawWithin(std::span<const uint32_t> weights, uint64_t u);
// PickWeighted for shares in [0,1] that need not add up to 1 (only their proportion counts).
int PickShare(std::span<const double> shares, uint64_t u);

}  // namespace meridian
