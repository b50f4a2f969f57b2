// A minute without the near region, in virtual time: everything that decides about a request, put together as the
// worker and the control thread do it, and nothing else. How many requests still touch the region?
#include <gtest/gtest.h>

#include <queue>
#include <random>
#include <vector>

#include "policy/breaker.h"
#include "policy/plan_builder.h"
#include "policy/probe_state.h"
#include "policy/silence_watch.h"
#include "policy/world.h"

namespace meridian {
namespace {

enum class Outage : uint8_t { kBlackHole, kHang, kRefused, k503 };

struct Conditions {
  Outage outage;
  bool probes_fail;
  int per_second;
};

// One worker, the control thread, two regions. Outcomes reach the breaker at once, as first failures do.
class OutageSim {
 public:
  explicit OutageSim(const Conditions& conditions, uint64_t seed)
      : conditions_(conditions), random_(seed), world_(2), breaker_({}, seed) {}

  // Requests that met the failing region in the minute after `kCalm`.
  int Run() {
    const Duration gap = Duration(std::chrono::seconds(1)) / conditions_.per_second;
    next_probe_ = now_;
    for (; now_ < kFailsAt + 60s; now_ += 100us) {
      Deliver();
      if (now_ >= next_probe_) Probe();
      if (now_ >= next_tick_) Tick();
      if (now_ < next_request_) continue;
      next_request_ = now_ + gap;
      Request();
    }
    return touched_;
  }
  int requests() const { return 60 * conditions_.per_second; }

 private:
  static constexpr Duration kAnswer = 5ms, kFailure = 2ms;
  static constexpr TimePoint kBegin{1000s};
  static constexpr TimePoint kFailsAt{1030s};
  struct Ending {
    TimePoint at;
    bool answered;
    Signal signal;
    bool trial;
    size_t waiting;
    bool operator>(const Ending& o) const { return at > o.at; }
  };

  bool failing() const { return now_ >= kFailsAt; }
  bool hangs() const { return conditions_.outage == Outage::kBlackHole || conditions_.outage == Outage::kHang; }

  void Request() {
    const bool trial = breaker_.TakeTrial(now_);
    const uint64_t silent = watch_.IsSilent(now_) ? 1 : 0;
    const Plan plan = world_.MakePlan(random_(), {}, trial ? 0 : -1, silent);
    if (plan.steps[0].region != 0) return;
    touched_ += failing();
    tickets_.push_back(watch_.OnAsked(now_));
    Ending ending{now_ + kAnswer, true, Signal::kSuccess, plan.steps[0].reason == StepReason::kTrial,
                  tickets_.size() - 1};
    if (failing() && hangs()) {
      ending.at = now_ + route_.AutoTimeout(now_);
      ending.answered = false;
      ending.signal = Signal::kFailure;
    } else if (failing()) {
      ending.at = now_ + kFailure;
      ending.answered = conditions_.outage == Outage::k503;
      ending.signal = conditions_.outage == Outage::k503 ? Signal::kFailure : Signal::kConnectFail;
    }
    endings_.push(ending);
  }

  void Deliver() {
    while (!endings_.empty() && endings_.top().at <= now_) {
      const Ending ending = endings_.top();
      endings_.pop();
      tickets_[ending.waiting].Release();
      if (ending.answered) {
        route_.Add(kAnswer, now_);
        watch_.OnHeard(kAnswer, now_);
      }
      breaker_.OnSignal(ending.signal, 1, ending.trial, now_);
      Publish();
    }
  }

  void Probe() {
    const bool fails = failing() && conditions_.probes_fail;
    // A hanging probe is over after its timeout, and its result counts then.
    next_probe_ = now_ + (fails && hangs() ? health_.timeout : Duration(2ms));
    if (probe_under_way_) {
      probe_state_.OnResult(!probe_fails_);
      breaker_.OnProbe(!probe_fails_, probe_state_.serving(), now_);
      Publish();
      next_probe_ = now_ + NextProbeDelay(health_, probe_state_.suspicious(), random_());
    }
    probe_fails_ = fails;
    probe_under_way_ = !probe_under_way_;
  }

  void Tick() {
    next_tick_ = now_ + 50ms;
    if (breaker_.Tick(now_)) Publish();
  }

  void Publish() {
    world_.Breaker(0, breaker_.state(), breaker_.share());
    world_.region(0).origins[0].serving = probe_state_.serving();
  }

  const Conditions conditions_;
  std::mt19937_64 random_;
  testing::World world_;
  Breaker breaker_;
  HealthModel health_;
  ProbeState probe_state_{3, 2};
  SilenceWatch watch_;
  LatencyWindow route_;
  std::vector<SilenceWatch::Ticket> tickets_;
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> endings_;
  TimePoint now_ = kBegin;
  TimePoint next_request_{}, next_probe_{}, next_tick_{};
  bool probe_under_way_ = false, probe_fails_ = false;
  int touched_ = 0;
};

int MostTouched(const Conditions& conditions) {
  int most = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) most = std::max(most, OutageSim(conditions, seed).Run());
  return most;
}

TEST(Outage, AMinuteInTheDarkTouchesAtMostOneRequestInTwoHundred) {
  for (const Outage outage : {Outage::kBlackHole, Outage::kHang, Outage::kRefused, Outage::k503}) {
    for (const bool probes_fail : {true, false}) {
      const Conditions conditions{outage, probes_fail, 500};
      EXPECT_LE(MostTouched(conditions), 60 * 500 / 200)
          << "outage " << static_cast<int>(outage) << ", probes " << (probes_fail ? "fail" : "pass");
    }
  }
}

TEST(Outage, WhatFailsAtOnceIsLeftAfterAHandfulOfRequests) {
  EXPECT_LE(MostTouched({Outage::kRefused, true, 500}), 5);
  EXPECT_LE(MostTouched({Outage::k503, true, 500}), 8);
}

// At twenty requests a second five that wait are a quarter of a second.
TEST(Outage, ASlowTrickleOfRequestsLeavesAfterHalfASecond) { EXPECT_LE(MostTouched({Outage::kHang, true, 20}), 15); }

}  // namespace
}  // namespace meridian
