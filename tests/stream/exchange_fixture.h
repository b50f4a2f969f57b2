// The world around one exchange: a loop whose clock stands still, scripted origins in three regions, a client on a
// socket pair, everything else real.
#pragma once

#include "stream/exchange.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "filters/registry.h"
#include "policy/route_match.h"
#include "support/h2_peer.h"
#include "support/run_loop.h"
#include "support/test_origin.h"

namespace meridian {

using testing::H2Peer;
using testing::RunUntil;
using testing::ScriptedRequest;
using testing::Settle;
using testing::TestH2Origin;
using testing::TestOrigin;

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
inline constexpr std::string_view k503 = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
inline constexpr std::string_view kGet = "GET /a?secret=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";

inline bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

inline size_t Count(std::string_view text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++n;
  return n;
}

class ExchangeTest : public ::testing::Test, private ConnectionHost, private OutcomeSink {
 protected:
  ExchangeTest() {
    for (int i = 0; i < 3; ++i) origins_.push_back(std::make_unique<TestOrigin>(loop_));
    char path[] = "/tmp/meridian-access-XXXXXX";
    close(mkstemp(path));
    log_path_ = path;
  }
  ~ExchangeTest() override {
    while (connection_) connection_->Close();
    loop_.RunTurn(false);
    if (client_ >= 0) close(client_);
    context_.reset();
    loop_.RunTurn(false);
    unlink(log_path_.c_str());
  }

  // What a test changes in the world goes between these two.
  ServiceModel& service() {
    if (!model_) MakeModel();
    return model_->services[0];
  }
  RouteModel& route() {
    service();
    return model_->routes[0];
  }
  void Start() {
    service();
    FilterOptions options;
    options.replay_unsafe = model_->routes[0].replay_unsafe;
    options.rules = rules_;
    model_->routes[0].filters = MakeFilters(options);
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->model = model_;
    snapshot->dials = {1, 1, 1};
    snapshot->drills = drills_;
    snapshot->routes = {{.weights = {1}}};
    snapshot->route_order = OrderRoutes(model_->routes);
    ServiceView view;
    for (uint16_t r = 0; r < service().regions.size(); ++r) {
      RegionView region;
      if (r == 0) region.breaker = first_region_;
      if (r == 0 && first_region_ == BreakerState::kHalfOpen) region.share = 0;
      for (size_t o = 0; o < service().regions[r].origins.size(); ++o) {
        region.origins.push_back({.serving = Serving::kUnknown, .endpoints = endpoints_[r][o]});
      }
      view.regions.push_back(region);
      view.nearest.push_back(r);
    }
    snapshot->services = {view};
    std::string problem;
    tls_ = OriginTlsContexts::Make(*model_, &problem);
    log_ = AccessLogWriter::Open(log_path_, &problem);
    ASSERT_TRUE(tls_ && log_) << problem;
    settings_.access_log = true;
    OutcomeSink& outcomes = *this;
    context_ = std::make_unique<WorkerContext>(loop_, snapshot, *tls_, settings_, outcomes, log_.get(), 1);
    Connect();
  }
  void Connect() {
    int fd[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    client_ = fd[0];
    ConnectionHost& host = *this;
    connection_ = new ClientConnection(loop_, host, limits_, timeouts_, *ParseHostPort("203.0.113.7:4711"), 80);
    ASSERT_TRUE(connection_->Start(fd[1], nullptr));
  }

  void Send(std::string_view text) {
    ASSERT_EQ(send(client_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  std::string& received() {
    char bytes[16 * 1024];
    for (;;) {
      const ssize_t n = recv(client_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (n > 0) received_.append(bytes, static_cast<size_t>(n));
      if (n == 0 || (n < 0 && errno != EAGAIN)) client_eof_ = true;
      if (n <= 0) return received_;
    }
  }
  bool ClientGets(std::string_view part) {
    return RunUntil(loop_, [&] { return Has(received(), part); });
  }
  bool ClientIsCut() {
    return RunUntil(loop_, [&] {
      received();
      return client_eof_;
    });
  }
  // Waits for an unanswered request at origin `o`, on any connection; returns the connection.
  size_t Arrives(size_t o) {
    size_t found = SIZE_MAX;
    EXPECT_TRUE(RunUntil(loop_,
                         [&] {
                           for (size_t c = 0; c < origins_[o]->connections(); ++c) {
                             if (origins_[o]->requests(c) > 0) found = c;
                           }
                           return found != SIZE_MAX;
                         }))
        << "no request at origin " << o;
    return found == SIZE_MAX ? 0 : found;
  }
  void Answer(size_t o, std::string_view answer) {
    const size_t c = Arrives(o);
    if (c < origins_[o]->connections()) origins_[o]->Answer(c, answer);
  }
  // Time passes a little at a time, so that sockets keep up with it.
  void Pass(Duration d) {
    for (Duration done{}; done < d; done += 20ms) {
      loop_.Advance(20ms);
      Settle(loop_);
    }
  }
  // The access log so far, after everything is over.
  std::string Log() {
    while (connection_) connection_->Close();
    loop_.RunTurn(false);
    context_->FlushLog();
    log_.reset();  // writes all
    std::ifstream file(log_path_);
    std::stringstream text;
    text << file.rdbuf();
    // The context must not use the writer any more.
    return text.str();
  }
  uint32_t Signals(uint16_t region, Signal signal) {
    Settle(loop_);
    uint32_t n = 0;
    for (const OutcomeRun& run : outcomes_) {
      if (run.region == region && run.signal == signal) n += run.count;
    }
    return n;
  }
  // "1 saved 2×" per run: where requests failed first, what became of them, how many.
  std::vector<std::string> Affected() {
    Settle(loop_);
    std::vector<std::string> out;
    for (const AffectedRun& run : affected_) {
      out.push_back(std::to_string(run.region) + (run.saved ? " saved " : " lost ") + std::to_string(run.count) + "×");
    }
    return out;
  }
  const std::vector<AffectedRun>& affected() const { return affected_; }
  RouteCells& route_cells() { return context_->route_cells(0); }

  Loop loop_{true};
  ClientSettings settings_;
  RouteRules rules_;
  BreakerState first_region_ = BreakerState::kClosed;
  std::vector<Drill> drills_;
  std::vector<std::unique_ptr<TestOrigin>> origins_;
  std::vector<std::vector<std::vector<Endpoint>>> endpoints_;  // region, origin
  std::unique_ptr<WorkerContext> context_;
  ClientConnection* connection_ = nullptr;
  int client_ = -1;
  std::string received_;
  bool client_eof_ = false;

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

  MessageLimits limits_;
  ConnectionTimeouts timeouts_;
  std::shared_ptr<Model> model_;
  std::unique_ptr<OriginTlsContexts> tls_;
  std::unique_ptr<AccessLogWriter> log_;
  std::string log_path_;
  std::vector<OutcomeRun> outcomes_;
  std::vector<AffectedRun> affected_;
};

// The same with a client of HTTP/2, by prior knowledge.
class Http2ExchangeTest : public ExchangeTest {
 protected:
  // Moves bytes between the peer and the socket until `done`.
  template <typename F>
  bool Until(F done) {
    return RunUntil(loop_, [&] {
      const std::string out = peer_.Output();
      if (!out.empty()) Send(out);
      received_.clear();
      const std::string in = received();
      if (!in.empty()) peer_.Input(in);
      return done();
    });
  }
  int32_t Get() {
    return peer_.Request({{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}});
  }
  H2Peer peer_{false};
};

}  // namespace meridian
