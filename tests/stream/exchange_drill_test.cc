// A region that fails on purpose, as one request sees it.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

// ---- drills --------------------------------------------------------------------------------------------------------

class DrillTest : public ExchangeTest {
 protected:
  void StartDrill(DrillKind kind, Duration delay = 1s) {
    drills_ = {{1, kind, 1.0, delay}, {}, {}};
    Start();
  }
  RegionCells& cells() { return context_->region_cells(0, 0); }
};

TEST_F(DrillTest, ARegionThatFailsOnPurposeIsLeftLikeOneThatReallyDoes) {
  for (const DrillKind kind : {DrillKind::kStatus503, DrillKind::kReset, DrillKind::kHang}) {
    service().failover.attempt_timeout = 100ms;
    if (context_) {
      drills_[0].kind = kind;
      auto snapshot = std::make_shared<Snapshot>(*context_->world());
      snapshot->drills = drills_;
      context_->SetSnapshot(snapshot);
    } else {
      StartDrill(kind);
    }
    const uint64_t saved = cells().drill_saved.Get();
    const uint32_t failures = Signals(0, Signal::kFailure);
    received_.clear();
    Send(kGet);
    Pass(kind == DrillKind::kHang ? 120ms : 20ms);
    Answer(1, kOk);
    ASSERT_TRUE(ClientGets("\r\n\r\nok")) << Name(kind);
    EXPECT_EQ(cells().drill_saved.Get(), saved + 1) << Name(kind);
    EXPECT_EQ(Signals(0, Signal::kFailure), failures + 1) << Name(kind);
  }
  EXPECT_EQ(cells().drill_touched.Get(), 3u);
  EXPECT_EQ(origins_[0]->total_requests(), 0u) << "the origin itself is left in peace";
  EXPECT_TRUE(Has(Log(), "\"drill\":true"));
}

TEST_F(DrillTest, ABodyIsWholeForTheRegionThatTakesOver) {
  StartDrill(DrillKind::kStatus503);
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  Pass(20ms);
  const size_t c = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(c).ends_with("\r\n\r\nabc"); }));
  origins_[1]->Answer(c, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(DrillTest, WhatARealFailureWouldLoseIsLostAndCounted) {
  StartDrill(DrillKind::kReset);
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Pass(20ms);
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  EXPECT_EQ(cells().drill_lost.Get(), 1u);
  EXPECT_EQ(cells().drill_saved.Get(), 0u);
}

TEST_F(DrillTest, ItsOwnAnswerIsALossEvenWhereTheRouteTakesItForAnAnswer) {
  route().failure_statuses = StatusSet().Add(500);
  StartDrill(DrillKind::kStatus503);
  Send(kGet);
  Pass(20ms);
  ASSERT_TRUE(ClientGets("503 Service Unavailable"));
  Settle(loop_);
  EXPECT_EQ(cells().drill_lost.Get(), 1u);
}

TEST_F(DrillTest, AHangIsWaitedForNoLongerBecauseOfABody) {
  service().timeouts.request = 2s;
  StartDrill(DrillKind::kHang);
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  Pass(2100ms);
  ASSERT_TRUE(ClientGets("504 Gateway Timeout"));
  EXPECT_EQ(cells().drill_lost.Get(), 1u);
}

TEST_F(DrillTest, AClientThatLeavesBeforeAnyAnswerIsNeitherSavedNorLost) {
  StartDrill(DrillKind::kHang);
  Send(kGet);
  Pass(20ms);
  close(client_);
  client_ = -1;
  ASSERT_TRUE(RunUntil(loop_, [&] { return cells().drill_gone.Get() == 1; }));
  EXPECT_EQ(cells().drill_saved.Get() + cells().drill_lost.Get(), 0u);
}

TEST_F(DrillTest, ASlowRegionIsAskedLate) {
  StartDrill(DrillKind::kSlow, 200ms);
  Send(kGet);
  Pass(180ms);
  EXPECT_EQ(origins_[0]->total_requests(), 0u);
  Pass(40ms);
  Answer(0, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(cells().drill_saved.Get(), 1u);
}

}  // namespace
}  // namespace meridian
