// A pool against listeners on loopback that the test serves by hand.
#include "origin/pool.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "support/run_loop.h"
#include "support/scripted_http.h"
#include "support/test_origin.h"

namespace meridian {
namespace {

using testing::RunUntil;
using testing::ScriptedResponse;
using testing::Settle;
using testing::TestOrigin;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// One request: takes a connection or waits for one, as an attempt does.
class Asker final : public PoolRequest {
 public:
  ~Asker() override { Stop(); }
  void OnPoolReady(ClientCodec& codec) override { Start(codec); }
  void OnPoolFailed(const Error& e) override {
    ++failures;
    error = e;
    if (on_failed) on_failed();
  }
  bool Ask(OriginPool& pool, const std::vector<Endpoint>& endpoints) {
    if (ClientCodec* codec = pool.TryTake(client)) {
      reused = true;
      Start(*codec);
      return true;
    }
    return pool.Wait(*this, endpoints, &error);
  }
  void Stop() {
    Leave();
    const bool over = response.completed > 0 || response.failed > 0;
    if (stream && !over) stream->Cancel();
    stream = nullptr;
  }
  bool done() const { return response.completed > 0; }

  ScriptedResponse response;
  ClientStream* stream = nullptr;
  bool reused = false;
  int failures = 0;
  Error error;
  std::function<void()> on_failed;

 private:
  void Start(ClientCodec& codec) {
    request_ = response.Request("GET");
    stream = codec.Start(request_, nullptr, response);
  }
  RequestHead request_;
};

class PoolTest : public ::testing::Test {
 protected:
  void Make(OriginProtocol protocol = OriginProtocol::kHttp, uint32_t max_connections = 8, uint32_t max_pending = 8) {
    OriginPool::Options options;
    options.origin.protocol = protocol;
    options.limits.max_connections = max_connections;
    options.limits.max_pending = max_pending;
    options.limits.idle_timeout = 20s;
    options.proxy_protocol = proxy_protocol_;
    options.warm = proxy_protocol_ != ProxyProtocol::kOff;  // which is without effect there
    options.counters = &counters_;
    pool_ = std::make_unique<OriginPool>(loop_, options);
  }
  std::vector<Endpoint> at(const TestOrigin& origin) { return {origin.endpoint()}; }
  // Waits until the origin has a request on its connection `i` and answers it.
  void Serve(size_t i, std::string_view answer = kOk) {
    ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(i) > 0; }));
    origin_.Answer(i, answer);
  }

  Loop loop_{true};
  TestOrigin origin_{loop_};
  PoolCounters counters_;
  ProxyProtocol proxy_protocol_ = ProxyProtocol::kOff;
  std::unique_ptr<OriginPool> pool_;
};

TEST_F(PoolTest, AConnectionIsKeptAndUsedAgain) {
  Make();
  Asker one, two;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.done(); }));
  ASSERT_TRUE(two.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(two.reused);
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return two.done(); }));
  EXPECT_EQ(origin_.connections(), 1u);
  EXPECT_EQ(counters_.opened, 1u);
  EXPECT_EQ(counters_.reused, 1u);
}

TEST_F(PoolTest, ConcurrentHttp1RequestsGetAConnectionEach) {
  Make();
  Asker askers[3];
  for (Asker& a : askers) ASSERT_TRUE(a.Ask(*pool_, at(origin_)));
  for (size_t i = 0; i < 3; ++i) Serve(i);
  for (Asker& a : askers) EXPECT_TRUE(RunUntil(loop_, [&] { return a.done(); }));
  EXPECT_EQ(pool_->connections(), 3u);
}

TEST_F(PoolTest, AboveTheLimitRequestsWaitAndAreServedInOrder) {
  Make(OriginProtocol::kHttp, 1);
  Asker askers[3];
  for (Asker& a : askers) ASSERT_TRUE(a.Ask(*pool_, at(origin_)));
  for (size_t i = 0; i < 3; ++i) {
    Serve(0);
    ASSERT_TRUE(RunUntil(loop_, [&] { return askers[i].done(); })) << i;
    for (size_t later = i + 1; later < 3; ++later) EXPECT_FALSE(askers[later].done());
  }
  EXPECT_EQ(origin_.connections(), 1u);
}

TEST_F(PoolTest, AboveTheQueueLimitARequestFailsAtOnce) {
  Make(OriginProtocol::kHttp, 1, 2);
  Asker askers[3];
  EXPECT_TRUE(askers[0].Ask(*pool_, at(origin_)));
  EXPECT_TRUE(askers[1].Ask(*pool_, at(origin_)));
  EXPECT_FALSE(askers[2].Ask(*pool_, at(origin_)));
  EXPECT_EQ(askers[2].error.code, ErrorCode::kPoolFull);
  EXPECT_EQ(askers[2].error.retry, Retry::kAlways);
  EXPECT_EQ(askers[2].failures, 0) << "it was told by the return value";
}

TEST_F(PoolTest, WithoutAnAddressThereIsNothingToWaitFor) {
  Make();
  Asker one;
  EXPECT_FALSE(one.Ask(*pool_, {}));
  EXPECT_EQ(one.error.code, ErrorCode::kNoEndpoint);
}

TEST_F(PoolTest, TheConnectionUsedLastIsTakenFirst) {
  Make();
  Asker a, b, again;
  ASSERT_TRUE(a.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(b.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return a.done() || b.done(); }));
  Serve(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return a.done() && b.done(); }));
  ASSERT_TRUE(again.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.requests(1) > 0; }));
  EXPECT_EQ(origin_.requests(0), 0u);
}

TEST_F(PoolTest, ARefusedConnectionFailsItsOneHttp1Waiter) {
  Make();
  origin_.Close();
  Asker one;
  const bool waits = one.Ask(*pool_, at(origin_));
  if (waits) {
    EXPECT_TRUE(RunUntil(loop_, [&] { return one.failures == 1; }));
  }
  EXPECT_EQ(one.error.code, ErrorCode::kConnectFailed);
  EXPECT_EQ(pool_->connections(), 0u);
}

TEST_F(PoolTest, ARefusedHttp2ConnectionFailsAllWhoWaitedForIt) {
  Make(OriginProtocol::kH2c);
  origin_.Close();
  Asker askers[3];
  for (Asker& a : askers) EXPECT_TRUE(a.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return askers[0].failures && askers[1].failures && askers[2].failures; }));
}

TEST_F(PoolTest, WhenTheOnlyAllowedConnectionFailsNobodyIsForgotten) {
  Make(OriginProtocol::kHttp, 1);
  origin_.Close();
  Asker askers[3];
  for (Asker& a : askers) EXPECT_TRUE(a.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return askers[0].failures && askers[1].failures && askers[2].failures; }));
}

TEST_F(PoolTest, AWaiterWhoseConnectionDiedBeforeItsTurnGetsANewOne) {
  Make(OriginProtocol::kHttp, 1);
  Asker one, two;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(two.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  origin_.CloseConnection(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.response.failed == 1; }));
  Serve(1);
  EXPECT_TRUE(RunUntil(loop_, [&] { return two.done(); }));
}

TEST_F(PoolTest, WhoAsksAgainFromWithinAFailureIsNotFailedByIt) {
  Make(OriginProtocol::kH2c);
  origin_.Close();
  Asker one;
  int again = 0;
  one.on_failed = [&] {
    if (again++ < 2) {
      EXPECT_TRUE(one.Ask(*pool_, at(origin_)));
    }
  };
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return one.failures == 3; }));
}

TEST_F(PoolTest, AnOriginThatDoesNotAcceptInTimeIsAConnectTimeout) {
  Make();
  // A listener whose queue is full drops further handshakes.
  testing::FullListener full;
  Asker one;
  ASSERT_TRUE(one.Ask(*pool_, {full.endpoint()}));
  loop_.Advance(900ms);
  EXPECT_EQ(one.failures, 0);
  loop_.Advance(200ms);
  EXPECT_EQ(one.failures, 1);
  EXPECT_EQ(one.error.code, ErrorCode::kConnectTimeout);
  EXPECT_EQ(one.error.retry, Retry::kAlways);
}

TEST_F(PoolTest, ARequestThatLeavesIsNotServed) {
  Make();
  {
    Asker gone;
    ASSERT_TRUE(gone.Ask(*pool_, at(origin_)));
  }
  Settle(loop_);
  // The connection it had asked for is there for the next one.
  Asker next;
  ASSERT_TRUE(next.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(next.reused);
}

TEST_F(PoolTest, SilentConnectionsAreClosedAfterTheIdleTimeout) {
  Make();
  Asker one;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.done(); }));
  loop_.Advance(15s);
  EXPECT_EQ(pool_->connections(), 1u);
  loop_.Advance(15s);
  EXPECT_EQ(pool_->connections(), 0u);
  EXPECT_EQ(counters_.closed, 1u);
}

TEST_F(PoolTest, AConnectionTheOriginClosedIsNotUsedAgain) {
  Make();
  Asker one, two;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  Serve(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.done(); }));
  origin_.CloseConnection(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return pool_->connections() == 0; }));
  ASSERT_TRUE(two.Ask(*pool_, at(origin_)));
  EXPECT_FALSE(two.reused);
  Serve(1);
  EXPECT_TRUE(RunUntil(loop_, [&] { return two.done(); }));
}

TEST_F(PoolTest, DrainClosesIdleConnectionsNowAndBusyOnesAfterTheirAnswer) {
  Make();
  Asker idle, busy;
  ASSERT_TRUE(idle.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(busy.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(
      RunUntil(loop_, [&] { return origin_.connections() == 2 && origin_.requests(0) && origin_.requests(1); }));
  origin_.Answer(0, kOk);
  ASSERT_TRUE(RunUntil(loop_, [&] { return idle.done() || busy.done(); }));
  pool_->Drain();
  EXPECT_EQ(pool_->connections(), 1u);
  origin_.Answer(1, kOk);
  EXPECT_TRUE(RunUntil(loop_, [&] { return idle.done() && busy.done() && pool_->connections() == 0; }));
}

TEST_F(PoolTest, SeveralAddressesTakeTurns) {
  Make();
  TestOrigin other(loop_);
  const std::vector<Endpoint> both = {origin_.endpoint(), other.endpoint()};
  Asker a, b;
  ASSERT_TRUE(a.Ask(*pool_, both));
  ASSERT_TRUE(b.Ask(*pool_, both));
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.connections() == 1 && other.connections() == 1; }));
}

TEST_F(PoolTest, Http2RequestsShareOneConnection) {
  Make(OriginProtocol::kH2c);
  testing::TestH2Origin h2(loop_);
  Asker askers[5];
  for (Asker& a : askers) ASSERT_TRUE(a.Ask(*pool_, {h2.endpoint()}));
  ASSERT_TRUE(RunUntil(loop_, [&] {
    for (Asker& a : askers) {
      if (!a.done()) return false;
    }
    return true;
  }));
  EXPECT_EQ(pool_->connections(), 1u);
}

TEST_F(PoolTest, AnHttp2ConnectionInUseIsNotTakenForAnIdleOne) {
  Make(OriginProtocol::kH2c);
  testing::TestH2Origin h2(loop_);
  // One request every 10 s keeps it warm, for much longer than the idle timeout of 20 s.
  for (int i = 0; i < 6; ++i) {
    Asker a;
    ASSERT_TRUE(a.Ask(*pool_, {h2.endpoint()}));
    ASSERT_TRUE(RunUntil(loop_, [&] { return a.done(); }));
    loop_.Advance(10s);
  }
  EXPECT_EQ(counters_.opened, 1u);
  loop_.Advance(30s);
  EXPECT_EQ(pool_->connections(), 0u);
}

TEST_F(PoolTest, DestroyingThePoolClosesEverything) {
  Make();
  auto asker = std::make_unique<Asker>();
  ASSERT_TRUE(asker->Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  asker->Stop();
  asker.reset();
  pool_.reset();
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.closed(0); }));
}

// ---- stuck ---------------------------------------------------------------------------------------------------------

// An origin that hangs in the middle of an answer: whoever waited has gone, and its connections must not fill the pool.
TEST_F(PoolTest, AConnectionWhoseUnwantedAnswerNeverEndsIsClosed) {
  Make(OriginProtocol::kHttp, 1);
  auto asker = std::make_unique<Asker>();
  ASSERT_TRUE(asker->Ask(*pool_, at(origin_)));
  Serve(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123");
  ASSERT_TRUE(RunUntil(loop_, [&] { return asker->response.has_head; }));
  asker.reset();
  Asker next;
  ASSERT_TRUE(next.Ask(*pool_, at(origin_)));
  for (int i = 0; i < 4; ++i) {
    loop_.Advance(500ms);
    Settle(loop_);
  }
  loop_.Advance(500ms);
  Serve(1);
  EXPECT_TRUE(RunUntil(loop_, [&] { return next.done(); }));
}

// ---- in reserve ----------------------------------------------------------------------------------------------------

TEST_F(PoolTest, AfterALossAFreshConnectionIsUsedForOneRequestOnly) {
  Make();
  Asker kept;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return kept.done(); }));
  EXPECT_FALSE(pool_->distrusted());
  pool_->OnLost();
  ASSERT_TRUE(pool_->distrusted());
  Asker careful;
  careful.fresh = true;
  Error error;
  ASSERT_TRUE(pool_->Wait(careful, at(origin_), &error));
  Serve(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return careful.done() && pool_->connections() == 1; })) << "it was for one request";
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.closed(1); }));
  Asker usual;
  ASSERT_TRUE(usual.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(usual.reused) << "whoever may be sent again goes on as before";
  loop_.Advance(60s);
  EXPECT_FALSE(pool_->distrusted());
}

TEST_F(PoolTest, WhoWantsAFreshConnectionIsNotServedByAKeptOneNorTakesAwayAnothers) {
  Make(OriginProtocol::kHttp, 3);
  Asker kept, careful, waiting;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  careful.fresh = true;
  Error error;
  ASSERT_TRUE(pool_->Wait(careful, at(origin_), &error));
  ASSERT_TRUE(waiting.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(
      RunUntil(loop_, [&] { return origin_.connections() == 3 && origin_.requests(1) + origin_.requests(2) == 2; }));
  for (const size_t i : {0, 1, 2}) Serve(i);
  EXPECT_TRUE(RunUntil(loop_, [&] { return kept.done() && careful.done() && waiting.done(); }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return pool_->connections() == 2; }));
}

TEST_F(PoolTest, WithoutRoomForAFreshConnectionAnyWillDo) {
  Make(OriginProtocol::kHttp, 1);
  Asker kept, careful;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  careful.fresh = true;
  Error error;
  ASSERT_TRUE(pool_->Wait(careful, at(origin_), &error));
  Serve(0);
  Serve(0);
  EXPECT_TRUE(RunUntil(loop_, [&] { return careful.done(); }));
}

TEST_F(PoolTest, WithoutRoomForAFreshConnectionAnIdleOneIsTakenAtOnce) {
  Make(OriginProtocol::kHttp, 1);
  Asker kept, careful;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return kept.done(); }));
  pool_->OnLost();
  Error error;
  careful.fresh = pool_->distrusted();
  ASSERT_TRUE(careful.fresh ? pool_->Wait(careful, at(origin_), &error) : careful.Ask(*pool_, at(origin_)));
  Serve(0);
  EXPECT_TRUE(RunUntil(loop_, [&] { return careful.done(); })) << "it waits for a connection that nobody uses";
}

TEST_F(PoolTest, AFreshConnectionThatIsRefusedFailsItsOwnRequest) {
  Make();
  Asker kept, careful;
  ASSERT_TRUE(kept.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  origin_.Close();
  careful.fresh = true;
  Error error;
  if (pool_->Wait(careful, at(origin_), &error)) {
    EXPECT_TRUE(RunUntil(loop_, [&] { return careful.failures == 1; }));
  }
  Serve(0);
  EXPECT_TRUE(RunUntil(loop_, [&] { return kept.done(); }));
  EXPECT_EQ(kept.failures, 0);
}

TEST_F(PoolTest, AWarmPoolHasAConnectionBeforeTheFirstRequestAndKeepsIt) {
  Make();
  pool_->KeepWarm(at(origin_));
  pool_->KeepWarm(at(origin_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.connections() == 1; }));
  ASSERT_TRUE(RunUntil(loop_, [&] { return pool_->connections() == 1; }));
  Settle(loop_);
  Asker asker;
  ASSERT_TRUE(asker.Ask(*pool_, at(origin_)));
  EXPECT_TRUE(asker.reused) << "the request did not wait for a connection";
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return asker.done(); }));
  EXPECT_EQ(origin_.connections(), 1u);
}

TEST_F(PoolTest, KeepingAPoolWarmWithNobodyThereDisturbsNothing) {
  Make();
  origin_.Close();
  for (int i = 0; i < 3; ++i) {
    pool_->KeepWarm(at(origin_));
    Settle(loop_);
  }
  EXPECT_EQ(pool_->connections(), 0u);
}

// ---- PROXY headers -------------------------------------------------------------------------------------------------

class PoolOfClients : public PoolTest {
 protected:
  PoolOfClients() { proxy_protocol_ = ProxyProtocol::kV1; }
  static ProxyAddresses From(const std::string& client) {
    return {*ParseHostPort(client), *ParseHostPort("198.51.100.2:443")};
  }
  static std::string Header(const std::string& ip, int port) {
    return "PROXY TCP4 " + ip + " 198.51.100.2 " + std::to_string(port) + " 443\r\n";
  }
  static bool Ask(OriginPool& pool, Asker& asker, const ProxyAddresses& client, const TestOrigin& origin) {
    asker.client = &client;
    return asker.Ask(pool, {origin.endpoint()});
  }
  // A request of this client from begin to end, over connection `i`.
  void Exchange(const ProxyAddresses& client, size_t i) {
    Asker asker;
    ASSERT_TRUE(Ask(*pool_, asker, client, origin_));
    Serve(i);
    ASSERT_TRUE(RunUntil(loop_, [&] { return asker.done(); }));
  }

  const ProxyAddresses anna_ = From("192.0.2.1:1001"), bert_ = From("192.0.2.2:1002"), cleo_ = From("192.0.2.3:1003");
};

TEST_F(PoolOfClients, AConnectionServesOneClientOnly) {
  Make();
  Exchange(anna_, 0);
  Exchange(bert_, 1);
  Exchange(anna_, 0);
  Exchange(bert_, 1);
  EXPECT_EQ(origin_.connections(), 2u);
  EXPECT_EQ(counters_.reused, 2u);
  EXPECT_TRUE(origin_.received(0).starts_with(Header("192.0.2.1", 1001) + "GET ")) << origin_.received(0);
  EXPECT_EQ(origin_.received(0).find("PROXY", 1), std::string::npos) << "once";
  EXPECT_TRUE(origin_.received(1).starts_with(Header("192.0.2.2", 1002) + "GET "));
}

TEST_F(PoolOfClients, AnotherConnectionOfTheSameClientHasItsOwn) {
  Make();
  Exchange(anna_, 0);
  Exchange(From("192.0.2.1:2002"), 1);
  EXPECT_TRUE(origin_.received(1).starts_with(Header("192.0.2.1", 2002)));
}

TEST_F(PoolOfClients, WhoAsksForNobodySaysSo) {
  proxy_protocol_ = ProxyProtocol::kV2;
  Make();
  Asker probe, anna;
  ASSERT_TRUE(probe.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return probe.done(); }));
  EXPECT_TRUE(origin_.received(0).starts_with(WriteProxyHeader(ProxyProtocol::kV2, nullptr) + "GET "));
  Exchange(anna_, 1);
  EXPECT_TRUE(origin_.received(1).starts_with(WriteProxyHeader(ProxyProtocol::kV2, &anna_) + "GET "));
}

TEST_F(PoolOfClients, StreamsOfOneConnectionAreOfOneClient) {
  Make(OriginProtocol::kH2c);
  Asker anna[2], bert;
  for (Asker& a : anna) ASSERT_TRUE(Ask(*pool_, a, anna_, origin_));
  ASSERT_TRUE(Ask(*pool_, bert, bert_, origin_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna[0].stream && anna[1].stream && bert.stream; }));
  EXPECT_EQ(pool_->connections(), 2u);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.received(0).size() > 100 && origin_.received(1).size() > 100; }));
  EXPECT_TRUE(origin_.received(0).starts_with(Header("192.0.2.1", 1001) + "PRI * HTTP/2.0"));
  EXPECT_TRUE(origin_.received(1).starts_with(Header("192.0.2.2", 1002) + "PRI * HTTP/2.0"));
}

TEST_F(PoolOfClients, AtTheLimitTheConnectionThatIsIdleLongestMakesPlace) {
  Make(OriginProtocol::kHttp, 2);
  Exchange(anna_, 0);
  loop_.Advance(1s);
  Exchange(bert_, 1);
  loop_.Advance(1s);
  Exchange(cleo_, 2);
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.closed(0); }));
  EXPECT_EQ(pool_->connections(), 2u);
  Exchange(bert_, 1);
  EXPECT_EQ(origin_.connections(), 3u) << "what was used since is kept";
}

TEST_F(PoolOfClients, AtTheLimitTheNextThatBecomesIdleMakesPlaceForTheOldestRequest) {
  Make(OriginProtocol::kHttp, 1);
  Asker anna, bert, anna_again;
  ASSERT_TRUE(Ask(*pool_, anna, anna_, origin_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  bert.since = TimePoint{} + 1s;
  anna_again.since = TimePoint{} + 2s;
  ASSERT_TRUE(Ask(*pool_, bert, bert_, origin_));
  ASSERT_TRUE(Ask(*pool_, anna_again, anna_, origin_));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna.done() && origin_.closed(0); }));
  EXPECT_FALSE(anna_again.stream) << "though her connection was free: bert was first";
  Serve(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return bert.done(); }));
  Serve(2);
  EXPECT_TRUE(RunUntil(loop_, [&] { return anna_again.done(); }));
  EXPECT_EQ(pool_->connections(), 1u);
}

TEST_F(PoolOfClients, AtTheLimitWithHttp2TheConnectionGoesWhenItsLastStreamEnds) {
  Make(OriginProtocol::kH2c, 1);
  Asker anna, bert;
  ASSERT_TRUE(Ask(*pool_, anna, anna_, origin_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna.stream && origin_.received(0).size() > 100; }));
  ASSERT_TRUE(Ask(*pool_, bert, bert_, origin_));
  origin_.Send(0, std::string("\0\0\0\4\0\0\0\0\0", 9));       // SETTINGS
  origin_.Send(0, std::string("\0\0\1\1\5\0\0\0\1\x89", 10));  // HEADERS: 204, the end
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna.done(); }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return bert.stream && origin_.connections() == 2; }));
}

TEST_F(PoolOfClients, ARefusedConnectionFailsItsClientAlone) {
  Make();
  Asker anna, bert;
  ASSERT_TRUE(Ask(*pool_, anna, anna_, origin_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  origin_.Close();
  if (Ask(*pool_, bert, bert_, origin_)) {
    EXPECT_TRUE(RunUntil(loop_, [&] { return bert.failures == 1; }));
  }
  Serve(0);
  EXPECT_TRUE(RunUntil(loop_, [&] { return anna.done(); }));
}

TEST_F(PoolOfClients, NothingIsHeldInReserve) {
  Make();
  pool_->KeepWarm(at(origin_));
  EXPECT_EQ(pool_->connections(), 0u) << "for whom?";
  Exchange(anna_, 0);
  for (int i = 0; i < 25; ++i) {
    loop_.Advance(1s);
    Settle(loop_);
  }
  EXPECT_EQ(pool_->connections(), 0u);
}

TEST_F(PoolOfClients, ACancelledRequestLeavesNothingBehind) {
  Make(OriginProtocol::kHttp, 1);
  Asker anna;
  ASSERT_TRUE(Ask(*pool_, anna, anna_, origin_));
  {
    Asker bert;
    ASSERT_TRUE(Ask(*pool_, bert, bert_, origin_));
  }
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return anna.done(); }));
  Exchange(anna_, 0);
  EXPECT_EQ(origin_.connections(), 1u);
}

}  // namespace
}  // namespace meridian
