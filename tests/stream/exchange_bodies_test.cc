// Request bodies: kept, streamed, sent again whole or not at all.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

TEST_F(ExchangeTest, ABodyIsKeptAndSentAgainToTheNextRegion) {
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 10\r\n\r\nabc");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("\r\n\r\nabc"); }));
  origins_[0]->CloseConnection(c);
  const size_t second = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabc"); }));
  Send("defghij");
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabcdefghij"); }));
  origins_[1]->Answer(second, k503);
  const size_t third = Arrives(2);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[2]->received(third).ends_with("\r\n\r\nabcdefghij"); }));
  origins_[2]->Answer(third, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, AChunkedBodyIsKeptWithItsTrailers) {
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[0]->received(c), "x-sum: 3\r\n\r\n"); }));
  origins_[0]->Answer(c, k503);
  const size_t second = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[1]->received(second), "3\r\nabc\r\n0\r\nx-sum: 3\r\n\r\n"); }));
  origins_[1]->Answer(second, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, ABodyOverTheLimitIsStreamedAndNeverSentAgain) {
  service().failover.replay_limit = 5;
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 10\r\n\r\nabc");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("\r\n\r\nabc"); }));
  origins_[0]->CloseConnection(c);
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  Settle(loop_);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  EXPECT_EQ(context_->stats().replay_abandoned_length.Get(), 1u);
}

TEST_F(ExchangeTest, ABodyThatTurnsOutLongerThanTheLimitGoesOnAndIsNotSentAgain) {
  service().failover.replay_limit = 5;
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("abc\r\n"); }));
  Send("3\r\ndef\r\n0\r\n\r\n");
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("def\r\n0\r\n\r\n"); }));
  origins_[0]->Answer(c, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy")) << "an origin's real answer, since nothing better can come";
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  EXPECT_EQ(context_->stats().replay_abandoned_length.Get(), 1u);
}

TEST_F(ExchangeTest, WithoutRoomBodiesAreStreamedOnly) {
  settings_.replay_memory = 12;
  Start();
  Send("PUT /1 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 10\r\n\r\nabcdefghij");
  const size_t c = Arrives(0);
  EXPECT_FALSE(context_->ReserveReplay(10)) << "the one under way has ten bytes of it";
  origins_[0]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  ASSERT_TRUE(context_->ReserveReplay(10)) << "an answered request gives back what it had";
  Send("PUT /2 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  Answer(0, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(context_->stats().replay_abandoned_memory.Get(), 1u);
}

TEST_F(ExchangeTest, APostWithAKeyOrOnAnUnsafeRouteIsSentAgainWithItsBody) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nIdempotency-Key: k1\r\nContent-Length: 3\r\n\r\nabc");
  Answer(0, k503);
  const size_t second = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabc"); }));
  EXPECT_TRUE(Has(origins_[1]->received(second), "idempotency-key: k1")) << "the origin must be able to tell";
  origins_[1]->Answer(second, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, OnAnUnsafeRouteAnyPostIsSentAgain) {
  route().replay_unsafe = true;
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  origins_[0]->CloseConnection(Arrives(0));
  const size_t second = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabc"); }));
  origins_[1]->Answer(second, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, AHangingOriginThatHasTheWholeBodyIsLeftAfterTheAttemptTimeout) {
  service().failover.attempt_timeout = 500ms;
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  Arrives(0);
  Pass(480ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  Pass(60ms);
  Answer(1, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, ABodyThatHasNotBegunMovesOnWholeToTheNextRegion) {
  // The first origin answers 503 before it gets the body and ends its answer only later; the second one is connected
  // already. No byte of the body may go to the first, and the second must get all of it.
  Start();
  Send(kGet);
  Answer(0, k503);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n");
  const size_t first = Arrives(0);
  origins_[0]->Answer(first, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\n");
  const size_t second = Arrives(1);
  Send("abc");
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabc"); }));
  origins_[0]->Send(first, "busy");
  Settle(loop_);
  Send("def");
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabcdef"); }));
  EXPECT_FALSE(Has(origins_[0]->received(first), "abc"));
  origins_[1]->Answer(second, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

}  // namespace
}  // namespace meridian
