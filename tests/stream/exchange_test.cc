// One exchange after the other on a loop whose clock stands still: scripted origins in three regions, a client on a
// socket pair, everything else real.
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
namespace {

using testing::H2Peer;
using testing::RunUntil;
using testing::ScriptedRequest;
using testing::Settle;
using testing::TestH2Origin;
using testing::TestOrigin;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr std::string_view k503 = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
constexpr std::string_view kGet = "GET /a?secret=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

size_t Count(std::string_view text, std::string_view part) {
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

// ---- one origin ----------------------------------------------------------------------------------------------------

TEST_F(ExchangeTest, ARequestGoesToTheNearestRegionAndItsAnswerComesBack) {
  Start();
  Send(kGet);
  const size_t c = Arrives(0);
  const std::string seen = origins_[0]->received(c);
  EXPECT_TRUE(seen.starts_with("GET /a?secret=1 HTTP/1.1\r\nhost: shop.example\r\n")) << seen;
  EXPECT_TRUE(Has(seen, "x-forwarded-for: 203.0.113.7\r\n"));
  EXPECT_TRUE(Has(seen, "via: 1.1 meridian\r\n"));
  origins_[0]->Answer(
      c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Kept: 2\r\n\r\nok");
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_TRUE(Has(received_, "x-kept: 2"));
  EXPECT_FALSE(Has(received_, "x-hop"));
  EXPECT_FALSE(Has(received_, "connection:"));
  EXPECT_TRUE(Has(received_, "x-request-id: "));
  Pass(200ms);
  EXPECT_EQ(Signals(0, Signal::kSuccess), 1u);
}

TEST_F(ExchangeTest, ConnectionsAreKeptOnBothSides) {
  Start();
  for (int i = 0; i < 5; ++i) {
    received_.clear();
    Send(kGet);
    Answer(0, kOk);
    ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  }
  EXPECT_EQ(origins_[0]->connections(), 1u);
}

TEST_F(ExchangeTest, AHostWithoutRouteIsNotFoundAndTouchesNoOrigin) {
  Start();
  Send("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
  ASSERT_TRUE(ClientGets("404 Not Found"));
  EXPECT_EQ(context_->stats().unmatched_requests.Get(), 1u);
  EXPECT_EQ(origins_[0]->connections(), 0u);
  // The connection is as good as before.
  Send(kGet);
  Answer(0, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, ErrorsAreJsonForThoseWhoPreferIt) {
  Start();
  Send("GET / HTTP/1.1\r\nHost: other.example\r\nAccept: application/json\r\n\r\n");
  EXPECT_TRUE(ClientGets("\"status\":404"));
  EXPECT_TRUE(Has(received_, "content-type: application/problem+json"));
}

TEST_F(ExchangeTest, BodiesAreStreamedBothWaysBeforeTheyEnd) {
  Start();
  Send("POST /up HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[0]->received(c), "3\r\nabc\r\n"); }));
  Send("3\r\ndef\r\n0\r\nX-Sum: 6\r\n\r\n");
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[0]->received(c), "3\r\ndef\r\n0\r\nx-sum: 6\r\n\r\n"); }));
  origins_[0]->Answer(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
  ASSERT_TRUE(ClientGets("2\r\nok\r\n"));
  origins_[0]->Send(c, "0\r\nX-Trailer: 1\r\n\r\n");
  EXPECT_TRUE(ClientGets("0\r\nx-trailer: 1\r\n\r\n"));
}

TEST_F(ExchangeTest, ContinueComesFromTheOrigin) {
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  const size_t c = Arrives(0);
  EXPECT_TRUE(Has(origins_[0]->received(c), "expect: 100-continue"));
  origins_[0]->Send(c, "HTTP/1.1 100 Continue\r\nConnection: x\r\nX: 1\r\n\r\n");
  ASSERT_TRUE(ClientGets("HTTP/1.1 100 Continue\r\n"));
  EXPECT_FALSE(Has(received_, "connection:")) << "what belongs to one connection stays there";
  Send("abc");
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("\r\n\r\nabc"); }));
  origins_[0]->Answer(c, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

// ---- failover ------------------------------------------------------------------------------------------------------

TEST_F(ExchangeTest, ARefusedConnectionMovesOnForEveryMethod) {
  Start();
  origins_[0]->Close();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  const size_t c = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[1]->received(c), "\r\n\r\nabc"); }));
  origins_[1]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("200 OK"));
  EXPECT_EQ(Signals(0, Signal::kConnectFail), 1u);
  EXPECT_EQ(route_cells().failovers.Get(), 1u);
  EXPECT_EQ(route_cells().saved.Get(), 1u);
  EXPECT_EQ(route_cells().lost.Get(), 0u);
}

TEST_F(ExchangeTest, AFailureStatusMovesOnAndTheClientNeverSeesIt) {
  Start();
  Send(kGet);
  Answer(0, k503);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_FALSE(Has(received_, "503"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  Pass(200ms);
  EXPECT_EQ(Signals(1, Signal::kSuccess), 1u);
}

TEST_F(ExchangeTest, WhenAllFailARealAnswerBeatsOurOwn) {
  Start();
  Send(kGet);
  Answer(0, k503);
  origins_[1]->Close();
  origins_[2]->Close();
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_TRUE(Has(received_, "HTTP/1.1 503"));
}

TEST_F(ExchangeTest, WhenEveryRegionAnswersWithAFailureTheLastAnswerIsPassedOn) {
  Start();
  Send(kGet);
  Answer(0, k503);
  Answer(1, k503);
  Answer(2, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nbad");
  ASSERT_TRUE(ClientGets("\r\n\r\nbad"));
  EXPECT_EQ(route_cells().saved.Get(), 0u);
}

TEST_F(ExchangeTest, WhenNoRegionCanBeReachedTheClientLearnsWhy) {
  Start();
  for (auto& o : origins_) o->Close();
  Send(kGet);
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  EXPECT_TRUE(Has(received_, "proxy-status: meridian; error=connection_refused"));
  EXPECT_EQ(route_cells().lost.Get(), 1u);
}

TEST_F(ExchangeTest, AConnectionThatBreaksBeforeTheAnswerMovesAGetOn) {
  Start();
  Send(kGet);
  origins_[0]->CloseConnection(Arrives(0));
  Answer(1, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, APostThatMayHaveRunIsNeverSentTwice) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  origins_[0]->CloseConnection(Arrives(0));
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  Settle(loop_);
  EXPECT_EQ(origins_[0]->total_requests() + origins_[1]->total_requests() + origins_[2]->total_requests(), 1u);
  EXPECT_EQ(context_->stats().replay_refused.Get(), 1u);
}

TEST_F(ExchangeTest, APostIsNotReplayedForAFailureStatusEither) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Answer(0, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

TEST_F(ExchangeTest, APostWithAnIdempotencyKeyIsReplayed) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n");
  Answer(0, k503);
  Answer(1, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, APostOnAKeptConnectionThatDiesIsNotSentAgain) {
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  origins_[0]->CloseConnection(Arrives(0));
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  EXPECT_EQ(origins_[0]->total_requests(), 2u);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

TEST_F(ExchangeTest, AGetOnAKeptConnectionThatDiesTriesTheSameRegionAgain) {
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  Send(kGet);
  origins_[0]->CloseConnection(Arrives(0));
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  EXPECT_EQ(Signals(0, Signal::kFailure) + Signals(0, Signal::kConnectFail), 0u) << "it says nothing about the region";
}

// The race of every keep-alive client: the origin closes an idle connection while the next request is on its way to it.
// Its FIN does not acknowledge the request, so nobody can have run it, whatever the method.
TEST_F(ExchangeTest, APostThatMetAClosedConnectionIsProvenUnseenAndSentAgain) {
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\n\r\norder");
  // After the request was read and before it is written.
  loop_.Post([this] { origins_[0]->CloseConnection(0); });
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->connections() == 2; }));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(1).ends_with("\r\n\r\norder"); }));
  origins_[0]->Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  EXPECT_EQ(Signals(0, Signal::kFailure) + Signals(0, Signal::kConnectFail), 0u) << "it says nothing about the region";
}

TEST_F(ExchangeTest, ABodyIsKeptAndSentAgainToTheNextRegion) {
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 10\r\n\r\nabc");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("\r\n\r\nabc"); }));
  origins_[0]->CloseConnection(c);
  const size_t second = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabc"); }));
  Send("defghij");
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabcdefghij"); }));
  origins_[1]->Answer(second, k503);
  const size_t third = Arrives(2);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[2]->received(third).ends_with("\r\n\r\nabcdefghij"); }));
  origins_[2]->Answer(third, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, AChunkedBodyIsKeptWithItsTrailers) {
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[0]->received(c), "x-sum: 3\r\n\r\n"); }));
  origins_[0]->Answer(c, k503);
  const size_t second = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[1]->received(second), "3\r\nabc\r\n0\r\nx-sum: 3\r\n\r\n"); }));
  origins_[1]->Answer(second, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, ABodyOverTheLimitIsStreamedAndNeverSentAgain) {
  service().failover.replay_limit = 5;
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 10\r\n\r\nabc");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("\r\n\r\nabc"); }));
  origins_[0]->CloseConnection(c);
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  Settle(loop_);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  EXPECT_EQ(context_->stats().replay_abandoned_length.Get(), 1u);
}

TEST_F(ExchangeTest, ABodyThatTurnsOutLongerThanTheLimitGoesOnAndIsNotSentAgain) {
  service().failover.replay_limit = 5;
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("abc\r\n"); }));
  Send("3\r\ndef\r\n0\r\n\r\n");
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("def\r\n0\r\n\r\n"); }));
  origins_[0]->Answer(c, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy")) << "an origin's real answer, since nothing better can come";
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  EXPECT_EQ(context_->stats().replay_abandoned_length.Get(), 1u);
}

TEST_F(ExchangeTest, WithoutRoomBodiesAreStreamedOnly) {
  settings_.replay_memory = 12;
  Start();
  Send("PUT /1 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 10\r\n\r\nabcdefghij");
  const size_t c = Arrives(0);
  EXPECT_FALSE(context_->ReserveReplay(10)) << "the one under way has ten bytes of it";
  origins_[0]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  ASSERT_TRUE(context_->ReserveReplay(10)) << "an answered request gives back what it had";
  Send("PUT /2 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  Answer(0, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(context_->stats().replay_abandoned_memory.Get(), 1u);
}

TEST_F(ExchangeTest, APostWithAKeyOrOnAnUnsafeRouteIsSentAgainWithItsBody) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nIdempotency-Key: k1\r\nContent-Length: 3\r\n\r\nabc");
  Answer(0, k503);
  const size_t second = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabc"); }));
  EXPECT_TRUE(Has(origins_[1]->received(second), "idempotency-key: k1")) << "the origin must be able to tell";
  origins_[1]->Answer(second, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, OnAnUnsafeRouteAnyPostIsSentAgain) {
  route().replay_unsafe = true;
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  origins_[0]->CloseConnection(Arrives(0));
  const size_t second = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabc"); }));
  origins_[1]->Answer(second, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, AHangingOriginThatHasTheWholeBodyIsLeftAfterTheAttemptTimeout) {
  service().failover.attempt_timeout = 500ms;
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  Arrives(0);
  Pass(480ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  Pass(60ms);
  Answer(1, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

// ---- what the route and the origin say -----------------------------------------------------------------------------

TEST_F(ExchangeTest, ARoutesOwnStatusesReplaceThoseOfTheService) {
  route().failure_statuses = StatusSet().Add(404);
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
  Answer(1, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy")) << "503 is an answer on this route";
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u) << "a missing object says nothing about the region";
}

TEST_F(ExchangeTest, AnOriginThatAsksToWaitIsNotAskedAgain) {
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n");
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u) << "the limit may be this client's alone";
}

TEST_F(ExchangeTest, TheBestAnswerSeenIsPassedOnWhenAllFail) {
  route().failure_statuses = StatusSet().Add(404).Add(503);
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
  Answer(1, k503);
  Answer(2, k503);
  ASSERT_TRUE(ClientGets("404 Not Found"));
  EXPECT_TRUE(Has(received(), "\r\n\r\nnone"));
}

// ---- hedging -------------------------------------------------------------------------------------------------------

TEST_F(ExchangeTest, ASlowRequestIsSentToTheNextRegionAsWellAndTheFirstGoodAnswerCounts) {
  route().hedge = 50ms;
  Start();
  Send(kGet);
  Arrives(0);
  Pass(40ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  Pass(40ms);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_TRUE(RunUntil(loop_, [&] { return origins_[0]->closed(0); })) << "the slow one was let go";
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u) << "slow is not broken";
  EXPECT_EQ(route_cells().hedges.Get(), 1u);
  EXPECT_EQ(route_cells().hedges_won.Get(), 1u);
  EXPECT_TRUE(Has(Log(), "overtaken"));
}

TEST_F(ExchangeTest, AFailureOfOneOfTwoLeavesTheRequestToTheOther) {
  route().hedge = 50ms;
  Start();
  Send(kGet);
  const size_t first = Arrives(0);
  Pass(80ms);
  Answer(1, k503);
  Settle(loop_);
  EXPECT_EQ(received(), "") << "the first one may still answer";
  origins_[0]->Answer(first, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(route_cells().hedges_won.Get(), 0u);
  EXPECT_EQ(origins_[2]->total_requests(), 0u);
}

TEST_F(ExchangeTest, WhenBothOfAHedgeFailTheThirdRegionIsAsked) {
  route().hedge = 50ms;
  Start();
  Send(kGet);
  const size_t first = Arrives(0);
  Pass(80ms);
  origins_[0]->ResetConnection(first);
  Settle(loop_);
  Answer(1, k503);
  Answer(2, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, RequestsWithABodyOrWithEffectsAreNotHedged) {
  route().hedge = 50ms;
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  const size_t c = Arrives(0);
  Pass(200ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  origins_[0]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Arrives(0);
  Pass(200ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

// A trial is the proxy's wish, not the client's: in a hang it must cost the client next to nothing.
TEST_F(ExchangeTest, ATrialOfAHangingRegionCostsItsClientAnInstantAndTheRegionItsTrial) {
  first_region_ = BreakerState::kHalfOpen;
  Start();
  context_->GrantTrial(0, 0);
  Send(kGet);
  Arrives(0);
  Pass(140ms);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u) << "a trial that was overtaken has not proved anything good";
}

TEST_F(ExchangeTest, ABodyThatHasNotBegunMovesOnWholeToTheNextRegion) {
  // The first origin answers 503 before it gets the body and ends its answer only later; the second one is connected
  // already. No byte of the body may go to the first, and the second must get all of it.
  Start();
  Send(kGet);
  Answer(0, k503);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n");
  const size_t first = Arrives(0);
  origins_[0]->Answer(first, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\n");
  const size_t second = Arrives(1);
  Send("abc");
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabc"); }));
  origins_[0]->Send(first, "busy");
  Settle(loop_);
  Send("def");
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(second).ends_with("\r\n\r\nabcdef"); }));
  EXPECT_FALSE(Has(origins_[0]->received(first), "abc"));
  origins_[1]->Answer(second, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(ExchangeTest, ASavedRequestIsToldWithTheRegionThatFailedItAndTheTimeOfItsAnswer) {
  service().failover.attempt_timeout = 500ms;
  Start();
  const TimePoint sent = loop_.Now();
  Send(kGet);
  Arrives(0);
  Pass(520ms);
  Answer(1, k503);
  Answer(2, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Affected(), std::vector<std::string>()) << "it is not urgent";
  Pass(200ms);
  ASSERT_EQ(Affected(), std::vector<std::string>{"0 saved 1×"}) << "the first region that failed is to blame";
  EXPECT_FALSE(affected()[0].trial);
  EXPECT_GE(affected()[0].last - sent, 500ms);
  EXPECT_LE(affected()[0].last - sent, 540ms) << "when it was answered, not when that was told";
}

TEST_F(ExchangeTest, ALostRequestIsToldAtOnce) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Answer(0, k503);
  ASSERT_TRUE(ClientGets("busy"));
  EXPECT_EQ(Affected(), std::vector<std::string>{"0 lost 1×"});
}

TEST_F(ExchangeTest, AnAnswerCutHalfWayIsALostRequest) {
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  ASSERT_TRUE(ClientGets("half"));
  origins_[0]->CloseConnection(0);
  ASSERT_TRUE(ClientIsCut());
  EXPECT_EQ(Affected(), std::vector<std::string>{"0 lost 1×"});
}

TEST_F(ExchangeTest, RequestsThatNoRegionFailedAreNotTold) {
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
  ASSERT_TRUE(ClientGets("\r\n\r\nno"));
  Pass(200ms);
  EXPECT_EQ(Affected(), std::vector<std::string>());
}

TEST_F(ExchangeTest, AHangingOriginIsLeftAfterTheAttemptTimeout) {
  service().failover.attempt_timeout = 500ms;
  Start();
  Send(kGet);
  Arrives(0);
  Pass(480ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  Pass(60ms);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  EXPECT_TRUE(origins_[0]->closed(0)) << "the attempt was cancelled";
}

TEST_F(ExchangeTest, WithoutAnySamplesTheAutomaticAttemptTimeoutIsASecond) {
  Start();
  Send(kGet);
  Arrives(0);
  Pass(980ms);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  Pass(60ms);
  Arrives(1);
}

TEST_F(ExchangeTest, WhenAllHangTheDeadlineAnswers504) {
  service().timeouts.request = 5s;
  Start();
  Send(kGet);
  Arrives(0);
  Pass(4900ms);
  EXPECT_EQ(received(), "");
  Pass(200ms);
  ASSERT_TRUE(ClientGets("504 Gateway Timeout"));
  EXPECT_TRUE(Has(received_, "proxy-status: meridian; error=http_response_timeout"));
  EXPECT_EQ(origins_[0]->total_requests() + origins_[1]->total_requests() + origins_[2]->total_requests(), 3u);
}

TEST_F(ExchangeTest, AHangingPostWaitsForItsDeadlineAndIsNotSentElsewhere) {
  service().timeouts.request = 3s;
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Arrives(0);
  Pass(2900ms);
  EXPECT_EQ(received(), "");
  Pass(200ms);
  ASSERT_TRUE(ClientGets("504 Gateway Timeout"));
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

TEST_F(ExchangeTest, NoMoreAttemptsThanConfigured) {
  service().failover.attempts = 2;
  Start();
  Send(kGet);
  Answer(0, k503);
  Answer(1, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(origins_[2]->total_requests(), 0u);
}

TEST_F(ExchangeTest, WithoutBudgetAFailureIsPassedOnInsteadOfMultiplied) {
  Start();
  while (context_->budget(0).TakeReplay(loop_.Now())) {
  }
  Send(kGet);
  Answer(0, k503);
  ASSERT_TRUE(ClientGets("\r\n\r\nbusy"));
  EXPECT_EQ(context_->stats().retry_budget_exhausted.Get(), 1u);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
}

TEST_F(ExchangeTest, ASiblingOfAnUnreachableOriginServesTheSameRegion) {
  service();
  OriginModel sibling = service().regions[0].origins[0];
  service().regions[0].origins.push_back(sibling);
  endpoints_[0].push_back(endpoints_[1][0]);  // the second origin stands in as the sibling
  Start();
  origins_[0]->Close();
  Send(kGet);
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_TRUE(Has(Log(), "\"region\":\"region-0\""));
}

TEST_F(ExchangeTest, ASiblingThatHasNoAddressIsReportedAsThatAndNotAsATimeout) {
  service().regions.resize(1);
  OriginModel sibling = service().regions[0].origins[0];
  service().regions[0].origins.push_back(sibling);
  endpoints_[0].push_back({});
  Start();
  origins_[0]->Close();
  Send(kGet);
  ASSERT_TRUE(ClientGets("proxy-status: "));
  EXPECT_FALSE(Has(received_, "504")) << received_;
}

// ---- after the head was sent ---------------------------------------------------------------------------------------

TEST_F(ExchangeTest, AnAnswerThatBreaksLooksBroken) {
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  ASSERT_TRUE(ClientGets("4\r\nhalf\r\n"));
  origins_[0]->CloseConnection(0);
  ASSERT_TRUE(ClientIsCut());
  EXPECT_FALSE(Has(received_, "0\r\n\r\n"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  EXPECT_EQ(route_cells().lost.Get(), 1u);
  EXPECT_TRUE(Has(Log(), "\"end\":\"origin_reset\""));
}

TEST_F(ExchangeTest, AnAnswerThatStallsIsCutAfterTheIdleTimeout) {
  service().timeouts.idle = 2s;
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  ASSERT_TRUE(ClientGets("half"));
  Pass(5s);
  ASSERT_TRUE(ClientIsCut());
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  EXPECT_TRUE(Has(Log(), "\"end\":\"timeout\""));
}

TEST_F(ExchangeTest, AnAnswerThatMovesSlowlyIsNotCut) {
  service().timeouts.idle = 2s;
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  for (int i = 0; i < 10; ++i) {
    Pass(1s);
    origins_[0]->Send(0, "x");
  }
  EXPECT_TRUE(ClientGets("xxxxxxxxxx"));
}

// ---- clients -------------------------------------------------------------------------------------------------------

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

TEST_F(Http2ExchangeTest, ByPriorKnowledgeACleartextClientSpeaksHttp2) {
  Start();
  const int32_t id = Get();
  ASSERT_TRUE(Until([&] { return origins_[0]->requests(0) > 0; }));
  origins_[0]->Answer(0, kOk);
  ASSERT_TRUE(Until([&] { return peer_.stream(id).ended; }));
  EXPECT_EQ(peer_.stream(id).Field(":status"), "200");
  EXPECT_EQ(peer_.stream(id).body, "ok");
}

TEST_F(Http2ExchangeTest, AClientThatGivesUpFreesTheOrigin) {
  Start();
  const int32_t id = Get();
  ASSERT_TRUE(Until([&] { return origins_[0]->requests(0) > 0; }));
  peer_.Reset(id, NGHTTP2_CANCEL);
  EXPECT_TRUE(Until([&] { return origins_[0]->closed(0); }));
  Settle(loop_);
  EXPECT_EQ(origins_[1]->total_requests(), 0u) << "nobody waits for another try";
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u) << "it was not the origin's fault";
  EXPECT_TRUE(Has(Log(), "\"end\":\"client_reset\""));
}

TEST_F(Http2ExchangeTest, ABrokenAnswerResetsItsStreamOnly) {
  Start();
  const int32_t id = Get();
  ASSERT_TRUE(Until([&] { return origins_[0]->requests(0) > 0; }));
  origins_[0]->Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  ASSERT_TRUE(Until([&] { return peer_.stream(id).body == "half"; }));
  origins_[0]->ResetConnection(0);
  ASSERT_TRUE(Until([&] { return peer_.stream(id).closed; }));
  EXPECT_FALSE(peer_.stream(id).ended);
  EXPECT_NE(peer_.stream(id).code, uint32_t{NGHTTP2_NO_ERROR});
  const int32_t next = Get();
  ASSERT_TRUE(Until([&] { return origins_[0]->requests(1) > 0; }));
  origins_[0]->Answer(1, kOk);
  EXPECT_TRUE(Until([&] { return peer_.stream(next).ended; }));
}

TEST_F(ExchangeTest, AClientThatSendsItsHeadTooSlowlyIsTold) {
  Start();
  Send("GET / HTTP/1.1\r\nHo");
  Pass(11s);
  ASSERT_TRUE(ClientGets("408 Request Timeout"));
  EXPECT_FALSE(Has(received_, "x-request-id: \r\n")) << received_;
  EXPECT_TRUE(ClientIsCut());
}

TEST_F(ExchangeTest, ASilentConnectionIsClosedAfterTheIdleTimeout) {
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  Pass(59s);
  received();
  EXPECT_FALSE(client_eof_);
  Pass(4s);
  EXPECT_TRUE(ClientIsCut());
}

TEST_F(ExchangeTest, ARequestThatCannotBeReadGetsItsStatusAndTheConnectionEnds) {
  Start();
  Send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  ASSERT_TRUE(ClientGets("400 Bad Request"));
  EXPECT_TRUE(ClientIsCut());
  EXPECT_EQ(origins_[0]->connections(), 0u);
  EXPECT_EQ(context_->stats().client_protocol_errors.Get(), 1u);
}

TEST_F(ExchangeTest, DrainAnswersWhatIsUnderWay) {
  Start();
  Send(kGet);
  Arrives(0);
  connection_->StartDrain();
  Settle(loop_);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_TRUE(Has(received_, "connection: close"));
  EXPECT_TRUE(ClientIsCut());
}

// ---- the access log ------------------------------------------------------------------------------------------------

TEST_F(ExchangeTest, TheAccessLogTellsEveryAttempt) {
  Start();
  origins_[0]->Close();
  Send(kGet);
  Answer(1, k503);
  Answer(2, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  Settle(loop_);
  const std::string log = Log();
  EXPECT_EQ(Count(log, "\n"), 1u) << log;
  for (std::string_view part :
       {"\"route\":\"shop-api\"", "\"service\":\"shop\"", "\"region\":\"region-2\"", "\"status\":200",
        "\"end\":\"complete\"", "\"path\":\"/a\"", "\"client\":\"203.0.113.7\"", "connect_failed", "\"status\":503",
        "preferred", "failover"}) {
    EXPECT_TRUE(Has(log, part)) << part << " in " << log;
  }
  EXPECT_FALSE(Has(log, "secret"));
}

TEST_F(ExchangeTest, OurOwnAnswersAreMarkedAsOurs) {
  Start();
  Send("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
  ASSERT_TRUE(ClientGets("404"));
  Settle(loop_);
  const std::string log = Log();
  EXPECT_TRUE(Has(log, "\"status\":404")) << log;
  EXPECT_TRUE(Has(log, "\"end\":\"local\"")) << log;
}

// ---- a download that goes on ---------------------------------------------------------------------------------------

class ResumeTest : public ExchangeTest {
 protected:
  static constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 10\r\n\r\n";
  // From byte 4 on, as asked.
  static constexpr std::string_view kRest =
      "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\n456789";
  void StartWithResume() {
    route().resume = true;
    Start();
  }
  // The client has the first four bytes, then the origin breaks.
  void Break(std::string_view head = kHead) {
    Send(kGet);
    const size_t c = Arrives(0);
    origins_[0]->Answer(c, std::string(head) + "0123");
    ASSERT_TRUE(ClientGets("\r\n\r\n0123"));
    origins_[0]->CloseConnection(c);
  }
  void ExpectCut(size_t requests_elsewhere) {
    EXPECT_TRUE(ClientIsCut());
    EXPECT_TRUE(received().ends_with("\r\n\r\n0123")) << "a correct prefix and nothing else";
    EXPECT_EQ(origins_[1]->total_requests() + origins_[2]->total_requests(), requests_elsewhere);
  }
};

TEST_F(ResumeTest, ABrokenDownloadGoesOnFromTheNextRegion) {
  StartWithResume();
  Break();
  const size_t c = Arrives(1);
  EXPECT_TRUE(Has(origins_[1]->received(c), "range: bytes=4-\r\nif-range: \"v1\"\r\n"));
  origins_[1]->Answer(c, kRest);
  ASSERT_TRUE(ClientGets("\r\n\r\n0123456789"));
  EXPECT_EQ(Count(received(), "HTTP/1.1"), 1u) << "the client sees one answer";
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  Pass(200ms);
  EXPECT_EQ(Signals(1, Signal::kSuccess), 1u);
  EXPECT_EQ(route_cells().resumes_done.Get(), 1u);
  // The client's connection is as good as before.
  received_.clear();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  const std::string log = Log();
  EXPECT_TRUE(Has(log, "\"status\":200,\"end\":\"complete\",\"bytes_in\":0,\"bytes_out\":10")) << log;
  EXPECT_TRUE(Has(log, "\"reason\":\"resume\"")) << log;
}

TEST_F(ResumeTest, AContinuationThatBreaksGoesOnFromTheThirdRegion) {
  StartWithResume();
  Break();
  const size_t second = Arrives(1);
  origins_[1]->Answer(second, kRest.substr(0, kRest.size() - 3));
  ASSERT_TRUE(ClientGets("\r\n\r\n0123456"));
  origins_[1]->ResetConnection(second);
  const size_t third = Arrives(2);
  EXPECT_TRUE(Has(origins_[2]->received(third), "range: bytes=7-\r\n"));
  origins_[2]->Answer(third,
                      "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 7-9/10\r\nContent-Length: "
                      "3\r\n\r\n789");
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(ResumeTest, AFailureStatusOfTheNextRegionMovesTheContinuationOn) {
  StartWithResume();
  Break();
  Answer(1, k503);
  Answer(2, kRest);
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(ResumeTest, OtherBytesUnderTheSameNameAreNeverMixedIn) {
  for (const std::string_view answer : {
           // The object has changed: If-Range makes it a whole 200.
           std::string_view("HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 10\r\n\r\nABCDEFGHIJ"),
           // It has not, but Range is not understood.
           std::string_view("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 10\r\n\r\n0123456789"),
           std::string_view("HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes "
                            "4-9/10\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n456789\r\n0\r\n\r\n"),
           std::string_view("HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes "
                            "4-9/10\r\nContent-Type: multipart/byteranges\r\nContent-Length: 6\r\n\r\n--x\r\n."),
           std::string_view("HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes "
                            "4-9/*\r\nContent-Length: 6\r\n\r\n456789"),
           std::string_view("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */3\r\nContent-Length: "
                            "0\r\n\r\n"),
           std::string_view("HTTP/1.1 206 Partial Content\r\nETag: \"v2\"\r\nContent-Range: bytes "
                            "4-9/10\r\nContent-Length: 6\r\n\r\nEFGHIJ"),
           std::string_view("HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes "
                            "3-8/10\r\nContent-Length: 6\r\n\r\n345678"),
           std::string_view("HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Length: 6\r\n\r\n456789"),
       }) {
    route().resume = true;
    if (!context_) Start();
    if (!connection_) Connect();
    received_.clear();
    client_eof_ = false;
    const uint64_t refused = route_cells().resumes_refused.Get();
    Break();
    if (HasFatalFailure()) return;
    Answer(1, answer);
    EXPECT_TRUE(ClientIsCut());
    EXPECT_TRUE(received().ends_with("\r\n\r\n0123")) << received();
    EXPECT_EQ(route_cells().resumes_refused.Get(), refused + 1);
    close(client_);
    client_ = -1;
    Settle(loop_);
  }
}

TEST_F(ResumeTest, WithAWeakTagItIsCutAsEver) {
  StartWithResume();
  Break("HTTP/1.1 200 OK\r\nETag: W/\"v1\"\r\nContent-Length: 10\r\n\r\n");
  ExpectCut(0);
}

TEST_F(ResumeTest, WithoutATagItIsCutAsEver) {
  StartWithResume();
  Break("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  ExpectCut(0);
}

TEST_F(ResumeTest, ABreakBeforeTheFirstByteAsksForAllOfThem) {
  StartWithResume();
  Send(kGet);
  const size_t c = Arrives(0);
  origins_[0]->Answer(c, kHead);
  ASSERT_TRUE(ClientGets("\r\n\r\n"));
  origins_[0]->ResetConnection(c);
  const size_t next = Arrives(1);
  EXPECT_TRUE(Has(origins_[1]->received(next), "range: bytes=0-\r\n"));
  origins_[1]->Answer(next,
                      "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 0-9/10\r\nContent-Length: "
                      "10\r\n\r\n0123456789");
  ASSERT_TRUE(ClientGets("\r\n\r\n0123456789"));
  EXPECT_EQ(Count(received(), "HTTP/1.1"), 1u);
}

TEST_F(ResumeTest, ABreakBeforeTheLastByteAsksForThatOneAlone) {
  StartWithResume();
  Send(kGet);
  const size_t c = Arrives(0);
  origins_[0]->Answer(c, std::string(kHead) + "012345678");
  ASSERT_TRUE(ClientGets("\r\n\r\n012345678"));
  origins_[0]->ResetConnection(c);
  const size_t next = Arrives(1);
  EXPECT_TRUE(Has(origins_[1]->received(next), "range: bytes=9-\r\n"));
  origins_[1]->Answer(next,
                      "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 9-9/10\r\nContent-Length: "
                      "1\r\n\r\n9");
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(ResumeTest, TheClientsOwnConditionsAreNotPutToTheNextRegion) {
  StartWithResume();
  Send(
      "GET / HTTP/1.1\r\nHost: shop.example\r\nIf-None-Match: \"v0\"\r\nIf-Modified-Since: Sat, 29 Oct 1994 "
      "19:43:31 GMT\r\n\r\n");
  const size_t c = Arrives(0);
  EXPECT_TRUE(Has(origins_[0]->received(c), "if-none-match: \"v0\""));
  origins_[0]->Answer(c, std::string(kHead) + "0123");
  ASSERT_TRUE(ClientGets("\r\n\r\n0123"));
  origins_[0]->CloseConnection(c);
  const size_t next = Arrives(1);
  EXPECT_FALSE(Has(origins_[1]->received(next), "if-none-match")) << origins_[1]->received(next);
  EXPECT_FALSE(Has(origins_[1]->received(next), "if-modified-since"));
  origins_[1]->Answer(next, kRest);
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(ResumeTest, APartThatTheClientAskedForIsNotContinued) {
  StartWithResume();
  Send("GET / HTTP/1.1\r\nHost: shop.example\r\nRange: bytes=0-9\r\n\r\n");
  const size_t c = Arrives(0);
  origins_[0]->Answer(c, std::string(kHead) + "0123");
  ASSERT_TRUE(ClientGets("\r\n\r\n0123"));
  origins_[0]->CloseConnection(c);
  ExpectCut(0);
}

TEST_F(ResumeTest, ARegionThatCannotBeReachedIsPassedOver) {
  StartWithResume();
  origins_[1]->Close();
  Break();
  Answer(2, kRest);
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(ResumeTest, RegionsBeyondTheAttemptsOfARequestMayFinishIt) {
  service().failover.attempts = 1;
  StartWithResume();
  Break();
  Answer(1, k503);
  Answer(2, kRest);
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(ResumeTest, ItIsPaidForLikeAnyOtherAttempt) {
  StartWithResume();
  Send(kGet);
  const size_t c = Arrives(0);
  origins_[0]->Answer(c, std::string(kHead) + "0123");
  ASSERT_TRUE(ClientGets("\r\n\r\n0123"));
  while (context_->budget(0).TakeReplay(loop_.Now(), false)) {
  }
  origins_[0]->CloseConnection(c);
  ExpectCut(0);
  EXPECT_EQ(context_->stats().retry_budget_exhausted.Get(), 1u);
  const std::string log = Log();
  EXPECT_TRUE(Has(log, "\"status\":200,\"end\":\"origin_reset\",\"bytes_in\":0,\"bytes_out\":4")) << log;
}

TEST_F(ResumeTest, ARouteThatDoesNotAskForItIsCutAsEver) {
  Start();
  Break();
  ExpectCut(0);
}

TEST_F(ResumeTest, WhenNoRegionIsLeftWhatTheClientHasLooksCut) {
  StartWithResume();
  Break();
  Answer(1, k503);
  Answer(2, k503);
  ExpectCut(2);
  EXPECT_EQ(route_cells().resumes_failed.Get(), 1u);
}

TEST_F(ResumeTest, AStallIsABreakOnlyFasterThanTheIdleTimeout) {
  StartWithResume();
  Send(kGet);
  origins_[0]->Answer(Arrives(0), std::string(kHead) + "0123");
  ASSERT_TRUE(ClientGets("\r\n\r\n0123"));
  Pass(1600ms);
  Answer(1, kRest);
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
}

TEST_F(ResumeTest, AStallWithNobodyElseToAskIsWaitedForAsWithoutTheKey) {
  service().regions.resize(1);
  StartWithResume();
  Send(kGet);
  const size_t c = Arrives(0);
  origins_[0]->Answer(c, std::string(kHead) + "0123");
  ASSERT_TRUE(ClientGets("\r\n\r\n0123"));
  Pass(5s);
  received();
  EXPECT_FALSE(client_eof_) << "a pause is no reason to cut what nobody else can finish";
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  origins_[0]->Send(c, "456789");
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(ResumeTest, AStallThatTheBudgetDoesNotCoverIsWaitedForToo) {
  StartWithResume();
  Send(kGet);
  const size_t c = Arrives(0);
  origins_[0]->Answer(c, std::string(kHead) + "0123");
  ASSERT_TRUE(ClientGets("\r\n\r\n0123"));
  for (Duration passed{}; passed < 2s; passed += 20ms) {
    while (context_->budget(0).TakeReplay(loop_.Now(), false)) {
    }
    loop_.Advance(20ms);
    while (context_->budget(0).TakeReplay(loop_.Now(), false)) {
    }
    Settle(loop_);
  }
  received();
  EXPECT_FALSE(client_eof_);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  origins_[0]->Send(c, "456789");
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(ResumeTest, AContinuationThatNeverAnswersIsLeftToo) {
  StartWithResume();
  Break();
  Arrives(1);
  Pass(1100ms);
  Answer(2, kRest);
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

// An origin of HTTP/2 as first region: it says `text` of the ten bytes, then resets its stream.
class Http2OriginResumeTest : public ResumeTest {
 protected:
  void BreakAfter(std::string_view text) {
    service().regions[0].origins[0].protocol = OriginProtocol::kH2c;
    endpoints_[0][0] = {h2_.endpoint()};
    h2_.set_on_head([this, text](ScriptedRequest& request) {
      request.reply.headers.Add("etag", "\"v1\"");
      request.Answer(200, 10);
      request.Say(text);
      asked_ = &request;
    });
    StartWithResume();
    Send(kGet);
    ASSERT_TRUE(ClientGets("\r\n\r\n" + std::string(text)));
    asked_->answer.Fail();
    Settle(loop_);
  }
  TestH2Origin h2_{loop_};
  ScriptedRequest* asked_ = nullptr;
};

TEST_F(Http2OriginResumeTest, AStreamThatIsResetGoesOnElsewhere) {
  BreakAfter("0123");
  Answer(1, kRest);
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(Http2OriginResumeTest, WhereNoByteIsMissingNobodyIsAsked) {
  BreakAfter("0123456789");
  EXPECT_EQ(origins_[1]->total_requests() + origins_[2]->total_requests(), 0u);
  EXPECT_EQ(route_cells().resumes_refused.Get(), 0u);
}

TEST_F(ResumeTest, AClientThatGoesAwayEndsTheContinuation) {
  StartWithResume();
  Break();
  const size_t c = Arrives(1);
  close(client_);
  client_ = -1;
  EXPECT_TRUE(RunUntil(loop_, [&] { return origins_[1]->closed(c); }));
}

// The client's answer stays open as long as it may; the region is left all the same.
TEST_F(ExchangeTest, AStalledBodyOfKnownLengthSpeaksAgainstItsRegionOnce) {
  Start();
  Send(kGet);
  origins_[0]->Answer(Arrives(0), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123");
  ASSERT_TRUE(ClientGets("\r\n\r\n0123"));
  Pass(900ms);
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u);
  Pass(700ms);
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  Pass(10s);
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  origins_[0]->Send(0, "456789");
  EXPECT_TRUE(ClientGets("\r\n\r\n0123456789"));
}

TEST_F(ExchangeTest, AnEventStreamMayBeSilent) {
  Start();
  Send(kGet);
  origins_[0]->Answer(Arrives(0), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
  ASSERT_TRUE(ClientGets("hi"));
  Pass(10s);
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u);
}

// ---- what can't be moved -------------------------------------------------------------------------------------------

TEST_F(ExchangeTest, ARegionHearsOfAPostThatHangsLongBeforeThePostGivesUp) {
  Start();
  for (uint32_t i = 0; i < LatencyWindow::kMinSamples; ++i) context_->latency(0).Add(10ms, loop_.Now());
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  const size_t c = Arrives(0);
  Pass(600ms);
  EXPECT_EQ(Signals(0, Signal::kFailure), 1u);
  EXPECT_EQ(origins_[1]->total_requests(), 0u);
  origins_[0]->Answer(c, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok")) << "it was only slow";
}

// ---- drills --------------------------------------------------------------------------------------------------------

class DrillTest : public ExchangeTest {
 protected:
  void StartDrill(DrillKind kind, Duration delay = 1s) {
    drills_ = {{1, kind, 1.0, delay}, {}, {}};
    Start();
  }
  RegionCells& cells() { return context_->region_cells(0, 0); }
};

TEST_F(DrillTest, ARegionThatFailsOnPurposeIsLeftLikeOneThatReallyDoes) {
  for (const DrillKind kind : {DrillKind::kStatus503, DrillKind::kReset, DrillKind::kHang}) {
    service().failover.attempt_timeout = 100ms;
    if (context_) {
      drills_[0].kind = kind;
      auto snapshot = std::make_shared<Snapshot>(*context_->world());
      snapshot->drills = drills_;
      context_->SetSnapshot(snapshot);
    } else {
      StartDrill(kind);
    }
    const uint64_t saved = cells().drill_saved.Get();
    const uint32_t failures = Signals(0, Signal::kFailure);
    received_.clear();
    Send(kGet);
    Pass(kind == DrillKind::kHang ? 120ms : 20ms);
    Answer(1, kOk);
    ASSERT_TRUE(ClientGets("\r\n\r\nok")) << Name(kind);
    EXPECT_EQ(cells().drill_saved.Get(), saved + 1) << Name(kind);
    EXPECT_EQ(Signals(0, Signal::kFailure), failures + 1) << Name(kind);
  }
  EXPECT_EQ(cells().drill_touched.Get(), 3u);
  EXPECT_EQ(origins_[0]->total_requests(), 0u) << "the origin itself is left in peace";
  EXPECT_TRUE(Has(Log(), "\"drill\":true"));
}

TEST_F(DrillTest, ABodyIsWholeForTheRegionThatTakesOver) {
  StartDrill(DrillKind::kStatus503);
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  Pass(20ms);
  const size_t c = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[1]->received(c).ends_with("\r\n\r\nabc"); }));
  origins_[1]->Answer(c, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
}

TEST_F(DrillTest, WhatARealFailureWouldLoseIsLostAndCounted) {
  StartDrill(DrillKind::kReset);
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Pass(20ms);
  ASSERT_TRUE(ClientGets("502 Bad Gateway"));
  EXPECT_EQ(cells().drill_lost.Get(), 1u);
  EXPECT_EQ(cells().drill_saved.Get(), 0u);
}

TEST_F(DrillTest, ItsOwnAnswerIsALossEvenWhereTheRouteTakesItForAnAnswer) {
  route().failure_statuses = StatusSet().Add(500);
  StartDrill(DrillKind::kStatus503);
  Send(kGet);
  Pass(20ms);
  ASSERT_TRUE(ClientGets("503 Service Unavailable"));
  Settle(loop_);
  EXPECT_EQ(cells().drill_lost.Get(), 1u);
}

TEST_F(DrillTest, AHangIsWaitedForNoLongerBecauseOfABody) {
  service().timeouts.request = 2s;
  StartDrill(DrillKind::kHang);
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
  Pass(2100ms);
  ASSERT_TRUE(ClientGets("504 Gateway Timeout"));
  EXPECT_EQ(cells().drill_lost.Get(), 1u);
}

TEST_F(DrillTest, AClientThatLeavesBeforeAnyAnswerIsNeitherSavedNorLost) {
  StartDrill(DrillKind::kHang);
  Send(kGet);
  Pass(20ms);
  close(client_);
  client_ = -1;
  ASSERT_TRUE(RunUntil(loop_, [&] { return cells().drill_gone.Get() == 1; }));
  EXPECT_EQ(cells().drill_saved.Get() + cells().drill_lost.Get(), 0u);
}

TEST_F(DrillTest, ASlowRegionIsAskedLate) {
  StartDrill(DrillKind::kSlow, 200ms);
  Send(kGet);
  Pass(180ms);
  EXPECT_EQ(origins_[0]->total_requests(), 0u);
  Pass(40ms);
  Answer(0, kOk);
  EXPECT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(cells().drill_saved.Get(), 1u);
}

}  // namespace
}  // namespace meridian
