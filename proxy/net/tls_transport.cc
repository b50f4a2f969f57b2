// TLS through memory: OpenSSL never sees the descriptor.
//
// Why: with SSL_set_fd each record costs a system call or two. Here one recv of up to 32 KiB feeds all its records, and
// all records of a flush leave in one send. Ciphertext passes through per-thread scratch areas, so an idle connection
// owns none.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "net/tcp_socket.h"
#include "net/tls_failure.h"
#include "net/transport.h"
#include "policy/token_bucket.h"

namespace meridian {
namespace {

constexpr size_t kMaxRecord = 16 * 1024;
// Messages of TLS itself behind the handshake (KeyUpdate, NewSessionTicket) cost a derivation of keys or two and hardly
// any bytes: 1 200 fit into a read. Nobody has a reason for so many.
constexpr double kMessageBurst = 64;
constexpr double kMessagesPerSecond = 8;
// Records of one byte are 30 times their text: reading ends here even if they filled nothing.
constexpr int kRefillsPerRead = 2;

constexpr Error kClientTalksTls{ErrorCode::kProtocol, Fault::kClient, Retry::kNever, "too many messages of TLS itself"};
constexpr Error kOriginTalksTls{ErrorCode::kProtocol, Fault::kOrigin, Retry::kIfIdempotent, kClientTalksTls.what};

struct Scratch {
  Scratch() { out.reserve(OutBuffer::kSize + 4096); }
  uint8_t in[Block::kLarge + 1024];  // a full block of plaintext and its records' overhead
  std::vector<uint8_t> out;
};
Scratch& LocalScratch() {
  static thread_local Scratch scratch;
  return scratch;
}

// What the BIO reads from; its writes go to the scratch output.
struct CipherInput {
  const uint8_t* data = nullptr;
  size_t size = 0;
  bool eof = false;
};

int BioRead(BIO* bio, char* into, int capacity) {
  auto* input = static_cast<CipherInput*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (input->size == 0) {
    if (input->eof) return 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t n = std::min(static_cast<size_t>(capacity), input->size);
  std::memcpy(into, input->data, n);
  input->data += n;
  input->size -= n;
  return static_cast<int>(n);
}

int BioWrite(BIO*, const char* from, int n) {
  auto& out = LocalScratch().out;
  out.insert(out.end(), from, from + n);
  return n;
}

long BioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* ScratchBio() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "meridian scratch");
    BIO_meth_set_read(m, BioRead);
    BIO_meth_set_write(m, BioWrite);
    BIO_meth_set_ctrl(m, BioControl);
    return m;
  }();
  return method;
}

class TlsTransport final : public Transport {
 public:
  // `context`: of the server's side, kept as long as the session.
  TlsTransport(Loop& loop, int fd, std::shared_ptr<const TlsServerContext> context, SSL* ssl, TransportSink& sink)
      : sink_(sink),
        loop_(loop),
        client_(context == nullptr),
        context_(std::move(context)),
        messages_(kMessageBurst, kMessagesPerSecond, loop.Now()),
        ssl_(ssl),
        socket_(loop, fd, client_, Bind<&TlsTransport::OnReadable>(this), Bind<&TlsTransport::OnWritable>(this)) {
    BIO* bio = BIO_new(ScratchBio());
    BIO_set_data(bio, &input_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
    SSL_clear_mode(ssl_, SSL_MODE_AUTO_RETRY);  // SSL_read returns behind each message of TLS itself
  }
  ~TlsTransport() override {
    Keep({});
    SSL_free(ssl_);
  }
  void SendFirst(std::string_view bytes) { socket_.SendFirst(bytes); }

  ReadResult Read(uint8_t* into, size_t capacity) override {
    if (owes_answer_ && socket_.blocked()) return {0, ReadState::kDrained};
    owes_answer_ = false;
    ReadResult result = ReadRecords(into, capacity);
    KeepInput();
    // Key updates and alerts are answered from within SSL_read.
    if (!SendScratch()) result.state = ReadState::kFailed;
    return result;
  }

  const Error* failure() const override { return failure_ ? &failure_ : nullptr; }
  void LookAgain() override { drained_ = false; }

  bool Write(std::span<const uint8_t> bytes) override {
    LocalScratch().out.clear();
    while (!bytes.empty()) {
      const size_t n = std::min(bytes.size(), kMaxRecord);
      const int written = SSL_write(ssl_, bytes.data(), static_cast<int>(n));
      if (written <= 0) {
        ERR_clear_error();
        return false;
      }
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return SendScratch();
  }

  bool blocked() const override { return socket_.blocked(); }
  uint64_t handed() const override { return socket_.handed(); }
  bool Unacknowledged(uint64_t mark) const override { return socket_.Unacknowledged(mark); }
  bool connected() const override { return !socket_.connecting(); }

  void ShutdownWrite() override {
    if (ready_ && !dead_) {
      LocalScratch().out.clear();
      SSL_shutdown(ssl_);
      ERR_clear_error();
      SendScratch();
    }
    socket_.ShutdownWrite();
  }

  Alpn alpn() const override {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    if (size == 2 && std::memcmp(name, "h2", 2) == 0) return Alpn::kH2;
    return size == 8 ? Alpn::kHttp11 : Alpn::kNone;
  }
  std::string_view server_name() const override {
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    return name ? name : "";
  }
  bool tls() const override { return true; }
  bool Misdirected(std::string_view host) const override { return context_ && context_->Misdirected(ssl_, host); }
  std::string client_certificate() const override { return context_ ? context_->ForwardedCertificate(ssl_) : ""; }
  bool resumed() const override { return SSL_session_reused(ssl_) == 1; }
  bool stapled() const override {
    const unsigned char* response = nullptr;
    return SSL_get_tlsext_status_ocsp_resp(ssl_, static_cast<void*>(&response)) > 0;
  }
  int fd() const override { return socket_.fd(); }
  void Abort() override { socket_.AbortOnClose(); }

 private:
  ReadResult ReadRecords(uint8_t* into, size_t capacity) {
    LocalScratch().out.clear();
    size_t total = 0;
    int refills = 0;
    for (;;) {
      const int n = SSL_read(ssl_, into + total, static_cast<int>(capacity - total));
      if (n > 0) {
        total += static_cast<size_t>(n);
        heard_ = true;
        if (total == capacity) return {total, ReadState::kMore};
        continue;
      }
      const int why = SSL_get_error(ssl_, n);
      if (why == SSL_ERROR_ZERO_RETURN) return {total, ReadState::kEof};
      if (why != SSL_ERROR_WANT_READ) {
        if (client_ && !heard_) RefusedAfterHandshake(&failure_);
        ERR_clear_error();
        // EOF without close_notify. A client that half-closes so still gets its answer; from an origin it may be a
        // body cut by anyone on the path (RFC 9112 §9.8).
        return {total, input_.eof && !client_ ? ReadState::kEof : ReadState::kFailed};
      }
      // It returned behind a message of TLS itself; one at the very end of the input is told by the callback alone.
      if (std::exchange(message_, false) || input_.size > 0) {
        if (!messages_.Take(loop_.Now())) {
          failure_ = client_ ? kOriginTalksTls : kClientTalksTls;
          return {total, ReadState::kFailed};
        }
        // One answer may wait for a peer that takes nothing, not one for each question. OnWritable goes on.
        owes_answer_ = socket_.blocked();
        if (owes_answer_) return {total, ReadState::kDrained};
      }
      if (input_.size > 0) continue;
      if (drained_) return {total, ReadState::kDrained};
      if (refills++ == kRefillsPerRead) return {total, ReadState::kMore};
      if (!Refill()) return {total, ReadState::kFailed};
      if (input_.size == 0 && !input_.eof) return {total, ReadState::kDrained};
    }
  }

  // One recv into the scratch; false: the socket failed.
  bool Refill() {
    Keep({});
    auto& in = LocalScratch().in;
    size_t n = 0;
    switch (socket_.Receive(in, sizeof in, &n)) {
      case TcpSocket::Received::kBytes:
        drained_ = n < sizeof in && socket_.ShortReadDrains();
        input_ = {in, n, false};
        return true;
      case TcpSocket::Received::kAgain:
        drained_ = true;
        input_ = {};
        return true;
      case TcpSocket::Received::kEof:
        input_ = {nullptr, 0, true};
        return true;
      case TcpSocket::Received::kFailed:
        break;
    }
    return false;
  }

  // The scratch is the next connection's in a moment.
  void KeepInput() {
    if (input_.size == 0) return;
    Keep({input_.data, input_.data + input_.size});
    input_.data = kept_input_.data();
  }
  // Of connections that are not read for now it adds up, so it counts as what they hold.
  void Keep(std::vector<uint8_t> bytes) {
    BlockPool::Local().Charge(bytes.size());
    BlockPool::Local().Discharge(kept_input_.size());
    kept_input_.swap(bytes);
  }

  bool SendScratch() {
    auto& out = LocalScratch().out;
    if (out.empty()) return true;
    const bool ok = socket_.Send(out);
    out.clear();
    return ok;
  }

  void Handshake() {
    LocalScratch().out.clear();
    for (;;) {
      const int n = SSL_do_handshake(ssl_);
      if (n == 1) break;
      const bool wants = SSL_get_error(ssl_, n) == SSL_ERROR_WANT_READ;
      if (wants && !drained_ && Refill() && (input_.size > 0 || input_.eof)) continue;
      const bool sent = SendScratch();  // also the alert that says why
      if (wants && sent && drained_) return;
      return Fail(HandshakeFailure(ssl_, client_, input_.eof));
    }
    KeepInput();
    if (!SendScratch()) return Fail(kSendFailed);
    ready_ = true;
    SSL_set_msg_callback_arg(ssl_, this);
    SSL_set_msg_callback(ssl_, [](int written, int, int type, const void*, size_t, SSL*, void* self) {
      if (!written && type == SSL3_RT_HANDSHAKE) static_cast<TlsTransport*>(self)->message_ = true;
    });
    sink_.OnTransportReady();
  }

  void Fail(const Error& error) {
    dead_ = true;
    sink_.OnTransportError(error);
  }

  bool Connected() {
    if (!socket_.connecting()) return true;
    Error error;
    if (!socket_.FinishConnect(&error)) return false;
    if (error) {
      Fail(error);
      return false;
    }
    sink_.OnTransportConnected();
    return true;
  }

  void OnReadable() {
    if (dead_ || !Connected()) return;
    drained_ = false;
    if (!ready_) Handshake();
    if (ready_ && !dead_) sink_.OnTransportReadable();
  }

  void OnWritable() {
    if (dead_ || !Connected()) return;
    const bool was_blocked = socket_.blocked();
    if (!socket_.Flush()) return Fail(kSendFailed);
    if (!ready_) {
      if (client_ && !started_) {
        started_ = true;
        Handshake();
      }
      return;
    }
    if (!was_blocked || socket_.blocked()) return;
    if (owes_answer_) sink_.OnTransportReadable();
    sink_.OnTransportWritable();
  }

  static constexpr Error kSendFailed{ErrorCode::kReset, Fault::kOrigin, Retry::kIfIdempotent, "send failed"};

  TransportSink& sink_;
  Loop& loop_;
  const bool client_;
  const std::shared_ptr<const TlsServerContext> context_;
  bool started_ = false;
  bool ready_ = false;
  bool dead_ = false;
  bool heard_ = false;        // something was read from it
  Error failure_;             // that a read ran into
  bool drained_ = false;      // the kernel has nothing more until the next edge
  bool message_ = false;      // SSL_read met one of TLS itself
  bool owes_answer_ = false;  // to such a message, while the socket took nothing
  TokenBucket messages_;
  SSL* ssl_;
  CipherInput input_;
  std::vector<uint8_t> kept_input_;
  TcpSocket socket_;
};

}  // namespace

std::unique_ptr<Transport> AcceptTls(Loop& loop, int fd, std::shared_ptr<const TlsServerContext> context,
                                     TransportSink& sink) {
  SSL* ssl = context->NewSession();
  if (!ssl) {
    close(fd);
    return nullptr;
  }
  return std::make_unique<TlsTransport>(loop, fd, std::move(context), ssl, sink);
}

std::unique_ptr<Transport> ConnectTls(Loop& loop, const Endpoint& to, TlsClientContext& context,
                                      const std::string& server_name, TransportSink& sink, Error* error,
                                      std::string_view first) {
  SSL* ssl = context.NewSession(server_name);
  if (!ssl) {
    *error = {ErrorCode::kInternal, Fault::kSelf, Retry::kAlways, "no TLS session"};
    return nullptr;
  }
  const int fd = StartConnect(to, error);
  if (fd < 0) {
    SSL_free(ssl);
    return nullptr;
  }
  auto transport = std::make_unique<TlsTransport>(loop, fd, nullptr, ssl, sink);
  if (!first.empty()) transport->SendFirst(first);
  return transport;
}

}  // namespace meridian
