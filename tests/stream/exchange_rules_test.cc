// What a route does beside sending a request on, where it meets the rest of the exchange.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

TEST_F(ExchangeTest, ErrorsOfOurOwnGetTheRoutesHeaders) {
  rules_.response_headers.set = {{"access-control-allow-origin", "*"}};
  for (auto& origin : origins_) origin->Close();
  Start();
  Send(kGet);
  ASSERT_TRUE(ClientGets("\r\n\r\n502"));
  EXPECT_TRUE(Has(received(), "access-control-allow-origin: *\r\n"));
}

TEST_F(ExchangeTest, ResponseHeadersSayWhatTheClientAskedForAndNotWhatTheOriginWas) {
  rules_.rewrite = {.host = "internal.example", .path = "/secret", .prefix = ""};
  rules_.response_headers.set = {{"x-asked", "{host}{path}{query}"}};
  Start();
  Send(kGet);
  const size_t c = Arrives(0);
  EXPECT_TRUE(Has(origins_[0]->received(c), "GET /secret?secret=1 HTTP/1.1\r\nhost: internal.example\r\n"));
  origins_[0]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_TRUE(Has(received(), "x-asked: shop.example/a?secret=1\r\n"));
  EXPECT_TRUE(Has(Log(), "\"authority\":\"shop.example\",\"path\":\"/a\""));
}

// A success would tell a client of HTTP/2 that it may speak WebSocket now (RFC 8441 §5).
TEST_F(Http2ExchangeTest, AReplyIsNoSwitch) {
  rules_.reply = ReplyRule{.status = 200, .content_type = "text/plain", .body = "hello"};
  Start();
  const int32_t id = peer_.Request({{":method", "CONNECT"},
                                    {":protocol", "websocket"},
                                    {":scheme", "http"},
                                    {":authority", "shop.example"},
                                    {":path", "/"},
                                    {"sec-websocket-version", "13"}},
                                   true);
  ASSERT_TRUE(Until([&] { return peer_.stream(id).head_done; }));
  EXPECT_EQ(peer_.stream(id).Field(":status"), "501");
}

TEST_F(Http2ExchangeTest, ALongReplyWaitsInTheRouteAndNotOncePerClient) {
  const std::string page(250'000, 'x');
  rules_.reply = ReplyRule{.status = 200, .content_type = "text/plain", .body = page};
  Start();
  peer_.set_consume(false);
  std::vector<int32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(Get());
  ASSERT_TRUE(Until([&] { return peer_.heads().size() == ids.size(); }));
  Settle(loop_);
  EXPECT_LT(BlockPool::Local().live_bytes(), ids.size() * 40'000);
  for (const int32_t id : ids) peer_.Reset(id, NGHTTP2_CANCEL);
  ASSERT_TRUE(Until([&] { return connection_->active_streams() == 0; }));
}

TEST_F(ExchangeTest, ALongReplyArrivesWhole) {
  const std::string page = std::string(249'999, 'x') + "!";
  rules_.reply = ReplyRule{.status = 200, .content_type = "text/plain", .body = page};
  Start();
  Send(kGet);
  ASSERT_TRUE(ClientGets("x!"));
  EXPECT_TRUE(received().ends_with(page));
  EXPECT_TRUE(Has(received(), "content-length: 250000\r\n"));
  received_.clear();
  Send("HEAD /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  ASSERT_TRUE(ClientGets("content-length: 250000\r\n"));
  received_.clear();
  Send(kGet);
  ASSERT_TRUE(ClientGets("x!")) << "and the connection goes on";
}

}  // namespace
}  // namespace meridian
