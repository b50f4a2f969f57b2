#include "origin/pool.h"

#include <algorithm>

#include "http/h1_client.h"
#include "http/h2_client.h"

namespace meridian {
namespace {

constexpr Duration kSweepInterval = 1s;
// A connection that serves one client connection only waits no longer than its next request takes, as a rule.
constexpr Duration kOneClientIdle = 5s;
constexpr Error kNoEndpoint{ErrorCode::kNoEndpoint, Fault::kOrigin, Retry::kAlways, "the origin's name has no address"};
constexpr Error kPoolFull{ErrorCode::kPoolFull, Fault::kSelf, Retry::kAlways, "too many requests wait for this origin"};
constexpr Error kConnectTimeout{ErrorCode::kConnectTimeout, Fault::kOrigin, Retry::kAlways, "connect timed out"};
constexpr Error kTlsTimeout{ErrorCode::kTlsFailed, Fault::kOrigin, Retry::kAlways, "TLS handshake timed out"};
constexpr Error kStuck{ErrorCode::kResponseTimeout, Fault::kOrigin, Retry::kIfIdempotent, "the connection is stuck"};
constexpr Error kIdle{};

}  // namespace

// The requests and connections that may come together: all of them, or with a PROXY header those of one client.
struct PoolGroup {
  std::optional<ProxyAddresses> client;
  std::vector<OriginPool::Connection*> idle;  // HTTP/1.1: a stack; HTTP/2: those with room
  size_t waiting = 0;                         // those who want a fresh connection not counted, …
  size_t connecting = 0;                      // … nor theirs
  size_t members = 0;                         // connections, and requests that wait
};

class OriginPool::Connection final : public WireOwner, public Disposable {
 public:
  Connection(OriginPool& pool, PoolGroup& its_group)
      : group(&its_group),
        pool_(pool),
        wire_(pool.loop_, *this, false),
        connect_timer_(pool.loop_, Bind<&Connection::OnConnectTimeout>(this)) {}

  bool Connect(const Endpoint& to, Error* error) {
    TransportSink& sink = wire_;
    const Options& options = pool_.options_;
    std::string header;
    if (pool_.grouped()) {
      header = WriteProxyHeader(options.proxy_protocol, group->client ? &*group->client : nullptr);
    }
    auto transport = options.tls ? ConnectTls(pool_.loop_, to, *options.tls, options.server_name, sink, error, header)
                                 : ConnectTcp(pool_.loop_, to, sink, error, header);
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

  PoolGroup* const group;
  bool listed = false;       // in the group's `idle`
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
      all_(grouped() ? nullptr : std::make_unique<PoolGroup>()),
      sweep_timer_(loop, Bind<&OriginPool::Sweep>(this)) {
  message_limits_.max_streams = options_.limits.max_streams;
  if (grouped()) options_.warm = false;
}

OriginPool::~OriginPool() {
  draining_ = true;
  while (!connections_.empty()) connections_.back()->Close();
  while (first_) Unlink(first_);
}

PoolGroup* OriginPool::Find(const ProxyAddresses* client) {
  if (all_) return all_.get();
  const auto found = groups_.find(client ? std::optional(*client) : std::nullopt);
  return found == groups_.end() ? nullptr : found->second.get();
}

// As one more member, until Leave.
PoolGroup& OriginPool::Join(const ProxyAddresses* client) {
  PoolGroup* group = Find(client);
  if (!group) {
    auto fresh = std::make_unique<PoolGroup>();
    if (client) fresh->client = *client;
    group = fresh.get();
    groups_.emplace(group->client, std::move(fresh));
  }
  ++group->members;
  return *group;
}

void OriginPool::Leave(PoolGroup* group) {
  if (--group->members == 0 && grouped()) groups_.erase(std::optional(group->client));
}

ClientCodec* OriginPool::TryTake(const ProxyAddresses* client) {
  PoolGroup* group = Find(client);
  while (group && !group->idle.empty()) {
    Connection* connection = group->idle.back();
    const size_t room = connection->codec()->available();
    if (!http2_ || room <= 1) {
      group->idle.pop_back();
      connection->listed = false;
    }
    if (room == 0) continue;
    if (options_.counters) ++options_.counters->reused;
    return connection->codec();
  }
  return nullptr;
}

bool OriginPool::Wait(PoolRequest& request, std::span<const Endpoint> endpoints, Error* error) {
  if (waiting_ >= options_.limits.max_pending) {
    *error = kPoolFull;
    return false;
  }
  endpoints_.assign(endpoints.begin(), endpoints.end());
  PoolGroup& group = Join(request.client);
  request.group_ = &group;
  request.fresh &= connections_.size() < options_.limits.max_connections;
  if ((request.fresh || (Lacks(group, group.waiting + 1) && MakePlace())) && !Connect(group, error, request.fresh)) {
    Leave(&group);
    return false;
  }
  Enqueue(request);
  return true;
}

void OriginPool::KeepWarm(std::span<const Endpoint> endpoints) {
  if (!connections_.empty() || draining_ || endpoints.empty() || grouped()) return;
  endpoints_.assign(endpoints.begin(), endpoints.end());
  Error ignored;
  Connect(*all_, &ignored);
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
  ++waiting_;
  if (!request.fresh) ++request.group_->waiting;
}

// One connection under way serves one waiting HTTP/1.1 request, or all waiting HTTP/2 requests.
bool OriginPool::Lacks(const PoolGroup& group, size_t waiting) const {
  return http2_ ? group.connecting == 0 : group.connecting < waiting;
}

// Room for another connection. What is idle for other clients is of no use to whoever waits.
bool OriginPool::MakePlace() {
  if (connections_.size() < options_.limits.max_connections) return true;
  if (!grouped()) return false;
  Connection* oldest = nullptr;
  for (const auto& c : connections_) {
    if (c->listed && c->idle() && (!oldest || c->idle_since < oldest->idle_since)) oldest = c.get();
  }
  if (!oldest) return false;
  making_place_ = true;
  oldest->Close();
  making_place_ = false;
  return true;
}

// All places are taken, and the oldest request that has no connection under way is another client's.
bool OriginPool::MustYield(const Connection& connection) const {
  if (!grouped() || draining_ || !connection.idle()) return false;
  if (connections_.size() < options_.limits.max_connections) return false;
  const PoolRequest* request = FirstInNeed();
  return request && request->group_ != connection.group;
}

bool OriginPool::Connect(PoolGroup& group, Error* error, bool one_request) {
  if (endpoints_.empty()) {
    *error = kNoEndpoint;
    return false;
  }
  auto connection = std::make_unique<Connection>(*this, group);
  connection->one_request = one_request;
  if (!connection->Connect(endpoints_[next_endpoint_++ % endpoints_.size()], error)) return false;
  if (options_.counters) ++options_.counters->opened;
  ++group.members;
  if (!one_request) ++group.connecting;
  connections_.push_back(std::move(connection));
  if (!sweep_timer_.armed()) sweep_timer_.Arm(kSweepInterval);
  return true;
}

void OriginPool::OnReady(Connection* connection) {
  if (!connection->one_request) --connection->group->connecting;
  ServeWaiters(connection);
  OnRoom(connection);  // one that nobody wants any more is closed
}

void OriginPool::ServeWaiters(Connection* connection) {
  while (connection->codec()->available() > 0) {
    PoolRequest* request = FirstWaiter(*connection->group, connection->one_request);
    if (!request) return;
    Unlink(request);
    request->OnPoolReady(*connection->codec());
    if (connection->one_request) return;
  }
}

// The one that waits longest, of those who want a fresh connection or of the others.
PoolRequest* OriginPool::FirstWaiter(const PoolGroup& group, bool fresh) const {
  if (!fresh && group.waiting == 0) return nullptr;
  PoolRequest* request = first_;
  while (request && (request->fresh != fresh || request->group_ != &group)) request = request->next_;
  return request;
}

// The one that waits longest, of those for whom too few connections are under way.
PoolRequest* OriginPool::FirstInNeed() const {
  if (all_) return all_->waiting > 0 && Lacks(*all_, all_->waiting) ? FirstWaiter(*all_, false) : nullptr;
  PoolRequest* request = first_;
  while (request && (request->fresh || !Lacks(*request->group_, request->group_->waiting))) request = request->next_;
  return request;
}

void OriginPool::OnRoom(Connection* connection) {
  if (connection->one_request) {
    if (connection->idle()) connection->Close();
    return;
  }
  connection->idle_since = loop_.Now();
  if (MustYield(*connection)) return connection->Close();
  if (connection->listed || connection->codec()->available() == 0) return;
  ServeWaiters(connection);
  if (connection->codec()->available() == 0) return;
  if (draining_ && connection->idle()) return connection->Close();
  connection->listed = true;
  connection->group->idle.push_back(connection);
}

void OriginPool::OnGone(Connection* connection, const Error& error, bool was_ready) {
  if (options_.counters) ++options_.counters->closed;
  PoolGroup& group = *connection->group;
  if (connection->listed) std::erase(group.idle, connection);
  const auto it =
      std::find_if(connections_.begin(), connections_.end(), [&](const auto& c) { return c.get() == connection; });
  std::unique_ptr<Connection> gone = std::move(*it);
  const bool one_request = gone->one_request;
  connections_.erase(it);
  loop_.Retire(std::move(gone));
  if (was_ready) {
    Leave(&group);
    return ConnectForWaiters();
  }
  if (!one_request) --group.connecting;
  // Its waiters were counting on it. With HTTP/2 all of them, unless another one is under way. Whoever queues again
  // from within the call is not among them.
  const bool alone = !http2_ || one_request;
  const size_t lost = alone ? 1 : group.connecting == 0 ? group.waiting : 0;
  for (size_t i = 0; i < lost; ++i) Fail(FirstWaiter(group, one_request), error);
  Leave(&group);
  ConnectForWaiters();
}

// Those who waited for room on a connection that is gone.
void OriginPool::ConnectForWaiters() {
  Error failed;
  while (!draining_ && !making_place_) {
    PoolRequest* request = FirstInNeed();
    if (!request || !MakePlace()) return;
    if (!Connect(*request->group_, &failed)) Fail(FirstWaiter(*request->group_, false), failed);
  }
}

void OriginPool::Fail(PoolRequest* request, const Error& error) {
  if (!request) return;
  Unlink(request);
  request->OnPoolFailed(error);
}

void OriginPool::Unlink(PoolRequest* request) {
  (request == first_ ? first_ : request->prev_->next_) = request->next_;
  (request == last_ ? last_ : request->next_->prev_) = request->prev_;
  request->prev_ = request->next_ = nullptr;
  request->pool_ = nullptr;
  --waiting_;
  if (!request->fresh) --request->group_->waiting;
  Leave(std::exchange(request->group_, nullptr));
}

void OriginPool::Sweep() {
  const TimePoint now = loop_.Now();
  const Duration idle = options_.limits.idle_timeout;
  const Duration patience = grouped() ? std::min(idle, kOneClientIdle) : idle;
  std::vector<Connection*> old, useless, stuck;
  for (const auto& c : connections_) {
    if (c->ready() && c->codec()->stuck(now)) {
      stuck.push_back(c.get());
    } else if (c->idle() && now - c->idle_since >= patience) {
      // One without room, whose origin allows no streams, warms nobody.
      (c->listed ? old : useless).push_back(c.get());
    }
  }
  if (options_.warm && old.size() + useless.size() == connections_.size() && !old.empty()) old.pop_back();
  for (Connection* c : stuck) c->Abandon();
  for (Connection* c : useless) c->Close();
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
