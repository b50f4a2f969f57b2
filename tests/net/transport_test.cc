// Transports over loopback: both ends are ours, or one end is a plain socket that misbehaves.
#include "net/transport.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "net/listener.h"
#include "net/tcp_socket.h"
#include "support/run_loop.h"

namespace meridian {
namespace {

using testing::RunUntil;
using testing::Settle;

// Reads all that comes, remembers how it ended, sends `outbox` as room appears.
class End final : public TransportSink {
 public:
  void OnTransportReady() override {
    ready = true;
    Pump();
  }
  void OnTransportReadable() override {
    readable = true;
    if (reading) ReadAll();
  }
  void OnTransportWritable() override {
    ++writable_calls;
    Pump();
  }
  void OnTransportError(const Error& e) override { error = e; }

  void ReadAll() {
    uint8_t bytes[16 * 1024];
    while (readable) {
      const ReadResult r = transport->Read(bytes, sizeof bytes);
      inbox.append(reinterpret_cast<const char*>(bytes), r.bytes);
      if (r.state == ReadState::kMore) continue;
      readable = false;
      if (r.state == ReadState::kEof) eof = true;
      if (r.state == ReadState::kFailed) failed = true;
    }
  }
  // One flush at a time, as a wire does.
  void Pump() {
    while (ready && !transport->blocked() && !outbox.empty()) {
      const std::string piece = outbox.substr(0, OutBuffer::kSize);
      outbox.erase(0, piece.size());
      if (!transport->Write({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()})) {
        write_failed = true;
        return;
      }
    }
  }
  void Send(std::string text) {
    outbox += text;
    Pump();
  }

  std::unique_ptr<Transport> transport;
  bool ready = false, readable = false, reading = true, eof = false, failed = false, write_failed = false;
  int writable_calls = 0;
  Error error;
  std::string inbox, outbox;
};

class TransportTest : public ::testing::Test, private ListenerSink {
 protected:
  TransportTest() {
    std::string problem;
    const int fd = OpenListenSocket(*ParseHostPort("127.0.0.1:0"), false, &address_, &problem);
    EXPECT_GE(fd, 0) << problem;
    ListenerSink& self = *this;
    listener_ = std::make_unique<Listener>(loop_, fd, self);
  }
  ~TransportTest() override {
    if (accepted_ >= 0) close(accepted_);
  }
  // The next accepted descriptor, still without a transport.
  int TakeAccepted() {
    EXPECT_TRUE(RunUntil(loop_, [&] { return accepted_ >= 0; }));
    return std::exchange(accepted_, -1);
  }
  void ConnectTcpPair() {
    Error problem;
    client_.transport = ConnectTcp(loop_, address_, client_, &problem);
    ASSERT_TRUE(client_.transport);
    server_.transport = AcceptTcp(loop_, TakeAccepted(), server_);
    ASSERT_TRUE(RunUntil(loop_, [&] { return client_.ready && server_.ready; }));
  }

  Loop loop_;
  Endpoint address_;
  std::unique_ptr<Listener> listener_;
  End client_, server_;

 private:
  void OnAccept(int fd, const Endpoint&) override {
    if (accepted_ >= 0) close(accepted_);
    accepted_ = fd;
  }
  void OnAcceptPaused() override {}
  int accepted_ = -1;
};

// ---- TCP -----------------------------------------------------------------------------------------------------------

TEST_F(TransportTest, BytesTravelBothWays) {
  ConnectTcpPair();
  client_.Send("ping");
  server_.Send("pong");
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox == "ping" && client_.inbox == "pong"; }));
}

TEST_F(TransportTest, WhatComesFirstIsSentBeforeAllElse) {
  Error problem;
  client_.outbox = "ping";
  client_.transport = ConnectTcp(loop_, address_, client_, &problem, "PROXY UNKNOWN\r\n");
  ASSERT_TRUE(client_.transport);
  server_.transport = AcceptTcp(loop_, TakeAccepted(), server_);
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox == "PROXY UNKNOWN\r\nping"; })) << server_.inbox;
  EXPECT_EQ(client_.transport->handed(), 19u);
}

TEST_F(TransportTest, AnEndThatArrivesTogetherWithTheLastBytesIsNoticed) {
  // What a server does that answers and closes at once: data and FIN are both there before we look.
  Error problem;
  client_.transport = ConnectTcp(loop_, address_, client_, &problem);
  const int peer = TakeAccepted();
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_.ready; }));
  ASSERT_EQ(send(peer, "last words", 10, 0), 10);
  close(peer);
  EXPECT_TRUE(RunUntil(loop_, [&] { return client_.eof; }));
  EXPECT_EQ(client_.inbox, "last words");
}

TEST_F(TransportTest, ARefusedConnectIsAConnectFailureThatMayAlwaysBeRetried) {
  listener_.reset();
  Error problem;
  client_.transport = ConnectTcp(loop_, address_, client_, &problem);
  if (client_.transport) {
    ASSERT_TRUE(RunUntil(loop_, [&] { return bool(client_.error); }));
    problem = client_.error;
  }
  EXPECT_EQ(problem.code, ErrorCode::kConnectFailed);
  EXPECT_EQ(problem.retry, Retry::kAlways);
  EXPECT_EQ(problem.fault, Fault::kOrigin);
  EXPECT_FALSE(client_.ready);
}

TEST_F(TransportTest, ManyMegabytesArriveWholeThroughAFullSocket) {
  ConnectTcpPair();
  std::string big(8 << 20, 'x');
  for (size_t i = 0; i < big.size(); i += 4096) big[i] = static_cast<char>('a' + i / 4096 % 26);
  server_.reading = false;
  client_.Send(big);
  // With a reader that does not read, the transport keeps at most one flush and says so.
  Settle(loop_);
  EXPECT_TRUE(client_.transport->blocked());
  EXPECT_FALSE(client_.outbox.empty());
  server_.reading = true;
  server_.ReadAll();
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox.size() == big.size(); }));
  EXPECT_EQ(server_.inbox, big);
  EXPECT_GT(client_.writable_calls, 0);
  EXPECT_FALSE(client_.transport->blocked());
}

TEST_F(TransportTest, ShutdownSendsWhatIsKeptFirst) {
  ConnectTcpPair();
  server_.reading = false;
  const std::string big(8 << 20, 'k');
  while (!client_.transport->blocked()) client_.Send(std::string(OutBuffer::kSize, 'k'));
  const size_t left = client_.outbox.size();
  client_.outbox.clear();
  client_.transport->ShutdownWrite();
  server_.reading = true;
  server_.ReadAll();
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.eof; }));
  EXPECT_EQ(server_.inbox.size() % OutBuffer::kSize, 0u) << "nothing of a flush was lost, " << left << " unsent";
  EXPECT_FALSE(client_.eof) << "the other direction stays open";
}

TEST_F(TransportTest, AbortLooksLikeAReset) {
  ConnectTcpPair();
  client_.transport->Abort();
  client_.transport.reset();
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.failed; }));
  EXPECT_FALSE(server_.eof);
}

// ---- TLS -----------------------------------------------------------------------------------------------------------

// A self-signed certificate in files, of either kind of key.
class Identity {
 public:
  Identity(const std::string& name, bool rsa) {
    if (!rsa) {
      EXPECT_TRUE(MakeSelfSigned({name}, &pair.certificate_file, &pair.key_file));
    } else {
      MakeRsa(name);
    }
    pair.inline_pem = true;
    char path[] = "/tmp/meridian-test-ca-XXXXXX";
    const int fd = mkstemp(path);
    ca_file = path;
    EXPECT_EQ(write(fd, pair.certificate_file.data(), pair.certificate_file.size()),
              static_cast<ssize_t>(pair.certificate_file.size()));
    close(fd);
  }
  ~Identity() { unlink(ca_file.c_str()); }
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  PemPair pair;
  std::string ca_file;

 private:
  void MakeRsa(const std::string& name) {
    EVP_PKEY* key = EVP_RSA_gen(2048);
    X509* cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
    X509_add_ext(cert, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(cert, key, EVP_sha256());
    const auto text = [](const std::function<int(BIO*)>& print) {
      BIO* bio = BIO_new(BIO_s_mem());
      EXPECT_EQ(print(bio), 1);
      char* data = nullptr;
      const long n = BIO_get_mem_data(bio, &data);
      std::string out(data, static_cast<size_t>(n));
      BIO_free(bio);
      return out;
    };
    pair.certificate_file = text([&](BIO* b) { return PEM_write_bio_X509(b, cert); });
    pair.key_file =
        text([&](BIO* b) { return PEM_write_bio_PrivateKey(b, key, nullptr, nullptr, 0, nullptr, nullptr); });
    X509_free(cert);
    EVP_PKEY_free(key);
  }
};

class TlsTransportTest : public TransportTest {
 protected:
  void Serve(std::vector<PemPair> pairs, const TlsServerOptions& options = {}) {
    std::string problem;
    context_ = TlsServerContext::Make(pairs, options, &problem);
    ASSERT_TRUE(context_) << problem;
  }
  // True: both sides are through the handshake.
  bool Handshake(const std::string& name, const std::string& ca_file, bool verify = true, bool http2 = true) {
    std::string problem;
    trust_ = TlsClientContext::Make(ca_file, verify, http2, &problem);
    EXPECT_TRUE(trust_) << problem;
    Error failed;
    client_.transport = ConnectTls(loop_, address_, *trust_, name, client_, &failed);
    server_.transport = AcceptTls(loop_, TakeAccepted(), context_, server_);
    EXPECT_TRUE(RunUntil(loop_, [&] { return (client_.ready && server_.ready) || client_.error || server_.error; }));
    return client_.ready && server_.ready;
  }
  // A client of another make, blocking in the test's own steps: for what ours would never offer.
  struct RawClient {
    ~RawClient() {
      SSL_free(ssl);
      SSL_CTX_free(ctx);
      if (fd >= 0) close(fd);
    }
    SSL_CTX* ctx = SSL_CTX_new(TLS_client_method());
    SSL* ssl = nullptr;
    int fd = -1;
  };
  bool RawHandshake(RawClient& raw) {
    Error problem;
    raw.fd = StartConnect(address_, &problem);
    raw.ssl = SSL_new(raw.ctx);
    SSL_set_fd(raw.ssl, raw.fd);
    SSL_set_connect_state(raw.ssl);
    server_.transport = AcceptTls(loop_, TakeAccepted(), context_, server_);
    int rc = -1;
    EXPECT_TRUE(RunUntil(loop_, [&] {
      rc = SSL_do_handshake(raw.ssl);
      return rc == 1 || SSL_get_error(raw.ssl, rc) != SSL_ERROR_WANT_READ;
    }));
    if (rc == 1) {
      EXPECT_TRUE(RunUntil(loop_, [&] { return server_.ready || server_.error; }));
    }
    return rc == 1 && server_.ready;
  }
  static int KeyType(RawClient& raw) {
    X509* cert = SSL_get1_peer_certificate(raw.ssl);
    const int type = EVP_PKEY_get_base_id(X509_get0_pubkey(cert));
    X509_free(cert);
    return type;
  }

  std::shared_ptr<const TlsServerContext> context_;
  std::unique_ptr<TlsClientContext> trust_;
};

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
}

TEST_F(TlsTransportTest, ACertificateOfAnUnknownAuthorityIsRefusedUnlessVerificationIsOff) {
  const Identity shop("shop.example", false), other("other.example", false);
  Serve({shop.pair});
  EXPECT_FALSE(Handshake("shop.example", other.ca_file));
  EXPECT_EQ(client_.error.code, ErrorCode::kTlsFailed);
}

TEST_F(TlsTransportTest, WithoutVerificationAnyCertificateIsTaken) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  EXPECT_TRUE(Handshake("10.1.2.3", "", false));
}

TEST_F(TlsTransportTest, TheNameOfTheClientChoosesTheCertificate) {
  const Identity first("first.example", false), exact("shop.example", false), wild("*.shop.example", false);
  Serve({first.pair, wild.pair, exact.pair});
  const auto subject = [&](const char* sni) {
    RawClient raw;
    std::string cn = "no handshake";
    server_.transport.reset();
    server_.ready = false;
    Error problem;
    raw.fd = StartConnect(address_, &problem);
    raw.ssl = SSL_new(raw.ctx);
    if (*sni) SSL_ctrl(raw.ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(sni));
    SSL_set_fd(raw.ssl, raw.fd);
    SSL_set_connect_state(raw.ssl);
    server_.transport = AcceptTls(loop_, TakeAccepted(), context_, server_);
    int rc = -1;
    if (!RunUntil(loop_, [&] { return (rc = SSL_do_handshake(raw.ssl)) == 1; })) return cn;
    X509* cert = SSL_get1_peer_certificate(raw.ssl);
    char text[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text, sizeof text);
    X509_free(cert);
    return std::string(text);
  };
  EXPECT_EQ(subject("shop.example"), "shop.example");
  EXPECT_EQ(subject("SHOP.example"), "shop.example");
  EXPECT_EQ(subject("a.shop.example"), "*.shop.example");
  EXPECT_EQ(subject("a.b.shop.example"), "first.example") << "a wildcard stands for one label";
  EXPECT_EQ(subject("unknown.example"), "first.example");
  EXPECT_EQ(subject(""), "first.example");
}

TEST_F(TlsTransportTest, ClientsGetTheKindOfCertificateTheyUnderstand) {
  const Identity ecdsa("shop.example", false), rsa("shop.example", true);
  Serve({ecdsa.pair, rsa.pair});
  {
    RawClient modern;
    ASSERT_TRUE(RawHandshake(modern));
    EXPECT_EQ(KeyType(modern), EVP_PKEY_EC);
  }
  server_.transport.reset();
  server_.ready = false;
  RawClient old;
  SSL_CTX_set1_sigalgs_list(old.ctx, "RSA+SHA256:RSA-PSS+SHA256");
  ASSERT_TRUE(RawHandshake(old));
  EXPECT_EQ(KeyType(old), EVP_PKEY_RSA);
}

TEST_F(TlsTransportTest, AClientWithoutACommonProtocolFailsInTheHandshake) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  RawClient raw;
  SSL_CTX_set_alpn_protos(raw.ctx,
                          reinterpret_cast<const unsigned char*>("\x03"
                                                                 "foo"),
                          4);
  static int alert = 0;
  SSL_CTX_set_info_callback(raw.ctx, [](const SSL*, int where, int value) {
    if (where & SSL_CB_READ_ALERT) alert = value & 0xff;
  });
  EXPECT_FALSE(RawHandshake(raw));
  EXPECT_EQ(alert, SSL_AD_NO_APPLICATION_PROTOCOL) << "RFC 7301 §3.2";
}

TEST_F(TlsTransportTest, AClientWithoutAlpnIsServed) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  RawClient raw;
  ASSERT_TRUE(RawHandshake(raw));
  EXPECT_EQ(server_.transport->alpn(), Alpn::kNone);
}

TEST_F(TlsTransportTest, OldVersionsOfTlsAreRefused) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  RawClient raw;
  SSL_CTX_set_security_level(raw.ctx, 0);
  SSL_CTX_set_max_proto_version(raw.ctx, TLS1_1_VERSION);
  SSL_CTX_set_min_proto_version(raw.ctx, TLS1_VERSION);
  EXPECT_FALSE(RawHandshake(raw));
  EXPECT_TRUE(RunUntil(loop_, [&] { return bool(server_.error); }));
  EXPECT_EQ(server_.error.fault, Fault::kClient);
}

TEST_F(TlsTransportTest, Tls12IsServed) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  RawClient raw;
  SSL_CTX_set_max_proto_version(raw.ctx, TLS1_2_VERSION);
  EXPECT_TRUE(RawHandshake(raw));
}

TEST_F(TlsTransportTest, AListenerMayAskForTls13) {
  const Identity shop("shop.example", false);
  Serve({shop.pair}, {.min_version = TlsVersion::kTls13});
  {
    RawClient raw;
    EXPECT_TRUE(RawHandshake(raw));
  }
  server_.transport.reset();
  server_.ready = false;
  RawClient raw;
  SSL_CTX_set_max_proto_version(raw.ctx, TLS1_2_VERSION);
  EXPECT_FALSE(RawHandshake(raw));
}

TEST_F(TlsTransportTest, AListenerMayChooseItsCiphersInItsOwnOrder) {
  const Identity shop("shop.example", false);
  Serve({shop.pair}, {.ciphers = {"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"},
                      .ciphersuites = {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"}});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    server_.transport.reset();
    server_.ready = false;
    RawClient raw;
    SSL_CTX_set_max_proto_version(raw.ctx, version);
    SSL_CTX_set_cipher_list(raw.ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384");
    SSL_CTX_set_ciphersuites(raw.ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384");
    ASSERT_TRUE(RawHandshake(raw));
    EXPECT_EQ(SSL_CIPHER_get_bits(SSL_get_current_cipher(raw.ssl), nullptr), 256);
  }
}

TEST(TlsContextTest, EveryCipherThatIsUsedByDefaultMayBeNamed) {
  for (const char* name : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"}) {
    EXPECT_EQ(CheckTlsCipher(name, TlsVersion::kTls12), "") << name;
    EXPECT_NE(CheckTlsCipher(name, TlsVersion::kTls13), "") << name;
  }
  for (const char* name : {"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}) {
    EXPECT_EQ(CheckTlsCipher(name, TlsVersion::kTls13), "") << name;
    EXPECT_NE(CheckTlsCipher(name, TlsVersion::kTls12), "") << name;
  }
}

TEST(TlsContextTest, WeakCiphersMayNotBeNamed) {
  for (const char* name :
       {"AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256", "NULL-SHA256",
        "ADH-AES128-GCM-SHA256", "ALL", "", "ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA"}) {
    EXPECT_NE(CheckTlsCipher(name, TlsVersion::kTls12), "") << name;
  }
}

TEST_F(TlsTransportTest, TheSecretsOfAConnectionAreLoggedOnlyWhereTheyAreAskedFor) {
  const Identity shop("shop.example", false);
  const std::string path = shop.ca_file + ".keys";
  std::string problem;
  Serve({shop.pair}, {.key_log = TlsKeyLog::Open(path, &problem)});
  RawClient raw;
  ASSERT_TRUE(RawHandshake(raw)) << problem;
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(text.find("CLIENT_TRAFFIC_SECRET_0 "), std::string::npos) << text;
  EXPECT_EQ(text.back(), '\n');
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u) << "whoever reads it can read the traffic";
  unlink(path.c_str());
  EXPECT_FALSE(TlsKeyLog::Open("/nowhere/keys", &problem));
  EXPECT_NE(problem.find("/nowhere/keys"), std::string::npos);
}

TEST_F(TlsTransportTest, NothingIsTakenBeforeTheHandshakeIsOver) {
  // 0-RTT: what is sent early can be sent again by anybody who saw it. No ticket invites to it.
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  RawClient raw;
  static long early = -1;
  SSL_CTX_set_session_cache_mode(raw.ctx, SSL_SESS_CACHE_CLIENT);
  SSL_CTX_sess_set_new_cb(raw.ctx, [](SSL*, SSL_SESSION* session) {
    early = SSL_SESSION_get_max_early_data(session);
    return 0;
  });
  ASSERT_TRUE(RawHandshake(raw));
  char byte = 0;
  EXPECT_TRUE(RunUntil(loop_, [&] {
    SSL_read(raw.ssl, &byte, 1);
    return early >= 0;
  }));
  EXPECT_EQ(early, 0);
}

TEST_F(TlsTransportTest, ManyMegabytesArriveWholeWithBackPressure) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  ASSERT_TRUE(Handshake("shop.example", shop.ca_file));
  std::string big(8 << 20, 'x');
  for (size_t i = 0; i < big.size(); i += 1000) big[i] = static_cast<char>('a' + i / 1000 % 26);
  server_.reading = false;
  client_.Send(big);
  Settle(loop_);
  EXPECT_TRUE(client_.transport->blocked());
  EXPECT_FALSE(client_.outbox.empty());
  server_.reading = true;
  server_.ReadAll();
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox.size() == big.size(); }));
  EXPECT_TRUE(server_.inbox == big);
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

TEST_F(TlsTransportTest, GarbageInsteadOfAHandshakeFailsAndIsTheClientsFault) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  Error problem;
  const int raw = StartConnect(address_, &problem);
  server_.transport = AcceptTls(loop_, TakeAccepted(), context_, server_);
  const std::string_view garbage = "GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n";
  ASSERT_EQ(send(raw, garbage.data(), garbage.size(), 0), static_cast<ssize_t>(garbage.size()));
  EXPECT_TRUE(RunUntil(loop_, [&] { return bool(server_.error); }));
  EXPECT_EQ(server_.error.code, ErrorCode::kTlsFailed);
  EXPECT_EQ(server_.error.fault, Fault::kClient);
  close(raw);
}

TEST(TlsContextTest, ErrorsNameTheFileThatCannotBeUsed) {
  std::string problem;
  EXPECT_FALSE(TlsServerContext::Make({{"/nowhere/cert.pem", "/nowhere/key.pem", false}}, {}, &problem));
  EXPECT_NE(problem.find("/nowhere/cert.pem"), std::string::npos) << problem;
  EXPECT_FALSE(TlsClientContext::Make("/nowhere/ca.pem", true, false, &problem));
  EXPECT_NE(problem.find("/nowhere/ca.pem"), std::string::npos) << problem;
}

TEST(TlsContextTest, AKeyOfAnotherCertificateIsRefused) {
  const Identity a("a.example", false), b("b.example", false);
  std::string problem;
  EXPECT_FALSE(TlsServerContext::Make({{a.pair.certificate_file, b.pair.key_file, true}}, {}, &problem));
  EXPECT_NE(problem.find("does not belong"), std::string::npos) << problem;
}

}  // namespace
}  // namespace meridian
