#include "policy/breaker.h"

#include <algorithm>
#include <cmath>

#include "policy/random.h"

namespace meridian {
namespace {

constexpr int64_t kMaxExponent = 16;            // far above the longest back-off
constexpr double kRateKeep = 0.90483741803596;  // e^(−1 s / 10 s): what a second leaves of the smoothed rate

constexpr double kErrorsKeep = 0.96721610048;  // e^(−1 s / 30 s)

int64_t EpochOf(TimePoint now, Duration width) { return now.time_since_epoch() / width; }

}  // namespace

Breaker::Breaker(BreakerOptions options, uint64_t seed) : options_(options), random_(seed) {}

bool Breaker::OnSignal(Signal signal, uint32_t count, bool trial, TimePoint now) {
  if (count == 0) return false;
  switch (state_) {
    case BreakerState::kClosed:
    case BreakerState::kRamp:
      return OnTraffic(signal, count, now);
    case BreakerState::kHalfOpen:
      return trial && OnTrial(signal, count, now);
    case BreakerState::kOpen:
      return false;
  }
  return false;
}

bool Breaker::OnTraffic(Signal signal, uint32_t count, TimePoint now) {
  Count(signal, count, now);
  if (signal == Signal::kSuccess) return false;
  const char* reason = TripReason(now);
  if (!reason) return false;
  Open(reason, now);
  return true;
}

bool Breaker::OnTrial(Signal signal, uint32_t count, TimePoint now) {
  if (signal != Signal::kSuccess) {
    Open("trial", now);
    return true;
  }
  successes_ += count;
  if (successes_ < kTrialSuccesses) return false;
  EnterRamp(now);
  return true;
}

bool Breaker::OnProbe(bool passed, Serving serving, TimePoint now) {
  bool was_down = serving_ == Serving::kDown;
  serving_ = serving;
  probe_passed_ |= passed;
  if (serving == Serving::kDown) {
    if (state_ == BreakerState::kOpen) return false;
    Open("probes", now);
    return true;
  }
  if (state_ == BreakerState::kOpen && was_down) {
    EnterHalfOpen(now);
    return true;
  }
  // A failed probe is for the fall counter to judge: with several origins one dead sibling must not keep a region out.
  return state_ == BreakerState::kHalfOpen && passed && OnTrial(Signal::kSuccess, 1, now);
}

bool Breaker::Tick(TimePoint now) {
  if (state_ == BreakerState::kRamp) return AdvanceRamp(now);
  if (state_ != BreakerState::kOpen || serving_ == Serving::kDown || now < until_) return false;
  EnterHalfOpen(now);
  return true;
}

bool Breaker::TakeTrial(TimePoint now) {
  if (state_ != BreakerState::kHalfOpen || now < next_trial_) return false;
  const bool probed = serving_ != Serving::kUnknown;
  if (probed && !probe_passed_) return false;
  next_trial_ = now + kTrialInterval;
  return true;
}

double Breaker::share() const {
  switch (state_) {
    case BreakerState::kClosed:
      return 1;
    case BreakerState::kRamp:
      return std::max(kRampFloor, static_cast<double>(ramp_step_) / kRampSteps);
    case BreakerState::kOpen:
    case BreakerState::kHalfOpen:
      return 0;
  }
  return 0;
}

void Breaker::Open(const char* reason, TimePoint now) {
  // It failed again before it was well, or not long after.
  const auto forgiven = state_ == BreakerState::kClosed ? (now - closed_at_) / kForgive : 0;
  backoff_exponent_ = static_cast<int>(std::clamp<int64_t>(backoff_exponent_ + 1 - forgiven, 0, kMaxExponent));
  if (!opened()) backoff_exponent_ = 0;
  Duration backoff = options_.base;
  for (int n = 0; n < backoff_exponent_ && backoff < options_.max_backoff; ++n) backoff *= 2;
  backoff = std::min(backoff, options_.max_backoff);
  until_ = now + std::chrono::duration_cast<Duration>(backoff * Jitter());
  state_ = BreakerState::kOpen;
  probe_passed_ = false;
  reason_ = reason;
  ++openings_;
}

void Breaker::EnterHalfOpen(TimePoint now) {
  state_ = BreakerState::kHalfOpen;
  successes_ = 0;
  next_trial_ = now;
}

void Breaker::EnterRamp(TimePoint now) {
  ForgetTraffic();
  if (options_.ramp <= Duration::zero()) return Close(now);
  state_ = BreakerState::kRamp;
  ramp_step_ = 0;
  BeginStep(now);
}

void Breaker::BeginStep(TimePoint now) {
  step_start_ = now;
  step_ok_ = step_failed_ = 0;
  step_p95_ = {};
}

void Breaker::Close(TimePoint now) {
  state_ = BreakerState::kClosed;
  closed_at_ = now;
}

void Breaker::ForgetTraffic() {
  consecutive_connect_ = consecutive_failures_ = 0;
  buckets_.fill({});
}

bool Breaker::AdvanceRamp(TimePoint now) {
  const Duration width = options_.ramp / kRampSteps;
  const double before = share();
  while (state_ == BreakerState::kRamp && now - step_start_ >= width) {
    const TimePoint next = step_start_ + width;
    if (HoldsStep()) {
      ++holds_;
      BeginStep(now);
      break;
    }
    BeginStep(next);
    if (++ramp_step_ == kRampSteps) Close(now);
  }
  return share() != before;
}

bool Breaker::HoldsStep() const {
  const uint64_t n = step_ok_ + step_failed_;
  if (n < kMinJudged) return false;
  if (static_cast<double>(step_failed_) > (usual_errors_ + kRampMoreErrors) * static_cast<double>(n)) return true;
  if (step_p95_ == Duration::zero() || usual_p95_ == Duration::zero()) return false;
  return ToSeconds(step_p95_) > kRampSlower * ToSeconds(usual_p95_) + ToSeconds(kRampSlack);
}

void Breaker::Count(Signal signal, uint32_t count, TimePoint now) {
  CountRate(signal, count, now);
  int64_t epoch = EpochOf(now, kBucket);
  Bucket& bucket = buckets_[static_cast<size_t>(epoch) % kBuckets];
  if (bucket.epoch != epoch) bucket = {epoch, 0, 0};
  if (signal == Signal::kSuccess) {
    consecutive_connect_ = consecutive_failures_ = 0;
    bucket.ok += count;
    step_ok_ += count;
    return;
  }
  consecutive_connect_ = signal == Signal::kConnectFail ? consecutive_connect_ + count : 0;
  consecutive_failures_ += count;
  bucket.failed += count;
  step_failed_ += count;
}

void Breaker::CountRate(Signal signal, uint32_t count, TimePoint now) {
  int64_t epoch = EpochOf(now, 1s);
  if (epoch != rate_epoch_) {
    if (rate_epoch_ >= 0) {
      double finished = static_cast<double>(rate_count_);
      double idle_seconds = static_cast<double>(epoch - rate_epoch_ - 1);
      rate_ = (finished + (rate_ - finished) * kRateKeep) * std::pow(kRateKeep, idle_seconds);
      if (rate_count_ > 0 && state_ == BreakerState::kClosed) {
        const double errors = static_cast<double>(rate_failed_) / finished;
        usual_errors_ = errors + (usual_errors_ - errors) * kErrorsKeep;
      }
    }
    rate_epoch_ = epoch;
    rate_count_ = rate_failed_ = 0;
  }
  rate_count_ += count;
  if (signal != Signal::kSuccess) rate_failed_ += count;
}

const char* Breaker::TripReason(TimePoint now) const {
  if (state_ == BreakerState::kRamp && StepTripped()) return "ramp";
  if (consecutive_connect_ >= kConsecutiveConnect) return "connect";
  if (consecutive_failures_ >= kConsecutiveFailures) return "failures";
  return RateTripped(now) ? "rate" : nullptr;
}

bool Breaker::StepTripped() const {
  uint64_t n = step_ok_ + step_failed_;
  return n >= kMinRequests && static_cast<double>(step_failed_) > kRampMaxErrors * static_cast<double>(n);
}

bool Breaker::RateTripped(TimePoint now) const {
  int64_t oldest = EpochOf(now, kBucket) - static_cast<int64_t>(kBuckets) + 1;
  uint64_t n = 0;
  uint64_t failed = 0;
  for (const Bucket& bucket : buckets_) {
    if (bucket.epoch < oldest) continue;
    n += bucket.ok + bucket.failed;
    failed += bucket.failed;
  }
  double enough = std::max<double>(kMinRequests, 0.01 * rate_ * ToSeconds(kBucket * kBuckets));
  return static_cast<double>(n) >= enough && static_cast<double>(failed) >= kRateTrip * static_cast<double>(n);
}

// Uniform in [0.8, 1.2).
double Breaker::Jitter() { return 0.8 + 0.4 * static_cast<double>(SplitMix64(random_) >> 11) * 0x1p-53; }

}  // namespace meridian
