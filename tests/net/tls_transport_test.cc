// What goes over a TLS connection arrives, from whom it should, and a cut is told from an end.
#include "net/tls_transport_fixture.h"

namespace meridian {
namespace {

TEST_F(TlsTransportTest, BothSidesAgreeOnTheProtocolAndKnowTheName) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  ASSERT_TRUE(Handshake("shop.example", shop.ca_file));
  EXPECT_EQ(client_.transport->alpn(), Alpn::kH2);
  EXPECT_EQ(server_.transport->alpn(), Alpn::kH2);
  EXPECT_EQ(server_.transport->server_name(), "shop.example");
  EXPECT_TRUE(server_.transport->tls());
  client_.Send("ping");
  server_.Send("pong");
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox == "ping" && client_.inbox == "pong"; }));
}

// A question for new keys and its answer cost us some key derivations each, and their sender 27 bytes.
TEST_F(TlsTransportTest, APeerThatUpdatesItsKeysWithoutEndIsSentAway) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  RawClient raw;
  ASSERT_TRUE(RawHandshake(raw));
  int sent = 0;
  for (; sent < 2000 && !server_.failed; ++sent) {
    SSL_key_update(raw.ssl, SSL_KEY_UPDATE_REQUESTED);
    if (SSL_do_handshake(raw.ssl) != 1) break;
    if (sent % 100 == 99) {
      EXPECT_TRUE(RunUntil(loop_, [&] { return server_.failed; }));
    }
  }
  EXPECT_TRUE(server_.failed);
  EXPECT_LE(sent, 200);
}

TEST_F(TlsTransportTest, APeerMayUpdateItsKeysNowAndThen) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  RawClient raw;
  ASSERT_TRUE(RawHandshake(raw));
  std::string expected;
  for (int i = 0; i < 30; ++i) {
    SSL_key_update(raw.ssl, i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    const std::string piece(3000, static_cast<char>('a' + i % 26));
    ASSERT_EQ(SSL_write(raw.ssl, piece.data(), static_cast<int>(piece.size())), static_cast<int>(piece.size()));
    expected += piece;
  }
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox.size() >= expected.size() || server_.failed; }));
  EXPECT_EQ(server_.inbox, expected);
  server_.Send("whole");
  char answer[5];
  EXPECT_TRUE(RunUntil(loop_, [&] { return SSL_read(raw.ssl, answer, sizeof answer) == sizeof answer; }));
}

TEST_F(TlsTransportTest, WhatComesFirstIsSentBeforeTheHandshakeAndInTheClear) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  std::string problem;
  trust_ = TlsClientContext::Make(shop.ca_file, true, true, &problem);
  Error failed;
  client_.transport = ConnectTls(loop_, address_, *trust_, "shop.example", client_, &failed, "PROXY UNKNOWN\r\n");
  const int fd = TakeAccepted();
  char first[15];
  EXPECT_TRUE(RunUntil(loop_, [&] { return recv(fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT) == sizeof first; }));
  ASSERT_EQ(recv(fd, first, sizeof first, MSG_DONTWAIT), static_cast<ssize_t>(sizeof first));
  EXPECT_EQ(std::string(first, sizeof first), "PROXY UNKNOWN\r\n");
  server_.transport = AcceptTls(loop_, fd, context_, server_);
  client_.outbox = "ping";
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox == "ping"; }));
}

TEST_F(TlsTransportTest, AnOriginThatSpeaksHttp1IsAskedForNothingElse) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  ASSERT_TRUE(Handshake("shop.example", shop.ca_file, true, false));
  EXPECT_EQ(client_.transport->alpn(), Alpn::kHttp11);
}

TEST_F(TlsTransportTest, ACertificateForAnotherNameIsRefused) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  EXPECT_FALSE(Handshake("bank.example", shop.ca_file));
  EXPECT_EQ(client_.error.code, ErrorCode::kTlsFailed);
  EXPECT_EQ(client_.error.retry, Retry::kAlways);
  EXPECT_STREQ(client_.error.what, "the certificate is for another name");
  ASSERT_TRUE(RunUntil(loop_, [&] { return bool{server_.error}; }));
  EXPECT_EQ(std::string(server_.error.what).substr(0, 11), "TLS alert: ") << "and the other side hears of it";
}

TEST_F(TlsTransportTest, ACertificateOfAnUnknownAuthorityIsRefusedUnlessVerificationIsOff) {
  const Identity shop("shop.example", false), other("other.example", false);
  Serve({shop.pair});
  EXPECT_FALSE(Handshake("shop.example", other.ca_file));
  EXPECT_EQ(client_.error.code, ErrorCode::kTlsFailed);
  EXPECT_STREQ(client_.error.what, "the certificate's authority is not trusted");
}

// In TLS 1.3 our side is through before the origin has looked at our certificate. It has processed nothing when it
// refuses: any method may move, and it is no failure of a request.
TEST_F(TlsTransportTest, AnOriginThatRefusesOurCertificateFailedInItsHandshakeWhateverTheVersion) {
  const Identity shop("shop.example", false);
  for (const TlsVersion version : {TlsVersion::kTls12, TlsVersion::kTls13}) {
    client_ = {};
    server_ = {};
    TlsServerOptions options;
    options.min_version = version;
    options.client_ca_file = shop.ca_file;
    options.client_certificate = ClientCertificate::kRequired;
    Serve({shop.pair}, options);
    EXPECT_FALSE(Handshake("shop.example", shop.ca_file));
    if (client_.ready) {
      client_.outbox = "POST / HTTP/1.1";
      client_.Pump();
      ASSERT_TRUE(RunUntil(loop_, [&] { return client_.failed; }));
      ASSERT_TRUE(client_.transport->failure());
      client_.error = *client_.transport->failure();
    }
    ASSERT_TRUE(RunUntil(loop_, [&] { return bool{client_.error}; }));
    EXPECT_EQ(client_.error.code, ErrorCode::kTlsFailed);
    EXPECT_EQ(client_.error.retry, Retry::kAlways);
    EXPECT_EQ(std::string(client_.error.what).substr(0, 11), "TLS alert: ");
  }
}

TEST_F(TlsTransportTest, WithoutVerificationAnyCertificateIsTaken) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  EXPECT_TRUE(Handshake("10.1.2.3", "", false));
}

TEST_F(TlsTransportTest, ManyMegabytesArriveWholeWithBackPressure) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  ASSERT_TRUE(Handshake("shop.example", shop.ca_file));
  SendManyMegabytes();
}

TEST_F(TlsTransportTest, SmallReadsLoseNothingThatWasDecryptedOrWaitsAsCiphertext) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  ASSERT_TRUE(Handshake("shop.example", shop.ca_file));
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i);
  server_.reading = false;
  client_.Send(text);
  ASSERT_TRUE(RunUntil(loop_, [&] { return server_.readable; }));
  Settle(loop_);
  std::string got;
  uint8_t small[777];
  for (;;) {
    const ReadResult r = server_.transport->Read(small, sizeof small);
    got.append(reinterpret_cast<const char*>(small), r.bytes);
    if (r.state == ReadState::kMore) continue;
    if (got.size() == text.size()) break;
    ASSERT_EQ(r.state, ReadState::kDrained);
    server_.readable = false;
    ASSERT_TRUE(RunUntil(loop_, [&] { return server_.readable; }));
  }
  EXPECT_EQ(got, text);
}

TEST_F(TlsTransportTest, TwoConnectionsShareNoScratchBytes) {
  // Ciphertext passes through areas of the thread: what one connection left unread must not reach another.
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  ASSERT_TRUE(Handshake("shop.example", shop.ca_file));
  End other_client, other_server;
  Error problem;
  other_client.transport = ConnectTls(loop_, address_, *trust_, "shop.example", other_client, &problem);
  other_server.transport = AcceptTls(loop_, TakeAccepted(), context_, other_server);
  ASSERT_TRUE(RunUntil(loop_, [&] { return other_client.ready && other_server.ready; }));
  server_.reading = other_server.reading = false;
  client_.Send(std::string(20000, 'a'));
  other_client.Send(std::string(20000, 'b'));
  ASSERT_TRUE(RunUntil(loop_, [&] { return server_.readable && other_server.readable; }));
  std::string a, b;
  uint8_t small[500];
  while (a.size() < 20000 || b.size() < 20000) {
    const ReadResult ra = server_.transport->Read(small, sizeof small);
    a.append(reinterpret_cast<const char*>(small), ra.bytes);
    const ReadResult rb = other_server.transport->Read(small, sizeof small);
    b.append(reinterpret_cast<const char*>(small), rb.bytes);
    ASSERT_FALSE(ra.state == ReadState::kFailed || rb.state == ReadState::kFailed);
  }
  EXPECT_EQ(a, std::string(20000, 'a'));
  EXPECT_EQ(b, std::string(20000, 'b'));
}

TEST_F(TlsTransportTest, AnOrderlyCloseIsAnEnd) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  ASSERT_TRUE(Handshake("shop.example", shop.ca_file));
  server_.Send("all of it");
  server_.transport->ShutdownWrite();
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_.eof || client_.failed; }));
  EXPECT_TRUE(client_.eof);
  EXPECT_EQ(client_.inbox, "all of it");
}

TEST_F(TlsTransportTest, AnOriginThatIsCutOffWithoutGoodbyeDidNotEnd) {
  // Anyone on the path can send a FIN; without close_notify a body that lasts until close is not whole (RFC 9112 §9.8).
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  ASSERT_TRUE(Handshake("shop.example", shop.ca_file));
  server_.Send("half of it");
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_.inbox.size() == 10; }));
  shutdown(server_.transport->fd(), SHUT_WR);
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_.eof || client_.failed; }));
  EXPECT_TRUE(client_.failed);
}

}  // namespace
}  // namespace meridian
