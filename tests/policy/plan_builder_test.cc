#include "policy/plan_builder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <set>

#include "policy/weighted_pick.h"
#include "policy/world.h"

namespace meridian {
namespace {

using testing::World;
using enum StepReason;
using Steps = std::vector<std::pair<int, StepReason>>;

constexpr uint64_t kLowest = 0;
constexpr uint64_t kHighest = ~uint64_t{0};

Steps StepsOf(const Plan& plan) {
  Steps steps;
  for (const Step& step : plan.all()) steps.emplace_back(step.region, step.reason);
  return steps;
}

// Share of 100 000 requests whose first step is each region.
std::vector<double> Measure(const World& world, size_t regions) {
  std::vector<double> share(regions);
  LowDiscrepancySequence sequence(99);
  for (int i = 0; i < 100'000; ++i) share[world.MakePlan(sequence.Next()).steps[0].region] += 1e-5;
  return share;
}

void ExpectShares(const World& world, std::vector<double> expected) {
  std::vector<double> computed = world.Shares();
  std::vector<double> measured = Measure(world, expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(computed[i], expected[i], 1e-12) << "region " << i;
    EXPECT_NEAR(measured[i], expected[i], 1e-4) << "region " << i;
  }
}

TEST(Plan, TheNearestRegionComesFirstAndTheOthersWaitBehindIt) {
  World world(3);
  world.view().nearest = {2, 0, 1};
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{2, kPreferred}, {0, kFailover}, {1, kFailover}}));
}

TEST(Plan, OrderedSteeringFollowsTheFileWhateverIsNearer) {
  World world(3);
  world.view().nearest = {2, 1, 0};
  world.route().steer = Steer::kOrdered;
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{0, kPreferred}, {1, kFailover}, {2, kFailover}}));
}

TEST(Plan, TwoRegionsAtHalfDialShareEvenlyBecauseTheLastAbsorbsTheRest) {
  World world(2);
  world.Dials({0.5, 0.5});
  ExpectShares(world, {0.5, 0.5});
}

TEST(Plan, ThreeRegionsAtHalfDialTakeHalfAQuarterAndAQuarter) {
  World world(3);
  world.Dials({0.5, 0.5, 0.5});
  ExpectShares(world, {0.5, 0.25, 0.25});
}

TEST(Plan, ADialSpillsItsRestToTheNextRegion) {
  World world(3);
  world.Dials({0.9, 1, 1});
  ExpectShares(world, {0.9, 0.1, 0});
  EXPECT_EQ(StepsOf(world.MakePlan(kHighest)), (Steps{{1, kSpill}, {0, kFailover}, {2, kFailover}}));
}

TEST(Plan, ARampingRegionTakesItsShareOnly) {
  World world(3);
  world.Breaker(0, BreakerState::kRamp, 0.05);
  ExpectShares(world, {0.05, 0.95, 0});
  world.Dials({0.5, 1, 1});
  ExpectShares(world, {0.025, 0.975, 0});
}

TEST(Plan, TheLastRegionLeftTakesAllEvenWhileItRampsOrIsDialledDown) {
  World world(2);
  world.ProbesDown(1).Breaker(0, BreakerState::kRamp, 0.05).Dials({0.1, 1});
  ExpectShares(world, {1, 0});
}

TEST(Plan, ADeadNearestRegionIsNotInThePlanAndTheNextOneIsSpill) {
  World world(3);
  world.ProbesDown(0);
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{1, kSpill}, {2, kFailover}}));
  world = World(3);
  world.Breaker(0, BreakerState::kOpen, 0);
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{1, kSpill}, {2, kFailover}}));
}

TEST(Plan, ASilentRegionGoesBehindTheOthersAndTheRequestSaysWhy) {
  World world(3);
  EXPECT_EQ(StepsOf(world.MakePlan(0, {}, -1, 0b001)), (Steps{{1, kSilence}, {2, kFailover}, {0, kFailover}}));
  EXPECT_EQ(StepsOf(world.MakePlan(0, {}, -1, 0b011)), (Steps{{2, kSilence}, {0, kFailover}, {1, kFailover}}));
  EXPECT_EQ(StepsOf(world.MakePlan(0, {}, -1, 0b010)), (Steps{{0, kPreferred}, {2, kFailover}, {1, kFailover}}));
}

TEST(Plan, WhereAllAreSilentNothingChanges) {
  World world(2);
  EXPECT_EQ(StepsOf(world.MakePlan(0, {}, -1, 0b11)), (Steps{{0, kPreferred}, {1, kFailover}}));
  world.ProbesDown(1);
  EXPECT_EQ(StepsOf(world.MakePlan(0, {}, -1, 0b01)), (Steps{{0, kPreferred}})) << "a region in doubt beats none";
}

TEST(Plan, SilenceOverrulesNeitherAWishNorATrial) {
  World world(3);
  Wish wish;
  wish.region = 0;
  EXPECT_EQ(StepsOf(world.MakePlan(0, wish, -1, 0b001)), (Steps{{0, kWish}, {1, kFailover}, {2, kFailover}}));
  world.Breaker(0, BreakerState::kHalfOpen, 0);
  EXPECT_EQ(StepsOf(world.MakePlan(0, {}, 0, 0b001)), (Steps{{0, kTrial}, {1, kFailover}, {2, kFailover}}));
}

TEST(Plan, ARegionServesAsLongAsOneOfItsOriginsDoes) {
  World world(2);
  world.region(0).origins.push_back({.serving = Serving::kUnknown, .endpoints = {}});
  world.region(0).origins[0].serving = Serving::kDown;
  EXPECT_EQ(world.MakePlan().steps[0].region, 0);
}

TEST(Plan, ARegionWithoutOriginsIsPassedOver) {
  World world(2);
  world.region(0).origins.clear();
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{1, kSpill}}));
}

TEST(Plan, DialZeroMeansNeverNotEvenAsFailover) {
  World world(3);
  world.Dials({1, 0, 1});
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{0, kPreferred}, {2, kFailover}}));
  world.ProbesDown(0).ProbesDown(2);
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{0, kFailOpen}, {2, kFailOpen}}));
}

TEST(Plan, OneEligibleRegionMakesAPlanOfOneStep) {
  World world(3);
  world.ProbesDown(0).ProbesDown(2);
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{1, kSpill}}));
}

TEST(Plan, NothingEligibleFailsOpenInOrderOfPreferenceAndSaysSo) {
  World world(3);
  world.view().nearest = {1, 2, 0};
  world.ProbesDown(0).ProbesDown(1).Breaker(2, BreakerState::kOpen, 0);
  Plan plan = world.MakePlan(kHighest);
  EXPECT_TRUE(plan.fail_open);
  EXPECT_EQ(StepsOf(plan), (Steps{{1, kFailOpen}, {2, kFailOpen}, {0, kFailOpen}}));
  EXPECT_EQ(world.Shares(), (std::vector<double>{0, 1, 0}));
}

TEST(Plan, WithEveryDialAtZeroFailOpenTriesAllRatherThanNone) {
  World world(2);
  world.Dials({0, 0});
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{0, kFailOpen}, {1, kFailOpen}}));
  EXPECT_EQ(world.Shares(), (std::vector<double>{1, 0}));
}

TEST(Plan, AHealthyWorldIsNeverMarkedFailOpen) { EXPECT_FALSE(World(1).MakePlan().fail_open); }

TEST(Plan, AttemptsBoundThePlan) {
  World world(12);
  for (auto [attempts, steps] : {std::pair{1, 1}, {2, 2}, {3, 3}, {8, 8}, {100, 8}, {0, 1}}) {
    world.service().failover.attempts = attempts;
    EXPECT_EQ(world.MakePlan().size, steps);
  }
}

TEST(Plan, ABrokenDownloadMayAskTheRegionsThatAttemptsLeftOut) {
  World world(12);
  world.view().nearest = {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  world.service().failover.attempts = 2;
  world.ProbesDown(9);
  Plan plan = world.MakePlan();
  ExtendPlan(world.snapshot(), 0, &plan);
  const Steps extended = {{11, kPreferred}, {10, kFailover}, {8, kResume}, {7, kResume},
                          {6, kResume},     {5, kResume},    {4, kResume}, {3, kResume}};
  EXPECT_EQ(StepsOf(plan), extended);
  ExtendPlan(world.snapshot(), 0, &plan);
  EXPECT_EQ(StepsOf(plan), extended) << "once is enough";
}

TEST(Plan, WhereNothingIsEligibleABrokenDownloadHasNobodyElseToAsk) {
  World world(2);
  world.service().failover.attempts = 1;
  world.ProbesDown(0).ProbesDown(1);
  Plan plan = world.MakePlan();
  ExtendPlan(world.snapshot(), 0, &plan);
  EXPECT_EQ(StepsOf(plan), (Steps{{0, kFailOpen}}));
}

TEST(Plan, AWishedRegionGoesFirstIfItIsEligible) {
  World world(3);
  EXPECT_EQ(StepsOf(world.MakePlan(kLowest, {.arm = {}, .region = 2, .deadline = {}})),
            (Steps{{2, kWish}, {0, kFailover}, {1, kFailover}}));
  world.Breaker(2, BreakerState::kOpen, 0);
  EXPECT_EQ(StepsOf(world.MakePlan(kLowest, {.arm = {}, .region = 2, .deadline = {}})),
            (Steps{{0, kPreferred}, {1, kFailover}}));
}

TEST(Plan, AWishNamesTheModelsRegionNotThePlaceInTheService) {
  World world(3);
  for (uint16_t i = 0; i < 3; ++i) world.service().regions[i].region = static_cast<uint16_t>(2 - i);
  EXPECT_EQ(StepsOf(world.MakePlan(kLowest, {.arm = {}, .region = 2, .deadline = {}}))[0].first, 0);
  EXPECT_EQ(StepsOf(world.MakePlan(kLowest, {.arm = {}, .region = 63, .deadline = {}}))[0].second, kPreferred);
  world.Dials({0, 1, 1});  // the model's first region is the service's last
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{0, kPreferred}, {1, kFailover}}));
}

TEST(Plan, ATrialGoesFirstAndTheUsualPlanCoversItsFailure) {
  World world(3);
  world.Breaker(0, BreakerState::kHalfOpen, 0).Dials({1, 0.5, 1});
  EXPECT_EQ(StepsOf(world.MakePlan(kLowest, {}, 0)), (Steps{{0, kTrial}, {1, kFailover}, {2, kFailover}}));
  EXPECT_EQ(StepsOf(world.MakePlan(kHighest, {}, 0)), (Steps{{0, kTrial}, {2, kFailover}, {1, kFailover}}));
  EXPECT_EQ(StepsOf(world.MakePlan()), (Steps{{1, kSpill}, {2, kFailover}}));
}

TEST(Plan, ATrialGivesWayToTheOperatorTheProbesAndAWishForAnotherRegion) {
  World world(3);
  world.Breaker(0, BreakerState::kHalfOpen, 0);
  EXPECT_EQ(StepsOf(world.MakePlan(kLowest, {.arm = {}, .region = 2, .deadline = {}}, 0)),
            (Steps{{2, kWish}, {1, kFailover}}));
  EXPECT_EQ(world.MakePlan(kLowest, {}, 3).steps[0].reason, kSpill);
  world.Dials({0, 1, 1});
  EXPECT_EQ(StepsOf(world.MakePlan(kLowest, {}, 0)), (Steps{{1, kSpill}, {2, kFailover}}));
  world.Dials({1, 1, 1}).ProbesDown(0);
  EXPECT_EQ(StepsOf(world.MakePlan(kLowest, {}, 0)), (Steps{{1, kSpill}, {2, kFailover}}));
}

TEST(Plan, ATrialOfTheOnlyRegionIsStillATrialAndTheRestFailsOpen) {
  World lonely(1);
  lonely.Breaker(0, BreakerState::kHalfOpen, 0);
  EXPECT_EQ(StepsOf(lonely.MakePlan(kLowest, {}, 0)), (Steps{{0, kTrial}}));
  World world(2);
  world.Breaker(1, BreakerState::kHalfOpen, 0).Breaker(0, BreakerState::kOpen, 0);
  Plan plan = world.MakePlan(kLowest, {}, 1);
  EXPECT_TRUE(plan.fail_open);
  EXPECT_EQ(StepsOf(plan), (Steps{{1, kTrial}, {0, kFailOpen}}));
}

TEST(Plan, AnArmLeadsToItsService) {
  World world(2);
  uint16_t canary = world.AddService("shop-v2");
  world.AddRoute("", "/v", {{0, 99}, {canary, 1}});
  Plan plan = BuildPlan(world.snapshot(), 1, 1, {}, -1, 0);
  EXPECT_EQ(plan.arm, 1);
  EXPECT_EQ(plan.service, canary);
}

TEST(Plan, AServiceWithARegionNeverGetsAnEmptyPlanAndStepsNeverRepeat) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 20'000; ++round) {
    size_t regions = 1 + random() % 6;
    World world(regions);
    std::vector<double> dials(regions);
    for (size_t i = 0; i < regions; ++i) {
      dials[i] = static_cast<double>(random() % 5) / 4;
      if (random() % 3 == 0) world.ProbesDown(i);
      if (random() % 8 == 0) world.region(i).origins.clear();
      double share = static_cast<double>(random() % 3) / 2;
      world.Breaker(i, share == 0 ? BreakerState::kOpen : BreakerState::kRamp, share);
    }
    world.Dials(dials);
    world.service().failover.attempts = 1 + static_cast<int>(random() % 8);
    std::shuffle(world.view().nearest.begin(), world.view().nearest.end(), random);
    Wish wish;
    if (random() % 2) wish.region = static_cast<uint16_t>(random() % regions);
    Plan plan = world.MakePlan(random(), wish, static_cast<int>(random() % (regions + 1)) - 1);

    ASSERT_GE(plan.size, 1);
    ASSERT_LE(plan.size, world.service().failover.attempts);
    std::set<int> seen;
    for (const Step& step : plan.all()) {
      ASSERT_LT(step.region, regions);
      ASSERT_TRUE(seen.insert(step.region).second);
      ASSERT_EQ(step.reason == kFailOpen, plan.fail_open && step.reason != kTrial);
      if (!plan.fail_open) {
        ASSERT_GT(dials[step.region], 0);
      }
    }
    std::vector<double> shares = world.Shares();
    ASSERT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
    if (plan.steps[0].reason == kPreferred || plan.steps[0].reason == kSpill) {
      ASSERT_GT(shares[plan.steps[0].region], 0);
      ASSERT_EQ(plan.steps[0].reason == kPreferred, plan.steps[0].region == world.view().nearest[0]);
    }
  }
}

TEST(Plan, MeasuredFirstStepsEqualThePredictedShares) {
  std::mt19937_64 random(6);
  for (int round = 0; round < 20; ++round) {
    World world(4);
    std::vector<double> dials(4);
    for (size_t i = 0; i < 4; ++i) {
      dials[i] = static_cast<double>(random() % 101) / 100;
      world.Breaker(i, BreakerState::kRamp, static_cast<double>(1 + random() % 12) / 12);
    }
    world.Dials(dials);
    std::shuffle(world.view().nearest.begin(), world.view().nearest.end(), random);
    ExpectShares(world, world.Shares());
  }
}

TEST(PickArm, AWishedArmIsTakenUnlessItIsSwitchedOff) {
  RouteView route{.weights = {90, 10, 0}};
  EXPECT_EQ(PickArm(route, {.arm = 1, .region = {}, .deadline = {}}, kLowest), 1);
  EXPECT_EQ(PickArm(route, {.arm = 2, .region = {}, .deadline = {}}, kLowest), 0);
  EXPECT_EQ(PickArm(route, {.arm = 9, .region = {}, .deadline = {}}, kLowest), 0);
  EXPECT_EQ(PickArm(route, {}, kLowest), 0);
  EXPECT_EQ(PickArm(route, {}, kHighest), 1);
  EXPECT_EQ(PickArm(RouteView{.weights = {0, 0}}, {.arm = 1, .region = {}, .deadline = {}}, kLowest), -1);
}

TEST(PickArm, WithSequencesOfTheirOwnACanarySpreadsOverRegionsAsStableDoes) {
  World world(2);
  world.Dials({0.5, 1});
  RouteView route{.weights = {99, 1}};
  LowDiscrepancySequence arms(1), canary_regions(2);
  int canary = 0, near = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (PickArm(route, {}, arms.Next()) != 1) continue;
    ++canary;
    near += world.MakePlan(canary_regions.Next()).steps[0].region == 0;
  }
  EXPECT_NEAR(canary, 1000, 3);
  EXPECT_NEAR(near, 500, 3);
}

// ---- an arm without a region
// -----------------------------------------------------------------------------------------

class OtherArmTest : public ::testing::Test {
 protected:
  OtherArmTest() {
    for (const char* name : {"canary", "old"}) world_.AddService(name);
    world_.AddRoute("", "/a", {{0, 50}, {1, 30}, {2, 20}});
  }
  void TakeOut(uint16_t service) {
    for (RegionView& region : world_.snapshot().services[service].regions) region.share = 0;
  }
  // Which part of all requests each arm gets when those of dead arms move.
  std::vector<double> Shares() {
    LowDiscrepancySequence draws(7);
    std::vector<double> shares(3);
    const RouteView& route = world_.snapshot().routes[1];
    for (int i = 0; i < 100'000; ++i) {
      const uint64_t draw = draws.Next();
      int arm = PickArm(route, {}, draw);
      if (!HasEligible(world_.snapshot(), static_cast<uint16_t>(arm))) {
        const int other = PickOtherArm(world_.snapshot(), 1, static_cast<uint16_t>(arm), draw);
        if (other >= 0) arm = other;
      }
      shares[static_cast<size_t>(arm)] += 1e-5;
    }
    return shares;
  }
  World world_{2};
};

TEST_F(OtherArmTest, ItsShareIsSpreadByTheWeightsOfTheOthers) {
  TakeOut(0);
  const std::vector<double> shares = Shares();
  EXPECT_EQ(shares[0], 0);
  EXPECT_NEAR(shares[1], 0.6, 0.001);
  EXPECT_NEAR(shares[2], 0.4, 0.001);
}

TEST_F(OtherArmTest, WithOneLeftThatOneTakesAll) {
  TakeOut(0);
  TakeOut(2);
  EXPECT_NEAR(Shares()[1], 1, 1e-9);
}

TEST_F(OtherArmTest, WithNoneLeftEachKeepsItsOwn) {
  for (uint16_t service : {0, 1, 2}) TakeOut(service);
  EXPECT_NEAR(Shares()[0], 0.5, 0.001);
  EXPECT_EQ(PickOtherArm(world_.snapshot(), 1, 0, kLowest), -1);
}

// Weight 0 means no new requests, whoever asks.
TEST_F(OtherArmTest, WhatIsSwitchedOffTakesNothingOver) {
  world_.snapshot().routes[1].weights = {50, 0, 50};
  TakeOut(0);
  for (const uint64_t draw : {kLowest, kHighest}) EXPECT_EQ(PickOtherArm(world_.snapshot(), 1, 0, draw), 2);
  world_.snapshot().routes[1].weights = {100, 0, 0};
  EXPECT_EQ(PickOtherArm(world_.snapshot(), 1, 0, kHighest), -1);
}

RegionView Origins(std::vector<Serving> servings) {
  RegionView region;
  for (Serving serving : servings) region.origins.push_back({.serving = serving, .endpoints = {}});
  return region;
}

std::vector<int> PickFour(const RegionView& region, int skip = -1) {
  std::vector<int> picks;
  for (uint32_t turn = 0; turn < 4; ++turn) picks.push_back(PickOrigin(region, turn, skip));
  return picks;
}

TEST(PickOrigin, OriginsThatAreUpTakeTurnsBeforeUnknownOnesBeforeAll) {
  using enum Serving;
  EXPECT_EQ(PickFour(Origins({kUp, kDown, kUp, kUnknown})), (std::vector<int>{0, 2, 0, 2}));
  EXPECT_EQ(PickFour(Origins({kDown, kUnknown, kUnknown})), (std::vector<int>{1, 2, 1, 2}));
  EXPECT_EQ(PickFour(Origins({kDown, kDown})), (std::vector<int>{0, 1, 0, 1}));
  EXPECT_EQ(PickOrigin(Origins({}), 3), -1);
}

TEST(PickOrigin, ASiblingIsNeverTheOneThatJustFailed) {
  using enum Serving;
  EXPECT_EQ(PickFour(Origins({kUp, kUp, kUp}), 1), (std::vector<int>{0, 2, 0, 2}));
  EXPECT_EQ(PickFour(Origins({kUp, kUnknown, kDown}), 0), (std::vector<int>{1, 1, 1, 1}));
  EXPECT_EQ(PickOrigin(Origins({kUp}), 0, 0), -1);
}

TEST(Names, AreStable) {
  EXPECT_STREQ(Name(kPreferred), "preferred");
  EXPECT_STREQ(Name(kSpill), "spill");
  EXPECT_STREQ(Name(kSilence), "silence");
  EXPECT_STREQ(Name(kFailover), "failover");
  EXPECT_STREQ(Name(kTrial), "trial");
  EXPECT_STREQ(Name(kWish), "wish");
  EXPECT_STREQ(Name(kFailOpen), "fail_open");
  EXPECT_STREQ(Name(Serving::kUnknown), "unknown");
  EXPECT_STREQ(Name(Serving::kUp), "up");
  EXPECT_STREQ(Name(Serving::kDown), "down");
  EXPECT_STREQ(Name(BreakerState::kClosed), "closed");
  EXPECT_STREQ(Name(BreakerState::kOpen), "open");
  EXPECT_STREQ(Name(BreakerState::kHalfOpen), "half_open");
  EXPECT_STREQ(Name(BreakerState::kRamp), "ramp");
}

}  // namespace
}  // namespace meridian
