#include "policy/region_ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace meridian {
namespace {

constexpr double kEarthRadiusKm = 6371.0088;

bool Measured(const RankInput& input) { return !std::isnan(input.rtt_ms); }

bool Beats(const RankInput& challenger, const RankInput& holder) {
  double gain = std::max(RegionRanking::kMinGainMs, RegionRanking::kMinGainFraction * holder.rtt_ms);
  return challenger.rtt_ms < holder.rtt_ms - gain;
}

// Without two measurements to compare: the nearer one, else the one that is listed first.
bool PreferredByPlace(std::span<const RankInput> inputs, uint16_t a, uint16_t b) {
  double da = inputs[a].distance_km;
  double db = inputs[b].distance_km;
  if (std::isnan(da) || std::isnan(db) || da == db) return a < b;
  return da < db;
}

}  // namespace

void RttEstimate::Add(Duration sample, TimePoint now) {
  double sample_ms = ToMilliseconds(sample);
  if (std::isnan(Milliseconds(now))) {
    ms_ = sample_ms;
  } else {
    double alpha = 1 - std::exp(-ToSeconds(std::max(now - last_, Duration::zero())) / ToSeconds(kTau));
    ms_ += alpha * (sample_ms - ms_);
  }
  last_ = now;
  any_ = true;
}

double RttEstimate::Milliseconds(TimePoint now) const {
  if (!any_ || now - last_ > kExpiry) return std::numeric_limits<double>::quiet_NaN();
  return ms_;
}

double DistanceKm(const Location& a, const Location& b) {
  constexpr double kRadians = std::numbers::pi / 180;
  double half_lat = std::sin((b.latitude - a.latitude) * kRadians / 2);
  double half_lon = std::sin((b.longitude - a.longitude) * kRadians / 2);
  double h =
      half_lat * half_lat + std::cos(a.latitude * kRadians) * std::cos(b.latitude * kRadians) * half_lon * half_lon;
  return 2 * kEarthRadiusKm * std::asin(std::sqrt(std::clamp(h, 0.0, 1.0)));
}

RegionRanking::RegionRanking(size_t regions) : order_(regions), streak_(regions * regions) {
  std::iota(order_.begin(), order_.end(), uint16_t{0});
}

bool RegionRanking::Evaluate(std::span<const RankInput> inputs) {
  Order next;
  next.reserve(order_.size());
  std::copy_if(order_.begin(), order_.end(), std::back_inserter(next),
               [&](uint16_t region) { return Measured(inputs[region]); });
  CountStreaks(inputs, next);
  if (settled_by_rtt_) {
    Promote(inputs, &next);
  } else if (next.size() > 1) {
    std::stable_sort(next.begin(), next.end(),
                     [&](uint16_t a, uint16_t b) { return inputs[a].rtt_ms < inputs[b].rtt_ms; });
    settled_by_rtt_ = true;
  }
  for (uint16_t region = 0; region < order_.size(); ++region) {
    if (Measured(inputs[region])) continue;
    auto last_preferred =
        std::find_if(next.rbegin(), next.rend(), [&](uint16_t r) { return PreferredByPlace(inputs, r, region); });
    next.insert(last_preferred.base(), region);
  }
  bool changed = next != order_;
  order_ = std::move(next);
  return changed;
}

void RegionRanking::CountStreaks(std::span<const RankInput> inputs, const Order& measured) {
  std::vector<uint8_t> before = std::move(streak_);
  streak_.assign(before.size(), 0);  // a pair that cannot be compared now starts again
  for (size_t i = 0; i < measured.size(); ++i) {
    for (size_t j = i + 1; j < measured.size(); ++j) {
      if (!Beats(inputs[measured[j]], inputs[measured[i]])) continue;
      uint8_t won = before[measured[i] * order_.size() + measured[j]];
      Streak(measured[i], measured[j]) = static_cast<uint8_t>(std::min<int>(won + 1, kEvaluations));
    }
  }
}

void RegionRanking::Promote(std::span<const RankInput> inputs, Order* measured) const {
  for (auto place = measured->begin(); place != measured->end(); ++place) {
    auto winner = place;
    for (auto it = place + 1; it != measured->end(); ++it) {
      if (Won(*place, *it) && inputs[*it].rtt_ms < inputs[*winner].rtt_ms) winner = it;
    }
    std::rotate(place, winner, winner + (winner == place ? 0 : 1));
  }
}

}  // namespace meridian
