// Two regions asked at once: a hedge, and the trial of one that may be well again.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

TEST_F(ExchangeTest, ASlowRequestIsSentToTheNextRegionAsWellAndTheFirstGoodAnswerCounts) {
  route().hedge = 50ms;
  Start();
  Send(kGet);
  Arrives(0);
  Pass(40ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  Pass(40ms);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_TRUE(RunUntil(loop_, [&] { return origins_[0]->closed(0); })) << "the slow one was let go";
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u) << "slow is not broken";
  EXPECT_EQ(route_cells().hedges.Get(), 1u);
  EXPECT_EQ(route_cells().hedges_won.Get(), 1u);
  EXPECT_TRUE(Has(Log(), "overtaken"));
}

TEST_F(ExchangeTest, AFailureOfOneOfTwoLeavesTheRequestToTheOther) {
  route().hedge = 50ms;
  Start();
  Send(kGet);
  const size_t first = Arrives(0);
  Pass(80ms);
  Answer(1, k503);
  Settle(loop_);
  EXPECT_EQ(received(), "") << "the first one may still answer";
  origins_[0]->Answer(first, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(route_cells().hedges_won.Get(), 0u);
  EXPECT_EQ(origins_[2]->total_requests(), 0u);
}

TEST_F(ExchangeTest, WhenBothOfAHedgeFailTheThirdRegionIsAsked) {
  route().hedge = 50ms;
  Start();
  Send(kGet);
  const size_t first = Arrives(0);
  Pass(80ms);
  origins_[0]->ResetConnection(first);
  Settle(loop_);
  Answer(1, k503);
  Answer(2, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, RequestsWithABodyOrWithEffectsAreNotHedged) {
  route().hedge = 50ms;
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  const size_t c = Arrives(0);
  Pass(200ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  origins_[0]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Arrives(0);
  Pass(200ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

// A trial is the proxy's wish, not the client's: in a hang it must cost the client next to nothing.
TEST_F(ExchangeTest, ATrialOfAHangingRegionCostsItsClientAnInstantAndTheRegionItsTrial) {
  first_region_ = BreakerState::kHalfOpen;
  Start();
  context_->GrantTrial(0, 0);
  Send(kGet);
  Arrives(0);
  Pass(140ms);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u) << "a trial that was overtaken has not proved anything good";
}

}  // namespace
}  // namespace meridian
