#include "origin/pool.h"

#include <algorithm>

namespace meridian {
namespace {

constexpr Duration kSweepInterval = 1s;  // or an eighth of `idle_timeout`, if that is less
// A connection that serves one client connection only waits no longer than its next request takes, as a rule.
constexpr Duration kOneClientIdle = 5s;
constexpr Error kPoolFull{ErrorCode::kPoolFull, Fault::kSelf, Retry::kAlways, "too many requests wait for this origin"};
// The very first connection asks for no more before the origin has said how many streams it takes. None would do for
// fewer, and one that is refused may have lost its body.
constexpr size_t kUnheardStreams = 1;
// Connections without a stream to give; more of them would hear the same.
constexpr size_t kMostUseless = 2;

}  // namespace

// The requests and connections that may come together: all of them, or with a PROXY header those of one client.
struct PoolGroup {
  std::optional<ProxyAddresses> client;
  std::vector<OriginConnection*> idle;  // HTTP/1.1: a stack; HTTP/2: those with room
  size_t waiting = 0;                   // those who want a fresh connection not counted, …
  size_t connecting = 0;                // … nor theirs; with HTTP/2 until the SETTINGS have come
  size_t members = 0;                   // connections, and requests that wait
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
  message_limits_.max_header_bytes = options_.max_answer_bytes;
  message_limits_.max_headers = options_.max_answer_fields;
  if (grouped()) options_.warm = false;
}

OriginPool::~OriginPool() {
  draining_ = true;
  for (const auto& dial : dials_) dial->Stop();
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

void OriginPool::SetAddresses(std::span<const Endpoint> addresses) {
  if (addresses.empty() || !memory_.SetAddresses(addresses)) return;
  std::vector<OriginConnection*> idle;
  for (const auto& c : connections_) {
    const bool left = std::exchange(c->leaving, !memory_.Contains(c->endpoint()));
    if (!c->leaving || left) continue;
    if (options_.counters) ++options_.counters->address_left;
    Unlist(*c);
    if (c->idle()) idle.push_back(c.get());
  }
  for (OriginConnection* c : idle) c->Close();
  std::vector<Dial*> dials;
  for (const auto& dial : dials_) dials.push_back(dial.get());
  for (Dial* dial : dials) dial->OnAddressesChanged();
  ConnectForWaiters();
}

ClientCodec* OriginPool::TryTake(const ProxyAddresses* client, std::string_view* address) {
  PoolGroup* group = Find(client);
  while (group && !group->idle.empty()) {
    OriginConnection* connection = group->idle.back();
    const size_t room = connection->codec()->available();
    if (!http2_ || room <= 1) {
      group->idle.pop_back();
      connection->listed = false;
    }
    if (room == 0) continue;
    if (options_.counters) ++options_.counters->reused;
    if (address) *address = connection->address();
    return connection->codec();
  }
  return nullptr;
}

bool OriginPool::Wait(PoolRequest& request, Error* error) {
  PoolGroup& group = Join(request.client);
  request.fresh &= connections() < options_.limits.max_connections;
  const bool opens = request.fresh || (Lacks(group, group.waiting + 1) && MakePlace());
  // Whoever gets the connection that is being opened is not in the queue of those who need luck.
  const size_t streams = std::min(size_t{options_.limits.max_streams}, stream_limit_.value_or(SIZE_MAX));
  const size_t under_way = group.connecting * (http2_ ? streams : 1);
  const bool full = !opens && group.waiting >= under_way && waiting_ >= options_.limits.max_pending;
  if (full) *error = kPoolFull;
  if (full || (opens && !Connect(group, error, request.fresh))) {
    if (!full) request.address = failed_address_;
    Leave(&group);
    return false;
  }
  request.group_ = &group;
  Enqueue(request);
  return true;
}

void OriginPool::KeepWarm() {
  if (connections() > 0 || draining_ || memory_.size() == 0 || grouped()) return;
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

// A connection under way serves one waiting HTTP/1.1 request, or as many of HTTP/2 as the origin is known to take; all
// of them as long as it has said nothing.
bool OriginPool::Lacks(const PoolGroup& group, size_t waiting) const {
  if (!http2_) return group.connecting < waiting;
  if (!stream_limit_) return group.connecting == 0;
  if (*stream_limit_ > 0) return group.connecting * *stream_limit_ < waiting;
  const auto useless = [&](const auto& c) { return c->group == &group && c->stream_limit == 0; };
  return group.connecting == 0 &&
         static_cast<size_t>(std::count_if(connections_.begin(), connections_.end(), useless)) < kMostUseless;
}

// Room for another connection. What is idle for other clients is of no use to whoever waits.
bool OriginPool::MakePlace() {
  if (connections() < options_.limits.max_connections) return true;
  if (!grouped()) return false;
  OriginConnection* oldest = nullptr;
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
bool OriginPool::MustYield(const OriginConnection& connection) const {
  if (!grouped() || draining_ || !connection.idle()) return false;
  if (connections() < options_.limits.max_connections) return false;
  const PoolRequest* request = FirstInNeed();
  return request && request->group_ != connection.group;
}

bool OriginPool::Connect(PoolGroup& group, Error* error, bool one_request) {
  DialSink& sink = *this;
  size_t streams = stream_limit_.value_or(kUnheardStreams);
  if (one_request) streams = std::max(streams, kUnheardStreams);
  auto dial = std::make_unique<Dial>(loop_, options_, message_limits_, memory_, streams, group, sink);
  std::string header;
  if (grouped()) header = WriteProxyHeader(options_.proxy_protocol, group.client ? &*group.client : nullptr);
  if (!dial->Start(one_request, std::move(header), error)) {
    failed_address_ = dial->failed_address();
    return false;
  }
  ++group.members;
  if (!one_request) ++group.connecting;
  dials_.push_back(std::move(dial));
  if (!sweep_timer_.armed()) sweep_timer_.Arm(std::min(kSweepInterval, options_.limits.idle_timeout / 8));
  return true;
}

std::unique_ptr<Dial> OriginPool::Take(Dial& dial) {
  const auto it = std::find_if(dials_.begin(), dials_.end(), [&](const auto& d) { return d.get() == &dial; });
  std::unique_ptr<Dial> taken = std::move(*it);
  dials_.erase(it);
  return taken;
}

// The connection is the group's member now in place of the dial.
void OriginPool::OnDialed(Dial& dial, std::unique_ptr<OriginConnection> connection) {
  loop_.Retire(Take(dial));
  OriginConnection& c = *connection;
  ConnectionOwner& self = *this;
  c.set_owner(self);
  connections_.push_back(std::move(connection));
  if (!http2_ || c.one_request) Settle(c);
  ServeWaiters(c);
  OnConnectionRoom(c);  // one that nobody wants any more is closed
}

void OriginPool::Settle(OriginConnection& connection) {
  if (std::exchange(connection.settled, true) || connection.one_request) return;
  --connection.group->connecting;
}

// True: the origin has said how many streams this connection takes, or said it anew.
bool OriginPool::Learn(OriginConnection& connection) {
  if (!http2_) return false;
  const std::optional<size_t> said = connection.codec()->stream_limit();
  if (!said || said == connection.stream_limit) return false;
  connection.stream_limit = stream_limit_ = said;
  Settle(connection);
  return true;
}

void OriginPool::ServeWaiters(OriginConnection& connection) {
  while (connection.codec()->available() > 0) {
    PoolRequest* request = FirstWaiter(*connection.group, connection.one_request);
    if (!request) return;
    Unlink(request);
    request->address = connection.address();
    request->OnPoolReady(*connection.codec());
    if (connection.one_request) return;
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

void OriginPool::OnConnectionRoom(OriginConnection& connection) {
  if (connection.one_request) {
    if (connection.idle()) connection.Close();
    return;
  }
  const bool learned = Learn(connection);
  connection.idle_since = loop_.Now();
  if (MustYield(connection)) return connection.Close();
  Offer(connection);
  if (learned) ConnectForWaiters();
}

void OriginPool::Offer(OriginConnection& connection) {
  if (connection.leaving) {
    if (connection.idle()) connection.Close();
    return;
  }
  if (connection.listed || connection.codec()->available() == 0) return;
  ServeWaiters(connection);
  if (connection.codec()->available() == 0) return;
  if (draining_ && connection.idle()) return connection.Close();
  connection.listed = true;
  connection.group->idle.push_back(&connection);
}

void OriginPool::Unlist(OriginConnection& connection) {
  if (std::exchange(connection.listed, false)) std::erase(connection.group->idle, &connection);
}

void OriginPool::OnConnectionGone(OriginConnection& connection, const Error& error) {
  if (options_.counters) ++options_.counters->closed;
  PoolGroup& group = *connection.group;
  Unlist(connection);
  const auto it =
      std::find_if(connections_.begin(), connections_.end(), [&](const auto& c) { return c.get() == &connection; });
  std::unique_ptr<OriginConnection> gone = std::move(*it);
  connections_.erase(it);
  loop_.Retire(std::move(gone));
  if (!connection.settled) {
    Settle(connection);
    // As bad as one that never was; not a byte of what waited for its word is out.
    if (error) FailWaiters(group, false, {error.code, error.fault, Retry::kAlways, error.what}, connection.address());
  }
  Leave(&group);
  ConnectForWaiters();
}

void OriginPool::OnDialFailed(Dial& dial, const Error& error) {
  PoolGroup& group = dial.group();
  loop_.Retire(Take(dial));
  if (!dial.one_request()) --group.connecting;
  FailWaiters(group, dial.one_request(), error, dial.failed_address());
  Leave(&group);
  ConnectForWaiters();
}

// Those who were counting on a connection that did not come: with HTTP/2 all of them, unless another one is under way.
// Whoever queues again from within the call is not among them.
void OriginPool::FailWaiters(const PoolGroup& group, bool one_request, const Error& error, std::string_view address) {
  const bool alone = !http2_ || one_request;
  const size_t lost = alone ? 1 : group.connecting == 0 ? group.waiting : 0;
  for (size_t i = 0; i < lost; ++i) Fail(FirstWaiter(group, one_request), error, address);
}

// Those who waited for room on a connection that is gone.
void OriginPool::ConnectForWaiters() {
  Error failed;
  while (!draining_ && !making_place_) {
    PoolRequest* request = FirstInNeed();
    if (!request || !MakePlace()) return;
    if (!Connect(*request->group_, &failed)) Fail(FirstWaiter(*request->group_, false), failed, failed_address_);
  }
}

void OriginPool::Fail(PoolRequest* request, const Error& error, std::string_view address) {
  if (!request) return;
  Unlink(request);
  request->address = address;
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
  std::vector<OriginConnection*> old, useless, stuck;
  for (const auto& c : connections_) {
    if (c->ready() && c->codec()->stuck(now)) {
      stuck.push_back(c.get());
    } else if (c->idle() && now - c->idle_since >= patience) {
      // One without room, whose origin allows no streams, warms nobody.
      (c->listed ? old : useless).push_back(c.get());
    }
  }
  if (options_.warm && old.size() + useless.size() == connections_.size() && !old.empty()) old.pop_back();
  for (OriginConnection* c : stuck) c->Abandon();
  for (OriginConnection* c : useless) c->Close();
  for (OriginConnection* c : old) c->Close();
  if (connections() > 0) sweep_timer_.Arm(std::min(kSweepInterval, options_.limits.idle_timeout / 8));
}

void OriginPool::Drain() {
  draining_ = true;
  std::vector<OriginConnection*> now;
  for (const auto& c : connections_) {
    if (c->idle()) now.push_back(c.get());
  }
  for (OriginConnection* c : now) c->Close();
}

}  // namespace meridian
