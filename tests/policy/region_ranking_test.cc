#include "policy/region_ranking.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>

namespace meridian {
namespace {

using Order = std::vector<uint16_t>;
using Inputs = std::vector<RankInput>;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

Inputs Rtts(std::vector<double> rtts) {
  Inputs inputs;
  for (double rtt : rtts) inputs.push_back({rtt, kNone});
  return inputs;
}

TEST(RegionRanking, WithoutAnyDataTheFileDecides) {
  RegionRanking ranking(3);
  EXPECT_FALSE(ranking.Evaluate(Rtts({kNone, kNone, kNone})));
  EXPECT_EQ(ranking.order(), (Order{0, 1, 2}));
}

TEST(RegionRanking, DistanceDecidesUntilMeasured) {
  RegionRanking ranking(3);
  EXPECT_TRUE(ranking.Evaluate(Inputs{{kNone, 6200}, {kNone, 9000}, {kNone, 1100}}));
  EXPECT_EQ(ranking.order(), (Order{2, 0, 1}));
  EXPECT_TRUE(ranking.Evaluate(Inputs{{90, 6200}, {10, 9000}, {30, 1100}}));
  EXPECT_EQ(ranking.order(), (Order{1, 2, 0}));
}

TEST(RegionRanking, TheFirstMeasurementIsTakenAtOnce) {
  RegionRanking ranking(3);
  EXPECT_TRUE(ranking.Evaluate(Rtts({20, 19, 18})));
  EXPECT_EQ(ranking.order(), (Order{2, 1, 0}));
}

TEST(RegionRanking, AClearlyBetterRegionWinsAfterThreeEvaluationsAndNotBefore) {
  RegionRanking ranking(2);
  ranking.Evaluate(Rtts({100, 150}));
  EXPECT_FALSE(ranking.Evaluate(Rtts({100, 84})));
  EXPECT_FALSE(ranking.Evaluate(Rtts({100, 84})));
  EXPECT_TRUE(ranking.Evaluate(Rtts({100, 84})));
  EXPECT_EQ(ranking.order(), (Order{1, 0}));
}

TEST(RegionRanking, OneBadEvaluationInBetweenStartsTheCountAgain) {
  RegionRanking ranking(2);
  ranking.Evaluate(Rtts({100, 150}));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(ranking.Evaluate(Rtts({100, 50})));
    EXPECT_FALSE(ranking.Evaluate(Rtts({100, 50})));
    EXPECT_FALSE(ranking.Evaluate(Rtts({100, 99})));
  }
}

TEST(RegionRanking, FourteenPercentOrFourMillisecondsAreNotWorthAMove) {
  RegionRanking relative(2), absolute(2);
  relative.Evaluate(Rtts({100, 150}));
  absolute.Evaluate(Rtts({10, 15}));
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(relative.Evaluate(Rtts({100, 86})));
    EXPECT_FALSE(absolute.Evaluate(Rtts({10, 6})));
  }
}

TEST(RegionRanking, JitterBetweenEquallyDistantRegionsNeverFlaps) {
  RegionRanking ranking(3);
  std::mt19937 random(3);
  std::uniform_real_distribution<double> jitter(-5, 5);
  ranking.Evaluate(Rtts({80, 81, 82}));
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_FALSE(ranking.Evaluate(Rtts({80 + jitter(random), 80 + jitter(random), 80 + jitter(random)})));
  }
}

TEST(RegionRanking, TheWayBackFollowsTheSameRule) {
  RegionRanking ranking(2);
  ranking.Evaluate(Rtts({20, 60}));
  for (int i = 0; i < 3; ++i) ranking.Evaluate(Rtts({200, 60}));
  EXPECT_EQ(ranking.order(), (Order{1, 0}));
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(ranking.Evaluate(Rtts({20, 60})));
  EXPECT_TRUE(ranking.Evaluate(Rtts({20, 60})));
  EXPECT_EQ(ranking.order(), (Order{0, 1}));
}

TEST(RegionRanking, TheLastRegionCanBecomeTheFirstInOneMovePastAllOthers) {
  RegionRanking ranking(4);
  ranking.Evaluate(Rtts({50, 52, 54, 200}));
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(ranking.Evaluate(Rtts({50, 52, 54, 10})));
  EXPECT_TRUE(ranking.Evaluate(Rtts({50, 52, 54, 10})));
  EXPECT_EQ(ranking.order(), (Order{3, 0, 1, 2}));
}

TEST(RegionRanking, ARegionThatIsOnlyALittleSlowerDoesNotShieldTheFirst) {
  RegionRanking ranking(3);
  ranking.Evaluate(Rtts({100, 101, 102}));
  // 80 is not 15 % better than 88, but it is than 100.
  for (int i = 0; i < 3; ++i) ranking.Evaluate(Rtts({100, 88, 80}));
  EXPECT_EQ(ranking.order(), (Order{2, 0, 1}));
}

TEST(RegionRanking, ARegionThatFallsSilentIsPlacedByDistanceAndTheOthersKeepTheirMeasuredOrder) {
  RegionRanking ranking(3);
  ranking.Evaluate(Inputs{{90, 1000}, {20, 5000}, {40, 3000}});
  ASSERT_EQ(ranking.order(), (Order{1, 2, 0}));
  ranking.Evaluate(Inputs{{90, 1000}, {kNone, 5000}, {40, 3000}});
  EXPECT_EQ(ranking.order(), (Order{2, 0, 1}));
}

TEST(RegionRanking, AnyMixOfDataSettlesAndStaysPut) {
  std::mt19937 random(4);
  for (int round = 0; round < 3000; ++round) {
    size_t regions = 1 + random() % 6;
    RegionRanking ranking(regions);
    auto draw = [&] {
      Inputs inputs(regions);
      for (RankInput& input : inputs) {
        input.rtt_ms = random() % 2 ? kNone : 1 + random() % 200;
        input.distance_km = random() % 3 ? kNone : 1 + random() % 20'000;
      }
      return inputs;
    };
    ranking.Evaluate(draw());
    Inputs fixed = draw();
    for (int i = 0; i < 30; ++i) ranking.Evaluate(fixed);
    for (int i = 0; i < 10; ++i) ASSERT_FALSE(ranking.Evaluate(fixed));
    EXPECT_EQ(std::set<uint16_t>(ranking.order().begin(), ranking.order().end()).size(), regions);
  }
}

TEST(RegionRanking, NoRegionsNoOrder) {
  RegionRanking ranking(0);
  EXPECT_FALSE(ranking.Evaluate({}));
  EXPECT_TRUE(ranking.order().empty());
}

TEST(RttEstimate, TheFirstSampleCountsInFullAndLaterOnesByTheTimeBetweenThem) {
  TimePoint now{50s};
  RttEstimate rtt;
  EXPECT_TRUE(std::isnan(rtt.Milliseconds(now)));
  rtt.Add(100ms, now);
  EXPECT_DOUBLE_EQ(rtt.Milliseconds(now), 100);
  rtt.Add(200ms, now);
  EXPECT_DOUBLE_EQ(rtt.Milliseconds(now), 100) << "no time has passed";
  now += 10s;
  rtt.Add(200ms, now);
  EXPECT_NEAR(rtt.Milliseconds(now), 100 + 100 * (1 - std::exp(-1)), 1e-9);
}

TEST(RttEstimate, SamplingMoreOftenDoesNotMakeItFaster) {
  RttEstimate seldom, often;
  TimePoint start{50s};
  seldom.Add(100ms, start);
  often.Add(100ms, start);
  for (int i = 1; i <= 1000; ++i) often.Add(200ms, start + 10ms * i);
  seldom.Add(200ms, start + 10s);
  EXPECT_NEAR(often.Milliseconds(start + 10s), seldom.Milliseconds(start + 10s), 1e-6);
}

TEST(RttEstimate, AStaleEstimateIsForgottenAndStartsAfresh) {
  RttEstimate rtt;
  TimePoint start{50s};
  rtt.Add(100ms, start);
  EXPECT_FALSE(std::isnan(rtt.Milliseconds(start + 60s)));
  EXPECT_TRUE(std::isnan(rtt.Milliseconds(start + 60s + 1ns)));
  rtt.Add(300ms, start + 70s);
  EXPECT_DOUBLE_EQ(rtt.Milliseconds(start + 70s), 300);
}

TEST(Distance, MatchesKnownGreatCircles) {
  Location frankfurt{50.11, 8.68}, dublin{53.35, -6.26}, virginia{38.95, -77.45};
  EXPECT_NEAR(DistanceKm(frankfurt, dublin), 1087, 5);
  EXPECT_NEAR(DistanceKm(frankfurt, virginia), 6540, 20);
  EXPECT_EQ(DistanceKm(dublin, dublin), 0);
  EXPECT_NEAR(DistanceKm({0, 0}, {0, 180}), 20015.1, 0.1);
  EXPECT_NEAR(DistanceKm({90, 0}, {-90, 77}), 20015.1, 0.1);
  EXPECT_NEAR(DistanceKm({0, 179.5}, {0, -179.5}), 111.2, 0.1) << "across the date line";
  EXPECT_DOUBLE_EQ(DistanceKm(dublin, virginia), DistanceKm(virginia, dublin));
}

}  // namespace
}  // namespace meridian
