// The whole proxy in one object: sockets bound, certificates read, threads started, signals obeyed, drained, gone.
//
// Make does everything that can fail and names what failed; Run blocks the calling thread, which becomes the control
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/admin_server.h"
#include "control/config.h"
#include "control/controller.h"
#include "server/worker.h"

namespace meridian {

class Server {
 public:
  // Null and *error (one line) when an address can't be bound, a certificate can't be used or a log can't be opened.
  static std::unique_ptr<Server> Make(Config config, std::string* error);
  ~Server();

  // Until drained or stopped. The first SIGTERM or SIGINT drains, the second and SIGQUIT stop, SIGUSR1 reopens the
  // access log. REQUIRES: BlockSignals() was called before any thread of the process was started.
  void Run();
  static void BlockSignals();

  // Thread-safe, as if the signals had come.
  void Drain();
  void Stop();
  // Called once on the control thread when requests are welcome. Set before Run.
  void OnReady(std::function<void()> f) { on_ready_ = std::move(f); }

  // Bound addresses, with real ports, in the order of the config.
  const std::vector<Endpoint>& listeners() const { return bound_; }
  // REQUIRES: admin is enabled.
  const Endpoint& admin() const { return admin_->bound(); }

 private:
  explicit Server(Config config);
  bool Open(std::string* error);
  bool OpenListeners(std::vector<std::vector<WorkerListener>>* sockets, std::string* error);
  void OnSignal();
  void BeginDrain();
  void OnWorkerDrained();
  void OnDrainTimeout();

  Config config_;
  Loop loop_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<ListenerTls> tls_;
  std::unique_ptr<OriginTlsContexts> origin_tls_;
  std::unique_ptr<AccessLogWriter> access_log_;
  std::unique_ptr<Controller> controller_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<AdminServer> admin_;
  std::vector<Endpoint> bound_;
  std::function<void()> on_ready_;
  int signal_fd_ = -1;
  std::unique_ptr<Watch> signal_watch_;
  Timer drain_timer_;
  bool draining_ = false;
  size_t drained_workers_ = 0;
};

}  // namespace meridian
