#include "support/connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "support/harness_error.h"

namespace meridian::testing {

TlsClientContext::TlsClientContext(TlsClientOptions options)
    : options_(std::move(options)), context_(SSL_CTX_new(TLS_client_method())) {
  if (!context_) throw HarnessError("SSL_CTX_new");
  if (!options_.ca_file.empty()) {
    if (SSL_CTX_load_verify_locations(context_, options_.ca_file.c_str(), nullptr) != 1) {
      throw HarnessError("cannot load " + options_.ca_file);
    }
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  }
  if (!options_.signature_algorithms.empty() &&
      SSL_CTX_set1_sigalgs_list(context_, options_.signature_algorithms.c_str()) != 1) {
    throw HarnessError("unknown signature algorithm " + options_.signature_algorithms);
  }
}

TlsClientContext::~TlsClientContext() { SSL_CTX_free(context_); }

Connection::Connection(UniqueFd fd) : fd_(std::move(fd)) {
  SetNonBlocking(fd_.get());
  SetNoDelay(fd_.get());
}

Connection::~Connection() { Close(); }

std::unique_ptr<Connection> Connection::Open(uint16_t port, const TlsClientContext* tls, Millis limit) {
  const Deadline deadline(limit);
  UniqueFd fd = ConnectTo(port);
  if (!fd) return nullptr;
  auto connection = std::make_unique<Connection>(std::move(fd));
  if (tls && !connection->Handshake(*tls, deadline)) return nullptr;
  return connection;
}

bool Connection::Handshake(const TlsClientContext& tls, const Deadline& deadline) {
  ssl_ = SSL_new(tls.get());
  SSL_set_fd(ssl_, fd_.get());
  const TlsClientOptions& options = tls.options();
  if (!options.server_name.empty()) {
    // The macro SSL_set_tlsext_host_name hides an old-style cast.
    SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(options.server_name.c_str()));
    SSL_set1_host(ssl_, options.server_name.c_str());
  }
  if (!options.alpn.empty()) {
    std::string wire(1, static_cast<char>(options.alpn.size()));
    wire += options.alpn;
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(wire.data()), static_cast<unsigned>(wire.size()));
  }
  for (int result = SSL_connect(ssl_); result != 1; result = SSL_connect(ssl_)) {
    const short wants = TlsWants(result);
    if (wants == 0 || !WaitFor(wants, deadline)) return false;
  }
  return true;
}

bool Connection::WaitFor(short events, const Deadline& deadline) const {
  pollfd ready{.fd = fd_.get(), .events = events, .revents = 0};
  while (true) {
    const int count = poll(&ready, 1, deadline.poll_timeout());
    if (count > 0) return true;
    if (deadline.passed() || (count < 0 && errno != EINTR)) return false;
  }
}

short Connection::TlsWants(int result) const {
  const int error = SSL_get_error(ssl_, result);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_READ) return POLLIN;
  if (error == SSL_ERROR_WANT_WRITE) return POLLOUT;
  return 0;
}

long Connection::WriteSome(std::string_view bytes, const Deadline& deadline) {
  while (true) {
    short wants = POLLOUT;
    if (ssl_) {
      const int written = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      if (written > 0) return written;
      wants = TlsWants(written);
    } else {
      const ssize_t written = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (written >= 0) return written;
      if (errno != EAGAIN && errno != EINTR) wants = 0;
    }
    if (wants == 0 || !WaitFor(wants, deadline)) return -1;
  }
}

bool Connection::Send(std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    // A bounded piece per call: SSL_write must be repeated with the very same piece after WANT_WRITE.
    const long written = WriteSome(bytes.substr(0, 16 * 1024), deadline);
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

ReadEnd Connection::ReadPlain(char* buffer, size_t size, size_t* got, const Deadline& deadline) {
  while (true) {
    const ssize_t count = recv(fd_.get(), buffer, size, 0);
    if (count > 0) {
      *got = static_cast<size_t>(count);
      return ReadEnd::kData;
    }
    if (count == 0) return ReadEnd::kEof;
    if (errno != EAGAIN && errno != EINTR) return ReadEnd::kReset;
    if (!WaitFor(POLLIN, deadline)) return ReadEnd::kTimeout;
  }
}

ReadEnd Connection::ReadTls(char* buffer, size_t size, size_t* got, const Deadline& deadline) {
  while (true) {
    const int count = SSL_read(ssl_, buffer, static_cast<int>(size));
    if (count > 0) {
      *got = static_cast<size_t>(count);
      return ReadEnd::kData;
    }
    const int error = SSL_get_error(ssl_, count);
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN) return ReadEnd::kEof;
    // Without close_notify the end may be an attacker's: a cut, not an end.
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return ReadEnd::kReset;
    if (!WaitFor(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) return ReadEnd::kTimeout;
  }
}

ReadEnd Connection::Read(std::string* out, const Deadline& deadline) {
  char buffer[16 * 1024];
  size_t got = 0;
  const ReadEnd end =
      ssl_ ? ReadTls(buffer, sizeof(buffer), &got, deadline) : ReadPlain(buffer, sizeof(buffer), &got, deadline);
  out->append(buffer, got);
  return end;
}

ReadEnd Connection::ReadToEnd(std::string* out, const Deadline& deadline) {
  ReadEnd end = ReadEnd::kData;
  while (end == ReadEnd::kData) end = Read(out, deadline);
  return end;
}

void Connection::ShutdownWrite() {
  if (ssl_) SSL_shutdown(ssl_);
  shutdown(fd_.get(), SHUT_WR);
}

void Connection::CloseWithReset() {
  const std::lock_guard lock(close_mutex_);
  if (ssl_) SSL_free(std::exchange(ssl_, nullptr));
  fd_.CloseWithReset();
}

void Connection::Close() {
  const std::lock_guard lock(close_mutex_);
  if (ssl_) SSL_free(std::exchange(ssl_, nullptr));
  fd_.Close();
}

void Connection::Abort() {
  const std::lock_guard lock(close_mutex_);
  if (fd_) shutdown(fd_.get(), SHUT_RDWR);
}

std::string Connection::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  if (ssl_) SSL_get0_alpn_selected(ssl_, &name, &length);
  return std::string(reinterpret_cast<const char*>(name), length);
}

std::string Connection::peer_key_type() const {
  X509* certificate = ssl_ ? SSL_get0_peer_certificate(ssl_) : nullptr;
  if (!certificate) return "";
  return EVP_PKEY_get0_type_name(X509_get0_pubkey(certificate));
}

}  // namespace meridian::testing
