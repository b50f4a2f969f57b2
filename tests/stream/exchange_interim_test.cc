// Interim responses (1xx) when more than one origin has something to say: the client knows of one request only.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

constexpr std::string_view kHintA = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
constexpr std::string_view kHintB = "HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kProcessing = "HTTP/1.1 102 Processing\r\n\r\n";
constexpr std::string_view kUpload =
    "PUT /a HTTP/1.1\r\nHost: shop.example\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";

class InterimTest : public ExchangeTest {
 protected:
  // The first region says this, and that it is busy.
  void FirstSays(std::string_view interim) {
    const size_t c = Arrives(0);
    origins_[0]->Send(c, interim);
    Settle(loop_);
    origins_[0]->Answer(c, k503);
  }
};

TEST_F(InterimTest, HintsThatTheClientHasAreNotToldAgainByTheNextRegion) {
  Start();
  Send(kGet);
  FirstSays(kHintA);
  const size_t c = Arrives(1);
  origins_[1]->Send(c, kHintA);
  Settle(loop_);
  origins_[1]->Send(c, kHintB);
  origins_[1]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Count(received_, "</a.css>"), 1u) << received_;
  EXPECT_EQ(Count(received_, "</b.css>"), 1u) << "that was news";
  EXPECT_EQ(context_->stats().early_hints.Get(), 2u);
}

TEST_F(InterimTest, WhatOneOriginSaysTwiceItMeansTwice) {
  Start();
  Send(kGet);
  const size_t c = Arrives(0);
  origins_[0]->Send(c, kHintA);
  origins_[0]->Send(c, kHintA);
  origins_[0]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Count(received_, "</a.css>"), 2u);
}

TEST_F(InterimTest, AClientGoesOnOnceAndTheNextRegionIsNotAskedForIt) {
  Start();
  Send(kUpload);
  const size_t c = Arrives(0);
  EXPECT_TRUE(Has(origins_[0]->received(c), "expect: 100-continue"));
  origins_[0]->Send(c, kContinue);
  ASSERT_TRUE(ClientGets("100 Continue"));
  Send("abc");
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[0]->received(c), "abc"); }));
  origins_[0]->Answer(c, k503);
  const size_t next = Arrives(1);
  EXPECT_FALSE(Has(origins_[1]->received(next), "expect:"));
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[1]->received(next), "abc"); }));
  origins_[1]->Send(next, kContinue);  // it says so unasked
  origins_[1]->Answer(next, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Count(received_, "100 Continue"), 1u);
}

TEST_F(InterimTest, WhoWasNotToldToGoOnByTheFirstRegionIsToldByTheNext) {
  Start();
  Send(kUpload);
  FirstSays("");
  const size_t next = Arrives(1);
  EXPECT_TRUE(Has(origins_[1]->received(next), "expect: 100-continue"));
  origins_[1]->Send(next, kContinue);
  EXPECT_TRUE(ClientGets("100 Continue"));
}

// Of news that there is still work there may be many.
TEST_F(InterimTest, EachRegionMaySayThatItIsAtWork) {
  Start();
  Send(kGet);
  FirstSays(kProcessing);
  const size_t c = Arrives(1);
  origins_[1]->Send(c, kProcessing);
  origins_[1]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Count(received_, "HTTP/1.1 102"), 2u);
}

TEST_F(InterimTest, OfTwoRegionsThatAreAskedAtOnceEachHintComesOnce) {
  route().hedge = 20ms;
  Start();
  Send(kGet);
  const size_t first = Arrives(0);
  Pass(40ms);
  const size_t second = Arrives(1);
  for (int i = 0; i < 2; ++i) origins_[static_cast<size_t>(i)]->Send(i == 0 ? first : second, kHintA);
  Settle(loop_);
  origins_[1]->Answer(second, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Count(received_, "</a.css>"), 1u);
}

// What a client of HTTP/2 sees is told by heads that are no answer yet.
TEST_F(Http2ExchangeTest, HintsOverHttp2AreToldOnceToo) {
  Start();
  const int32_t id = Get();
  ASSERT_TRUE(Until([&] { return origins_[0]->total_requests() == 1; }));
  origins_[0]->Send(0, kHintA);
  ASSERT_TRUE(Until([&] { return !peer_.stream(id).fields.empty(); }));
  origins_[0]->Answer(0, k503);
  ASSERT_TRUE(Until([&] { return origins_[1]->total_requests() == 1; }));
  origins_[1]->Send(0, kHintA);
  Settle(loop_);
  origins_[1]->Answer(0, kOk);
  ASSERT_TRUE(Until([&] { return peer_.stream(id).ended; }));
  EXPECT_EQ(peer_.stream(id).All("link"), "</a.css>; rel=preload");
}

}  // namespace
}  // namespace meridian
