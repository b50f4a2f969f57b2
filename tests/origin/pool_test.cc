// Connections to an origin: kept, shared, waited for, and given up when nothing comes of them.
#include "origin/pool_fixture.h"
#include "support/h2_raw.h"

namespace meridian::testing {
namespace {

TEST_F(PoolTest, AConnectionIsKeptAndUsedAgain) {
  Make();
  Asker one, two;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.done(); }));
  ASSERT_TRUE(two.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(two.reused);
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return two.done(); }));
  EXPECT_EQ(origin_.connections(), 1u);
  EXPECT_EQ(counters_.opened, 1u);
  EXPECT_EQ(counters_.reused, 1u);
}

TEST_F(PoolTest, ConcurrentHttp1RequestsGetAConnectionEach) {
  Make();
  Asker askers[3];
  for (Asker& a : askers) ASSERT_TRUE(a.Ask(*pool_, at(origin_)));
  for (size_t i = 0; i < 3; ++i) Serve(i);
  for (Asker& a : askers) EXPECT_TRUE(RunUntil(loop_, [&] { return a.done(); }));
  EXPECT_EQ(pool_->connections(), 3u);
}

TEST_F(PoolTest, AboveTheLimitRequestsWaitAndAreServedInOrder) {
  Make(OriginProtocol::kHttp, 1);
  Asker askers[3];
  for (Asker& a : askers) ASSERT_TRUE(a.Ask(*pool_, at(origin_)));
  for (size_t i = 0; i < 3; ++i) {
    Serve(0);
    ASSERT_TRUE(RunUntil(loop_, [&] { return askers[i].done(); })) << i;
    for (size_t later = i + 1; later < 3; ++later) EXPECT_FALSE(askers[later].done());
  }
  EXPECT_EQ(origin_.connections(), 1u);
}

TEST_F(PoolTest, AboveTheQueueLimitARequestFailsAtOnce) {
  Make(OriginProtocol::kHttp, 1, 2);
  Asker askers[3];
  EXPECT_TRUE(askers[0].Ask(*pool_, at(origin_)));
  EXPECT_TRUE(askers[1].Ask(*pool_, at(origin_)));
  EXPECT_FALSE(askers[2].Ask(*pool_, at(origin_)));
  EXPECT_EQ(askers[2].error.code, ErrorCode::kPoolFull);
  EXPECT_EQ(askers[2].error.retry, Retry::kAlways);
  EXPECT_EQ(askers[2].failures, 0) << "it was told by the return value";
}

TEST_F(PoolTest, WithoutAQueueARequestStillGetsTheConnectionThatIsOpenedForIt) {
  Make(OriginProtocol::kHttp, 2, 0);
  Asker askers[3], again;
  EXPECT_TRUE(askers[0].Ask(*pool_, at(origin_)));
  EXPECT_TRUE(askers[1].Ask(*pool_, at(origin_)));
  EXPECT_FALSE(askers[2].Ask(*pool_, at(origin_))) << "both connections are somebody else's";
  EXPECT_EQ(askers[2].error.code, ErrorCode::kPoolFull);
  for (size_t i = 0; i < 2; ++i) {
    Serve(i);
    EXPECT_TRUE(RunUntil(loop_, [&] { return askers[i].done(); }));
  }
  EXPECT_TRUE(again.Ask(*pool_, at(origin_))) << "whoever finds one idle does not wait";
  EXPECT_TRUE(again.reused);
}

TEST_F(PoolTest, WithoutAQueueRequestsForHttp2ShareTheConnectionThatIsBeingOpened) {
  Make(OriginProtocol::kH2c, 1, 0);
  Asker askers[3];
  for (Asker& a : askers) EXPECT_TRUE(a.Ask(*pool_, at(origin_)));
}

TEST_F(PoolTest, WithoutAnAddressThereIsNothingToWaitFor) {
  Make();
  Asker one;
  EXPECT_FALSE(one.Ask(*pool_, {}));
  EXPECT_EQ(one.error.code, ErrorCode::kNoEndpoint);
}

TEST_F(PoolTest, TheConnectionUsedLastIsTakenFirst) {
  Make();
  Asker a, b, again;
  ASSERT_TRUE(a.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(b.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return a.done() || b.done(); }));
  Serve(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return a.done() && b.done(); }));
  ASSERT_TRUE(again.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.requests(1) > 0; }));
  EXPECT_EQ(origin_.requests(0), 0u);
}

TEST_F(PoolTest, ARefusedConnectionFailsItsOneHttp1Waiter) {
  Make();
  origin_.Close();
  Asker one;
  const bool waits = one.Ask(*pool_, at(origin_));
  if (waits) {
    EXPECT_TRUE(RunUntil(loop_, [&] { return one.failures == 1; }));
  }
  EXPECT_EQ(one.error.code, ErrorCode::kConnectFailed);
  EXPECT_EQ(pool_->connections(), 0u);
}

TEST_F(PoolTest, ARefusedHttp2ConnectionFailsAllWhoWaitedForIt) {
  Make(OriginProtocol::kH2c);
  origin_.Close();
  Asker askers[3];
  for (Asker& a : askers) EXPECT_TRUE(a.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return askers[0].failures && askers[1].failures && askers[2].failures; }));
}

TEST_F(PoolTest, WhenTheOnlyAllowedConnectionFailsNobodyIsForgotten) {
  Make(OriginProtocol::kHttp, 1);
  origin_.Close();
  Asker askers[3];
  for (Asker& a : askers) EXPECT_TRUE(a.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return askers[0].failures && askers[1].failures && askers[2].failures; }));
}

TEST_F(PoolTest, AWaiterWhoseConnectionDiedBeforeItsTurnGetsANewOne) {
  Make(OriginProtocol::kHttp, 1);
  Asker one, two;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(two.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  origin_.CloseConnection(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.response.failed == 1; }));
  Serve(1);
  EXPECT_TRUE(RunUntil(loop_, [&] { return two.done(); }));
}

TEST_F(PoolTest, WhoAsksAgainFromWithinAFailureIsNotFailedByIt) {
  Make(OriginProtocol::kH2c);
  origin_.Close();
  Asker one;
  int again = 0;
  one.on_failed = [&] {
    if (again++ < 2) {
      EXPECT_TRUE(one.Ask(*pool_, at(origin_)));
    }
  };
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return one.failures == 3; }));
}

TEST_F(PoolTest, AnOriginThatDoesNotAcceptInTimeIsAConnectTimeout) {
  Make();
  // A listener whose queue is full drops further handshakes.
  FullListener full;
  Asker one;
  ASSERT_TRUE(one.Ask(*pool_, {full.endpoint()}));
  loop_.Advance(900ms);
  EXPECT_EQ(one.failures, 0);
  loop_.Advance(200ms);
  EXPECT_EQ(one.failures, 1);
  EXPECT_EQ(one.error.code, ErrorCode::kConnectTimeout);
  EXPECT_EQ(one.error.retry, Retry::kAlways);
}

TEST_F(PoolTest, ARequestThatLeavesIsNotServed) {
  Make();
  {
    Asker gone;
    ASSERT_TRUE(gone.Ask(*pool_, at(origin_)));
  }
  Settle(loop_);
  // The connection it had asked for is there for the next one.
  Asker next;
  ASSERT_TRUE(next.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(next.reused);
}

TEST_F(PoolTest, SilentConnectionsAreClosedAfterTheIdleTimeout) {
  Make();
  Asker one;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.done(); }));
  loop_.Advance(15s);
  EXPECT_EQ(pool_->connections(), 1u);
  loop_.Advance(15s);
  EXPECT_EQ(pool_->connections(), 0u);
  EXPECT_EQ(counters_.closed, 1u);
}

// It was looked for once a second, so that one second could be two.
TEST_F(PoolTest, TheIdleTimeoutEndsBetweenOnceAndOneAndAQuarterOfIt) {
  size_t c = 0;
  for (const Duration idle : {Duration(1s), PoolModel{}.idle_timeout}) {
    OriginPool::Options options;
    options.limits.idle_timeout = idle;
    options.warm = false;
    pool_ = std::make_unique<OriginPool>(loop_, options);
    Asker one;
    ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
    ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(c) > 0; }));
    loop_.Advance(idle / 3);  // its answer comes between two looks
    Serve(c++);
    ASSERT_TRUE(RunUntil(loop_, [&] { return one.done(); }));
    const TimePoint begin = loop_.Now();
    while (pool_->connections() > 0 && loop_.Now() - begin < 2 * idle) loop_.Advance(idle / 100);
    EXPECT_GE(loop_.Now() - begin, idle);
    EXPECT_LE(loop_.Now() - begin, idle + idle / 4);
  }
}

TEST_F(PoolTest, AConnectionTheOriginClosedIsNotUsedAgain) {
  Make();
  Asker one, two;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  Serve(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.done(); }));
  origin_.CloseConnection(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return pool_->connections() == 0; }));
  ASSERT_TRUE(two.Ask(*pool_, at(origin_)));
  EXPECT_FALSE(two.reused);
  Serve(1);
  EXPECT_TRUE(RunUntil(loop_, [&] { return two.done(); }));
}

// It had no room, so it was not among the idle ones, and held its place for as long as its origin liked.
TEST_F(PoolTest, AConnectionWhoseOriginAllowsNoStreamsEndsAfterTheIdleTimeout) {
  Make(OriginProtocol::kH2c);
  Asker a;
  ASSERT_TRUE(a.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return a.stream != nullptr && origin_.connections() == 1; }));
  const std::string no_streams = testing::h2::Settings(testing::h2::Setting(3, 0));
  ASSERT_EQ(origin_.TrySend(0, no_streams), no_streams.size());
  Settle(loop_);
  a.Stop();
  Settle(loop_);
  EXPECT_EQ(pool_->TryTake(), nullptr);
  EXPECT_EQ(pool_->connections(), 1u);
  for (int i = 0; i < 22; ++i) {
    loop_.Advance(1s);
    Settle(loop_);
  }
  EXPECT_EQ(pool_->connections(), 0u);
}

TEST_F(PoolTest, DrainClosesIdleConnectionsNowAndBusyOnesAfterTheirAnswer) {
  Make();
  Asker idle, busy;
  ASSERT_TRUE(idle.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(busy.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(
      RunUntil(loop_, [&] { return origin_.connections() == 2 && origin_.requests(0) && origin_.requests(1); }));
  origin_.Answer(0, kOk);
  ASSERT_TRUE(RunUntil(loop_, [&] { return idle.done() || busy.done(); }));
  pool_->Drain();
  EXPECT_EQ(pool_->connections(), 1u);
  origin_.Answer(1, kOk);
  EXPECT_TRUE(RunUntil(loop_, [&] { return idle.done() && busy.done() && pool_->connections() == 0; }));
}

TEST_F(PoolTest, SeveralAddressesTakeTurns) {
  Make();
  TestOrigin other(loop_);
  const std::vector<Endpoint> both = {origin_.endpoint(), other.endpoint()};
  Asker a, b;
  ASSERT_TRUE(a.Ask(*pool_, both));
  ASSERT_TRUE(b.Ask(*pool_, both));
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.connections() == 1 && other.connections() == 1; }));
}

TEST_F(PoolTest, Http2RequestsShareOneConnection) {
  Make(OriginProtocol::kH2c);
  TestH2Origin h2(loop_);
  Asker askers[5];
  for (Asker& a : askers) ASSERT_TRUE(a.Ask(*pool_, {h2.endpoint()}));
  ASSERT_TRUE(RunUntil(loop_, [&] {
    for (Asker& a : askers) {
      if (!a.done()) return false;
    }
    return true;
  }));
  EXPECT_EQ(pool_->connections(), 1u);
}

TEST_F(PoolTest, AnHttp2ConnectionInUseIsNotTakenForAnIdleOne) {
  Make(OriginProtocol::kH2c);
  TestH2Origin h2(loop_);
  // One request every 10 s keeps it warm, for much longer than the idle timeout of 20 s.
  for (int i = 0; i < 6; ++i) {
    Asker a;
    ASSERT_TRUE(a.Ask(*pool_, {h2.endpoint()}));
    ASSERT_TRUE(RunUntil(loop_, [&] { return a.done(); }));
    loop_.Advance(10s);
  }
  EXPECT_EQ(counters_.opened, 1u);
  loop_.Advance(30s);
  EXPECT_EQ(pool_->connections(), 0u);
}

TEST_F(PoolTest, DestroyingThePoolClosesEverything) {
  Make();
  auto asker = std::make_unique<Asker>();
  ASSERT_TRUE(asker->Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  asker->Stop();
  asker.reset();
  pool_.reset();
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.closed(0); }));
}

// An origin that hangs in the middle of an answer: whoever waited has gone, and its connections must not fill the pool.
TEST_F(PoolTest, AConnectionWhoseUnwantedAnswerNeverEndsIsClosed) {
  Make(OriginProtocol::kHttp, 1);
  auto asker = std::make_unique<Asker>();
  ASSERT_TRUE(asker->Ask(*pool_, at(origin_)));
  Serve(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123");
  ASSERT_TRUE(RunUntil(loop_, [&] { return asker->response.has_head; }));
  asker.reset();
  Asker next;
  ASSERT_TRUE(next.Ask(*pool_, at(origin_)));
  for (int i = 0; i < 4; ++i) {
    loop_.Advance(500ms);
    Settle(loop_);
  }
  loop_.Advance(500ms);
  Serve(1);
  EXPECT_TRUE(RunUntil(loop_, [&] { return next.done(); }));
}

}  // namespace
}  // namespace meridian::testing
