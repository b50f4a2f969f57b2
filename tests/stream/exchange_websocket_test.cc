// WebSockets end to end: from clients of both versions to an HTTP/1.1 origin.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

constexpr std::string_view kHello =
    "GET /chat HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
constexpr std::string_view kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

class WebSocketTest : public ExchangeTest {
 protected:
  // A client of HTTP/1.1 and the first region speak WebSocket; returns the origin's connection.
  size_t Talk() {
    Send(kHello);
    const size_t c = Arrives(0);
    origins_[0]->Answer(c, kSwitch);
    EXPECT_TRUE(ClientGets("\r\n\r\n"));
    received_.clear();
    return c;
  }
  bool OriginGets(size_t c, std::string_view part) {
    return RunUntil(loop_, [&] { return Has(origins_[0]->received(c), part); });
  }
};

TEST_F(WebSocketTest, TheHandshakeGoesThroughAndBytesGoBothWaysAsTheyCome) {
  Start();
  Send(kHello);
  const size_t c = Arrives(0);
  const std::string asked = origins_[0]->received(c);
  EXPECT_TRUE(Has(asked, "connection: upgrade\r\nupgrade: websocket\r\n")) << asked;
  EXPECT_TRUE(Has(asked, "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  EXPECT_FALSE(Has(asked, "content-length")) << asked;
  origins_[0]->Answer(c, std::string(kSwitch) + "first");
  ASSERT_TRUE(ClientGets("first"));
  EXPECT_TRUE(received_.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << received_;
  EXPECT_TRUE(Has(received_, "connection: upgrade\r\nupgrade: websocket\r\n"));
  EXPECT_TRUE(Has(received_, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  Send(std::string_view("\x81\x85\0\0\0\0hello", 11));
  ASSERT_TRUE(OriginGets(c, "hello"));
  origins_[0]->Send(c, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(ClientGets("GET / HTTP/1.1\r\n\r\n")) << "no byte of it is HTTP any more";
}

TEST_F(WebSocketTest, EitherSideMayEndIt) {
  Start();
  const size_t c = Talk();
  origins_[0]->Send(c, "bye");
  origins_[0]->CloseConnection(c);
  ASSERT_TRUE(ClientGets("bye"));
  ASSERT_TRUE(ClientIsCut());
  close(client_);
  client_ = -1;
  ASSERT_TRUE(RunUntil(loop_, [&] { return connection_ == nullptr; }));
  received_.clear();
  client_eof_ = false;
  Connect();
  const size_t second = Talk();
  Send("bye");
  shutdown(client_, SHUT_WR);
  ASSERT_TRUE(OriginGets(second, "bye"));
  EXPECT_TRUE(RunUntil(loop_, [&] { return origins_[0]->closed(second); }));
  origins_[0]->CloseConnection(second);
  ASSERT_TRUE(ClientIsCut());
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u);
  EXPECT_EQ(route_cells().lost.Get(), 0u);
}

// Browsers send their Close frame with the end of their direction; what the origin said to it was dropped, and pages
// saw code 1006 in place of 1000.
TEST_F(WebSocketTest, WhatTheOriginStillSaysAfterTheClientsEndIsDelivered) {
  Start();
  const size_t c = Talk();
  Send("close");
  shutdown(client_, SHUT_WR);
  ASSERT_TRUE(OriginGets(c, "close"));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->closed(c); })) << "the client's end is not the origin's";
  origins_[0]->Send(c, "more");
  ASSERT_TRUE(ClientGets("more"));
  origins_[0]->Send(c, "closed");
  origins_[0]->CloseConnection(c);
  ASSERT_TRUE(ClientGets("moreclosed"));
  ASSERT_TRUE(ClientIsCut());
  EXPECT_TRUE(Has(Log(), "\"end\":\"complete\""));
}

TEST_F(WebSocketTest, HalfATunnelDoesNotStayForEver) {
  service().timeouts.tunnel = 2s;
  Start();
  const size_t c = Talk();
  shutdown(client_, SHUT_WR);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->closed(c); }));
  Pass(1900ms);
  EXPECT_TRUE(connection_);
  Pass(600ms);
  ASSERT_TRUE(RunUntil(loop_, [&] { return connection_ == nullptr; }));
}

TEST_F(WebSocketTest, TheHandshakeFailsOverLikeAnyGet) {
  Start();
  Send(kHello);
  Answer(0, k503);
  Answer(1, kSwitch);
  ASSERT_TRUE(ClientGets("101 Switching Protocols"));
  EXPECT_FALSE(Has(received_, "503"));
  Pass(200ms);
  EXPECT_EQ(Signals(1, Signal::kSuccess), 1u) << "it counts when it begins, not hours later";
}

TEST_F(WebSocketTest, AnOriginThatDoesNotSwitchAnswersAsUsualAndTheConnectionGoesOn) {
  Start();
  Send(kHello);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_FALSE(Has(received_, "upgrade"));
  received_.clear();
  Send(kGet);
  Answer(0, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(WebSocketTest, ASwitchToSomethingElseIsMalformed) {
  Start();
  Send(kHello);
  Answer(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  Answer(1,
         "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\n");
  Answer(2, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
  EXPECT_TRUE(ClientGets("502 Bad Gateway"));
}

TEST_F(WebSocketTest, AHandshakeWithABodyIsRefused) {
  Start();
  Send(
      "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: "
      "3\r\n\r\nabc");
  ASSERT_TRUE(ClientGets("400 Bad Request"));
  EXPECT_EQ(origins_[0]->connections(), 0u);
}

TEST_F(WebSocketTest, WhoSpeaksBeforeTheAnswerIsCut) {
  Start();
  Send(std::string(kHello) + "early");
  Answer(0, kSwitch);
  ASSERT_TRUE(ClientIsCut());
  Settle(loop_);
  EXPECT_FALSE(Has(origins_[0]->received(0), "early"));
}

TEST_F(WebSocketTest, OtherUpgradesEndHere) {
  Start();
  Send("GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
  const size_t c = Arrives(0);
  EXPECT_FALSE(Has(origins_[0]->received(c), "pgrade"));
}

TEST_F(WebSocketTest, ALongSilenceIsAllowedUpToItsOwnLimit) {
  service().timeouts.tunnel = 120s;
  service().timeouts.idle = 2s;
  Start();
  const size_t c = Talk();
  loop_.Advance(100s);
  Settle(loop_);
  origins_[0]->Send(c, "ping");
  ASSERT_TRUE(ClientGets("ping"));
  loop_.Advance(119s);
  Settle(loop_);
  Send("pong");
  ASSERT_TRUE(OriginGets(c, "pong"));
  loop_.Advance(121s);
  Settle(loop_);
  loop_.Advance(121s);
  EXPECT_TRUE(ClientIsCut());
  EXPECT_TRUE(Has(Log(), "\"status\":101"));
}

TEST_F(WebSocketTest, ASlowReaderHoldsTheOriginBack) {
  Start();
  const size_t c = Talk();
  const std::string piece(64 * 1024, 'x');
  size_t sent = 0;
  // Until the origin's own send buffer is full.
  for (int i = 0; i < 1000; ++i) {
    Settle(loop_);
    const size_t n = origins_[0]->TrySend(c, piece);
    if (n == 0 && i > 20) break;
    sent += n;
  }
  EXPECT_LT(sent, 32u * 1024 * 1024) << "what nobody reads must not be taken";
}

// ---- over HTTP/2 (RFC 8441) ----------------------------------------------------------------------------------------

class Http2WebSocketTest : public Http2ExchangeTest {
 protected:
  int32_t Ask(const H2Peer::Fields& more = {}) {
    H2Peer::Fields fields = {{":method", "CONNECT"}, {":protocol", "websocket"},     {":scheme", "http"},
                             {":path", "/chat"},     {":authority", "shop.example"}, {"sec-websocket-version", "13"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return peer_.Request(fields, true);
  }
};

TEST_F(Http2WebSocketTest, AnExtendedConnectBecomesTheHandshakeOfHttp1) {
  Start();
  const int32_t id = Ask();
  ASSERT_TRUE(Until([&] { return origins_[0]->requests(0) > 0; }));
  const std::string asked = origins_[0]->received(0);
  EXPECT_TRUE(asked.starts_with("GET /chat HTTP/1.1\r\nhost: shop.example\r\n")) << asked;
  EXPECT_TRUE(Has(asked, "connection: upgrade\r\nupgrade: websocket\r\n"));
  const size_t key = asked.find("sec-websocket-key: ");
  ASSERT_NE(key, std::string::npos);
  EXPECT_EQ(asked.substr(key + 19 + 22, 4), "==\r\n") << "16 bytes in base64";
  origins_[0]->Answer(0, std::string(kSwitch) + "first");
  ASSERT_TRUE(Until([&] { return peer_.stream(id).body == "first"; }));
  EXPECT_EQ(peer_.stream(id).Field(":status"), "200");
  EXPECT_EQ(peer_.stream(id).Field("sec-websocket-accept"), "");
  EXPECT_FALSE(peer_.stream(id).ended);
  peer_.Send(id, "second");
  ASSERT_TRUE(Until([&] { return Has(origins_[0]->received(0), "second"); }));
  peer_.End(id);
  EXPECT_TRUE(Until([&] { return origins_[0]->closed(0); }));
  EXPECT_FALSE(peer_.stream(id).ended) << "one direction has ended, not the tunnel (RFC 8441 §5)";
  origins_[0]->Send(0, "third");
  ASSERT_TRUE(Until([&] { return peer_.stream(id).body == "firstthird"; }));
  origins_[0]->CloseConnection(0);
  EXPECT_TRUE(Until([&] { return peer_.stream(id).ended; }));
}

TEST_F(Http2WebSocketTest, WhatIsNoSwitchIsNoSuccess) {
  Start();
  const int32_t id = Ask();
  ASSERT_TRUE(Until([&] { return origins_[0]->requests(0) > 0; }));
  origins_[0]->Answer(0, kOk);
  ASSERT_TRUE(Until([&] { return peer_.stream(id).head_done; }));
  EXPECT_EQ(peer_.stream(id).Field(":status"), "502");
  const int32_t second = Ask();
  ASSERT_TRUE(Until([&] { return origins_[0]->requests(0) > 0; })) << "the connection is as good as before";
  origins_[0]->Answer(0, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(Until([&] { return peer_.stream(second).head_done; }));
  EXPECT_EQ(peer_.stream(second).Field(":status"), "403");
}

TEST_F(Http2WebSocketTest, AResetEndsTheOriginsSide) {
  Start();
  const int32_t id = Ask();
  ASSERT_TRUE(Until([&] { return origins_[0]->requests(0) > 0; }));
  origins_[0]->Answer(0, kSwitch);
  ASSERT_TRUE(Until([&] { return peer_.stream(id).head_done; }));
  peer_.Reset(id, NGHTTP2_CANCEL);
  EXPECT_TRUE(Until([&] { return origins_[0]->closed(0); }));
}

TEST_F(Http2WebSocketTest, OtherConnectsAreNotImplemented) {
  Start();
  const int32_t plain = peer_.Request({{":method", "CONNECT"}, {":authority", "shop.example:443"}}, true);
  const int32_t other = peer_.Request({{":method", "CONNECT"},
                                       {":protocol", "connect-udp"},
                                       {":scheme", "http"},
                                       {":path", "/"},
                                       {":authority", "shop.example"}},
                                      true);
  const int32_t body = Ask({{"content-length", "3"}});
  ASSERT_TRUE(Until([&] { return peer_.stream(plain).head_done && peer_.stream(other).head_done; }));
  EXPECT_EQ(peer_.stream(plain).Field(":status"), "501");
  EXPECT_EQ(peer_.stream(other).Field(":status"), "501");
  EXPECT_TRUE(Until([&] { return peer_.stream(body).head_done || peer_.stream(body).closed; }));
  EXPECT_NE(peer_.stream(body).Field(":status"), "200");
  EXPECT_EQ(origins_[0]->connections(), 0u);
}

}  // namespace
}  // namespace meridian
