// The world around exchanges: a loop whose clock stands still, scripted origins in three regions, a client on a socket
// pair, everything else real. To be derived from; knows nothing of who uses it, tests and the fuzzer alike.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "filters/registry.h"
#include "policy/route_match.h"
#include "stream/exchange.h"
#include "support/must.h"
#include "support/test_origin.h"

namespace meridian::testing {

class ExchangeWorld : private ConnectionHost, private OutcomeSink {
 protected:
  ExchangeWorld() {
    for (int i = 0; i < 3; ++i) origins_.push_back(std::make_unique<TestOrigin>(loop_));
  }
  virtual ~ExchangeWorld() { End(); }
  ExchangeWorld(const ExchangeWorld&) = delete;
  ExchangeWorld& operator=(const ExchangeWorld&) = delete;

  // What a user changes in the world goes between these and Begin.
  ServiceModel& service() {
    if (!model_) MakeModel();
    return model_->services[0];
  }
  Model& model() {
    service();
    return *model_;
  }
  RouteModel& route() {
    service();
    return model_->routes[0];
  }
  // One like the first, over all three regions.
  ServiceModel& AddService(std::string name) {
    model_->services.push_back(service());
    model_->services.back().name = std::move(name);
    return model_->services.back();
  }
  // `log` may be null and outlives End.
  void Begin(AccessLogWriter* log) {
    service();
    FilterOptions options;
    options.replay_unsafe = model_->routes[0].replay_unsafe;
    options.rules = rules_;
    model_->routes[0].filters = MakeFilters(options);
    std::string problem;
    tls_ = OriginTlsContexts::Make(*model_, &problem);
    Must(tls_ != nullptr, problem);
    settings_.access_log = true;
    OutcomeSink& outcomes = *this;
    context_ = std::make_unique<WorkerContext>(loop_, MakeSnapshot(), *tls_, settings_, outcomes, log, RandomKey{1});
    Connect();
  }
  // A snapshot of the world as the members below have it now.
  std::shared_ptr<Snapshot> MakeSnapshot() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->model = model_;
    snapshot->dials = dials_;
    snapshot->drills = drills_;
    for (const RouteModel& route : model_->routes) {
      RouteView& view = snapshot->routes.emplace_back();
      for (const ArmModel& arm : route.split) view.weights.push_back(arm.weight);
    }
    snapshot->route_order = OrderRoutes(model_->routes);
    for (const ServiceModel& service : model_->services) snapshot->services.push_back(MakeView(service));
    const bool first_is_out = first_region_ == BreakerState::kOpen || first_region_ == BreakerState::kHalfOpen;
    snapshot->services[0].regions[0].breaker = first_region_;
    if (first_is_out) snapshot->services[0].regions[0].share = 0;
    return snapshot;
  }
  // Another client; the one before is gone.
  void Connect() {
    int fd[2];
    Must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0, "socketpair");
    client_ = fd[0];
    const int least = 1;
    if (narrow_) setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    ConnectionHost& host = *this;
    connection_ = new ClientConnection(loop_, host, limits_, timeouts_, *ParseHostPort("203.0.113.7:4711"), 80);
    Must(connection_->Start(fd[1], nullptr), "no transport for the client");
  }
  void CloseClient() {
    if (client_ >= 0) close(client_);
    client_ = -1;
  }
  // Everything is over and gone; may be called twice.
  void End() {
    while (connection_) connection_->Close();
    loop_.RunTurn(false);
    CloseClient();
    context_.reset();
    loop_.RunTurn(false);
  }

  Loop loop_{true};
  ClientSettings settings_;
  MessageLimits limits_;
  ConnectionTimeouts timeouts_;
  bool narrow_ = false;  // the kernel takes little at once from what clients are sent
  RouteRules rules_;
  BreakerState first_region_ = BreakerState::kClosed;
  std::vector<double> dials_ = {1, 1, 1};
  std::vector<Drill> drills_;
  std::vector<std::unique_ptr<TestOrigin>> origins_;
  std::vector<std::vector<std::vector<Endpoint>>> endpoints_;  // region, origin
  std::unique_ptr<WorkerContext> context_;
  ClientConnection* connection_ = nullptr;
  int client_ = -1;
  std::vector<OutcomeRun> outcomes_;
  std::vector<AffectedRun> affected_;

 private:
  void MakeModel() {
    model_ = std::make_shared<Model>();
    model_->edge_name = "fra-1";
    ServiceModel shop;
    shop.name = "shop";
    for (uint16_t i = 0; i < 3; ++i) {
      model_->regions.push_back({.name = "region-" + std::to_string(i), .location = {}, .dial = 1.0});
      OriginModel origin;
      origin.url = "http://" + EndpointText(origins_[i]->endpoint());
      origin.host = "127.0.0.1";
      origin.port = origins_[i]->endpoint().port;
      shop.regions.push_back({.region = i, .origins = {origin}});
      endpoints_.push_back({{origins_[i]->endpoint()}});
    }
    model_->services.push_back(shop);
    RouteModel route;
    route.name = "shop-api";
    route.host = "shop.example";
    route.split = {{0, 1}};
    model_->routes.push_back(route);
  }
  ServiceView MakeView(const ServiceModel& service) const {
    ServiceView view;
    for (uint16_t r = 0; r < service.regions.size(); ++r) {
      RegionView region;
      for (size_t o = 0; o < service.regions[r].origins.size(); ++o) {
        region.origins.push_back({.serving = Serving::kUnknown, .endpoints = endpoints_[service.regions[r].region][o]});
      }
      view.regions.push_back(region);
      view.nearest.push_back(r);
    }
    return view;
  }
  std::unique_ptr<ConnectionExchange> NewExchange(ClientConnection& connection, ServerStream& stream) override {
    return std::make_unique<Exchange>(*context_, connection, stream);
  }
  void OnConnectionClosed(ClientConnection& connection, const Error&) override {
    connection_ = nullptr;
    loop_.Retire(std::unique_ptr<Disposable>(&connection));
  }
  void OnOutcomes(std::vector<OutcomeRun> runs) override {
    outcomes_.insert(outcomes_.end(), runs.begin(), runs.end());
  }
  void OnAffected(std::vector<AffectedRun> runs) override {
    affected_.insert(affected_.end(), runs.begin(), runs.end());
  }

  std::shared_ptr<Model> model_;
  std::unique_ptr<OriginTlsContexts> tls_;
};

}  // namespace meridian::testing
