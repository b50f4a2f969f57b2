#include "policy/rate_watch.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

class RateWatchTest : public ::testing::Test {
 protected:
  // For `time` the peer moves `per_second` bytes each second; whether that was too slow at some look.
  bool Moves(uint64_t per_second, Duration time, bool its_turn = true, uint64_t least = 1024) {
    bool slow = false;
    for (Duration passed{}; passed < time; passed += 500ms) {
      now_ += 500ms;
      moved_ += per_second / 2;
      slow |= watch_.TooSlow(now_, moved_, its_turn, least, 10s);
    }
    return slow;
  }
  TimePoint now_{1000s};
  uint64_t moved_ = 0;
  RateWatch watch_;
};

TEST_F(RateWatchTest, AByteNowAndThenIsTooSlowAfterTheWindowAndNotBefore) {
  EXPECT_FALSE(Moves(2, 10s));
  EXPECT_TRUE(Moves(2, 1s));
}

TEST_F(RateWatchTest, WhoMovesAsMuchAsIsAskedIsLeftAlone) { EXPECT_FALSE(Moves(1024, 10min)); }

TEST_F(RateWatchTest, ABurstCountsForItsWindowOnly) {
  Moves(2, 1s);
  moved_ += 1'000'000;
  EXPECT_FALSE(Moves(2, 10s));
  EXPECT_TRUE(Moves(2, 12s));
}

TEST_F(RateWatchTest, TimeInWhichItIsAnothersTurnDoesNotCount) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(Moves(0, 9s));
    EXPECT_FALSE(Moves(0, 1s, false));
  }
}

TEST_F(RateWatchTest, NothingIsTooSlowForARateOfNone) { EXPECT_FALSE(Moves(0, 10min, true, 0)); }

}  // namespace
}  // namespace meridian
