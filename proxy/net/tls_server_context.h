// TLS towards clients: certificates, versions and suites of one listener. Immutable after construction, shared by all
// threads; what changes is a new context that takes the old one's place, while connections keep theirs.
//
// TLS 1.2 and 1.3, AEAD suites with forward secrecy only, AES-128-GCM first; ALPN h2 then http/1.1 (no overlap: the
// handshake fails, RFC 7301 §3.2); certificates chosen by SNI, exact name before wildcard before the first
// certificate; an ECDSA and an RSA certificate for the same names serve side by side. Sessions are resumed by tickets.
// No renegotiation, no compression, no 0-RTT.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/ocsp_response.h"
#include "net/tls_context.h"
#include "net/tls_tickets.h"

namespace meridian {

enum class ClientCertificate : uint8_t { kRequired, kOptional };

enum class TlsVersion : uint8_t { kTls12, kTls13 };

// The secrets of sessions, in the format that packet analysers read. Thread-safe.
class TlsKeyLog {
 public:
  // Appends to `path`, which only its owner may read. Null and *error.
  static std::shared_ptr<const TlsKeyLog> Open(const std::string& path, std::string* error);
  ~TlsKeyLog();
  void Write(std::string_view line) const;

 private:
  explicit TlsKeyLog(int fd) : fd_(fd) {}
  const int fd_;
};

struct TlsServerOptions {
  TlsVersion min_version = TlsVersion::kTls12;
  // Most wanted first, as OpenSSL names them; empty: the defaults. REQUIRES: CheckTlsCipher has nothing to say.
  std::vector<std::string> ciphers{};       // TLS 1.2
  std::vector<std::string> ciphersuites{};  // TLS 1.3
  // PEM; empty: clients are not asked for certificates. One that is shown must verify, whether or not it is required.
  std::string client_ca_file{};
  ClientCertificate client_certificate = ClientCertificate::kRequired;
  bool forward_client_certificate = false;  // ForwardedCertificate says it
  std::shared_ptr<const TlsKeyLog> key_log{};
  std::shared_ptr<const TicketKeys> tickets{};  // null: keys of the context's own
};

// What is wrong with this name of a cipher of TLS 1.2, or of a cipher suite of TLS 1.3; or nothing. Only ephemeral keys
// and AEAD: what else HTTP/2 forbids (RFC 9113 §9.2.2), and HTTP/1.1 has no need of.
std::string CheckTlsCipher(const std::string& name, TlsVersion version);

class TlsServerContext {
 public:
  // Null and *error with a sentence naming the file when a certificate or key can't be used.
  static std::shared_ptr<const TlsServerContext> Make(const std::vector<PemPair>& certificates,
                                                      const TlsServerOptions& options, std::string* error);
  ~TlsServerContext();
  // The same with other keys of tickets. Cheap.
  std::shared_ptr<const TlsServerContext> WithTickets(std::shared_ptr<const TicketKeys> tickets) const;
  // CheckOcspResponse for the certificate of pair `index`.
  std::shared_ptr<const OcspResponse> CheckOcsp(size_t index, std::string der, std::string* error) const;
  bool MustStaple(size_t index) const;
  // One per pair, null: none. Clients that ask get the one of the certificate that they are shown.
  using OcspResponses = std::vector<std::shared_ptr<const OcspResponse>>;
  // The same with other responses, which CheckOcsp made. Cheap.
  std::shared_ptr<const TlsServerContext> WithOcsp(OcspResponses responses) const;
  struct Expiry {
    std::string file;  // empty: it came from no file
    int64_t unix_s = 0;
  };
  std::vector<Expiry> Expiries() const;  // of the certificates, in order
  // The client came for one of our certificates, but `host` (lower case, no port) belongs to another one and is not
  // covered by the one that it was shown (RFC 9110 §15.5.20). Never with a single certificate, nor for a host that none
  // of them has. `session` is one of ours.
  bool Misdirected(const ssl_st* session, std::string_view host) const;
  // The client's certificate as RFC 9440 §2 writes it, ":base64 of DER:"; empty without one or if it is not wanted.
  // `session` is one of ours, and ready.
  std::string ForwardedCertificate(const ssl_st* session) const;
  // Null when out of memory. The context must outlive the session.
  ssl_st* NewSession() const;

 private:
  struct Callbacks;  // of OpenSSL
  struct Store;      // what takes time to make
  TlsServerContext(std::shared_ptr<const Store> store, std::shared_ptr<const TicketKeys> tickets,
                   OcspResponses responses)
      : store_(std::move(store)), tickets_(std::move(tickets)), responses_(std::move(responses)) {}
  ssl_ctx_st* Find(std::string_view name) const;
  const std::shared_ptr<const Store> store_;
  // Not in the SSL_CTX, which nothing may change once it is shared.
  const std::shared_ptr<const TicketKeys> tickets_;
  const OcspResponses responses_;
};

}  // namespace meridian
