// TLS towards origins: immutable after construction, shared by all threads. Towards clients: tls_server_context.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace meridian {

struct PemPair {
  std::string certificate_file, key_file;  // or, when `inline_pem`, the PEM texts themselves
  bool inline_pem = false;
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
