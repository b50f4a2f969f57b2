// Certificates, trust and TLS policy: immutable after construction, shared by all threads.
//
// Server: TLS 1.2 and 1.3, AEAD suites with forward secrecy only, AES-128-GCM first; ALPN h2 then http/1.1 (no overlap:
// the handshake fails, RFC 7301 §3.2); certificates chosen by SNI, exact name before wildcard before the first
// certificate; an ECDSA and an RSA certificate for the same names serve side by side. No renegotiation, no compression,
// no 0-RTT.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace meridian {

struct PemPair {
  std::string certificate_file, key_file;  // or, when `inline_pem`, the PEM texts themselves
  bool inline_pem = false;
};

class TlsServerContext {
 public:
  // Null and *error with a sentence naming the file when a certificate or key can't be used.
  static std::unique_ptr<TlsServerContext> Make(const std::vector<PemPair>& certificates, std::string* error);
  ~TlsServerContext();
  ssl_st* NewSession() const;

 private:
  TlsServerContext() = default;
  using CtxPtr = std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)>;
  static int OnServerName(ssl_st* ssl, int* alert, void* self);
  ssl_ctx_st* Find(std::string_view name) const;
  std::vector<CtxPtr> contexts_;
  std::vector<std::pair<std::string, ssl_ctx_st*>> names_;  // lower case, exact or "*.suffix"
};

class TlsClientContext {
 public:
  // `ca_file` empty: the system's store. `http2`: ALPN offers h2 only, else http/1.1 only.
  static std::unique_ptr<TlsClientContext> Make(const std::string& ca_file, bool verify, bool http2,
                                                std::string* error);
  ~TlsClientContext();
  // Null when out of memory. `server_name`: SNI (unless an IP literal) and the name to verify.
  ssl_st* NewSession(const std::string& server_name) const;

 private:
  TlsClientContext() = default;
  ssl_ctx_st* context_ = nullptr;
  bool verify_ = true;
};

// A self-signed P-256 certificate for these names, valid 30 days; for the demo. PEM texts.
bool MakeSelfSigned(const std::vector<std::string>& names, std::string* certificate_pem, std::string* key_pem);

// The first line of OpenSSL's error queue, which is emptied.
std::string DrainTlsErrors();

}  // namespace meridian
