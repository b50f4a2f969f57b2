// A split of which one service has no region left.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

// shop is in region 0 only, which is out; shop-v2 in region 1.
class ArmsTest : public ExchangeTest {
 protected:
  ArmsTest() {
    service();
    ServiceModel& other = AddService("shop-v2");
    other.regions = {other.regions[1]};
    service().regions.resize(1);
    first_region_ = BreakerState::kOpen;
    route().split = {{0, 50}, {1, 50}};
  }
  // Sends requests, answers them wherever they come, and returns how many came to each region.
  std::pair<int, int> Spread(int requests) {
    std::pair<int, int> spread;
    for (int i = 0; i < requests; ++i) {
      received_.clear();
      Send(kGet);
      EXPECT_TRUE(RunUntil(loop_, [&] { return origins_[0]->requests(0) + origins_[1]->requests(0) == 1; }));
      const size_t o = origins_[0]->requests(0) == 1 ? 0 : 1;
      ++(o == 0 ? spread.first : spread.second);
      origins_[o]->Answer(0, kOk);
      EXPECT_TRUE(ClientGets("\r\n\r\nok"));
    }
    return spread;
  }
  ArmCells& cells(uint16_t arm) { return context_->arm_cells(0, arm); }
};

TEST_F(ArmsTest, ItsShareGoesToItsOwnRegionsAllTheSameAndIsCounted) {
  Start();
  const auto [shop, other] = Spread(40);
  EXPECT_NEAR(shop, 20, 1);
  EXPECT_EQ(shop + other, 40);
  EXPECT_EQ(cells(0).without_region.Get(), static_cast<uint64_t>(shop));
  EXPECT_EQ(cells(0).moved.Get(), 0u);
  EXPECT_EQ(cells(1).without_region.Get(), 0u);
  EXPECT_EQ(route_cells().fail_open.Get(), static_cast<uint64_t>(shop));
}

TEST_F(ArmsTest, OnARouteThatWantsItItsShareGoesToTheOthers) {
  route().to_arms = true;
  Start();
  const auto [shop, other] = Spread(40);
  EXPECT_EQ(shop, 0);
  EXPECT_EQ(other, 40);
  EXPECT_NEAR(static_cast<double>(cells(0).without_region.Get()), 20, 1);
  EXPECT_EQ(cells(0).moved.Get(), cells(0).without_region.Get());
  EXPECT_EQ(route_cells().fail_open.Get(), 0u);
  EXPECT_TRUE(Has(Log(), "\"service\":\"shop-v2\",\"region\":\"region-1\""));
}

// Otherwise nothing would ever find out that it is back.
TEST_F(ArmsTest, ARequestStillTriesARegionOnItsWayBack) {
  route().to_arms = true;
  first_region_ = BreakerState::kHalfOpen;
  Start();
  context_->GrantTrial(0, 0);
  const auto [shop, other] = Spread(10);
  EXPECT_EQ(shop, 1);
  EXPECT_EQ(other, 9);
  Pass(200ms);
  EXPECT_EQ(Signals(0, Signal::kSuccess), 10u) << "of both services";
}

TEST_F(ArmsTest, WhereNoServiceHasARegionEachKeepsItsShare) {
  route().to_arms = true;
  dials_ = {1, 0, 0};
  Start();
  const auto [shop, other] = Spread(10);
  EXPECT_NEAR(shop, 5, 1);
  EXPECT_EQ(shop + other, 10);
  EXPECT_EQ(cells(0).without_region.Get(), static_cast<uint64_t>(shop));
  EXPECT_EQ(cells(1).without_region.Get(), static_cast<uint64_t>(other));
  EXPECT_EQ(cells(0).moved.Get(), 0u);
}

}  // namespace
}  // namespace meridian
