// What may be started, when it ends, and when its verdict is final.
#include "control/drills.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

class DrillsTest : public ::testing::Test {
 protected:
  DrillsTest() {
    ServiceModel shop;
    shop.name = "shop";
    shop.timeouts.request = 15s;
    shop.timeouts.idle = 30s;
    for (uint16_t r = 0; r < 2; ++r) {
      model_->regions.push_back({.name = r == 0 ? "near" : "far", .location = {}, .dial = 1.0});
      shop.regions.push_back({.region = r, .origins = {OriginModel{}}});
    }
    model_->services.push_back(shop);
    RouteModel route;
    route.split = {{0, 1}};
    model_->routes.push_back(route);
    world_.model = model_;
    world_.dials = {1, 1};
    ServiceView view;
    for (uint16_t r = 0; r < 2; ++r) {
      RegionView region;
      region.origins.push_back({});
      view.regions.push_back(region);
      view.nearest.push_back(r);
    }
    world_.services = {view};
  }
  uint64_t Start(const std::string& region = "near") {
    error_.clear();
    DrillRequest request;
    request.region = region;
    request.length = 10s;
    return drills_.Start(request, world_, {&worker_}, "127.0.0.1", now_, &error_);
  }
  bool Pass(Duration time) {
    now_ += time;
    return drills_.OnTick({&worker_}, now_);
  }
  DrillStatus Report(size_t i = 0) { return drills_.Reports(now_).at(i); }
  RegionCells& near() { return worker_.regions[0]; }

  std::shared_ptr<Model> model_ = std::make_shared<Model>();
  Snapshot world_;
  WorkerStats worker_{2, 1};
  Drills drills_{*model_};
  TimePoint now_{1000s};
  std::string error_;
};

TEST_F(DrillsTest, ADrillIsInTheSnapshotUntilItsTimeIsUp) {
  const uint64_t id = Start();
  ASSERT_NE(id, 0u) << error_;
  ASSERT_EQ(drills_.Active().size(), 2u);
  EXPECT_EQ(drills_.Active()[0].id, id);
  EXPECT_EQ(drills_.Active()[1].id, 0u);
  EXPECT_TRUE(drills_.FailsProbes(0));
  EXPECT_FALSE(Pass(9s));
  EXPECT_TRUE(Pass(1s)) << "a new snapshot is due";
  EXPECT_TRUE(drills_.Active().empty());
  EXPECT_FALSE(drills_.FailsProbes(0));
  EXPECT_EQ(Report().state, "passed");
}

TEST_F(DrillsTest, TheFirstLostRequestEndsIt) {
  Start();
  near().drill_touched.Add(3);
  near().drill_lost.Add();
  EXPECT_TRUE(Pass(50ms));
  EXPECT_EQ(Report().state, "aborted");
  EXPECT_EQ(Report().why, "1 request of clients failed");
}

// A POST into a hang fails only at its deadline, long after a short drill.
TEST_F(DrillsTest, TheVerdictWaitsForEveryRequestThatMetIt) {
  Start();
  near().drill_touched.Add();
  Pass(10s);
  Pass(5s);
  EXPECT_FALSE(Report().settled);
  near().drill_lost.Add();
  Pass(50ms);
  EXPECT_EQ(Report().state, "aborted");
  EXPECT_TRUE(Report().settled);
}

TEST_F(DrillsTest, ItNeverPassesWithRequestsStillUnderWay) {
  Start();
  near().drill_touched.Add();
  Pass(10s);
  Pass(76s);
  EXPECT_FALSE(Report().settled);
  Pass(2s);
  EXPECT_TRUE(Report().settled);
  EXPECT_EQ(Report().state, "aborted");
}

TEST_F(DrillsTest, OneAfterTheOtherSoThatNoneIsBlamedForTheNext) {
  Start();
  EXPECT_EQ(Start(), 0u);
  EXPECT_NE(error_.find("is running"), std::string::npos);
  Pass(10s);
  EXPECT_EQ(Start(), 0u) << "its requests may still be lost";
  Pass(2s);
  EXPECT_NE(Start(), 0u) << error_;
  near().drill_touched.Add();
  near().drill_lost.Add();
  Pass(50ms);
  EXPECT_EQ(Report(0).state, "passed");
  EXPECT_EQ(Report(1).state, "aborted");
}

TEST_F(DrillsTest, SomebodyMustBeAbleToTakeOver) {
  Start();
  EXPECT_EQ(Start("far"), 0u) << "near fails on purpose";
  EXPECT_NE(error_.find("no other region"), std::string::npos);
  DrillRequest request;
  request.region = "far";
  request.force = true;
  error_.clear();
  EXPECT_NE(drills_.Start(request, world_, {&worker_}, "", now_, &error_), 0u) << "who insists may";
}

TEST_F(DrillsTest, ACancelledDrillEndsAtOnceAndOnlyOnce) {
  const uint64_t id = Start();
  EXPECT_TRUE(drills_.Cancel(id, now_));
  EXPECT_TRUE(drills_.Active().empty());
  EXPECT_FALSE(drills_.Cancel(id, now_));
  EXPECT_EQ(Report().state, "cancelled");
}

}  // namespace
}  // namespace meridian
