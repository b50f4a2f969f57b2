#include "server/demo_tally.h"

#include <algorithm>
#include <cmath>

namespace meridian {

void DemoTally::Add(const DemoAnswer& answer) {
  if (answer.sent < since_) return;
  if (answer.unsent) {
    ++unsent_;
    return;
  }
  ++answered_;
  times_.push_back(answer.time());
  if (!answer.ok()) {
    ++failed_;
    if (!first_error_) first_error_ = answer.ended;
    return;
  }
  if (answer.region) ++regions_[*answer.region];
  if (answer.service) ++services_[*answer.service];
  if (answer.region && *answer.region != kNearestRegion && !first_from_elsewhere_) first_from_elsewhere_ = answer.ended;
}

double DemoTally::Share(uint64_t part) const {
  return answered_ > 0 ? static_cast<double>(part) / static_cast<double>(answered_) : 0;
}

Duration DemoTally::slowest() const {
  return times_.empty() ? Duration::zero() : *std::max_element(times_.begin(), times_.end());
}

Duration DemoTally::Quantile(double q) const {
  if (times_.empty()) return Duration::zero();
  std::vector<Duration> sorted = times_;
  const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at;
}

}  // namespace meridian
