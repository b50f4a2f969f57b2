#include "stream/client_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "http/h1_server.h"
#include "http/h2_server.h"

namespace meridian {
namespace {

// Between the notice that no new requests are wanted and the last word: a round trip or two of a far client.
constexpr Duration kGoawayPause = 250ms;

constexpr Error kTimedOut{ErrorCode::kIdleTimeout, Fault::kClient, Retry::kNever, "no request for too long"};
constexpr Error kBadProxyHeader{ErrorCode::kProtocol, Fault::kClient, Retry::kNever, "no PROXY header"};
constexpr Error kStalled{ErrorCode::kCancelled, Fault::kClient, Retry::kNever, "client takes nothing"};
constexpr Error kClosedByUs{ErrorCode::kCancelled, Fault::kSelf, Retry::kNever, "closed by us"};
constexpr Error kHandshakeTimeout{ErrorCode::kTlsFailed, Fault::kClient, Retry::kNever, "handshake timed out"};

}  // namespace

// Stands in as the codec until the first bytes of a cleartext connection say what it speaks.
class ClientConnection::Sniffer final : public Codec {
 public:
  explicit Sniffer(ClientConnection& connection) : connection_(connection) {}
  void OnBytes(Block* block, std::span<const uint8_t> bytes) override {
    const size_t before = seen_.size();
    // No more of it than decides.
    seen_.insert(seen_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(std::min(bytes.size(), kDecides)));
    const Preface preface = SniffPreface(seen_);
    if (preface == Preface::kUndecided) return;
    connection_.UseCodec(preface == Preface::kHttp2);
    Wire& wire = connection_.wire_;
    if (before > 0) wire.FeedCodec(nullptr, std::span(seen_).first(before), true);
    if (!wire.closed()) wire.FeedCodec(block, bytes, before == 0);
  }
  void OnEof() override { finished_ = true; }
  void Produce(OutBuffer&) override {}
  bool finished() const override { return finished_; }
  const Error& error() const override { return error_; }
  void OnClosed(const Error&) override {}
  void Drain() { finished_ = true; }

 private:
  static constexpr size_t kDecides = 64;
  ClientConnection& connection_;
  std::vector<uint8_t> seen_;
  bool finished_ = false;
  Error error_;
};

// Reads the PROXY header, and not a byte more: what follows it is the transport's.
class ClientConnection::ProxyPreamble {
 public:
  ProxyPreamble(ClientConnection& connection, int fd, std::shared_ptr<const TlsServerContext> tls)
      : connection_(connection),
        fd_(fd),
        tls_(std::move(tls)),
        watch_(connection.loop_, fd, Watch::Mode::kEdge, Bind<&ProxyPreamble::OnReadable>(this),
               Bind<&ProxyPreamble::OnReadable>(this)) {}
  ~ProxyPreamble() {
    if (fd_ >= 0) close(fd_);
  }
  std::shared_ptr<const TlsServerContext> TakeTls() { return std::move(tls_); }
  int TakeFd() { return std::exchange(fd_, -1); }

 private:
  void OnReadable() {
    uint8_t bytes[ProxyHeader::kMaxV2];
    ssize_t n = 0;
    do {
      n = recv(fd_, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n <= 0) return connection_.OnBadProxyHeader();
    const ProxyHeader header = ParseProxyHeader({bytes, static_cast<size_t>(n)});
    const bool no_more = watch_.peer_closed() || static_cast<size_t>(n) == sizeof bytes;
    if (header.state == ProxyHeader::State::kIncomplete && !no_more) return;
    if (header.state != ProxyHeader::State::kDone) return connection_.OnBadProxyHeader();
    for (size_t left = header.size; left > 0;) {
      n = recv(fd_, bytes, left, MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return connection_.OnBadProxyHeader();
      left -= static_cast<size_t>(n);
    }
    connection_.OnProxyHeader(header);  // `this` is gone
  }

  ClientConnection& connection_;
  int fd_;
  std::shared_ptr<const TlsServerContext> tls_;
  Watch watch_;
};

ClientConnection::ClientConnection(Loop& loop, ConnectionHost& host, const MessageLimits& limits,
                                   const ConnectionTimeouts& timeouts, const Endpoint& peer, uint16_t local_port)
    : loop_(loop),
      host_(host),
      limits_(limits),
      timeouts_(timeouts),
      peer_(peer),
      address_text_(IpText(peer)),
      wire_(loop, *this, true),
      timer_(loop, Bind<&ClientConnection::OnTimer>(this)),
      last_activity_(loop.Now()) {
  info_.address = address_text_;
  info_.port = peer.port;
  info_.local_port = local_port;
}

ClientConnection::~ClientConnection() = default;

bool ClientConnection::Start(int fd, std::shared_ptr<const TlsServerContext> tls, Duration proxy_header) {
  if (proxy_header == Duration::zero()) return StartTransport(fd, std::move(tls));
  preamble_ = std::make_unique<ProxyPreamble>(*this, fd, std::move(tls));
  timer_.Arm(proxy_header);
  return true;
}

void ClientConnection::OnProxyHeader(const ProxyHeader& header) {
  std::shared_ptr<const TlsServerContext> tls = preamble_->TakeTls();
  const int fd = preamble_->TakeFd();
  // At once: its watch must be gone before the transport has its own.
  preamble_.reset();
  if (header.client) {
    peer_ = *header.client;
    address_text_ = IpText(peer_);
    info_.address = address_text_;
    info_.port = peer_.port;
    local_ = header.server;
  }
  if (!host_.MayEnter(*this)) {
    close(fd);
    return wire_.Close(kClosedByUs, false);
  }
  if (!StartTransport(fd, std::move(tls))) wire_.Close(kClosedByUs, false);
}

void ClientConnection::OnBadProxyHeader() {
  if (wire_.closed()) return;  // both directions of its watch may be called in one turn
  host_.OnLimit(ConnectionLimit::kProxyHeader);
  wire_.Close(kBadProxyHeader, true);
}

bool ClientConnection::StartTransport(int fd, std::shared_ptr<const TlsServerContext> tls) {
  info_.tls = tls != nullptr;
  auto transport = tls ? AcceptTls(loop_, fd, std::move(tls), wire_) : AcceptTcp(loop_, fd, wire_);
  if (!transport) return false;
  wire_.SetTransport(std::move(transport));
  timer_.Arm(timeouts_.handshake);
  return true;
}

void ClientConnection::OnWireReady() {
  last_activity_ = loop_.Now();
  if (info_.tls) {
    server_name_ = wire_.transport()->server_name();
    info_.server_name = server_name_;
    certificate_ = wire_.transport()->client_certificate();
    info_.certificate = certificate_;
    host_.OnHandshake(*wire_.transport());
    UseCodec(wire_.transport()->alpn() == Alpn::kH2);
  } else {
    sniffer_ = std::make_unique<Sniffer>(*this);
    wire_.SetCodec(sniffer_.get());
  }
  timer_.Arm(timeouts_.idle);
}

Endpoint ClientConnection::local() {
  if (!local_ && wire_.transport()) local_ = LocalAddress(wire_.transport()->fd());
  return local_.value_or(Endpoint{});
}

bool ClientConnection::Misdirected(std::string_view authority) {
  if (server_name_.empty() || !wire_.transport()) return false;
  std::string_view host = WithoutPort(authority);
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host == server_name_) return false;  // nearly always: nothing has to be looked up
  return wire_.transport()->Misdirected(host);
}

void ClientConnection::UseCodec(bool http2) {
  ServerSink& sink = *this;
  if (http2) {
    codec_ = std::make_unique<H2Server>(wire_, sink, limits_, info_.tls);
  } else {
    codec_ = std::make_unique<H1Server>(wire_, sink, limits_, info_.tls);
  }
  wire_.SetCodec(codec_.get());
  if (draining_) codec_->StartDrain();
}

void ClientConnection::OnStreamRefused() { host_.OnLimit(ConnectionLimit::kStreams); }

RequestHandler* ClientConnection::OnRequestBegin(ServerStream& stream) {
  std::unique_ptr<ConnectionExchange> exchange = host_.NewExchange(*this, stream);
  ConnectionExchange* raw = exchange.release();
  raw->next_ = exchanges_;
  if (exchanges_) exchanges_->prev_ = raw;
  exchanges_ = raw;
  ++requests_;
  return raw;
}

void ClientConnection::Remove(ConnectionExchange* exchange) {
  (exchange->prev_ ? exchange->prev_->next_ : exchanges_) = exchange->next_;
  if (exchange->next_) exchange->next_->prev_ = exchange->prev_;
  exchange->prev_ = exchange->next_ = nullptr;
  last_activity_ = loop_.Now();
  loop_.Retire(std::unique_ptr<Disposable>(exchange));
}

// Bytes are no activity: an empty line, a PING or a byte of SETTINGS now and then would hold a connection for ever.
void ClientConnection::OnWireActivity(size_t) {
  const bool spent = limits_.max_requests > 0 && requests_ >= limits_.max_requests;
  if (spent && SendAway()) host_.OnLimit(ConnectionLimit::kRequests);
}

// Whoever ignores the notice gets the last word a moment later.
bool ClientConnection::SendAway() {
  if (draining_) return false;
  StartDrain();
  goaway_due_ = version() == HttpVersion::kHttp2;
  if (goaway_due_) timer_.Arm(kGoawayPause);
  return true;
}

void ClientConnection::OnTimer() {
  if (preamble_) return OnBadProxyHeader();
  if (!codec_ && !sniffer_) {
    host_.OnLimit(ConnectionLimit::kHandshakeTime);
    return wire_.Close(kHandshakeTimeout, true);
  }
  if (goaway_due_) {
    goaway_due_ = false;
    StartDrain();
    return timer_.Arm(timeouts_.idle);
  }
  // Exchanges watch over themselves; only the time between them counts. The clock is looked at here, not armed per
  // request.
  const Duration silent = loop_.Now() - last_activity_;
  if (exchanges_ || silent < timeouts_.idle) {
    timer_.Arm(exchanges_ ? timeouts_.idle : timeouts_.idle - silent);
    return;
  }
  if (codec_ && !draining_) {
    // Say goodbye in the protocol; whoever does not react is cut the next time.
    StartDrain();
    StartDrain();
    timer_.Arm(1s);
    return;
  }
  wire_.Close(kTimedOut, false);
}

void ClientConnection::StartDrain() {
  draining_ = true;
  if (codec_) {
    codec_->StartDrain();
  } else if (sniffer_) {
    static_cast<Sniffer*>(sniffer_.get())->Drain();
    wire_.WantWrite();
  }
}

void ClientConnection::Cut() { wire_.Close(kStalled, true); }
void ClientConnection::Close() { wire_.Close(kClosedByUs, false); }

void ClientConnection::OnWireClosed(const Error& error) {
  timer_.Cancel();
  host_.OnConnectionClosed(*this, error);
}

}  // namespace meridian
