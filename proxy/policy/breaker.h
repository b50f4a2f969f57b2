// The memory that keeps a failing region away from traffic.
//
// Why: without one, every request pays for a dead region (600 000 of 600 000 in a ten-minute black hole at 1000 rps).
// When it trips: 3 consecutive connect/TLS failures; or 5 consecutive failures of any kind; or, in a sliding 2 s window
// of 10 buckets, failures/n ≥ 0.5 with n ≥ max(5, 1 % of the recent rate · 2 s); or the probes say down.
// How it recovers: OPEN for 1 s·2^n (at most 30 s) ± 20 % jitter, or shorter when probes that said down no longer do;
// then HALF_OPEN, one real idempotent request per 250 ms (`TakeTrial`) and passing probes, kTrialSuccesses successes
// in a row → RAMP, whose share grows from 5 % to 100 % over `ramp` in 12 steps; more than 20 % errors in a step (of at
// least 5 requests), or any of the rules above → OPEN with doubled back-off; at the end CLOSED. While probes say down
// it stays OPEN whatever the timer says. Probes that passed all along (an origin that serves its health page and fails
// everything else) do not shorten the back-off: they have proved nothing.
// Where there are probes, no request is tried before one of them passed since the opening: what does not even answer
// its health page would make clients wait. Five successes, not twenty (and not one failure), lead to the ramp: its
// first step is a twentieth of the traffic and the real test, while at a few requests a second twenty would take
// minutes. The ramp holds (its clock stops for a step, `holds()`) while the last step had more than 2 % more errors
// than usual, or a p95 above twice the usual one. Fewer than kMinJudged requests in a step say nothing, and the step is
// taken. n decays by one per kForgive CLOSED, so that a region which fails every minute is left for longer each time.
//
//            failures / probes down               back-off over or probes are back, and probes not down
//   CLOSED ───────────────────────────▶ OPEN ──────────────────────────────▶ HALF_OPEN
//     ▲                                 ▲  ▲                                  │     │ kTrialSuccesses
//     │ ramp complete                   │  └── trial fails / probes down ─────┘     ▼
//     └─────────────────────────────────┼──────────────────────────────────────── RAMP
//                                       └── errors > 20 % / failures / probes down ─┘
//
// One per (service, region). One owner (the control thread). Pure: `now` and randomness are handed in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "meridian/time.h"
#include "policy/snapshot.h"

namespace meridian {

enum class Signal : uint8_t {
  kSuccess,      // a response that is no failure
  kConnectFail,  // no connection or no TLS
  kFailure,      // failure status, reset, timeout, truncated or malformed response
};

struct BreakerOptions {
  Duration ramp = 60s;
  Duration base = 1s;
  Duration max_backoff = 30s;
};

class Breaker {
 public:
  static constexpr int kConsecutiveConnect = 3;
  static constexpr int kConsecutiveFailures = 5;
  static constexpr int kTrialSuccesses = 5;
  static constexpr Duration kTrialInterval = 250ms;
  static constexpr double kRampFloor = 0.05;
  static constexpr int kRampSteps = 12;
  static constexpr double kRampMaxErrors = 0.2;
  static constexpr double kRateTrip = 0.5;
  static constexpr double kRampMoreErrors = 0.02;
  static constexpr double kRampSlower = 2.0;
  static constexpr Duration kRampSlack = 5ms;  // differences below it are noise of the histogram's buckets
  static constexpr uint64_t kMinJudged = 20;
  static constexpr Duration kForgive = 60s;
  static constexpr uint32_t kMinRequests = 5;  // below it neither error rate says anything

  // `seed` drives the jitter of the back-off.
  explicit Breaker(BreakerOptions options, uint64_t seed);

  // `count` outcomes of one kind in a row. `trial`: of a half-open trial request. What else comes in while OPEN or
  // HALF_OPEN belongs to requests of an earlier life (or of fail-open) and is ignored.
  // Each of these returns true if state() or share() changed.
  bool OnSignal(Signal signal, uint32_t count, bool trial, TimePoint now);
  // Every probe result (passed), and what the fall/rise counters make of it (serving).
  bool OnProbe(bool passed, Serving serving, TimePoint now);
  // Advances timers. Call at least every 50 ms while state() is not CLOSED.
  bool Tick(TimePoint now);
  // The p95 to the response head, zero: unknown. While CLOSED: of the last while, taken as usual. In the RAMP: since
  // the step began; say it before the Tick that may end the step.
  void NoteLatency(Duration p95) { (state_ == BreakerState::kRamp ? step_p95_ : usual_p95_) = p95; }
  // HALF_OPEN only: true at most once per kTrialInterval; the caller then sends one idempotent request.
  bool TakeTrial(TimePoint now);

  BreakerState state() const { return state_; }
  double share() const;
  // Why it last opened, static text: "probes", "connect", "failures", "rate", "trial", "ramp"; "" when never.
  const char* reason() const { return reason_; }
  int opened() const { return openings_; }   // how often in all
  uint64_t holds() const { return holds_; }  // steps of ramps that were not taken, in all
  int ramp_step() const { return state_ == BreakerState::kRamp ? ramp_step_ : 0; }

 private:
  static constexpr Duration kBucket = 200ms;
  static constexpr size_t kBuckets = 10;
  struct Bucket {
    int64_t epoch = -1;
    uint32_t ok = 0;
    uint32_t failed = 0;
  };
  void Open(const char* reason, TimePoint now);
  void EnterHalfOpen(TimePoint now);
  void EnterRamp(TimePoint now);
  void BeginStep(TimePoint now);
  void Close(TimePoint now);
  void ForgetTraffic();
  bool OnTraffic(Signal signal, uint32_t count, TimePoint now);
  bool OnTrial(Signal signal, uint32_t count, TimePoint now);
  void Count(Signal signal, uint32_t count, TimePoint now);
  void CountRate(Signal signal, uint32_t count, TimePoint now);
  bool HoldsStep() const;
  bool AdvanceRamp(TimePoint now);
  const char* TripReason(TimePoint now) const;  // null: keep going
  bool StepTripped() const;
  bool RateTripped(TimePoint now) const;
  double Jitter();

  BreakerOptions options_;
  uint64_t random_;
  BreakerState state_ = BreakerState::kClosed;
  Serving serving_ = Serving::kUnknown;
  const char* reason_ = "";
  int openings_ = 0;
  int backoff_exponent_ = 0;
  uint64_t consecutive_connect_ = 0;
  uint64_t consecutive_failures_ = 0;
  uint64_t successes_ = 0;
  TimePoint until_{};
  TimePoint next_trial_{};
  TimePoint closed_at_{};
  bool probe_passed_ = false;  // since it opened
  TimePoint step_start_{};
  int ramp_step_ = 0;
  uint64_t holds_ = 0;
  Duration usual_p95_{};
  Duration step_p95_{};
  uint64_t step_ok_ = 0;
  uint64_t step_failed_ = 0;
  std::array<Bucket, kBuckets> buckets_{};
  // Smoothed requests per second (EWMA, τ = 10 s) for the "1 % of the recent rate" rule.
  double rate_ = 0;
  int64_t rate_epoch_ = -1;
  uint64_t rate_count_ = 0;
  uint64_t rate_failed_ = 0;
  double usual_errors_ = 0;  // share of failures while CLOSED (EWMA, τ = 30 s)
};

}  // namespace meridian
