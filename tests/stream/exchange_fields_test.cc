// Fields whose names have underscores, and what strangers say in other proxies' names.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

constexpr std::string_view kUnderscored = "GET / HTTP/1.1\r\nHost: shop.example\r\nX_Key: 1\r\nX-Key: 2\r\n\r\n";

TEST_F(ExchangeTest, UnderscoresPassUnlessTheOperatorSaysOtherwise) {
  Start();
  Send(kUnderscored);
  const size_t c = Arrives(0);
  EXPECT_TRUE(Has(origins_[0]->received(c), "x_key: 1\r\nx-key: 2\r\n"));
  EXPECT_EQ(context_->stats().limit_underscores.Get(), 0u);
}

TEST_F(ExchangeTest, UnderscoresAreDroppedAndCountedInHeadsAndTrailers) {
  settings_.underscores = Underscores::kDrop;
  Start();
  Send(
      "POST / HTTP/1.1\r\nHost: shop.example\r\nX_Key: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX_Sum: 1\r\nX-Sum: "
      "2\r\n\r\n");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[0]->received(c), "x-sum: 2\r\n"); }));
  EXPECT_FALSE(Has(origins_[0]->received(c), "_"));
  EXPECT_EQ(context_->stats().limit_underscores.Get(), 2u);
}

TEST_F(ExchangeTest, UnderscoresAreRefusedWhereTheOperatorSaysSo) {
  settings_.underscores = Underscores::kRefuse;
  Start();
  Send(kUnderscored);
  ASSERT_TRUE(ClientGets("HTTP/1.1 400 "));
  EXPECT_EQ(origins_[0]->connections(), 0u);
}

TEST_F(Http2ExchangeTest, UnderscoresAreRefusedOverHttp2Alike) {
  settings_.underscores = Underscores::kRefuse;
  Start();
  const int32_t id = peer_.Request(
      {{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}, {"x_key", "1"}});
  ASSERT_TRUE(Until([&] { return peer_.stream(id).head_done; }));
  EXPECT_EQ(peer_.stream(id).Field(":status"), "400");
}

constexpr std::string_view kOfProxies =
    "X-Real-IP: 6.6.6.6\r\nx_real_ip: 6.6.6.6\r\nX-Forwarded-Port: 666\r\nX-Forwarded-Server: evil\r\n"
    "X-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\nX-Envoy-Internal: true\r\nTrue-Client-IP: 6.6.6.6\r\n"
    "CF-Connecting-IP: 6.6.6.6\r\nFastly-Client-IP: 6.6.6.6\r\n";

TEST_F(ExchangeTest, WhatStrangersSayInOtherProxiesNamesReachesNoOrigin) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\n" + std::string(kOfProxies) +
       "X-Mine: 1\r\nTrace: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + std::string(kOfProxies) + "\r\n");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[0]->received(c), "0\r\n\r\n"); }));
  const std::string& asked = origins_[0]->received(c);
  for (const char* value : {"6.6.6.6", "666", "evil", "/admin", "envoy"}) EXPECT_FALSE(Has(asked, value)) << asked;
  EXPECT_TRUE(Has(asked, "x-mine: 1\r\ntrace: 1\r\n"));
}

}  // namespace
}  // namespace meridian
