// TLS over loopback: our client and our listener's context, or a client of another make.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/tcp_socket.h"
#include "net/transport_fixture.h"

namespace meridian {

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

}  // namespace meridian
