// Connections whose PROXY header names a client: they serve that client alone.
#include "origin/pool_fixture.h"
#include "support/h2_raw.h"

namespace meridian::testing {
namespace {

class PoolOfClients : public PoolTest {
 protected:
  PoolOfClients() { proxy_protocol_ = ProxyProtocol::kV1; }
  static ProxyAddresses From(const std::string& client) {
    return {*ParseHostPort(client), *ParseHostPort("198.51.100.2:443")};
  }
  static std::string Header(const std::string& ip, int port) {
    return "PROXY TCP4 " + ip + " 198.51.100.2 " + std::to_string(port) + " 443\r\n";
  }
  static bool Ask(OriginPool& pool, Asker& asker, const ProxyAddresses& client, const TestOrigin& origin) {
    asker.client = &client;
    return asker.Ask(pool, {origin.endpoint()});
  }
  // A request of this client from begin to end, over connection `i`.
  void Exchange(const ProxyAddresses& client, size_t i) {
    Asker asker;
    ASSERT_TRUE(Ask(*pool_, asker, client, origin_));
    Serve(i);
    ASSERT_TRUE(RunUntil(loop_, [&] { return asker.done(); }));
  }

  const ProxyAddresses anna_ = From("192.0.2.1:1001"), bert_ = From("192.0.2.2:1002"), cleo_ = From("192.0.2.3:1003");
};

TEST_F(PoolOfClients, AConnectionServesOneClientOnly) {
  Make();
  Exchange(anna_, 0);
  Exchange(bert_, 1);
  Exchange(anna_, 0);
  Exchange(bert_, 1);
  EXPECT_EQ(origin_.connections(), 2u);
  EXPECT_EQ(counters_.reused, 2u);
  EXPECT_TRUE(origin_.received(0).starts_with(Header("192.0.2.1", 1001) + "GET ")) << origin_.received(0);
  EXPECT_EQ(origin_.received(0).find("PROXY", 1), std::string::npos) << "once";
  EXPECT_TRUE(origin_.received(1).starts_with(Header("192.0.2.2", 1002) + "GET "));
}

TEST_F(PoolOfClients, AnotherConnectionOfTheSameClientHasItsOwn) {
  Make();
  Exchange(anna_, 0);
  Exchange(From("192.0.2.1:2002"), 1);
  EXPECT_TRUE(origin_.received(1).starts_with(Header("192.0.2.1", 2002)));
}

TEST_F(PoolOfClients, WhoAsksForNobodySaysSo) {
  proxy_protocol_ = ProxyProtocol::kV2;
  Make();
  Asker probe, anna;
  ASSERT_TRUE(probe.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return probe.done(); }));
  EXPECT_TRUE(origin_.received(0).starts_with(WriteProxyHeader(ProxyProtocol::kV2, nullptr) + "GET "));
  Exchange(anna_, 1);
  EXPECT_TRUE(origin_.received(1).starts_with(WriteProxyHeader(ProxyProtocol::kV2, &anna_) + "GET "));
}

TEST_F(PoolOfClients, StreamsOfOneConnectionAreOfOneClient) {
  Make(OriginProtocol::kH2c);
  Asker anna[2], bert;
  for (Asker& a : anna) ASSERT_TRUE(Ask(*pool_, a, anna_, origin_));
  ASSERT_TRUE(Ask(*pool_, bert, bert_, origin_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna[0].stream && bert.stream; }));
  for (size_t i : {0, 1}) origin_.Send(i, h2::Settings());
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna[1].stream != nullptr; }));
  EXPECT_EQ(pool_->connections(), 2u);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.received(0).size() > 100 && origin_.received(1).size() > 100; }));
  EXPECT_TRUE(origin_.received(0).starts_with(Header("192.0.2.1", 1001) + "PRI * HTTP/2.0"));
  EXPECT_TRUE(origin_.received(1).starts_with(Header("192.0.2.2", 1002) + "PRI * HTTP/2.0"));
}

TEST_F(PoolOfClients, AtTheLimitTheConnectionThatIsIdleLongestMakesPlace) {
  Make(OriginProtocol::kHttp, 2);
  Exchange(anna_, 0);
  loop_.Advance(1s);
  Exchange(bert_, 1);
  loop_.Advance(1s);
  Exchange(cleo_, 2);
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.closed(0); }));
  EXPECT_EQ(pool_->connections(), 2u);
  Exchange(bert_, 1);
  EXPECT_EQ(origin_.connections(), 3u) << "what was used since is kept";
}

TEST_F(PoolOfClients, AtTheLimitTheNextThatBecomesIdleMakesPlaceForTheOldestRequest) {
  Make(OriginProtocol::kHttp, 1);
  Asker anna, bert, anna_again;
  ASSERT_TRUE(Ask(*pool_, anna, anna_, origin_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  bert.since = TimePoint{} + 1s;
  anna_again.since = TimePoint{} + 2s;
  ASSERT_TRUE(Ask(*pool_, bert, bert_, origin_));
  ASSERT_TRUE(Ask(*pool_, anna_again, anna_, origin_));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna.done() && origin_.closed(0); }));
  EXPECT_FALSE(anna_again.stream) << "though her connection was free: bert was first";
  Serve(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return bert.done(); }));
  Serve(2);
  EXPECT_TRUE(RunUntil(loop_, [&] { return anna_again.done(); }));
  EXPECT_EQ(pool_->connections(), 1u);
}

TEST_F(PoolOfClients, AtTheLimitWithHttp2TheConnectionGoesWhenItsLastStreamEnds) {
  Make(OriginProtocol::kH2c, 1);
  Asker anna, bert;
  ASSERT_TRUE(Ask(*pool_, anna, anna_, origin_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna.stream && origin_.received(0).size() > 100; }));
  ASSERT_TRUE(Ask(*pool_, bert, bert_, origin_));
  origin_.Send(0, std::string("\0\0\0\4\0\0\0\0\0", 9));       // SETTINGS
  origin_.Send(0, std::string("\0\0\1\1\5\0\0\0\1\x89", 10));  // HEADERS: 204, the end
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna.done(); }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return bert.stream && origin_.connections() == 2; }));
}

TEST_F(PoolOfClients, ARefusedConnectionFailsItsClientAlone) {
  Make();
  Asker anna, bert;
  ASSERT_TRUE(Ask(*pool_, anna, anna_, origin_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  origin_.Close();
  if (Ask(*pool_, bert, bert_, origin_)) {
    EXPECT_TRUE(RunUntil(loop_, [&] { return bert.failures == 1; }));
  }
  Serve(0);
  EXPECT_TRUE(RunUntil(loop_, [&] { return anna.done(); }));
}

TEST_F(PoolOfClients, NothingIsHeldInReserve) {
  Make();
  pool_->SetAddresses(at(origin_));
  pool_->KeepWarm();
  EXPECT_EQ(pool_->connections(), 0u) << "for whom?";
  Exchange(anna_, 0);
  for (int i = 0; i < 25; ++i) {
    loop_.Advance(1s);
    Settle(loop_);
  }
  EXPECT_EQ(pool_->connections(), 0u);
}

TEST_F(PoolOfClients, ACancelledRequestLeavesNothingBehind) {
  Make(OriginProtocol::kHttp, 1);
  Asker anna;
  ASSERT_TRUE(Ask(*pool_, anna, anna_, origin_));
  {
    Asker bert;
    ASSERT_TRUE(Ask(*pool_, bert, bert_, origin_));
  }
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna.done(); }));
  Exchange(anna_, 0);
  EXPECT_EQ(origin_.connections(), 1u);
}

}  // namespace
}  // namespace meridian::testing
