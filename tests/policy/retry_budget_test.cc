#include "policy/retry_budget.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

class RetryBudgetTest : public ::testing::Test {
 protected:
  // `rps` first attempts per second for `time`; with `replay` each wants to be replayed once. Returns the replays.
  int Run(int rps, Duration time, bool replay, int wanted = 1) {
    int replays = 0;
    for (int64_t i = 0; i < rps * (time / 1s); ++i) {
      now_ += Duration(1s) / rps;
      budget_.OnFirstAttempt(now_);
      for (int k = 0; replay && k < wanted; ++k) replays += budget_.TakeReplay(now_);
    }
    return replays;
  }

  TimePoint now_{1000s};
  RetryBudget budget_;
};

TEST_F(RetryBudgetTest, StartsWithTheFloorSoThatTheFirstMinuteCanFailOverToo) {
  int taken = 0;
  while (budget_.TakeReplay(now_)) ++taken;
  EXPECT_EQ(taken, 100);
}

TEST_F(RetryBudgetTest, FiveHundredRequestsPerSecondHoldAThousandTokens) {
  Run(500, 60s, false);
  EXPECT_GE(budget_.tokens(), 1000);
  EXPECT_LE(budget_.tokens(), 1101);
}

TEST_F(RetryBudgetTest, ARegionThatBeginsToHangMovesAllItsWaitingRequests) {
  Run(500, 60s, false);
  for (int waiting = 0; waiting < 1000; ++waiting) EXPECT_TRUE(budget_.TakeReplay(now_));
}

TEST_F(RetryBudgetTest, ATotalOutageLoadsTheOriginsAboutAFifthMoreNotThreeTimes) {
  Run(500, 60s, false);
  int replays = Run(500, 600s, true, 2);
  double load = (500.0 * 600 + replays) / (500.0 * 600);
  EXPECT_GT(load, 1.15);
  EXPECT_LT(load, 1.23);
}

// What ten good seconds have saved up is not for an outage of all regions: a minute of it must not cost a quarter more.
TEST_F(RetryBudgetTest, WhileNothingIsEligibleReplaysAreRareFromTheStart) {
  Run(500, 60s, false);
  constexpr int kRequests = 500 * 20;
  int replays = 0;
  for (int i = 0; i < kRequests; ++i) {
    now_ += 2ms;
    budget_.OnFirstAttempt(now_);
    for (int k = 0; k < 2; ++k) replays += budget_.TakeReplay(now_, true);
  }
  EXPECT_LE(replays, kRequests / 10 + 10);
  EXPECT_GE(replays, kRequests / 10 - 10);
}

TEST_F(RetryBudgetTest, AQuietServiceKeepsTheFloor) {
  Run(500, 60s, false);
  now_ += 300s;
  EXPECT_FALSE(Run(1, 1s, true) == 0);
  EXPECT_LE(budget_.tokens(), 103);
  EXPECT_GE(budget_.tokens(), 98);
}

TEST_F(RetryBudgetTest, AnEmptyBudgetRefillsByTenPerSecond) {
  while (budget_.TakeReplay(now_)) {
  }
  EXPECT_FALSE(budget_.TakeReplay(now_ + 99ms));
  EXPECT_TRUE(budget_.TakeReplay(now_ + 100ms + 1ns));
  int taken = 0;
  while (budget_.TakeReplay(now_ + 1100ms + 2ns)) ++taken;
  EXPECT_EQ(taken, 10);
}

TEST_F(RetryBudgetTest, FiveFirstAttemptsEarnOneReplay) {
  while (budget_.TakeReplay(now_)) {
  }
  double before = budget_.tokens();
  for (int i = 0; i < 5; ++i) budget_.OnFirstAttempt(now_);
  EXPECT_NEAR(budget_.tokens(), before + 1, 1e-9);
}

TEST_F(RetryBudgetTest, AClockThatStandsStillOrStepsBackGivesNothing) {
  while (budget_.TakeReplay(now_)) {
  }
  EXPECT_FALSE(budget_.TakeReplay(now_ - 1h));
  EXPECT_FALSE(budget_.TakeReplay(now_));
}

}  // namespace
}  // namespace meridian
