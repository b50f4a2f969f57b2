#include "net/tls_context.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>

namespace meridian {
namespace {

constexpr unsigned char kServerAlpn[] = "\x02h2\x08http/1.1";
constexpr unsigned char kH2Only[] = "\x02h2";
constexpr unsigned char kHttp11Only[] = "\x08http/1.1";
constexpr char kTls12Ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kTls13Ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

template <typename T, void (*F)(T*)>
struct Free {
  void operator()(T* p) const { F(p); }
};
using X509Ptr = std::unique_ptr<X509, Free<X509, X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
struct BioFree {
  void operator()(BIO* p) const { BIO_free_all(p); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;

std::string Lower(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

BioPtr OpenPem(const std::string& file_or_text, bool is_text) {
  return BioPtr(is_text ? BIO_new_mem_buf(file_or_text.data(), static_cast<int>(file_or_text.size()))
                        : BIO_new_file(file_or_text.c_str(), "r"));
}

struct Certificate {
  X509Ptr leaf;
  std::vector<X509Ptr> chain;
  KeyPtr key;
  std::vector<std::string> names;
};

std::vector<std::string> NamesOf(X509* leaf) {
  std::vector<std::string> names;
  auto* sans = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; sans && i < sk_GENERAL_NAME_num(sans); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(sans, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    names.push_back(Lower({text, static_cast<size_t>(ASN1_STRING_length(name->d.dNSName))}));
  }
  GENERAL_NAMES_free(sans);
  if (names.empty()) {
    char cn[256];
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, cn, sizeof cn) > 0) {
      names.push_back(Lower(cn));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// No passphrase prompts: an encrypted key is an error.
int NoPassphrase(char*, int, int, void*) { return -1; }

bool ReadCertificate(const PemPair& pair, Certificate* out, std::string* error) {
  const auto shown = [&](const std::string& f) { return pair.inline_pem ? std::string("the given PEM text") : f; };
  BioPtr bio = OpenPem(pair.certificate_file, pair.inline_pem);
  if (bio) out->leaf.reset(PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!out->leaf) {
    *error = "cannot read a certificate from " + shown(pair.certificate_file) + ": " + DrainTlsErrors();
    return false;
  }
  while (X509* more = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)) out->chain.emplace_back(more);
  BioPtr key = OpenPem(pair.key_file, pair.inline_pem);
  if (key) out->key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, NoPassphrase, nullptr));
  if (!out->key) {
    *error = "cannot read a private key from " + shown(pair.key_file) + ": " + DrainTlsErrors();
    return false;
  }
  if (X509_check_private_key(out->leaf.get(), out->key.get()) != 1) {
    *error = "the key in " + shown(pair.key_file) + " does not belong to " + shown(pair.certificate_file);
    DrainTlsErrors();
    return false;
  }
  ERR_clear_error();
  out->names = NamesOf(out->leaf.get());
  return true;
}

bool Install(SSL_CTX* ctx, const Certificate& c) {
  if (SSL_CTX_use_certificate(ctx, c.leaf.get()) != 1) return false;
  if (SSL_CTX_clear_chain_certs(ctx) != 1) return false;
  for (const auto& link : c.chain) {
    if (SSL_CTX_add1_chain_cert(ctx, link.get()) != 1) return false;
  }
  return SSL_CTX_use_PrivateKey(ctx, c.key.get()) == 1;
}

int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_len, const unsigned char* in, unsigned in_len,
               void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_len, kServerAlpn, sizeof kServerAlpn - 1, in, in_len) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

SSL_CTX* NewServerCtx() {
  SSL_CTX* ctx = SSL_CTX_new(TLS_server_method());
  if (!ctx) return nullptr;
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_cipher_list(ctx, kTls12Ciphers);
  SSL_CTX_set_ciphersuites(ctx, kTls13Ciphers);
  SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);  // tickets need no shared, locked cache
  SSL_CTX_set_num_tickets(ctx, 1);
  SSL_CTX_set_alpn_select_cb(ctx, SelectAlpn, nullptr);
  return ctx;
}

}  // namespace

std::string DrainTlsErrors() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no further detail";
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  return text;
}

// ---- server --------------------------------------------------------------------------------------------------------

TlsServerContext::~TlsServerContext() = default;

std::unique_ptr<TlsServerContext> TlsServerContext::Make(const std::vector<PemPair>& pairs, std::string* error) {
  std::unique_ptr<TlsServerContext> self(new TlsServerContext);
  std::vector<std::vector<std::string>> names_of_context;
  for (const PemPair& pair : pairs) {
    Certificate certificate;
    if (!ReadCertificate(pair, &certificate, error)) return nullptr;
    // Same names: the other key type for the same site. OpenSSL picks by the client's signature algorithms.
    const auto same = std::find(names_of_context.begin(), names_of_context.end(), certificate.names);
    SSL_CTX* ctx = nullptr;
    if (same != names_of_context.end()) {
      ctx = self->contexts_[static_cast<size_t>(same - names_of_context.begin())].get();
    } else {
      ctx = NewServerCtx();
      if (!ctx) {
        *error = "cannot make a TLS context: " + DrainTlsErrors();
        return nullptr;
      }
      self->contexts_.emplace_back(ctx, SSL_CTX_free);
      names_of_context.push_back(certificate.names);
      for (const std::string& name : certificate.names) self->names_.emplace_back(name, ctx);
    }
    if (!Install(ctx, certificate)) {
      *error =
          "cannot use " + (pair.inline_pem ? "the given PEM text" : pair.certificate_file) + ": " + DrainTlsErrors();
      return nullptr;
    }
  }
  if (self->contexts_.empty()) {
    *error = "no certificate";
    return nullptr;
  }
  SSL_CTX_set_tlsext_servername_callback(self->contexts_[0].get(), &TlsServerContext::OnServerName);
  SSL_CTX_set_tlsext_servername_arg(self->contexts_[0].get(), self.get());
  return self;
}

ssl_st* TlsServerContext::NewSession() const { return SSL_new(contexts_[0].get()); }

int TlsServerContext::OnServerName(ssl_st* ssl, int*, void* self) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  if (SSL_CTX* ctx = static_cast<TlsServerContext*>(self)->Find(name)) SSL_set_SSL_CTX(ssl, ctx);
  return SSL_TLSEXT_ERR_OK;
}

ssl_ctx_st* TlsServerContext::Find(std::string_view given) const {
  const std::string name = Lower(given);
  for (const auto& [known, ctx] : names_) {
    if (known == name) return ctx;
  }
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const std::string wildcard = "*" + name.substr(dot);
  for (const auto& [known, ctx] : names_) {
    if (known == wildcard) return ctx;
  }
  return nullptr;
}

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
  const int ok =
      ca_file.empty() ? SSL_CTX_set_default_verify_paths(ctx) : SSL_CTX_load_verify_file(ctx, ca_file.c_str());
  if (ok != 1) {
    *error = "cannot read CA certificates from " + (ca_file.empty() ? "the system's store" : ca_file) + ": " +
             DrainTlsErrors();
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
