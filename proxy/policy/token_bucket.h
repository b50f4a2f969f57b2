// A bound on how often something may happen: `burst` at once, then `per_second`. Pure; one owner.
#pragma once

#include <algorithm>

#include "meridian/time.h"

namespace meridian {

class TokenBucket {
 public:
  TokenBucket(double burst, double per_second, TimePoint now)
      : burst_(burst), per_second_(per_second), tokens_(burst), filled_(now) {}

  // False: there were not enough, and none was taken.
  bool Take(TimePoint now, double tokens = 1) {
    tokens_ = std::min(burst_, tokens_ + ToSeconds(now - filled_) * per_second_);
    filled_ = now;
    if (tokens_ < tokens) return false;
    tokens_ -= tokens;
    return true;
  }
  // What made room for more.
  void Earn(double tokens) { tokens_ = std::min(burst_, tokens_ + tokens); }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  TimePoint filled_;
};

}  // namespace meridian
