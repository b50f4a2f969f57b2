#include "policy/silence_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace meridian {
namespace {

class SilenceWatchTest : public ::testing::Test {
 protected:
  // A region that has answered often enough, each time after `head_time`.
  void Known(Duration head_time) {
    for (uint32_t i = 0; i < LatencyWindow::kMinSamples; ++i) watch_.OnHeard(head_time, now_);
  }
  void Ask(int requests) {
    for (int i = 0; i < requests; ++i) waiting_.push_back(watch_.OnAsked(now_));
  }
  bool SilentAfter(Duration d) {
    now_ += d;
    return watch_.IsSilent(now_);
  }

  TimePoint now_{1000s};
  SilenceWatch watch_;
  std::vector<SilenceWatch::Ticket> waiting_;
};

TEST_F(SilenceWatchTest, FiveRequestsWithoutAnAnswerForATenthOfASecondAreSilence) {
  Known(5ms);
  Ask(5);
  EXPECT_FALSE(SilentAfter(99ms));
  EXPECT_TRUE(SilentAfter(1ms));
}

TEST_F(SilenceWatchTest, FourProveNothing) {
  Known(5ms);
  Ask(4);
  EXPECT_FALSE(SilentAfter(10s));
}

TEST_F(SilenceWatchTest, OneAnswerEndsItAtOnceForAllWhoAskedBefore) {
  Known(5ms);
  Ask(8);
  ASSERT_TRUE(SilentAfter(100ms));
  waiting_.pop_back();
  watch_.OnHeard(100ms, now_);
  EXPECT_FALSE(SilentAfter(0ms));
  EXPECT_FALSE(SilentAfter(10s)) << "seven who hang on an old connection say nothing about the region of now";
  Ask(5);
  EXPECT_FALSE(SilentAfter(299ms)) << "three times the slowest answer";
  EXPECT_TRUE(SilentAfter(60ms));
}

TEST_F(SilenceWatchTest, WhoHasHeardOrLeftNoLongerWaits) {
  Known(5ms);
  Ask(5);
  ASSERT_TRUE(SilentAfter(100ms));
  waiting_.pop_back();
  EXPECT_FALSE(SilentAfter(1s));
  Ask(1);
  EXPECT_TRUE(SilentAfter(0ms));
  waiting_.clear();
  Ask(5);
  EXPECT_FALSE(SilentAfter(0ms)) << "the clock starts with the first of those who wait now";
}

TEST_F(SilenceWatchTest, ASlowRegionIsGivenThreeTimesItsP99) {
  Known(400ms);
  Ask(20);
  EXPECT_FALSE(SilentAfter(1200ms));
  EXPECT_TRUE(SilentAfter(150ms)) << "at most an eighth above it, the width of a bucket";
}

TEST_F(SilenceWatchTest, AnUnknownRegionIsNeverSilent) {
  for (uint32_t i = 1; i < LatencyWindow::kMinSamples; ++i) watch_.OnHeard(5ms, now_);
  Ask(100);
  EXPECT_FALSE(SilentAfter(1s));
}

TEST_F(SilenceWatchTest, ATicketReturnsOnceHoweverItEnds) {
  Known(5ms);
  Ask(5);
  SilenceWatch::Ticket moved = std::move(waiting_[0]);
  waiting_[0].Release();
  ASSERT_TRUE(SilentAfter(100ms)) << "what was moved from holds nothing";
  moved.Release();
  moved.Release();
  EXPECT_FALSE(SilentAfter(0ms));
  Ask(1);
  EXPECT_TRUE(SilentAfter(0ms));
}

}  // namespace
}  // namespace meridian
