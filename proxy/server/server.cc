#include "server/server.h"

#include <pthread.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "filters/registry.h"
#include "net/address.h"
#include "telemetry/log.h"

namespace meridian {
namespace {

constexpr int kSignals[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP};

sigset_t SignalSet() {
  sigset_t set;
  sigemptyset(&set);
  for (int s : kSignals) sigaddset(&set, s);
  return set;
}

// Up to 256 bytes come whole (getrandom(2)).
template <class T>
bool FromKernel(T* out) {
  static_assert(sizeof *out <= 256);
  return getrandom(out, sizeof *out, 0) == static_cast<ssize_t>(sizeof *out);
}

// min(50 000, half of the descriptors − 64): each request may need one towards its origin.
size_t DefaultMaxConnections() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const uint64_t half = limit.rlim_cur / 2;
  return static_cast<size_t>(std::clamp<uint64_t>(half > 64 ? half - 64 : 1, 1, 50'000));
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// The model that runs: the one that was read, with the filters of each route built.
std::shared_ptr<const Model> WithFilters(const Model& read) {
  auto model = std::make_shared<Model>(read);
  for (RouteModel& route : model->routes) {
    FilterOptions options;
    options.replay_unsafe = route.replay_unsafe;
    options.edge_name = read.edge_name;
    options.max_hops = read.max_hops;
    options.trust_client_cert = read.trust_client_cert;
    if (route.rules) options.rules = *route.rules;
    options.matched = route.path;
    route.filters = MakeFilters(options);
  }
  return model;
}

// Of a limit of the process, rounded up: the kernel does not deal connections out evenly.
size_t ShareOf(size_t total, size_t workers) { return std::max<size_t>(1, (total + workers - 1) / workers); }

ClientSettings SettingsOf(const Config& config, size_t workers) {
  ClientSettings settings;
  const size_t total = config.limits.max_connections ? config.limits.max_connections : DefaultMaxConnections();
  settings.max_connections = std::max<size_t>(1, total / workers);
  // No network is that large, and none can take more than half of the door.
  const size_t per_client = config.limits.max_connections_per_client;
  settings.max_connections_per_client = ShareOf(per_client ? per_client : (total + 1) / 2, workers);
  settings.messages.max_streams = config.limits.max_streams;
  settings.messages.max_header_bytes = config.limits.max_header_bytes;
  settings.messages.max_requests = config.limits.max_requests;
  settings.messages.max_headers = config.limits.max_headers;
  settings.messages.max_target_bytes = config.limits.max_target_bytes;
  settings.handshakes_per_second =
      static_cast<double>(config.limits.handshakes_per_second) / static_cast<double>(workers);
  settings.header_timeout = config.limits.header_timeout;
  settings.handshake_timeout = config.limits.handshake_timeout;
  settings.stall_timeout = config.limits.stall_timeout;
  settings.min_body_rate = config.limits.min_body_rate;
  settings.underscores = config.limits.underscores;
  settings.idle_timeout = config.limits.idle_timeout;
  settings.buffer_memory = config.limits.buffer_memory / workers;
  settings.replay_memory = config.limits.replay_memory / workers;
  settings.access_log = config.access_log.enabled;
  return settings;
}

}  // namespace

Server::Server(Config config)
    : config_(std::move(config)),
      model_(WithFilters(*config_.model)),
      drain_timer_(loop_, Bind<&Server::OnDrainTimeout>(this)) {}

Server::~Server() {
  for (auto& worker : workers_) worker->Stop();
  for (auto& worker : workers_) worker->Join();
  if (controller_) controller_->ForgetWorkers();
  if (tls_) tls_->Stop();
  workers_.clear();
  signal_watch_.reset();
  if (signal_fd_ >= 0) close(signal_fd_);
  // The admin's connections retire themselves into the loop.
  admin_.reset();
  loop_.RunTurn(false);
}

void Server::BlockSignals() {
  const sigset_t set = SignalSet();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

std::unique_ptr<Server> Server::Make(Config config, std::string* error) {
  RaiseDescriptorLimit();
  std::unique_ptr<Server> server(new Server(std::move(config)));
  if (!server->Open(error)) return nullptr;
  return server;
}

bool Server::Open(std::string* error) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const size_t count = config_.workers > 0 ? static_cast<size_t>(config_.workers) : cores;
  origin_tls_ = OriginTlsContexts::Make(*model_, error);
  if (!origin_tls_) return false;
  if (config_.access_log.enabled) {
    access_log_ = AccessLogWriter::Open(config_.access_log.path, error);
    if (!access_log_) return false;
  }
  std::vector<std::vector<WorkerListener>> sockets(count);
  if (!OpenListeners(&sockets, error)) return false;
  uint64_t seed = 0;
  std::vector<WorkerSeeds> seeds(count);
  const auto from_kernel = [](WorkerSeeds& s) { return FromKernel(&s.ids) && FromKernel(&s.clients); };
  if (!FromKernel(&seed) || !std::all_of(seeds.begin(), seeds.end(), from_kernel)) {
    *error = "no random numbers from the kernel";  // to guess them would be to give them away
    return false;
  }
  controller_ = std::make_unique<Controller>(loop_, model_, *origin_tls_, seed);
  controller_->SetAccessLog(access_log_.get());
  controller_->SetTls(tls_.get());
  const ClientSettings settings = SettingsOf(config_, count);
  for (size_t i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<Worker>(std::move(sockets[i]), controller_->snapshot(), *origin_tls_, settings,
                                                *controller_, access_log_.get(), seeds[i]));
    controller_->AddWorker(*workers_.back());
  }
  if (config_.admin) {
    admin_ = AdminServer::Open(loop_, *controller_, config_.admin->address, error);
    if (!admin_) return false;
  }
  return true;
}

bool Server::OpenListeners(std::vector<std::vector<WorkerListener>>* sockets, std::string* error) {
  std::shared_ptr<const TlsKeyLog> key_log;
  if (!config_.tls_key_log.empty()) {
    key_log = TlsKeyLog::Open(config_.tls_key_log, error);
    if (!key_log) return false;
    LogEvent(LogLevel::kWarning, "tls_key_log_on",
             {{"path", config_.tls_key_log}, {"meaning", "whoever reads it can read the traffic of clients"}});
  }
  tls_ = ListenerTls::Make(loop_, config_.listeners, key_log, error);
  if (!tls_) return false;
  for (const ListenerConfig& listener : config_.listeners) {
    const std::shared_ptr<const TlsServerContext>& tls = tls_->context(bound_.size());
    auto address = ParseHostPort(listener.address);
    if (!address) {
      *error = listener.address + ": not an address";
      return false;
    }
    Endpoint bound;
    for (auto& worker : *sockets) {
      const int fd = OpenListenSocket(*address, true, &bound, error);
      if (fd < 0) return false;
      address->port = bound.port;  // the kernel's choice for the first is everybody's
      worker.push_back({fd, bound.port, tls, listener.proxy_protocol, listener.proxies});
    }
    bound_.push_back(bound);
  }
  return true;
}

void Server::Run() {
  const sigset_t set = SignalSet();
  signal_fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  signal_watch_ = std::make_unique<Watch>(loop_, signal_fd_, Watch::Mode::kLevelRead, Bind<&Server::OnSignal>(this));
  if (admin_) LogEvent(LogLevel::kInfo, "admin_listening", {{"address", EndpointText(admin_->bound())}});
  controller_->Start([this] {
    // Requests are welcome once the first answers of names and probes are in: no first request to a dead region.
    for (auto& worker : workers_) {
      worker->Start([this] { loop_.Post([this] { OnWorkerDrained(); }); });
    }
    for (size_t i = 0; i < bound_.size(); ++i) {
      LogEvent(
          LogLevel::kInfo, "listening",
          {{"address", EndpointText(bound_[i])}, {"tls", config_.listeners[i].certificates.empty() ? "no" : "yes"}});
    }
    LogEvent(LogLevel::kInfo, "ready", {{"workers", std::to_string(workers_.size())}});
    if (on_ready_) on_ready_();
    if (draining_) {
      for (auto& worker : workers_) worker->Drain();
    }
  });
  loop_.Run();
  for (auto& worker : workers_) worker->Stop();
  for (auto& worker : workers_) worker->Join();
  LogEvent(LogLevel::kInfo, "stopped");
}

void Server::OnSignal() {
  signalfd_siginfo info;
  while (read(signal_fd_, &info, sizeof info) == sizeof info) {
    switch (static_cast<int>(info.ssi_signo)) {
      case SIGINT:
      case SIGTERM:
        if (draining_) {
          loop_.Stop();  // the second time it is meant
        } else {
          BeginDrain();
        }
        break;
      case SIGQUIT:
        loop_.Stop();
        break;
      case SIGUSR1:
        if (access_log_) access_log_->Reopen();
        break;
      default:
        LogEvent(LogLevel::kWarning, "signal_ignored", {{"signal", std::to_string(info.ssi_signo)}});
        break;
    }
  }
}

void Server::Drain() {
  loop_.Post([this] { BeginDrain(); });
}
void Server::Stop() { loop_.Stop(); }

void Server::BeginDrain() {
  if (draining_) return;
  draining_ = true;
  LogEvent(LogLevel::kInfo, "draining", {{"timeout_s", std::to_string(config_.limits.drain_timeout / 1s)}});
  controller_->SetDraining();
  for (auto& worker : workers_) worker->Drain();
  drain_timer_.Arm(config_.limits.drain_timeout);
}

void Server::OnWorkerDrained() {
  if (++drained_workers_ < workers_.size()) return;
  LogEvent(LogLevel::kInfo, "drained");
  loop_.Stop();
}

void Server::OnDrainTimeout() {
  LogEvent(LogLevel::kWarning, "drain_timeout");
  loop_.Stop();
}

}  // namespace meridian
