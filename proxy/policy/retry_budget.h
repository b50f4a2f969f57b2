// Keeps replays from multiplying an outage: naive triple retries make ×4 load.
//
// A token bucket per service and worker: +kRatio per first attempt, +kFloorPerSecond, −1 per replay; at most kDepth
// seconds of income deep, at the recent rate of first attempts (EWMA, τ = 10 s). So at a steady 500 rps it holds 1100
// tokens: enough to move every request that was waiting on a region when that region began to hang, and in a total
// outage it bounds the load on the origins to 1.2 × the offered one. A first attempt sent elsewhere because a breaker
// was already open is no replay. Starts full at the floor's depth.
//
// While nothing is eligible (fail open) a replay only meets the next failing region: then a second bucket of
// kScarceRatio per first attempt and kScarceDepth tokens is asked as well, so that the memory of ten good seconds is
// not spent on a total outage. Pure; one thread.
#pragma once

#include "meridian/time.h"

namespace meridian {

class RetryBudget {
 public:
  static constexpr double kRatio = 0.2;
  static constexpr double kFloorPerSecond = 10;
  static constexpr Duration kDepth = 10s;
  static constexpr double kScarceRatio = 0.1;
  static constexpr double kScarceDepth = 10;
  void OnFirstAttempt(TimePoint now);
  // True and one token less, or false: answer with what there is.
  bool TakeReplay(TimePoint now, bool fail_open = false);
  double tokens() const { return tokens_; }

 private:
  void Refill(TimePoint now);
  double tokens_ = kFloorPerSecond * ToSeconds(kDepth);
  double scarce_ = kScarceDepth;
  double rate_ = 0;  // first attempts per second, smoothed
  TimePoint last_{};
  bool started_ = false;
};

}  // namespace meridian
