// One TCP or TLS connection as bytes, every call with a deadline. The raw client of byte-level tests, and the transport
// of the small HTTP/1.1 client and the scripted origin. One thread at a time, except Abort().
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "support/deadline.h"
#include "support/sockets.h"

struct ssl_st;
struct ssl_ctx_st;

namespace meridian::testing {

struct TlsClientOptions {
  std::string ca_file{};      // empty: the certificate is not verified
  std::string server_name{};  // SNI and the name to verify
  std::string alpn = "http/1.1";
  std::string signature_algorithms{};  // "ECDSA+SHA256" or "RSA-PSS+SHA256" asks for that kind of certificate
};

// Shared by the connections of one client; thread-safe after construction.
class TlsClientContext {
 public:
  explicit TlsClientContext(TlsClientOptions options);
  ~TlsClientContext();
  const TlsClientOptions& options() const { return options_; }
  ssl_ctx_st* get() const { return context_; }

 private:
  TlsClientOptions options_;
  ssl_ctx_st* context_;
};

enum class ReadEnd { kData, kEof, kReset, kTimeout };

class Connection {
 public:
  explicit Connection(UniqueFd fd);  // connected, from accept
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // To 127.0.0.1:port. Null when refused or when the handshake fails. `tls` null: cleartext.
  static std::unique_ptr<Connection> Open(uint16_t port, const TlsClientContext* tls = nullptr, Millis limit = 5s);

  // False if the peer closed or the deadline passed.
  bool Send(std::string_view bytes, const Deadline& deadline);
  // Appends what arrives next (at least one byte when kData).
  ReadEnd Read(std::string* out, const Deadline& deadline);
  // Everything until the peer ends the connection, or the deadline.
  ReadEnd ReadToEnd(std::string* out, const Deadline& deadline);

  void ShutdownWrite();
  void CloseWithReset();
  void Close();
  // Wakes a thread that waits in Read or Send and makes every later call fail. The only call for other threads.
  void Abort();

  std::string alpn() const;
  std::string peer_key_type() const;  // "EC", "RSA", empty without TLS
  int fd() const { return fd_.get(); }

 private:
  bool Handshake(const TlsClientContext& tls, const Deadline& deadline);
  bool WaitFor(short events, const Deadline& deadline) const;
  // What to wait for after `result` of an SSL call; 0: the connection failed.
  short TlsWants(int result) const;
  ReadEnd ReadTls(char* buffer, size_t size, size_t* got, const Deadline& deadline);
  ReadEnd ReadPlain(char* buffer, size_t size, size_t* got, const Deadline& deadline);
  long WriteSome(std::string_view bytes, const Deadline& deadline);

  std::mutex close_mutex_;  // so that Abort() never meets a descriptor that was closed and given to someone else
  UniqueFd fd_;
  ssl_st* ssl_ = nullptr;
};

}  // namespace meridian::testing
