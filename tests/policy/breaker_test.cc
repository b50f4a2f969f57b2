#include "policy/breaker.h"

#include <gtest/gtest.h>

#include <vector>

namespace meridian {
namespace {

using enum Signal;
using enum BreakerState;

constexpr TimePoint kStart{1000s};

class BreakerTest : public ::testing::Test {
 protected:
  void Pass(Duration time) { now_ += time; }
  bool Send(Signal signal, uint32_t count = 1) { return breaker_.OnSignal(signal, count, false, now_); }
  bool SendTrial(Signal signal) { return breaker_.OnSignal(signal, 1, true, now_); }
  bool Probe(bool passed, Serving serving) { return breaker_.OnProbe(passed, serving, now_); }
  // Ticks every 10 ms until the state changes; returns how long that took, or `limit`.
  Duration WaitForChange(Duration limit = 100s) {
    BreakerState before = breaker_.state();
    Duration waited{};
    while (waited < limit) {
      Pass(10ms);
      waited += 10ms;
      if (breaker_.Tick(now_) && breaker_.state() != before) break;
    }
    return waited;
  }
  void Trip() {
    Send(kConnectFail, 3);
    ASSERT_EQ(breaker_.state(), kOpen);
  }
  void GoHalfOpen() {
    Trip();
    WaitForChange();
    ASSERT_EQ(breaker_.state(), kHalfOpen);
  }
  void GoRamp() {
    GoHalfOpen();
    for (int i = 0; i < 5; ++i) SendTrial(kSuccess);
    ASSERT_EQ(breaker_.state(), kRamp);
  }

  TimePoint now_ = kStart;
  Breaker breaker_{BreakerOptions{}, 1};
};

TEST_F(BreakerTest, ANewRegionTakesAllItsTraffic) {
  EXPECT_EQ(breaker_.state(), kClosed);
  EXPECT_EQ(breaker_.share(), 1);
  EXPECT_STREQ(breaker_.reason(), "");
  EXPECT_EQ(breaker_.opened(), 0);
  EXPECT_FALSE(breaker_.Tick(now_));
  EXPECT_FALSE(breaker_.TakeTrial(now_));
}

TEST_F(BreakerTest, ARefusingRegionIsLeftAfterThreeRequests) {
  EXPECT_FALSE(Send(kConnectFail));
  EXPECT_FALSE(Send(kConnectFail));
  EXPECT_TRUE(Send(kConnectFail));
  EXPECT_EQ(breaker_.state(), kOpen);
  EXPECT_EQ(breaker_.share(), 0);
  EXPECT_STREQ(breaker_.reason(), "connect");
  EXPECT_EQ(breaker_.opened(), 1);
}

TEST_F(BreakerTest, AHangingRegionIsLeftAfterFiveRequests) {
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(Send(kFailure));
  EXPECT_TRUE(Send(kFailure));
  EXPECT_STREQ(breaker_.reason(), "failures");
}

TEST_F(BreakerTest, FailuresOfBothKindsCountTogether) {
  Send(kConnectFail, 2);
  Send(kFailure, 1);
  Send(kConnectFail, 1);
  EXPECT_EQ(breaker_.state(), kClosed);
  EXPECT_TRUE(Send(kFailure));
  EXPECT_STREQ(breaker_.reason(), "failures");
}

TEST_F(BreakerTest, ASuccessInBetweenStartsTheCountAgain) {
  Send(kSuccess, 1000);
  for (int round = 0; round < 50; ++round) {
    Send(kConnectFail, 2);
    Send(kSuccess);
    Send(kFailure, 4);
    Send(kSuccess, 10);
  }
  EXPECT_EQ(breaker_.state(), kClosed);
}

TEST_F(BreakerTest, ABatchOfOutcomesCountsAsItsNumber) {
  EXPECT_FALSE(Send(kFailure, 0));
  EXPECT_TRUE(Send(kFailure, 4'000'000'000u));
}

TEST_F(BreakerTest, EverySecondRequestFailingOpensByRate) {
  int sent = 0;
  while (breaker_.state() == kClosed && sent < 100) {
    Send(++sent % 2 ? kFailure : kSuccess);
    Pass(100ms);
  }
  EXPECT_EQ(sent, 5);
  EXPECT_STREQ(breaker_.reason(), "rate");
}

TEST_F(BreakerTest, FourBadRequestsOfFiveMinutesAreNoRate) {
  for (int i = 0; i < 100; ++i) {
    Send(i % 2 ? kFailure : kSuccess);
    Pass(1s);  // never five within two seconds
  }
  EXPECT_EQ(breaker_.state(), kClosed);
}

TEST_F(BreakerTest, FortyPercentErrorsAreNotEnough) {
  for (int i = 0; i < 1000; ++i) {
    Send(kSuccess, 3);
    Send(kFailure, 2);
    Pass(50ms);
  }
  EXPECT_EQ(breaker_.state(), kClosed);
}

TEST_F(BreakerTest, OldErrorsLeaveTheWindowAfterTwoSeconds) {
  Send(kSuccess, 4);
  Send(kFailure, 3);
  Pass(2200ms);
  Send(kSuccess, 4);
  Send(kFailure, 1);
  Send(kSuccess, 1);
  Send(kFailure, 2);
  EXPECT_EQ(breaker_.state(), kClosed);
}

TEST_F(BreakerTest, AfterABusyTimeAHandfulOfErrorsInALullIsNotARate) {
  for (int second = 0; second < 60; ++second) {
    Send(kSuccess, 1000);
    Pass(1s);
  }
  Pass(2s);  // recent rate ~800/s, so fewer than ~16 requests prove nothing
  for (int i = 0; i < 5; ++i) {
    Send(kFailure);
    Send(kSuccess);
  }
  EXPECT_EQ(breaker_.state(), kClosed);
  for (int i = 0; i < 5; ++i) {
    Send(kFailure);
    Send(kSuccess);
  }
  EXPECT_EQ(breaker_.state(), kOpen);
}

TEST_F(BreakerTest, BackOffDoublesUpToThirtySecondsAndJittersByAFifth) {
  Trip();
  std::vector<Duration> nominal = {1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s};
  for (Duration expected : nominal) {
    Duration waited = WaitForChange();
    EXPECT_GE(waited, expected * 8 / 10);
    EXPECT_LE(waited, expected * 12 / 10 + 10ms);
    ASSERT_EQ(breaker_.state(), kHalfOpen);
    EXPECT_TRUE(SendTrial(kFailure));
    ASSERT_EQ(breaker_.state(), kOpen);
    EXPECT_STREQ(breaker_.reason(), "trial");
  }
}

TEST_F(BreakerTest, BreakersWithOtherSeedsDoNotComeBackTogether) {
  Duration shortest = 1h, longest{};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    breaker_ = Breaker({}, seed);
    Trip();
    Duration waited = WaitForChange();
    shortest = std::min(shortest, waited);
    longest = std::max(longest, waited);
  }
  EXPECT_LT(shortest, 850ms);
  EXPECT_GT(longest, 1150ms);
}

TEST_F(BreakerTest, WhileOpenLateOutcomesChangeNothing) {
  Trip();
  EXPECT_FALSE(Send(kSuccess, 100));
  EXPECT_FALSE(Send(kFailure, 100));
  EXPECT_FALSE(SendTrial(kSuccess));
  EXPECT_EQ(breaker_.opened(), 1);
  EXPECT_FALSE(breaker_.TakeTrial(now_));
}

TEST_F(BreakerTest, HalfOpenLendsOneTrialPer250Milliseconds) {
  GoHalfOpen();
  int taken = 0;
  for (Duration t{}; t < 10s; t += 1ms, Pass(1ms)) taken += breaker_.TakeTrial(now_);
  EXPECT_EQ(taken, 40);
  EXPECT_EQ(breaker_.share(), 0);
}

TEST_F(BreakerTest, FiveGoodTrialsInARowLeadToTheRamp) {
  GoHalfOpen();
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(SendTrial(kSuccess));
  EXPECT_FALSE(Send(kSuccess, 100)) << "only trials count";
  EXPECT_TRUE(SendTrial(kSuccess));
  EXPECT_EQ(breaker_.state(), kRamp);
  EXPECT_DOUBLE_EQ(breaker_.share(), 0.05);
}

TEST_F(BreakerTest, ALateFailureOfOldTrafficDoesNotSpoilTheTrials) {
  GoHalfOpen();
  EXPECT_FALSE(Send(kFailure, 50));
  EXPECT_EQ(breaker_.state(), kHalfOpen);
}

TEST_F(BreakerTest, PassingProbesAloneBringAnIdleStandbyBack) {
  GoHalfOpen();
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(Probe(true, Serving::kUp));
  EXPECT_TRUE(Probe(true, Serving::kUp));
  EXPECT_EQ(breaker_.state(), kRamp);
}

TEST_F(BreakerTest, ProbesThatSayDownOpenAtOnceAndKeepItOpenWhateverTheTimerSays) {
  EXPECT_TRUE(Probe(false, Serving::kDown));
  EXPECT_STREQ(breaker_.reason(), "probes");
  EXPECT_FALSE(Probe(false, Serving::kDown));
  EXPECT_EQ(WaitForChange(300s), 300s);
  EXPECT_EQ(breaker_.state(), kOpen);
  EXPECT_FALSE(Probe(true, Serving::kDown)) << "one good probe is not yet up";
  EXPECT_TRUE(Probe(true, Serving::kUp));
  EXPECT_EQ(breaker_.state(), kHalfOpen);
}

TEST_F(BreakerTest, ReturningProbesEndALongBackOff) {
  Trip();
  for (int i = 0; i < 6; ++i) {
    WaitForChange();
    SendTrial(kFailure);
  }
  Probe(false, Serving::kDown);
  Pass(1s);
  EXPECT_TRUE(Probe(true, Serving::kUp));
  EXPECT_EQ(breaker_.state(), kHalfOpen);
}

TEST_F(BreakerTest, AnOriginThatOnlyServesItsHealthPageDoesNotShortenItsBackOff) {
  Trip();
  int trials = 0;
  for (Duration t{}; t < 120s; t += 50ms) {
    Pass(50ms);
    breaker_.Tick(now_);
    if (t % 1s == Duration::zero()) Probe(true, Serving::kUp);
    if (breaker_.TakeTrial(now_)) {
      ++trials;
      SendTrial(kFailure);
    }
  }
  EXPECT_LE(trials, 9);
}

TEST_F(BreakerTest, ProbesThatGoDownDuringRecoveryOpenAgain) {
  GoHalfOpen();
  EXPECT_TRUE(Probe(false, Serving::kDown));
  EXPECT_EQ(breaker_.state(), kOpen);
  breaker_ = Breaker({}, 1);
  GoRamp();
  EXPECT_TRUE(Probe(false, Serving::kDown));
  EXPECT_EQ(breaker_.state(), kOpen);
}

TEST_F(BreakerTest, OneFailedProbeOfADeadSiblingDoesNotKeepARegionOut) {
  GoHalfOpen();
  for (int i = 0; i < 5; ++i) {
    SendTrial(kSuccess);
    Probe(false, Serving::kUp);
  }
  EXPECT_EQ(breaker_.state(), kRamp);
}

TEST_F(BreakerTest, TheRampClimbsInTwelveStepsAndEndsClosed) {
  GoRamp();
  std::vector<double> seen = {breaker_.share()};
  while (breaker_.state() == kRamp) {
    Pass(50ms);
    Send(kSuccess);
    if (breaker_.Tick(now_))
      seen.push_back(breaker_.share());
    else if (breaker_.share() != seen.back())
      seen.push_back(breaker_.share());
  }
  ASSERT_EQ(seen.size(), 13u);
  EXPECT_DOUBLE_EQ(seen[0], 0.05);
  for (size_t step = 1; step <= 12; ++step) EXPECT_DOUBLE_EQ(seen[step], static_cast<double>(step) / 12);
  EXPECT_EQ(breaker_.state(), kClosed);
}

TEST_F(BreakerTest, EachStepOfTheRampTakesATwelfthOfIt) {
  GoRamp();
  TimePoint began = now_;
  for (int step = 1; step <= 12; ++step) {
    now_ = began + 5s * step - 1ns;
    EXPECT_FALSE(breaker_.Tick(now_));
    now_ = began + 5s * step;
    EXPECT_TRUE(breaker_.Tick(now_));
  }
  EXPECT_EQ(breaker_.state(), kClosed);
}

TEST_F(BreakerTest, MoreThanAFifthOfErrorsInAStepOpensAgainForTwiceAsLong) {
  GoRamp();
  Send(kSuccess, 8);
  EXPECT_FALSE(Send(kFailure, 2)) << "exactly a fifth";
  EXPECT_TRUE(Send(kFailure, 1));
  EXPECT_STREQ(breaker_.reason(), "ramp");
  EXPECT_EQ(breaker_.opened(), 2);
  Duration waited = WaitForChange();
  EXPECT_GE(waited, 1600ms);
  EXPECT_LE(waited, 2410ms);
}

TEST_F(BreakerTest, AStepForgetsTheErrorsOfTheStepBefore) {
  GoRamp();
  Send(kSuccess, 16);
  Send(kFailure, 4);
  Pass(5s);
  Send(kSuccess, 4);
  EXPECT_FALSE(Send(kFailure, 1));
  EXPECT_EQ(breaker_.state(), kRamp);
}

TEST_F(BreakerTest, ARampingRegionThatRefusesIsLeftAfterThreeRequests) {
  GoRamp();
  EXPECT_TRUE(Send(kConnectFail, 3));
  EXPECT_STREQ(breaker_.reason(), "connect");
}

// A region that fails every minute must not begin with one second each time.
TEST_F(BreakerTest, WhatFailsAgainSoonIsLeftForLongerAndForgivenByTheMinute) {
  Trip();
  for (int i = 0; i < 2; ++i) {
    WaitForChange();
    SendTrial(kFailure);
  }
  const auto close = [this] {
    WaitForChange();
    for (int i = 0; i < 5; ++i) SendTrial(kSuccess);
    for (Duration t{}; t < 60s; t += 50ms) {
      Pass(50ms);
      breaker_.Tick(now_);
    }
    ASSERT_EQ(breaker_.state(), kClosed);
    EXPECT_EQ(breaker_.share(), 1);
  };
  close();
  Pass(10s);
  Trip();  // for the fourth time in three minutes
  Duration waited = WaitForChange();
  EXPECT_GE(waited, 6400ms);
  EXPECT_LE(waited, 9610ms);
  for (int i = 0; i < 5; ++i) SendTrial(kSuccess);
  for (int i = 0; i < 1200; ++i) {
    Pass(50ms);
    breaker_.Tick(now_);
  }
  ASSERT_EQ(breaker_.state(), kClosed);
  Pass(10min);
  Trip();
  EXPECT_LE(WaitForChange(), 1210ms) << "ten good minutes";
}

// ---- the ramp looks before it steps --------------------------------------------------------------------------------

TEST_F(BreakerTest, TheRampHoldsWhileMoreRequestsFailThanUsual) {
  GoRamp();
  const double before = breaker_.share();
  for (int i = 0; i < 5; ++i) {
    Send(kSuccess, 19);
    Send(kFailure);
  }
  Pass(5s);
  EXPECT_FALSE(breaker_.Tick(now_));
  EXPECT_EQ(breaker_.share(), before);
  EXPECT_EQ(breaker_.holds(), 1u);
  Send(kSuccess, 100);
  Pass(5s);
  breaker_.Tick(now_);
  EXPECT_EQ(breaker_.ramp_step(), 1) << "the clock goes on";
}

TEST_F(BreakerTest, ErrorsThatAreUsualForTheServiceHoldNothing) {
  for (int second = 0; second < 120; ++second) {
    Send(kSuccess, 95);
    Send(kFailure, 4);
    Send(kSuccess, 1);
    Pass(1s);
  }
  GoRamp();
  Send(kSuccess, 96);
  Send(kFailure, 4);
  Send(kSuccess, 1);
  Pass(5s);
  breaker_.Tick(now_);
  EXPECT_EQ(breaker_.ramp_step(), 1);
}

TEST_F(BreakerTest, TheRampHoldsWhileAnswersAreMuchSlowerThanUsual) {
  breaker_.NoteLatency(40ms);
  GoRamp();
  Send(kSuccess, 100);
  breaker_.NoteLatency(100ms);
  Pass(5s);
  breaker_.Tick(now_);
  EXPECT_EQ(breaker_.ramp_step(), 0);
  Send(kSuccess, 100);
  breaker_.NoteLatency(80ms);
  Pass(5s);
  breaker_.Tick(now_);
  EXPECT_EQ(breaker_.ramp_step(), 1) << "twice as slow is what a cold region may be";
}

TEST_F(BreakerTest, AHandfulOfRequestsHoldsNothing) {
  breaker_.NoteLatency(1ms);
  GoRamp();
  Send(kSuccess, 18);
  Send(kFailure, 1);
  breaker_.NoteLatency(1s);
  Pass(5s);
  breaker_.Tick(now_);
  EXPECT_EQ(breaker_.ramp_step(), 1);
}

// ---- trials and probes ---------------------------------------------------------------------------------------------

// A region that does not even answer its probes would make a client wait for nothing.
TEST_F(BreakerTest, WithProbesNoRequestIsTriedBeforeOneOfThemPassed) {
  Probe(true, Serving::kUp);
  for (int i = 0; i < 5; ++i) Send(kFailure);
  ASSERT_EQ(breaker_.state(), kOpen);
  WaitForChange();
  ASSERT_EQ(breaker_.state(), kHalfOpen);
  Probe(false, Serving::kUp);
  Pass(5s);
  EXPECT_FALSE(breaker_.TakeTrial(now_));
  Probe(true, Serving::kUp);
  EXPECT_TRUE(breaker_.TakeTrial(now_));
}

TEST_F(BreakerTest, WithoutARampItClosesAtOnce) {
  breaker_ = Breaker({.ramp = 0s}, 1);
  GoHalfOpen();
  for (int i = 0; i < 5; ++i) SendTrial(kSuccess);
  EXPECT_EQ(breaker_.state(), kClosed);
}

TEST_F(BreakerTest, TenMinutesOfBlackHoleCostAHandfulOfRequests) {
  int touched = 0;
  for (Duration t{}; t < 600s; t += 1ms) {  // 1000 requests per second, each would fail
    Pass(1ms);
    if (t % 50ms == Duration::zero()) breaker_.Tick(now_);
    bool trial = breaker_.TakeTrial(now_);
    if (!trial && breaker_.share() == 0) continue;
    ++touched;
    breaker_.OnSignal(kFailure, 1, trial, now_);
  }
  EXPECT_LE(touched, 35);
}

}  // namespace
}  // namespace meridian
