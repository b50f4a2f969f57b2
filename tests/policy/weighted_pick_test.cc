#include "policy/weighted_pick.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace meridian {
namespace {

using Weights = std::vector<uint32_t>;

std::vector<int> Draw(const Weights& weights, LowDiscrepancySequence& sequence, int draws) {
  std::vector<int> hits(weights.size());
  for (int i = 0; i < draws; ++i) ++hits[static_cast<size_t>(PickWeighted(weights, sequence.Next()))];
  return hits;
}

TEST(WeightedPick, OnePercentCanaryGetsOnePercentOfHundredThousandToWithinThreeRequests) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    LowDiscrepancySequence sequence(seed * 0xD1342543DE82EF95ull);
    EXPECT_NEAR(Draw({99, 1}, sequence, 100'000)[1], 1000, 3) << "seed " << seed;
  }
}

TEST(WeightedPick, CanaryOfOnePercentIsNeverStarvedInAnyThousandRequests) {
  LowDiscrepancySequence sequence(7);
  for (int block = 0; block < 1000; ++block) EXPECT_NEAR(Draw({99, 1}, sequence, 1000)[1], 10, 3);
}

TEST(WeightedPick, ManyArmsEachGetTheirShare) {
  Weights weights = {1, 10, 0, 200, 789, 5'000, 994'000};
  LowDiscrepancySequence sequence(42);
  constexpr int kDraws = 1'000'000;
  std::vector<int> hits = Draw(weights, sequence, kDraws);
  // The weights add up to kDraws, so each is also the number of requests that its arm should get.
  for (size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(hits[i], weights[i], 6) << "arm " << i;
  EXPECT_EQ(hits[2], 0);
}

TEST(WeightedPick, ANewWeightHoldsFromTheVeryNextRequest) {
  LowDiscrepancySequence sequence(3);
  Draw({99, 1}, sequence, 12'345);
  EXPECT_NEAR(Draw({90, 10}, sequence, 100)[1], 10, 2);
  EXPECT_NEAR(Draw({50, 50}, sequence, 100)[1], 50, 2);
  EXPECT_EQ(Draw({100, 0}, sequence, 10'000)[1], 0);
  EXPECT_EQ(Draw({0, 1}, sequence, 10'000)[0], 0);
}

TEST(WeightedPick, RaisingAWeightOnlyMovesTheThreshold) {
  LowDiscrepancySequence sequence(11);
  for (int i = 0; i < 100'000; ++i) {
    uint64_t u = sequence.Next();
    if (PickWeighted(Weights{5, 95}, u) == 0) {
      EXPECT_EQ(PickWeighted(Weights{10, 90}, u), 0);
    }
  }
}

TEST(WeightedPick, ThresholdsAreExactAtTheLastBit) {
  constexpr uint64_t kHalf = 1ull << 63;
  EXPECT_EQ(PickWeighted(Weights{1, 1}, kHalf - 1), 0);
  EXPECT_EQ(PickWeighted(Weights{1, 1}, kHalf), 1);
  EXPECT_EQ(PickWeighted(Weights{1'000'000, 1'000'000}, kHalf - 1), 0);
  EXPECT_EQ(PickWeighted(Weights{1'000'000, 1'000'000}, kHalf), 1);
  EXPECT_EQ(PickWeighted(Weights{0, 3, 0}, 0), 1);
  EXPECT_EQ(PickWeighted(Weights{0, 3, 0}, std::numeric_limits<uint64_t>::max()), 1);
}

TEST(WeightedPick, AMillionArmsOfFullWeightDoNotOverflow) {
  Weights weights(1u << 20, 1'000'000);
  EXPECT_EQ(PickWeighted(weights, 0), 0);
  EXPECT_EQ(PickWeighted(weights, 1ull << 63), 1 << 19);
  EXPECT_EQ(PickWeighted(weights, std::numeric_limits<uint64_t>::max()), (1 << 20) - 1);
}

TEST(WeightedPick, NothingIsPickedWhenAllWeightsAreZero) {
  EXPECT_EQ(PickWeighted(Weights{}, 5), -1);
  EXPECT_EQ(PickWeighted(Weights{0, 0}, 5), -1);
}

TEST(PickShare, FollowsTheProportionOfTheShares) {
  std::vector<double> shares = {0.25, 0, 0.75, 0.5};  // adds up to 1.5
  std::vector<int> hits(shares.size());
  LowDiscrepancySequence sequence(9);
  for (int i = 0; i < 15'000; ++i) ++hits[static_cast<size_t>(PickShare(shares, sequence.Next()))];
  EXPECT_NEAR(hits[0], 2500, 4);
  EXPECT_EQ(hits[1], 0);
  EXPECT_NEAR(hits[2], 7500, 4);
  EXPECT_NEAR(hits[3], 5000, 4);
}

TEST(PickShare, ZeroAndNonsenseAreNeverPicked) {
  double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(PickShare(std::vector<double>{}, 1), -1);
  EXPECT_EQ(PickShare(std::vector<double>{0, nan, -1}, 1), -1);
  for (uint64_t u : {uint64_t{0}, uint64_t{1} << 63, std::numeric_limits<uint64_t>::max()}) {
    EXPECT_EQ(PickShare(std::vector<double>{0, nan, 0.3, -1, 0}, u), 2);
  }
}

TEST(LowDiscrepancySequence, EqualSeedsGiveEqualSequences) {
  LowDiscrepancySequence a(5), b(5), c(6);
  for (int i = 0; i < 100; ++i) {
    uint64_t x = a.Next();
    EXPECT_EQ(x, b.Next());
    EXPECT_NE(x, c.Next());
  }
}

}  // namespace
}  // namespace meridian
