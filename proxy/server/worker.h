// One worker: a thread with a loop, its listeners, its client connections and everything they need. Shares nothing on
// the request path; news comes and goes through the loops' mailboxes.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "control/controller.h"
#include "net/listener.h"
#include "policy/client_prefixes.h"
#include "policy/token_bucket.h"
#include "stream/client_connection.h"
#include "stream/worker_context.h"

namespace meridian {

// A listening socket of this worker with its TLS settings (null: cleartext).
struct WorkerListener {
  int fd = -1;
  uint16_t port = 0;
  std::shared_ptr<const TlsServerContext> tls{};
  bool proxy_protocol = false;
  std::vector<Network> proxies = {};  // whose connections begin with a PROXY header; empty: all
  bool ExpectsProxyHeader(const Endpoint& peer) const;
};

// Each from the kernel: what one of them lets out must not say anything about the other.
struct WorkerSeeds {
  RandomKey ids{};       // and all that is drawn
  uint64_t clients = 0;  // of the table of their networks
};

class Worker final : public WorkerHandle, private ConnectionHost {
 public:
  // Owns the descriptors in `listeners`. `outcomes` outlives the worker.
  Worker(std::vector<WorkerListener> listeners, std::shared_ptr<const Snapshot> first, const OriginTlsContexts& tls,
         const ClientSettings& settings, OutcomeSink& outcomes, AccessLogWriter* log, const WorkerSeeds& seeds);
  ~Worker();

  // Spawns the thread. `on_drained` is called on it once a drain is complete.
  void Start(std::function<void()> on_drained);
  // Thread-safe.
  void Drain();
  void Stop();
  void Join();

  // WorkerHandle (from the control thread)
  void Publish(std::shared_ptr<const Snapshot> snapshot) override;
  void PublishTls(size_t listener, std::shared_ptr<const TlsServerContext> tls) override;
  void GrantTrial(uint16_t service, uint16_t region) override;
  const WorkerStats& stats() override { return *stats_; }

 private:
  class Door;  // one listener and its TLS context
  void Run();
  void Open();
  void BeginDrain();
  void FinishDrain();
  void CheckDrained();
  void OnSecond();
  void Accept(int fd, const Endpoint& peer, const WorkerListener& listener);
  std::unique_ptr<ConnectionExchange> NewExchange(ClientConnection& connection, ServerStream& stream) override;
  void OnLimit(ConnectionLimit limit) override;
  bool MayEnter(ClientConnection& connection) override;
  void OnHandshake(const Transport& transport) override;
  void OnConnectionClosed(ClientConnection& connection, const Error& error) override;

  Loop loop_;
  const ClientSettings settings_;
  const ConnectionTimeouts timeouts_;
  std::vector<WorkerListener> sockets_;
  std::unique_ptr<WorkerContext> context_;
  const WorkerStats* stats_;
  std::vector<std::unique_ptr<Door>> doors_;
  ClientConnection* connections_ = nullptr;
  size_t connection_count_ = 0;
  int most_fd_ = 0;  // of clients
  ClientPrefixes clients_;
  std::optional<TokenBucket> handshakes_;  // nullopt: any number
  bool draining_ = false;
  std::function<void()> on_drained_;
  Timer drain_timer_;
  Timer second_timer_;
  std::thread thread_;
};

}  // namespace meridian
