// HTTP/2 origins that take few streams: what one connection has learned is good for the next, and nothing is refused.
#include "origin/pool_fixture.h"
#include "support/h2_raw.h"

namespace meridian::testing {
namespace {

class PoolOfStreams : public PoolTest {
 protected:
  PoolOfStreams() { Make(OriginProtocol::kH2c, 64, 64); }
  // The ids of the requests that connection `i` has brought.
  std::vector<uint32_t> Streams(size_t i) { return h2::Requests(origin_.received(i)); }
  size_t AllStreams() {
    size_t n = 0;
    for (size_t i = 0; i < origin_.connections(); ++i) n += Streams(i).size();
    return n;
  }
  void Say(size_t i, uint32_t limit) { origin_.Send(i, h2::Settings(h2::Setting(3, limit))); }
  void AnswerStream(size_t i, uint32_t id) { origin_.Send(i, h2::Headers(id, {{":status", "204"}})); }
  // A first connection that says its limit, and has no stream any more.
  void Learn(uint32_t limit) {
    Asker first;
    ASSERT_TRUE(first.Ask(*pool_, at(origin_)));
    ASSERT_TRUE(RunUntil(loop_, [&] { return Streams(0).size() == 1; }));
    Say(0, limit);
    AnswerStream(0, 1);
    ASSERT_TRUE(RunUntil(loop_, [&] { return first.done(); }));
  }
  // Asks all of them; those that have a stream once nothing moves any more.
  size_t Burst(std::vector<Asker>& askers) {
    for (Asker& a : askers) EXPECT_TRUE(a.Ask(*pool_, at(origin_)));
    Settle(loop_);
    return static_cast<size_t>(std::count_if(askers.begin(), askers.end(), [](const Asker& a) { return a.stream; }));
  }
};

TEST_F(PoolOfStreams, BeforeTheVeryFirstWordOfTheOriginOneStreamIsEnough) {
  std::vector<Asker> askers(20);
  EXPECT_EQ(Burst(askers), 1u);
  EXPECT_EQ(origin_.connections(), 1u) << "it may take them all";
  Say(0, 100);
  EXPECT_TRUE(RunUntil(loop_, [&] { return Streams(0).size() == 20; }));
  EXPECT_EQ(origin_.connections(), 1u);
}

TEST_F(PoolOfStreams, WhatOneConnectionTakesDecidesHowManyAreOpened) {
  std::vector<Asker> askers(20);
  Burst(askers);
  Say(0, 3);
  ASSERT_TRUE(RunUntil(loop_, [&] { return AllStreams() == 20; }));
  EXPECT_EQ(origin_.connections(), 7u);
  for (size_t i = 0; i < origin_.connections(); ++i) EXPECT_LE(Streams(i).size(), 3u);
}

TEST_F(PoolOfStreams, ANewConnectionBeginsWithWhatTheLastOneSaid) {
  Learn(4);
  std::vector<Asker> askers(10);
  EXPECT_EQ(Burst(askers), 10u) << "without a word of the new ones";
  EXPECT_EQ(origin_.connections(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_LE(Streams(i).size(), i == 0 ? 5u : 4u);
}

TEST_F(PoolOfStreams, ALimitThatRoseIsUsedAtOnce) {
  Learn(1);
  std::vector<Asker> askers(2);
  Burst(askers);
  ASSERT_EQ(origin_.connections(), 2u);
  Say(1, 50);
  Settle(loop_);
  std::vector<Asker> more(20);
  EXPECT_EQ(Burst(more), 20u);
  EXPECT_EQ(origin_.connections(), 2u);
}

TEST_F(PoolOfStreams, AStreamRefusedByAnOriginWithANewLimitIsNotItsFault) {
  Learn(10);
  Asker askers[2];
  for (Asker& a : askers) ASSERT_TRUE(a.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return Streams(0).size() == 3; }));
  Say(0, 1);
  origin_.Send(0, h2::Rst(5, 7));
  ASSERT_TRUE(RunUntil(loop_, [&] { return askers[1].response.failed == 1; }));
  EXPECT_EQ(askers[1].response.error.fault, Fault::kSelf);
  EXPECT_EQ(askers[1].response.error.retry, Retry::kAlways);
  Asker again;
  ASSERT_TRUE(again.Ask(*pool_, at(origin_)));
  EXPECT_FALSE(again.reused) << "the connection is full now";
  EXPECT_TRUE(RunUntil(loop_, [&] { return Streams(1).size() == 1; }));
}

TEST_F(PoolOfStreams, WhereTheOriginTakesNoneNewConnectionsAreNotOpenedWithoutEnd) {
  Learn(0);
  std::vector<Asker> askers(8);
  Burst(askers);
  for (size_t i = 1; i < origin_.connections(); ++i) Say(i, 0);
  Settle(loop_);
  EXPECT_LE(origin_.connections(), 2u);
  Say(0, 100);
  EXPECT_TRUE(RunUntil(loop_, [&] { return AllStreams() == 9; })) << "who waited is served when the origin takes them";
}

TEST_F(PoolOfStreams, AtTheLimitOfConnectionsTheRestWaitsItsTurn) {
  Make(OriginProtocol::kH2c, 2, 64);
  std::vector<Asker> askers(6);
  Burst(askers);
  Say(0, 1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.connections() == 2 && Streams(1).size() == 1; }));
  Say(1, 1);
  const auto done = [&] {
    return static_cast<size_t>(std::count_if(askers.begin(), askers.end(), [](const Asker& a) { return a.done(); }));
  };
  for (size_t n = 1; n <= 6; ++n) {
    const size_t i = (n - 1) % 2;
    ASSERT_TRUE(RunUntil(loop_, [&] { return Streams(i).size() > (n - 1) / 2; }));
    AnswerStream(i, Streams(i).back());
    ASSERT_TRUE(RunUntil(loop_, [&] { return done() == n; }));
  }
  EXPECT_EQ(origin_.connections(), 2u);
}

// Whoever waited for its word is failed like those of a connection that never was: all at once, and free to move.
TEST_F(PoolOfStreams, WhenTheFirstConnectionDiesBeforeItsWordNobodyWaitsForAnother) {
  std::vector<Asker> askers(5);
  Burst(askers);
  origin_.Close();
  origin_.ResetConnection(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return askers[4].failures == 1; }));
  EXPECT_EQ(askers[0].response.failed, 1);
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(askers[i].failures, 1);
    EXPECT_EQ(askers[i].error.retry, Retry::kAlways);
  }
}

// The connection that tells of its end was still offered to those whom it told, and took their next request with it.
TEST_F(PoolOfStreams, WhoAsksAgainWhenToldOfAConnectionsEndGetsAnother) {
  Learn(100);
  Asker one, again;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return Streams(0).size() == 2; }));
  one.response.on_failed = [&] { EXPECT_TRUE(again.Ask(*pool_, at(origin_))); };
  origin_.ResetConnection(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.response.failed == 1; }));
  EXPECT_FALSE(again.reused);
  EXPECT_TRUE(RunUntil(loop_, [&] { return Streams(1).size() == 1; }));
}

}  // namespace
}  // namespace meridian::testing
