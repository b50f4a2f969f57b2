#include "server/worker.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "stream/exchange.h"

namespace meridian {
namespace {

// Between the notice that no new requests are wanted and the last word: a round trip or two of a far client.
constexpr Duration kGoawayPause = 250ms;

// An eighth of the descriptors is kept back for origins, the admin endpoint and logs.
int MostDescriptorOfClients() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  const rlim_t kept = std::clamp<rlim_t>(limit.rlim_cur / 8, 16, 1024);
  return static_cast<int>(
      std::min<rlim_t>(limit.rlim_cur - std::min(kept, limit.rlim_cur), std::numeric_limits<int>::max()));
}

}  // namespace

bool WorkerListener::ExpectsProxyHeader(const Endpoint& peer) const {
  const auto holds = [&](const Network& network) { return Contains(network, peer); };
  return proxy_protocol && (proxies.empty() || std::any_of(proxies.begin(), proxies.end(), holds));
}

class Worker::Door final : private ListenerSink {
 public:
  Door(Worker& worker, const WorkerListener& socket)
      : worker_(worker), socket_(socket), listener_(worker.loop_, socket.fd, Self()) {}

  void UseTls(std::shared_ptr<const TlsServerContext> tls) { socket_.tls = std::move(tls); }

 private:
  ListenerSink& Self() { return *this; }
  void OnAccept(int fd, const Endpoint& peer) override { worker_.Accept(fd, peer, socket_); }
  void OnAcceptPaused() override { worker_.context_->stats().accept_paused.Add(); }
  Worker& worker_;
  WorkerListener socket_;
  Listener listener_;
};

Worker::Worker(std::vector<WorkerListener> listeners, std::shared_ptr<const Snapshot> first,
               const OriginTlsContexts& tls, const ClientSettings& settings, OutcomeSink& outcomes,
               AccessLogWriter* log, const WorkerSeeds& seeds)
    : settings_(settings),
      timeouts_{settings.handshake_timeout, settings.idle_timeout},
      sockets_(std::move(listeners)),
      context_(std::make_unique<WorkerContext>(loop_, std::move(first), tls, settings_, outcomes, log, seeds.ids)),
      stats_(&context_->stats()),
      clients_(settings.max_connections_per_client, seeds.clients),
      drain_timer_(loop_, Bind<&Worker::FinishDrain>(this)),
      second_timer_(loop_, Bind<&Worker::OnSecond>(this)) {}

Worker::~Worker() {
  Stop();
  Join();
  doors_.clear();
  for (const WorkerListener& socket : sockets_) close(socket.fd);
  while (connections_) connections_->Close();
  // Pools, exchanges and blocks belong to this loop; what they retire goes with it.
  loop_.RunTurn(false);
}

void Worker::Start(std::function<void()> on_drained) {
  on_drained_ = std::move(on_drained);
  thread_ = std::thread([this] { Run(); });
}

void Worker::Run() {
  pthread_setname_np(pthread_self(), "worker");
  Open();
  second_timer_.Arm(1s);
  loop_.Run();
  // What this thread's memory pools own must be returned by this thread.
  doors_.clear();
  while (connections_) connections_->Close();
  loop_.RunTurn(false);
  context_->FlushLog();
}

void Worker::Open() {
  BlockPool::Local().set_tight_from(context_->memory().tight_from());
  most_fd_ = MostDescriptorOfClients();
  const double rate = settings_.handshakes_per_second;
  if (rate > 0) handshakes_.emplace(std::max(rate, 1.0), rate, loop_.Now());
  for (const WorkerListener& socket : sockets_) doors_.push_back(std::make_unique<Door>(*this, socket));
  sockets_.clear();
}

void Worker::Accept(int fd, const Endpoint& peer, const WorkerListener& listener) {
  // The kernel gives out the lowest number that is free, so a high one means that as many are in use.
  if (connection_count_ >= settings_.max_connections || fd >= most_fd_) {
    context_->stats().connections_refused.Add();
    close(fd);
    return;
  }
  if (context_->memory().RefusesConnection()) {
    context_->stats().limit_memory_connections.Add();
    close(fd);
    return;
  }
  ConnectionHost& host = *this;
  auto connection = std::make_unique<ClientConnection>(loop_, host, settings_.messages, timeouts_, peer, listener.port);
  // Who comes by way of a balancer is known only when its header was read.
  const bool proxied = listener.ExpectsProxyHeader(peer);
  if (!proxied && !MayEnter(*connection)) {
    close(fd);
    return;
  }
  const bool too_many = listener.tls && handshakes_ && !handshakes_->Take(loop_.Now());
  if (too_many) {
    context_->stats().limit_handshakes.Add();
    close(fd);
  }
  if (too_many || !connection->Start(fd, listener.tls, proxied ? settings_.header_timeout : Duration::zero())) {
    if (connection->counted) clients_.Remove(connection->peer());
    return;
  }
  ClientConnection* raw = connection.release();
  raw->next = connections_;
  if (connections_) connections_->prev = raw;
  connections_ = raw;
  ++connection_count_;
  context_->stats().client_connections_opened.Add();
}

std::unique_ptr<ConnectionExchange> Worker::NewExchange(ClientConnection& connection, ServerStream& stream) {
  return std::make_unique<Exchange>(*context_, connection, stream);
}

bool Worker::MayEnter(ClientConnection& connection) {
  connection.counted = clients_.Add(connection.peer());
  if (!connection.counted) context_->stats().limit_client_connections.Add();
  return connection.counted;
}

void Worker::OnLimit(ConnectionLimit limit) {
  WorkerStats& stats = context_->stats();
  switch (limit) {
    case ConnectionLimit::kStreams:
      return stats.limit_streams.Add();
    case ConnectionLimit::kRequests:
      return stats.limit_requests.Add();
    case ConnectionLimit::kHandshakeTime:
      return stats.limit_handshake_time.Add();
    case ConnectionLimit::kProxyHeader:
      return stats.limit_proxy_headers.Add();
  }
}

void Worker::OnHandshake(const Transport& transport) {
  context_->stats().client_tls_handshakes.Add();
  if (transport.resumed()) context_->stats().client_tls_resumed.Add();
  if (transport.stapled()) context_->stats().client_tls_stapled.Add();
}

void Worker::OnConnectionClosed(ClientConnection& connection, const Error& error) {
  (connection.prev ? connection.prev->next : connections_) = connection.next;
  if (connection.next) connection.next->prev = connection.prev;
  --connection_count_;
  if (connection.counted) clients_.Remove(connection.peer());
  WorkerStats& stats = context_->stats();
  stats.client_connections_closed.Add();
  stats.bytes_from_clients.Add(connection.wire().bytes_read());
  stats.bytes_to_clients.Add(connection.wire().bytes_written());
  if (error.what == kCertificateRefused) stats.client_certificates_refused.Add();
  if (error.code == ErrorCode::kTlsFailed) stats.client_tls_failures.Add();
  if (error.code == ErrorCode::kProtocol) stats.client_protocol_errors.Add();
  if (error.code == ErrorCode::kTooLarge) stats.limit_resets.Add();
  if (error.code == ErrorCode::kIdleTimeout) stats.limit_timeouts.Add();
  loop_.Retire(std::unique_ptr<Disposable>(&connection));
  if (draining_) CheckDrained();
}

void Worker::OnSecond() {
  context_->SyncPoolCounters();
  context_->PublishMemory();
  if (!draining_) context_->KeepWarm();
  second_timer_.Arm(1s);
}

// ---- drain ---------------------------------------------------------------------------------------------------------

void Worker::BeginDrain() {
  if (draining_) return;
  draining_ = true;
  doors_.clear();
  for (ClientConnection* c = connections_; c;) {
    ClientConnection* next_connection = c->next;
    c->StartDrain();
    c = next_connection;
  }
  drain_timer_.Arm(kGoawayPause);
  CheckDrained();
}

void Worker::FinishDrain() {
  for (ClientConnection* c = connections_; c;) {
    ClientConnection* next_connection = c->next;
    c->StartDrain();
    c = next_connection;
  }
  CheckDrained();
}

void Worker::CheckDrained() {
  if (connection_count_ > 0 || !on_drained_) return;
  auto done = std::move(on_drained_);
  on_drained_ = nullptr;
  done();
}

// ---- from other threads --------------------------------------------------------------------------------------------

void Worker::Drain() {
  loop_.Post([this] { BeginDrain(); });
}
void Worker::Stop() { loop_.Stop(); }
void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}
void Worker::Publish(std::shared_ptr<const Snapshot> snapshot) {
  loop_.Post([this, s = std::move(snapshot)]() mutable { context_->SetSnapshot(std::move(s)); });
}
void Worker::PublishTls(size_t listener, std::shared_ptr<const TlsServerContext> tls) {
  loop_.Post([this, listener, t = std::move(tls)]() mutable {
    if (listener < doors_.size()) doors_[listener]->UseTls(std::move(t));  // none are left once it drains
  });
}
void Worker::GrantTrial(uint16_t service, uint16_t region) {
  loop_.Post([this, service, region] { context_->GrantTrial(service, region); });
}

}  // namespace meridian
