#include "policy/probe_state.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

TEST(ProbeState, IsUnknownUntilTheFirstVerdict) {
  ProbeState state(3, 2);
  EXPECT_EQ(state.serving(), Serving::kUnknown);
  EXPECT_FALSE(state.suspicious());
}

TEST(ProbeState, OneGoodProbeMakesANewOriginUp) {
  ProbeState state(3, 2);
  EXPECT_TRUE(state.OnResult(true));
  EXPECT_EQ(state.serving(), Serving::kUp);
}

TEST(ProbeState, ANewOriginThatNeverAnswersIsDownAfterFallFailures) {
  ProbeState state(3, 2);
  EXPECT_FALSE(state.OnResult(false));
  EXPECT_TRUE(state.suspicious());
  EXPECT_FALSE(state.OnResult(false));
  EXPECT_EQ(state.serving(), Serving::kUnknown);
  EXPECT_TRUE(state.OnResult(false));
  EXPECT_EQ(state.serving(), Serving::kDown);
  EXPECT_FALSE(state.suspicious());
}

TEST(ProbeState, FallsAfterThreeInARowAndRisesAfterTwo) {
  ProbeState state(3, 2);
  state.OnResult(true);
  EXPECT_FALSE(state.OnResult(false));
  EXPECT_FALSE(state.OnResult(false));
  EXPECT_FALSE(state.OnResult(true)) << "a success in between starts the count again";
  EXPECT_FALSE(state.OnResult(false));
  EXPECT_FALSE(state.OnResult(false));
  EXPECT_TRUE(state.OnResult(false));
  EXPECT_EQ(state.serving(), Serving::kDown);

  EXPECT_FALSE(state.OnResult(true));
  EXPECT_FALSE(state.OnResult(false));
  EXPECT_FALSE(state.OnResult(true));
  EXPECT_TRUE(state.suspicious());
  EXPECT_TRUE(state.OnResult(true));
  EXPECT_EQ(state.serving(), Serving::kUp);
  EXPECT_FALSE(state.suspicious());
}

TEST(ProbeState, FallAndRiseOfOneFollowEveryProbe) {
  ProbeState state(1, 1);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(state.OnResult(i % 2 == 0));
    EXPECT_FALSE(state.suspicious());
  }
}

TEST(NextProbeDelay, SpreadsByATenthAroundTheInterval) {
  HealthModel health;
  EXPECT_EQ(NextProbeDelay(health, false, 0), 900ms);
  EXPECT_EQ(NextProbeDelay(health, false, 1ull << 63), 1s);
  EXPECT_LE(NextProbeDelay(health, false, ~0ull), 1100ms);
  EXPECT_GE(NextProbeDelay(health, false, ~0ull), 1099ms);
}

TEST(NextProbeDelay, ASuspicionIsCheckedSoonerButNeverLaterThanUsual) {
  HealthModel health;
  EXPECT_EQ(NextProbeDelay(health, true, 1ull << 63), 250ms);
  health.interval = 100ms;
  EXPECT_EQ(NextProbeDelay(health, true, 1ull << 63), 100ms);
}

TEST(ProbeState, ABlackHoleIsFoundWithinAboutFourSecondsByDefault) {
  HealthModel health;
  ProbeState state(health.fall, health.rise);
  state.OnResult(true);
  // Worst case: the hole opens right after a probe, and each delay is as long as its jitter allows.
  Duration elapsed = NextProbeDelay(health, false, ~0ull);
  while (true) {
    elapsed += health.timeout;
    if (state.OnResult(false)) break;
    elapsed += NextProbeDelay(health, state.suspicious(), ~0ull);
  }
  EXPECT_LE(elapsed, 4100ms);
}

}  // namespace
}  // namespace meridian
