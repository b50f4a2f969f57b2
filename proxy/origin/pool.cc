#include "origin/pool.h"

#include <algorithm>

#include "http/h1_client.h"
#include "http/h2_client.h"

namespace meridian {
namespace {

constexpr Duration kSweepInterval = 1s;
constexpr Error kNoEndpoint{ErrorCode::kNoEndpoint, Fault::kOrigin, Retry::kAlways, "the origin's name has no address"};
constexpr Error kPoolFull{ErrorCode::kPoolFull, Fault::kSelf, Retry::kAlways, "too many requests wait for this origin"};
constexpr Error kConnectTimeout{ErrorCode::kConnectTimeout, Fault::kOrigin, Retry::kAlways, "connect timed out"};
constexpr Error kTlsTimeout{ErrorCode::kTlsFailed, Fault::kOrigin, Retry::kAlways, "TLS handshake timed out"};
constexpr Error kStuck{ErrorCode::kResponseTimeout, Fault::kOrigin, Retry::kIfIdempotent, "the connection is stuck"};
constexpr Error kIdle{};

}  // namespace

class OriginPool::Connection final : public WireOwner, public Disposable {
 public:
  Connection(OriginPool& pool)
      : pool_(pool),
        wire_(pool.loop_, *this, false),
        connect_timer_(pool.loop_, Bind<&Connection::OnConnectTimeout>(this)) {}

  bool Connect(const Endpoint& to, Error* error) {
    TransportSink& sink = wire_;
    auto transport = pool_.options_.tls
                         ? ConnectTls(pool_.loop_, to, *pool_.options_.tls, pool_.options_.server_name, sink, error)
                         : ConnectTcp(pool_.loop_, to, sink, error);
    if (!transport) return false;
    wire_.SetTransport(std::move(transport));
    connect_timer_.Arm(pool_.options_.connect_timeout);
    return true;
  }
  ClientCodec* codec() { return codec_.get(); }
  bool ready() const { return codec_ != nullptr; }
  bool idle() const { return codec_ && codec_->active_streams() == 0; }
  void Close() { wire_.Close(kIdle, false); }
  void Abandon() { wire_.Close(kStuck, true); }

  bool listed = false;       // in idle_
  bool one_request = false;  // it is for one that asked for a fresh one, and closes after it
  TimePoint idle_since{};

 private:
  void OnWireReady() override {
    connect_timer_.Cancel();
    // A peer that does not speak what we must speak is as bad as one that fails the handshake.
    if (pool_.options_.tls && pool_.http2_ && wire_.transport()->alpn() != Alpn::kH2) {
      return wire_.Close({ErrorCode::kTlsFailed, Fault::kOrigin, Retry::kAlways, "the origin does not offer h2"},
                         false);
    }
    if (pool_.http2_) {
      codec_ = std::make_unique<H2Client>(wire_, pool_.message_limits_);
    } else {
      codec_ = std::make_unique<H1Client>(wire_, pool_.message_limits_);
    }
    wire_.SetCodec(codec_.get());
    pool_.OnReady(this);
  }
  void OnWireActivity(size_t) override { pool_.OnRoom(this); }
  void OnWireFlushed() override { pool_.OnRoom(this); }
  void OnWireClosed(const Error& error) override {
    connect_timer_.Cancel();
    pool_.OnGone(this, error, ready());
  }
  void OnConnectTimeout() {
    if (!wire_.transport()->connected()) return wire_.Close(kConnectTimeout, true);
    // TLS has a time of its own, from when TCP was connected at the latest.
    if (shaking_hands_ || !pool_.options_.tls) return wire_.Close(kTlsTimeout, true);
    shaking_hands_ = true;
    connect_timer_.Arm(pool_.options_.tls_timeout);
  }

  OriginPool& pool_;
  std::unique_ptr<ClientCodec> codec_;  // outlives the wire
  Wire wire_;
  Timer connect_timer_;
  bool shaking_hands_ = false;  // the timer is that of TLS
};

void PoolRequest::Leave() {
  if (pool_) pool_->Unlink(this);
}

OriginPool::OriginPool(Loop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      http2_(UsesHttp2(options_.origin.protocol)),
      sweep_timer_(loop, Bind<&OriginPool::Sweep>(this)) {
  message_limits_.max_streams = options_.limits.max_streams;
}

OriginPool::~OriginPool() {
  draining_ = true;
  while (!connections_.empty()) connections_.back()->Close();
  while (first_) Unlink(first_);
}

ClientCodec* OriginPool::TryTake() {
  while (!idle_.empty()) {
    Connection* connection = idle_.back();
    const size_t room = connection->codec()->available();
    if (!http2_ || room <= 1) {
      idle_.pop_back();
      connection->listed = false;
    }
    if (room == 0) continue;
    if (options_.counters) ++options_.counters->reused;
    return connection->codec();
  }
  return nullptr;
}

bool OriginPool::Wait(PoolRequest& request, std::span<const Endpoint> endpoints, Error* error) {
  if (waiting_ + fresh_waiting_ >= options_.limits.max_pending) {
    *error = kPoolFull;
    return false;
  }
  endpoints_.assign(endpoints.begin(), endpoints.end());
  request.fresh &= connections_.size() < options_.limits.max_connections;
  if ((request.fresh || NeedsConnection(waiting_ + 1)) && !Connect(error, request.fresh)) return false;
  Enqueue(request);
  return true;
}

void OriginPool::KeepWarm(std::span<const Endpoint> endpoints) {
  if (!connections_.empty() || draining_ || endpoints.empty()) return;
  endpoints_.assign(endpoints.begin(), endpoints.end());
  Error ignored;
  Connect(&ignored);
}

// By age, so that a request which comes back (its connection went away) is not overtaken for ever.
void OriginPool::Enqueue(PoolRequest& request) {
  PoolRequest* before = last_;
  while (before && before->since > request.since) before = before->prev_;
  request.pool_ = this;
  request.prev_ = before;
  request.next_ = before ? before->next_ : first_;
  (before ? before->next_ : first_) = &request;
  (request.next_ ? request.next_->prev_ : last_) = &request;
  ++(request.fresh ? fresh_waiting_ : waiting_);
}

// One connection under way serves one waiting HTTP/1.1 request, or all waiting HTTP/2 requests.
bool OriginPool::NeedsConnection(size_t waiting) const {
  if (connections_.size() >= options_.limits.max_connections) return false;
  return http2_ ? connecting_ == 0 : connecting_ < waiting;
}

bool OriginPool::Connect(Error* error, bool one_request) {
  if (endpoints_.empty()) {
    *error = kNoEndpoint;
    return false;
  }
  auto connection = std::make_unique<Connection>(*this);
  connection->one_request = one_request;
  if (!connection->Connect(endpoints_[next_endpoint_++ % endpoints_.size()], error)) return false;
  if (options_.counters) ++options_.counters->opened;
  if (!one_request) ++connecting_;
  connections_.push_back(std::move(connection));
  if (!sweep_timer_.armed()) sweep_timer_.Arm(kSweepInterval);
  return true;
}

void OriginPool::OnReady(Connection* connection) {
  if (!connection->one_request) --connecting_;
  ServeWaiters(connection);
  OnRoom(connection);  // one that nobody wants any more is closed
}

void OriginPool::ServeWaiters(Connection* connection) {
  while (connection->codec()->available() > 0) {
    PoolRequest* request = FirstWaiter(connection->one_request);
    if (!request) return;
    Unlink(request);
    request->OnPoolReady(*connection->codec());
    if (connection->one_request) return;
  }
}

// The one that waits longest, of those who want a fresh connection or of the others.
PoolRequest* OriginPool::FirstWaiter(bool fresh) const {
  PoolRequest* request = first_;
  while (request && request->fresh != fresh) request = request->next_;
  return request;
}

void OriginPool::OnRoom(Connection* connection) {
  if (connection->one_request) {
    if (connection->idle()) connection->Close();
    return;
  }
  connection->idle_since = loop_.Now();
  if (connection->listed || connection->codec()->available() == 0) return;
  ServeWaiters(connection);
  if (connection->codec()->available() == 0) return;
  if (draining_ && connection->idle()) return connection->Close();
  connection->listed = true;
  idle_.push_back(connection);
}

void OriginPool::OnGone(Connection* connection, const Error& error, bool was_ready) {
  if (options_.counters) ++options_.counters->closed;
  if (connection->listed) std::erase(idle_, connection);
  const auto it =
      std::find_if(connections_.begin(), connections_.end(), [&](const auto& c) { return c.get() == connection; });
  std::unique_ptr<Connection> gone = std::move(*it);
  const bool one_request = gone->one_request;
  connections_.erase(it);
  loop_.Retire(std::move(gone));
  if (was_ready) {
    return ConnectForWaiters();
  }
  if (!one_request) --connecting_;
  // Its waiters were counting on it. With HTTP/2 all of them, unless another one is under way. Whoever queues again
  // from within the call is not among them.
  const bool alone = !http2_ || one_request;
  const size_t lost = alone ? 1 : connecting_ == 0 ? waiting_ : 0;
  for (size_t i = 0; i < lost; ++i) Fail(FirstWaiter(one_request), error);
  ConnectForWaiters();
}

// Those who waited for room on a connection that is gone.
void OriginPool::ConnectForWaiters() {
  Error failed;
  while (waiting_ > 0 && !draining_ && NeedsConnection(waiting_)) {
    if (!Connect(&failed)) Fail(FirstWaiter(false), failed);
  }
}

void OriginPool::Fail(PoolRequest* request, const Error& error) {
  if (!request) return;
  Unlink(request);
  request->OnPoolFailed(error);
}

void OriginPool::Unlink(PoolRequest* request) {
  (request->prev_ ? request->prev_->next_ : first_) = request->next_;
  (request->next_ ? request->next_->prev_ : last_) = request->prev_;
  request->prev_ = request->next_ = nullptr;
  request->pool_ = nullptr;
  --(request->fresh ? fresh_waiting_ : waiting_);
}

void OriginPool::Sweep() {
  const TimePoint now = loop_.Now();
  std::vector<Connection*> old, stuck;
  for (const auto& c : connections_) {
    if (c->ready() && c->codec()->stuck(now)) stuck.push_back(c.get());
    if (c->listed && c->idle() && now - c->idle_since >= options_.limits.idle_timeout) old.push_back(c.get());
  }
  if (options_.warm && old.size() == connections_.size() && !old.empty()) old.pop_back();
  for (Connection* c : stuck) c->Abandon();
  for (Connection* c : old) c->Close();
  if (!connections_.empty()) sweep_timer_.Arm(kSweepInterval);
}

void OriginPool::Drain() {
  draining_ = true;
  std::vector<Connection*> now;
  for (const auto& c : connections_) {
    if (c->idle()) now.push_back(c.get());
  }
  for (Connection* c : now) c->Close();
}

}  // namespace meridian
