// What happens to a request when an origin fails before the answer: whether it moves, where to, what its client sees.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

TEST_F(ExchangeTest, ARefusedConnectionMovesOnForEveryMethod) {
  Start();
  origins_[0]->Close();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  const size_t c = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[1]->received(c), "\r\n\r\nabc"); }));
  origins_[1]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("200 OK"));
  EXPECT_EQ(Signals(0, Signal::kConnectFail), 1u);
  EXPECT_EQ(route_cells().failovers.Get(), 1u);
  EXPECT_EQ(route_cells().saved.Get(), 1u);
  EXPECT_EQ(route_cells().lost.Get(), 0u);
}

TEST_F(ExchangeTest, AFailureStatusMovesOnAndTheClientNeverSeesIt) {
  Start();
  Send(kGet);
  Answer(0, k503);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_FALSE(Has(received_, "503"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  Pass(200ms);
  EXPECT_EQ(Signals(1, Signal::kSuccess), 1u);
}

TEST_F(ExchangeTest, WhenAllFailARealAnswerBeatsOurOwn) {
  Start();
  Send(kGet);
  Answer(0, k503);
  origins_[1]->Close();
  origins_[2]->Close();
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_TRUE(Has(received_, "HTTP/1.1 503"));
}

TEST_F(ExchangeTest, WhenEveryRegionAnswersWithAFailureTheLastAnswerIsPassedOn) {
  Start();
  Send(kGet);
  Answer(0, k503);
  Answer(1, k503);
  Answer(2, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nbad");
  ASSERT_TRUE(ClientGets("\r\n\r\nbad"));
  EXPECT_EQ(route_cells().saved.Get(), 0u);
}

TEST_F(ExchangeTest, WhenNoRegionCanBeReachedTheClientLearnsWhy) {
  Start();
  for (auto& o : origins_) o->Close();
  Send(kGet);
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  EXPECT_TRUE(Has(received_, "proxy-status: meridian; error=connection_refused"));
  EXPECT_EQ(route_cells().lost.Get(), 1u);
}

TEST_F(ExchangeTest, AConnectionThatBreaksBeforeTheAnswerMovesAGetOn) {
  Start();
  Send(kGet);
  origins_[0]->CloseConnection(Arrives(0));
  Answer(1, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, APostThatMayHaveRunIsNeverSentTwice) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  origins_[0]->CloseConnection(Arrives(0));
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  Settle(loop_);
  EXPECT_EQ(origins_[0]->total_requests() + origins_[1]->total_requests() + origins_[2]->total_requests(), 1u);
  EXPECT_EQ(context_->stats().replay_refused.Get(), 1u);
}

TEST_F(ExchangeTest, APostIsNotReplayedForAFailureStatusEither) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Answer(0, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

TEST_F(ExchangeTest, APostWithAnIdempotencyKeyIsReplayed) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n");
  Answer(0, k503);
  Answer(1, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

// Origins tell a second request from the first by the key; one that they do not get protects nobody.
TEST_F(ExchangeTest, AKeyThatDoesNotGoOnDoesNotCount) {
  rules_.request_headers.remove = {"idempotency-key"};
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n");
  Answer(0, k503);
  EXPECT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

TEST_F(ExchangeTest, AKeyForThisHopOnlyDoesNotCountEither) {
  Start();
  Send(
      "POST / HTTP/1.1\r\nHost: shop.example\r\nConnection: idempotency-key\r\nIdempotency-Key: k\r\n"
      "Content-Length: 0\r\n\r\n");
  Answer(0, k503);
  EXPECT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

TEST_F(ExchangeTest, APostOnAKeptConnectionThatDiesIsNotSentAgain) {
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  origins_[0]->CloseConnection(Arrives(0));
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  EXPECT_EQ(origins_[0]->total_requests(), 2u);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

// The next one need not be lost in the same way.
TEST_F(ExchangeTest, OnceAKeptConnectionTookARequestAlongPostsGetFreshOnes) {
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  Send(kGet);
  origins_[0]->ResetConnection(Arrives(0));
  Answer(0, kOk);  // tried again, on a new connection that is kept
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  const size_t before = origins_[0]->connections();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\n\r\norder");
  EXPECT_EQ(Arrives(0), before) << "a new one";
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, AGetOnAKeptConnectionThatDiesTriesTheSameRegionAgain) {
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  Send(kGet);
  origins_[0]->CloseConnection(Arrives(0));
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  EXPECT_EQ(Signals(0, Signal::kFailure) + Signals(0, Signal::kConnectFail), 0u) << "it says nothing about the region";
}

// The race of every keep-alive client: the origin closes an idle connection while the next request is on its way to it.
// Its FIN does not acknowledge the request, so nobody can have run it, whatever the method.
TEST_F(ExchangeTest, APostThatMetAClosedConnectionIsProvenUnseenAndSentAgain) {
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\n\r\norder");
  // After the request was read and before it is written.
  loop_.Post([this] { origins_[0]->CloseConnection(0); });
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->connections() == 2; }));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(1).ends_with("\r\n\r\norder"); }));
  origins_[0]->Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  EXPECT_EQ(Signals(0, Signal::kFailure) + Signals(0, Signal::kConnectFail), 0u) << "it says nothing about the region";
}

TEST_F(ExchangeTest, ARoutesOwnStatusesReplaceThoseOfTheService) {
  route().failure_statuses = StatusSet().Add(404);
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
  Answer(1, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy")) << "503 is an answer on this route";
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u) << "a missing object says nothing about the region";
}

TEST_F(ExchangeTest, AnOriginThatAsksToWaitIsNotAskedAgain) {
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n");
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u) << "the limit may be this client's alone";
}

TEST_F(ExchangeTest, TheBestAnswerSeenIsPassedOnWhenAllFail) {
  route().failure_statuses = StatusSet().Add(404).Add(503);
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
  Answer(1, k503);
  Answer(2, k503);
  ASSERT_TRUE(ClientGets("404 Not Found"));
  EXPECT_TRUE(Has(received(), "\r\n\r\nnone"));
}

TEST_F(ExchangeTest, NoMoreAttemptsThanConfigured) {
  service().failover.attempts = 2;
  Start();
  Send(kGet);
  Answer(0, k503);
  Answer(1, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(origins_[2]->total_requests(), 0u);
}

TEST_F(ExchangeTest, WithoutBudgetAFailureIsPassedOnInsteadOfMultiplied) {
  Start();
  while (context_->budget(0).TakeReplay(loop_.Now())) {
  }
  Send(kGet);
  Answer(0, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(context_->stats().retry_budget_exhausted.Get(), 1u);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

TEST_F(ExchangeTest, ASiblingOfAnUnreachableOriginServesTheSameRegion) {
  service();
  OriginModel sibling = service().regions[0].origins[0];
  service().regions[0].origins.push_back(sibling);
  endpoints_[0].push_back(endpoints_[1][0]);  // the second origin stands in as the sibling
  Start();
  origins_[0]->Close();
  Send(kGet);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_TRUE(Has(Log(), "\"region\":\"region-0\""));
}

TEST_F(ExchangeTest, ASiblingThatHasNoAddressIsReportedAsThatAndNotAsATimeout) {
  service().regions.resize(1);
  OriginModel sibling = service().regions[0].origins[0];
  service().regions[0].origins.push_back(sibling);
  endpoints_[0].push_back({});
  Start();
  origins_[0]->Close();
  Send(kGet);
  ASSERT_TRUE(ClientGets("proxy-status: "));
  EXPECT_FALSE(Has(received_, "504")) << received_;
}

}  // namespace
}  // namespace meridian
