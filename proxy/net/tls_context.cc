#include "net/tls_context.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/tls_certificate.h"

namespace meridian {
namespace {

constexpr unsigned char kH2Only[] = "\x02h2";
constexpr unsigned char kHttp11Only[] = "\x08http/1.1";

}  // namespace

// ---- client --------------------------------------------------------------------------------------------------------

TlsClientContext::~TlsClientContext() { SSL_CTX_free(context_); }

std::unique_ptr<TlsClientContext> TlsClientContext::Make(const std::string& ca_file, bool verify, bool http2,
                                                         std::string* error) {
  std::unique_ptr<TlsClientContext> self(new TlsClientContext);
  self->verify_ = verify;
  SSL_CTX* ctx = self->context_ = SSL_CTX_new(TLS_client_method());
  if (!ctx) {
    *error = "cannot make a TLS context: " + DrainTlsErrors();
    return nullptr;
  }
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  const auto* alpn = http2 ? kH2Only : kHttp11Only;
  SSL_CTX_set_alpn_protos(ctx, alpn, static_cast<unsigned>(http2 ? sizeof kH2Only - 1 : sizeof kHttp11Only - 1));
  SSL_CTX_set_verify(ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!verify) return self;
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(ctx) == 1) return self;
    *error = "cannot read CA certificates from the system's store: " + DrainTlsErrors();
    return nullptr;
  }
  std::vector<X509Ptr> authorities;
  std::string text;
  if (!ReadAuthorities(ca_file, &authorities, &text, error)) return nullptr;
  for (const X509Ptr& ca : authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.get()) == 1) continue;
    *error = "cannot use the CA certificates from " + ca_file + ": " + DrainTlsErrors();
    return nullptr;
  }
  return self;
}

ssl_st* TlsClientContext::NewSession(const std::string& server_name) const {
  SSL* ssl = SSL_new(context_);
  if (!ssl) return nullptr;
  unsigned char ip[16];
  const bool literal =
      inet_pton(AF_INET, server_name.c_str(), ip) == 1 || inet_pton(AF_INET6, server_name.c_str(), ip) == 1;
  if (literal) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, server_name.c_str());
    if (verify_) SSL_set1_host(ssl, server_name.c_str());
  }
  SSL_set_connect_state(ssl);
  return ssl;
}

// ---- self-signed ---------------------------------------------------------------------------------------------------

bool MakeSelfSigned(const std::vector<std::string>& names, std::string* certificate_pem, std::string* key_pem) {
  KeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr cert(X509_new());
  if (!key || !cert || names.empty()) return false;
  X509_set_version(cert.get(), X509_VERSION_3);
  unsigned char serial_bytes[8];
  if (RAND_bytes(serial_bytes, sizeof serial_bytes) != 1) return false;
  serial_bytes[0] &= 0x7f;
  uint64_t serial = 0;
  for (unsigned char b : serial_bytes) serial = serial << 8 | b;
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 30L * 24 * 3600);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(names[0].c_str()), -1,
                             -1, 0);
  X509_set_issuer_name(cert.get(), subject);
  std::string sans;
  for (const auto& name : names) {
    unsigned char ip[16];
    const bool is_ip = inet_pton(AF_INET, name.c_str(), ip) == 1 || inet_pton(AF_INET6, name.c_str(), ip) == 1;
    sans += (sans.empty() ? "" : ",") + std::string(is_ip ? "IP:" : "DNS:") + name;
  }
  X509V3_CTX v3;
  X509V3_set_ctx_nodb(&v3);
  X509V3_set_ctx(&v3, cert.get(), cert.get(), nullptr, nullptr, 0);
  for (const auto& [nid, value] :
       {std::pair{NID_subject_alt_name, sans}, {NID_basic_constraints, std::string("CA:TRUE")}}) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &v3, nid, value.c_str());
    if (!extension) return false;
    X509_add_ext(cert.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  if (X509_sign(cert.get(), key.get(), EVP_sha256()) == 0) return false;
  const auto text = [](BIO* bio) {
    char* data = nullptr;
    const long n = BIO_get_mem_data(bio, &data);
    return std::string(data, static_cast<size_t>(n));
  };
  BioPtr c(BIO_new(BIO_s_mem())), k(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(c.get(), cert.get()) != 1) return false;
  if (PEM_write_bio_PrivateKey(k.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) return false;
  *certificate_pem = text(c.get());
  *key_pem = text(k.get());
  return true;
}

}  // namespace meridian
