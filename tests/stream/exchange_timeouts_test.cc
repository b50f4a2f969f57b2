// Origins that hang: when a request leaves them, and when their region hears of it.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

TEST_F(ExchangeTest, AHangingOriginIsLeftAfterTheAttemptTimeout) {
  service().failover.attempt_timeout = 500ms;
  Start();
  Send(kGet);
  Arrives(0);
  Pass(480ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  Pass(60ms);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  EXPECT_TRUE(origins_[0]->closed(0)) << "the attempt was cancelled";
}

TEST_F(ExchangeTest, WithoutAnySamplesTheAutomaticAttemptTimeoutIsASecond) {
  Start();
  Send(kGet);
  Arrives(0);
  Pass(980ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  Pass(60ms);
  Arrives(1);
}

TEST_F(ExchangeTest, WhenAllHangTheDeadlineAnswers504) {
  service().timeouts.request = 5s;
  Start();
  Send(kGet);
  Arrives(0);
  Pass(4900ms);
  EXPECT_EQ(received(), "");
  Pass(200ms);
  ASSERT_TRUE(ClientGets("504 Gateway Timeout"));
  EXPECT_TRUE(Has(received_, "proxy-status: meridian; error=http_response_timeout"));
  EXPECT_EQ(origins_[0]->total_requests() + origins_[1]->total_requests() + origins_[2]->total_requests(), 3u);
}

TEST_F(ExchangeTest, AHangingPostWaitsForItsDeadlineAndIsNotSentElsewhere) {
  service().timeouts.request = 3s;
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Arrives(0);
  Pass(2900ms);
  EXPECT_EQ(received(), "");
  Pass(200ms);
  ASSERT_TRUE(ClientGets("504 Gateway Timeout"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

TEST_F(ExchangeTest, ARegionHearsOfAPostThatHangsLongBeforeThePostGivesUp) {
  Start();
  for (uint32_t i = 0; i < LatencyWindow::kMinSamples; ++i) context_->latency(0).Add(10ms, loop_.Now());
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  const size_t c = Arrives(0);
  Pass(600ms);
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  origins_[0]->Answer(c, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok")) << "it was only slow";
}

}  // namespace
}  // namespace meridian
