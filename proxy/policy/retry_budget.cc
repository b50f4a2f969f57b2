#include "policy/retry_budget.h"

#include <algorithm>
#include <cmath>

namespace meridian {
namespace {

constexpr double kTauSeconds = 10;

}  // namespace

void RetryBudget::OnFirstAttempt(TimePoint now) {
  Refill(now);
  rate_ += 1 / kTauSeconds;
  tokens_ += kRatio;
  scarce_ = std::min(scarce_ + kScarceRatio, kScarceDepth);
}

bool RetryBudget::TakeReplay(TimePoint now, bool fail_open) {
  Refill(now);
  if (tokens_ < 1 || (fail_open && scarce_ < 1)) return false;
  if (fail_open) scarce_ -= 1;
  tokens_ -= 1;
  return true;
}

void RetryBudget::Refill(TimePoint now) {
  if (!started_) {
    started_ = true;
    last_ = now;
  }
  if (now > last_) {
    double seconds = ToSeconds(now - last_);
    tokens_ += kFloorPerSecond * seconds;
    rate_ *= std::exp(-seconds / kTauSeconds);
    last_ = now;
  }
  tokens_ = std::min(tokens_, (kRatio * rate_ + kFloorPerSecond) * ToSeconds(kDepth));
}

}  // namespace meridian
