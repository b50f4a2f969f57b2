// Connections of which nobody has had a use yet: fresh ones after a loss, and one that waits for the first request.
#include "origin/pool_fixture.h"

namespace meridian::testing {
namespace {

TEST_F(PoolTest, AfterALossAFreshConnectionIsUsedForOneRequestOnly) {
  Make();
  Asker kept;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return kept.done(); }));
  EXPECT_FALSE(pool_->distrusted());
  pool_->OnLost();
  ASSERT_TRUE(pool_->distrusted());
  Asker careful;
  careful.fresh = true;
  Error error;
  ASSERT_TRUE(pool_->Wait(careful, &error));
  Serve(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return careful.done() && pool_->connections() == 1; })) << "it was for one request";
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.closed(1); }));
  Asker usual;
  ASSERT_TRUE(usual.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(usual.reused) << "whoever may be sent again goes on as before";
  loop_.Advance(60s);
  EXPECT_FALSE(pool_->distrusted());
}

TEST_F(PoolTest, WhoWantsAFreshConnectionIsNotServedByAKeptOneNorTakesAwayAnothers) {
  Make(OriginProtocol::kHttp, 3);
  Asker kept, careful, waiting;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  careful.fresh = true;
  Error error;
  ASSERT_TRUE(pool_->Wait(careful, &error));
  ASSERT_TRUE(waiting.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(
      RunUntil(loop_, [&] { return origin_.connections() == 3 && origin_.requests(1) + origin_.requests(2) == 2; }));
  for (const size_t i : {0, 1, 2}) Serve(i);
  EXPECT_TRUE(RunUntil(loop_, [&] { return kept.done() && careful.done() && waiting.done(); }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return pool_->connections() == 2; }));
}

TEST_F(PoolTest, WithoutRoomForAFreshConnectionAnyWillDo) {
  Make(OriginProtocol::kHttp, 1);
  Asker kept, careful;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  careful.fresh = true;
  Error error;
  ASSERT_TRUE(pool_->Wait(careful, &error));
  Serve(0);
  Serve(0);
  EXPECT_TRUE(RunUntil(loop_, [&] { return careful.done(); }));
}

TEST_F(PoolTest, WithoutRoomForAFreshConnectionAnIdleOneIsTakenAtOnce) {
  Make(OriginProtocol::kHttp, 1);
  Asker kept, careful;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return kept.done(); }));
  pool_->OnLost();
  Error error;
  careful.fresh = pool_->distrusted();
  ASSERT_TRUE(careful.fresh ? pool_->Wait(careful, &error) : careful.Ask(*pool_, at(origin_)));
  Serve(0);
  EXPECT_TRUE(RunUntil(loop_, [&] { return careful.done(); })) << "it waits for a connection that nobody uses";
}

TEST_F(PoolTest, AFreshConnectionThatIsRefusedFailsItsOwnRequest) {
  Make();
  Asker kept, careful;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  origin_.Close();
  careful.fresh = true;
  Error error;
  if (pool_->Wait(careful, &error)) {
    EXPECT_TRUE(RunUntil(loop_, [&] { return careful.failures == 1; }));
  }
  Serve(0);
  EXPECT_TRUE(RunUntil(loop_, [&] { return kept.done(); }));
  EXPECT_EQ(kept.failures, 0);
}

TEST_F(PoolTest, AWarmPoolHasAConnectionBeforeTheFirstRequestAndKeepsIt) {
  Make();
  pool_->SetAddresses(at(origin_));
  pool_->KeepWarm();
  pool_->KeepWarm();
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.connections() == 1; }));
  ASSERT_TRUE(RunUntil(loop_, [&] { return pool_->connections() == 1; }));
  Settle(loop_);
  Asker asker;
  ASSERT_TRUE(asker.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(asker.reused) << "the request did not wait for a connection";
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return asker.done(); }));
  EXPECT_EQ(origin_.connections(), 1u);
}

TEST_F(PoolTest, KeepingAPoolWarmWithNobodyThereDisturbsNothing) {
  Make();
  pool_->SetAddresses(at(origin_));
  origin_.Close();
  for (int i = 0; i < 3; ++i) {
    pool_->KeepWarm();
    Settle(loop_);
  }
  EXPECT_EQ(pool_->connections(), 0u);
}

}  // namespace
}  // namespace meridian::testing
