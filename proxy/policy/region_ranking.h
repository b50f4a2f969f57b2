// "Nearest": regions by measured time, by distance until measured, else by list order.
//
// Why: sorting by raw samples makes traffic flap between two regions of equal distance. When it moves: only if
// rtt(new) < rtt(cur) − max(5 ms, 15 %) in 3 consecutive evaluations. How it recovers: the same rule, the other way.
// Pure state; one owner (control thread); `now` is handed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "policy/model.h"

namespace meridian {

// Exponentially weighted mean of round trip times. alpha = 1 − exp(−dt/τ), τ = 10 s; first sample raw.
class RttEstimate {
 public:
  static constexpr Duration kTau = 10s;
  static constexpr Duration kExpiry = 60s;
  void Add(Duration sample, TimePoint now);
  // Milliseconds; NaN when never measured or stale (no sample for kExpiry).
  double Milliseconds(TimePoint now) const;

 private:
  double ms_ = 0;
  TimePoint last_{};
  bool any_ = false;
};

// Great circle, kilometres (haversine, mean earth radius 6371.0088 km).
double DistanceKm(const Location& a, const Location& b);

struct RankInput {
  double rtt_ms;       // NaN: not measured
  double distance_km;  // NaN: unknown
};

// Holds the current order of one service's regions and moves it with hysteresis.
//
// Measured regions are ordered among themselves by rtt: a place changes hands when a later region beat its holder in
// kEvaluations consecutive evaluations; of several such the fastest gets it. A region that is not measured then finds
// its place by distance, or by list order where a distance is missing: behind the last one that is preferred to it.
// (Sorting all pairs at once, each by what they have in common, could go round in circles.)
class RegionRanking {
 public:
  explicit RegionRanking(size_t regions);
  // Re-evaluates; returns true if the order changed. The first evaluation in which two regions are measured is taken
  // at once, without hysteresis. REQUIRES: inputs.size() is the number of regions.
  bool Evaluate(std::span<const RankInput> inputs);
  const std::vector<uint16_t>& order() const { return order_; }

  static constexpr int kEvaluations = 3;
  static constexpr double kMinGainMs = 5.0;
  static constexpr double kMinGainFraction = 0.15;

 private:
  using Order = std::vector<uint16_t>;
  void CountStreaks(std::span<const RankInput> inputs, const Order& measured);
  void Promote(std::span<const RankInput> inputs, Order* measured) const;
  uint8_t& Streak(uint16_t holder, uint16_t challenger) { return streak_[holder * order_.size() + challenger]; }
  bool Won(uint16_t holder, uint16_t challenger) const {
    return streak_[holder * order_.size() + challenger] >= kEvaluations;
  }

  Order order_;
  std::vector<uint8_t> streak_;  // [holder][challenger]: evaluations in a row that the challenger has won
  bool settled_by_rtt_ = false;
};

}  // namespace meridian
