// The control thread reads response times from the workers' counters and tells the ramps.
#include "control/latency_feed.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

class LatencyFeedTest : public ::testing::Test {
 protected:
  void Serve(Duration time, int count) {
    for (int i = 0; i < count; ++i) worker_.regions[0].head_time.Add(time);
  }
  void Look() { feed_.Look(0, {&worker_}, breaker_, now_); }
  void GoRamp() {
    breaker_.OnSignal(Signal::kConnectFail, 3, false, now_);
    Look();
    now_ += 2s;
    breaker_.Tick(now_);
    for (int i = 0; i < Breaker::kTrialSuccesses; ++i) breaker_.OnSignal(Signal::kSuccess, 1, true, now_);
    ASSERT_EQ(breaker_.state(), BreakerState::kRamp);
    Look();
  }
  // A step of the ramp with 100 good answers that took `time`.
  void Step(Duration time) {
    Serve(time, 100);
    breaker_.OnSignal(Signal::kSuccess, 100, false, now_);
    now_ += 5s;
    Look();
    breaker_.Tick(now_);
    Look();
  }

  TimePoint now_{1000s};
  WorkerStats worker_{1, 1};
  Breaker breaker_{BreakerOptions{}, 1};
  LatencyFeed feed_{1};
};

TEST_F(LatencyFeedTest, ASlowStepHoldsTheRampAndAQuickOneAfterItDoesNot) {
  Look();
  Serve(8ms, 100);
  now_ += LatencyFeed::kUsual;
  Look();
  GoRamp();
  Step(90ms);
  EXPECT_EQ(breaker_.ramp_step(), 0);
  EXPECT_EQ(breaker_.holds(), 1u);
  Step(8ms);
  EXPECT_EQ(breaker_.ramp_step(), 1) << "what was slow belongs to the step before";
}

TEST_F(LatencyFeedTest, WhatWasNeverMeasuredHoldsNothing) {
  GoRamp();
  Step(90ms);
  EXPECT_EQ(breaker_.ramp_step(), 1);
}

}  // namespace
}  // namespace meridian
