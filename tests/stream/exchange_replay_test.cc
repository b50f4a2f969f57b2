// What happens to a request when an origin fails before the answer: replay, budgets, hedging, what may not be moved.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

// ---- failover ------------------------------------------------------------------------------------------------------

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

// ---- what the route and the origin say -----------------------------------------------------------------------------

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

// ---- hedging -------------------------------------------------------------------------------------------------------

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

TEST_F(ExchangeTest, ASavedRequestIsToldWithTheRegionThatFailedItAndTheTimeOfItsAnswer) {
  service().failover.attempt_timeout = 500ms;
  Start();
  const TimePoint sent = loop_.Now();
  Send(kGet);
  Arrives(0);
  Pass(520ms);
  Answer(1, k503);
  Answer(2, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Affected(), std::vector<std::string>()) << "it is not urgent";
  Pass(200ms);
  ASSERT_EQ(Affected(), std::vector<std::string>{"0 saved 1×"}) << "the first region that failed is to blame";
  EXPECT_FALSE(affected()[0].trial);
  EXPECT_GE(affected()[0].last - sent, 500ms);
  EXPECT_LE(affected()[0].last - sent, 540ms) << "when it was answered, not when that was told";
}

TEST_F(ExchangeTest, ALostRequestIsToldAtOnce) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Answer(0, k503);
  ASSERT_TRUE(ClientGets("busy"));
  EXPECT_EQ(Affected(), std::vector<std::string>{"0 lost 1×"});
}

TEST_F(ExchangeTest, AnAnswerCutHalfWayIsALostRequest) {
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  ASSERT_TRUE(ClientGets("half"));
  origins_[0]->CloseConnection(0);
  ASSERT_TRUE(ClientIsCut());
  EXPECT_EQ(Affected(), std::vector<std::string>{"0 lost 1×"});
}

TEST_F(ExchangeTest, RequestsThatNoRegionFailedAreNotTold) {
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
  ASSERT_TRUE(ClientGets("\r\n\r\nno"));
  Pass(200ms);
  EXPECT_EQ(Affected(), std::vector<std::string>());
}

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

// ---- what can't be moved -------------------------------------------------------------------------------------------

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
