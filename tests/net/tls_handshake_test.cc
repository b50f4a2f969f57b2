// What a listener and its clients settle before the first byte: certificates, versions, ciphers, protocols.
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "net/tls_transport_fixture.h"

namespace meridian {
namespace {

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

TEST_F(TlsTransportTest, AClientThatOffersHttp10SpeaksHttp1) {
  const Identity shop("shop.example", false);
  Serve({shop.pair});
  RawClient raw;
  SSL_CTX_set_alpn_protos(raw.ctx, reinterpret_cast<const unsigned char*>("\x08http/1.0"), 9);
  ASSERT_TRUE(RawHandshake(raw));
  EXPECT_EQ(server_.transport->alpn(), Alpn::kHttp11);
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

}  // namespace
}  // namespace meridian
