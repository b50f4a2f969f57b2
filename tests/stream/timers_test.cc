// Timers mean what they say: whatever waits ends between once and one and a quarter times the time in conf/README.md,
// from its last progress, over both versions of HTTP, at the default and at the shortest time (100 ms where it may be
// that). Those of connections are in connection_timers_test.cc, of pools and probes in tests/origin and tests/control;
// those of the process (`drain_timeout`) in tests/integration.
#include <fmt/format.h>

#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

class TimersTest : public Http2ExchangeTest, public ::testing::WithParamInterface<std::tuple<bool, Duration>> {
 protected:
  bool http2() const { return std::get<0>(GetParam()); }
  // The default, or 100 ms.
  Duration Short(Duration usual) const { return std::get<1>(GetParam()) > Duration::zero() ? 100ms : usual; }
  TimersTest() { settings_.min_body_rate = 0; }

  void OneRegion() { service().regions.resize(1); }

  void Get() {
    if (!http2()) return Send(kGet);
    id_ = Http2ExchangeTest::Get();
  }
  // `body` of `length` bytes is there.
  void Put(size_t length, const std::string& body) {
    if (!http2())
      return Send(fmt::format("PUT /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {}\r\n\r\n{}", length, body));
    id_ = peer_.Request({{":method", "PUT"},
                         {":scheme", "http"},
                         {":authority", "shop.example"},
                         {":path", "/"},
                         {"content-length", std::to_string(length)}},
                        true);
    peer_.Send(id_, body);
    if (body.size() == length) peer_.End(id_);
  }
  void More(const std::string& body) {
    if (!http2()) return Send(body);
    peer_.Send(id_, body);
  }
  void Pump() {
    const std::string out = http2() ? peer_.Output() : "";
    if (!out.empty()) send(client_, out.data(), out.size(), MSG_NOSIGNAL);
    if (http2()) {
      received_.clear();
      peer_.Input(received());
    } else {
      received();
    }
  }
  bool When(const std::function<bool()>& done) {
    return RunUntil(loop_, [&] {
      Pump();
      return done();
    });
  }
  bool HasStatus(int status) {
    Pump();
    if (http2()) return peer_.stream(id_).Field(":status") == std::to_string(status);
    return received_.starts_with(fmt::format("HTTP/1.1 {} ", status));
  }
  bool IsCut() {
    Pump();
    return client_eof_ || connection_ == nullptr || (http2() && peer_.stream(id_).closed && !peer_.stream(id_).ended);
  }
  // After which part of `time` it is so, from now on.
  double Ends(Duration time, const std::function<bool()>& over) {
    const TimePoint begin = loop_.Now();
    for (int i = 0; i < 150; ++i) {
      for (int turn = 0; turn < 20; ++turn) loop_.RunTurn(false);
      if (over()) break;
      loop_.Advance(time / 100);
    }
    return ToSeconds(loop_.Now() - begin) / ToSeconds(time);
  }
  void InTime(Duration time, const std::function<bool()>& over) {
    const double part = Ends(time, over);
    EXPECT_GE(part, 1.0);
    EXPECT_LE(part, 1.25);
  }
  int32_t id_ = 0;
};

INSTANTIATE_TEST_SUITE_P(All, TimersTest, ::testing::Combine(::testing::Bool(), ::testing::Values(Duration{}, 100ms)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param) ? "Http2" : "Http1") +
                                  (std::get<1>(test.param) > Duration::zero() ? "Short" : "Default");
                         });

// ---- limits.header_timeout
// -------------------------------------------------------------------------------------------

TEST_P(TimersTest, AHeadHasItsHeaderTimeout) {
  if (http2()) GTEST_SKIP() << "its 408 is in exchange_late_events_test.cc; nghttp2 sends no half heads";
  settings_.header_timeout = Short(10s);
  Start();
  Send("GET / HTTP/1.1\r\nHost: ");
  Settle(loop_);
  InTime(settings_.header_timeout, [&] { return HasStatus(408); });
}

// ---- timeouts.request, first_byte, failover.attempt_timeout
// ----------------------------------------------------------

TEST_P(TimersTest, AnAnswerHasTheTimeOfItsRequest) {
  service().timeouts.request = Short(15s);
  OneRegion();
  Start();
  Get();
  ASSERT_TRUE(When([&] { return origins_[0]->total_requests() == 1; }));
  InTime(service().timeouts.request, [&] { return HasStatus(504); });
}

TEST_P(TimersTest, TheTimeOfARequestBeginsBehindItsBody) {
  service().timeouts.request = Short(15s);
  OneRegion();
  Start();
  Put(6, "abc");
  ASSERT_TRUE(When([&] { return Has(origins_[0]->received(0), "abc"); }));
  loop_.Advance(service().timeouts.request / 2);
  More("def");
  ASSERT_TRUE(When([&] { return Has(origins_[0]->received(0), "abcdef"); }));
  if (http2()) peer_.End(id_);
  InTime(service().timeouts.request, [&] { return HasStatus(504); });
}

TEST_P(TimersTest, AnAttemptHasItsFirstByteAlsoWhereNothingElseIsLeft) {
  service().timeouts.first_byte = Short(2s);
  OneRegion();
  Start();
  Get();
  ASSERT_TRUE(When([&] { return origins_[0]->total_requests() == 1; }));
  InTime(service().timeouts.first_byte, [&] { return HasStatus(504); });
}

TEST_P(TimersTest, AnAttemptThatCanBeMovedHasTheAttemptTimeout) {
  service().failover.attempt_timeout = Short(1s);
  Start();
  Get();
  ASSERT_TRUE(When([&] { return origins_[0]->total_requests() == 1; }));
  InTime(service().failover.attempt_timeout, [&] {
    Pump();
    return origins_[1]->total_requests() == 1;
  });
}

TEST_P(TimersTest, AnAttemptWithABodyHasTheAttemptTimeoutFromTheBodysEnd) {
  service().failover.attempt_timeout = Short(1s);
  Start();
  Put(3, "abc");
  ASSERT_TRUE(When([&] { return Has(origins_[0]->received(0), "abc"); }));
  InTime(service().failover.attempt_timeout, [&] {
    Pump();
    return origins_[1]->total_requests() == 1;
  });
}

TEST_P(TimersTest, AnAttemptThatFindsNobodyHasTheAttemptTimeout) {
  testing::FullListener full;
  service().failover.attempt_timeout = Short(1s);
  service().timeouts.connect = 1min;
  service();
  endpoints_[0][0] = {full.endpoint()};
  Start();
  Get();
  ASSERT_TRUE(When([&] { return connection_->active_streams() == 1; }));
  InTime(service().failover.attempt_timeout, [&] {
    Pump();
    return origins_[1]->total_requests() == 1;
  });
}

// ---- timeouts.connect, timeouts.tls
// ----------------------------------------------------------------------------------

TEST_P(TimersTest, AConnectHasItsTime) {
  testing::FullListener full;
  service().timeouts.connect = Short(1s);
  OneRegion();
  endpoints_[0][0] = {full.endpoint()};
  Start();
  Get();
  ASSERT_TRUE(When([&] { return connection_->active_streams() == 1; }));
  InTime(service().timeouts.connect, [&] { return HasStatus(504); });
}

TEST_P(TimersTest, AHandshakeHasItsTimeBehindTheConnect) {
  service().timeouts.tls = Short(1s);
  OneRegion();
  service().regions[0].origins[0].protocol = OriginProtocol::kHttps;
  service().tls.verify = false;
  Start();
  Get();
  ASSERT_TRUE(When([&] { return !origins_[0]->received(0).empty(); })) << "a ClientHello";
  InTime(service().timeouts.tls, [&] { return HasStatus(504) || HasStatus(502); });
}

// ---- timeouts.stall, idle: answers
// -----------------------------------------------------------------------------------

TEST_P(TimersTest, AnOriginThatOwesBytesIsInDoubtAfterTheStall) {
  service().timeouts.stall = Short(1s);
  Start();
  Get();
  ASSERT_TRUE(When([&] { return origins_[0]->total_requests() == 1; }));
  origins_[0]->Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
  ASSERT_TRUE(When([&] { return HasStatus(200); }));
  // Its last byte comes just behind a look at it.
  loop_.Advance(service().timeouts.stall / 8 + 6ms);
  origins_[0]->Send(0, "half");
  Settle(loop_);
  InTime(service().timeouts.stall, [&] {
    Pump();
    for (const OutcomeRun& run : outcomes_) {
      if (run.signal == Signal::kFailure) return true;
    }
    return false;
  });
}

TEST_P(TimersTest, AnAnswerThatStandsStillIsCutAfterTheIdleTime) {
  for (const bool known : {true, false}) {
    service().timeouts.idle = Short(30s);
    service().timeouts.stall = 5min;
    if (!context_) Start();
    Get();
    const size_t c = known ? 0 : origins_[0]->connections();
    ASSERT_TRUE(When([&] { return origins_[0]->requests(c) == 1; }));
    origins_[0]->Answer(c, known ? "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
                                 : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    ASSERT_TRUE(When([&] { return HasStatus(200); }));
    loop_.Advance(std::min(service().timeouts.idle, settings_.stall_timeout) / 8 + 6ms);
    origins_[0]->Send(c, known ? "half" : "4\r\nhalf\r\n");
    Settle(loop_);
    InTime(service().timeouts.idle, [&] { return IsCut(); });
    if (!http2()) {
      CloseClient();
      Settle(loop_);
      received_.clear();
      client_eof_ = false;
      Connect();
    }
  }
}

// ---- timeouts.idle: uploads
// ------------------------------------------------------------------------------------------

TEST_P(TimersTest, AnUploadThatDoesNotComeIsRefusedAfterTheIdleTime) {
  service().timeouts.idle = Short(30s);
  Start();
  Put(100, "abc");
  ASSERT_TRUE(When([&] { return Has(origins_[0]->received(0), "abc"); }));
  loop_.Advance(std::min<Duration>(service().timeouts.idle / 8, 500ms) + 6ms);
  More("def");
  ASSERT_TRUE(When([&] { return Has(origins_[0]->received(0), "abcdef"); }));
  InTime(service().timeouts.idle, [&] { return HasStatus(408); });
}

TEST_P(TimersTest, AnUploadWhoseFirstByteDoesNotComeIsRefusedAfterTheIdleTime) {
  service().timeouts.idle = Short(30s);
  Start();
  Put(100, "");
  ASSERT_TRUE(When([&] { return origins_[0]->total_requests() == 1; }));
  InTime(service().timeouts.idle, [&] { return HasStatus(408); });
}

// An origin that takes nothing, and cannot be left.
TEST_P(TimersTest, AnUploadThatIsNotTakenEndsAfterTheIdleTime) {
  testing::FullListener full;
  service().timeouts.idle = Short(30s);
  service().timeouts.connect = 5min;
  OneRegion();
  endpoints_[0][0] = {full.endpoint()};
  Start();
  Put(100, "abc");
  ASSERT_TRUE(When([&] { return connection_->active_streams() == 1; }));
  InTime(service().timeouts.idle, [&] { return HasStatus(504); });
}

TEST_P(TimersTest, AnUploadThatIsNotTakenMovesAfterTheAttemptTimeout) {
  testing::FullListener full;
  service().failover.attempt_timeout = Short(1s);
  service().timeouts.connect = 5min;
  service();
  endpoints_[0][0] = {full.endpoint()};
  Start();
  Put(100, "abc");
  ASSERT_TRUE(When([&] { return connection_->active_streams() == 1; }));
  InTime(service().failover.attempt_timeout, [&] {
    Pump();
    return origins_[1]->total_requests() == 1;
  });
}

// ---- routes[].hedge
// --------------------------------------------------------------------------------------------------

TEST_P(TimersTest, ARivalStartsAfterTheHedgesTime) {
  route().hedge = Short(500ms);
  Start();
  Get();
  ASSERT_TRUE(When([&] { return origins_[0]->total_requests() == 1; }));
  InTime(route().hedge, [&] {
    Pump();
    return origins_[1]->total_requests() == 1;
  });
}

// ---- limits.stall_timeout, idle_timeout, timeouts.tunnel: not below a second
// -----------------------------------------

class LongTimersTest : public TimersTest {
 protected:
  Duration Shortest(Duration usual) const { return std::get<1>(GetParam()) > Duration::zero() ? 1s : usual; }
};

INSTANTIATE_TEST_SUITE_P(Long, LongTimersTest, ::testing::Combine(::testing::Bool(), ::testing::Values(Duration{}, 1s)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param) ? "Http2" : "Http1") +
                                  (std::get<1>(test.param) > Duration::zero() ? "Short" : "Default");
                         });

TEST_P(LongTimersTest, AClientThatTakesNothingIsCutAfterTheStallTimeout) {
  settings_.stall_timeout = Shortest(30s);
  service().timeouts.idle = 1h;
  Start();
  peer_.set_consume(false);
  Get();
  ASSERT_TRUE(When([&] { return origins_[0]->total_requests() == 1; }));
  origins_[0]->Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n");
  if (http2()) {
    // As much as its window takes.
    origins_[0]->Send(0, std::string(100'000, 'x'));
    ASSERT_TRUE(When([&] { return peer_.stream(id_).body.size() > 65'000; }));
    InTime(settings_.stall_timeout, [&] { return IsCut(); });
  } else {
    const std::string piece(64 * 1024, 'x');
    do {
      Settle(loop_);
    } while (origins_[0]->TrySend(0, piece) > 0);
    const TimePoint begin = loop_.Now();
    while (connection_ && loop_.Now() - begin < 2 * settings_.stall_timeout)
      loop_.Advance(settings_.stall_timeout / 100);
    const double part = ToSeconds(loop_.Now() - begin) / ToSeconds(settings_.stall_timeout);
    EXPECT_GE(part, 1.0);
    EXPECT_LE(part, 1.25);
  }
}

TEST_P(LongTimersTest, AnErrorOfOurOwnThatNobodyTakesIsCutAfterTheStallTimeout) {
  if (!http2()) GTEST_SKIP() << "so short a text is the kernel's at once";
  settings_.stall_timeout = Shortest(30s);
  for (auto& origin : origins_) origin->Close();
  Start();
  H2Peer no_window(false, {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  const int32_t id =
      no_window.Request({{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}});
  const auto pump = [&] {
    const std::string out = no_window.Output();
    if (!out.empty()) Send(out);
    received_.clear();
    no_window.Input(received());
  };
  ASSERT_TRUE(RunUntil(loop_, [&] {
    pump();
    return no_window.stream(id).head_done;
  }));
  InTime(settings_.stall_timeout, [&] {
    pump();
    return no_window.stream(id).closed;
  });
}

TEST_P(LongTimersTest, AClientConnectionWithoutARequestEndsAfterTheIdleTimeout) {
  timeouts_.idle = Shortest(60s);
  service().timeouts.request = 1h;
  OneRegion();
  Start();
  Get();
  ASSERT_TRUE(When([&] { return origins_[0]->total_requests() == 1; }));
  loop_.Advance(timeouts_.idle / 3);
  origins_[0]->Answer(0, kOk);
  ASSERT_TRUE(When([&] { return http2() ? peer_.stream(id_).closed : Has(received_, "\r\n\r\nok"); }));
  InTime(timeouts_.idle, [&] {
    Pump();
    return client_eof_ || (http2() && peer_.got_goaway());
  });
}

TEST_P(LongTimersTest, AWebSocketInWhichNobodySpeaksEndsAfterTheTunnelsTime) {
  service().timeouts.tunnel = Shortest(1h);
  Start();
  if (http2()) {
    id_ = peer_.Request({{":method", "CONNECT"},
                         {":protocol", "websocket"},
                         {":scheme", "http"},
                         {":authority", "shop.example"},
                         {":path", "/"},
                         {"sec-websocket-version", "13"}},
                        true);
  } else {
    Send(
        "GET /chat HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  }
  ASSERT_TRUE(When([&] { return origins_[0]->total_requests() == 1; }));
  origins_[0]->Answer(0,
                      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  ASSERT_TRUE(When([&] { return HasStatus(http2() ? 200 : 101); }));
  origins_[0]->Send(0, "hello");
  ASSERT_TRUE(When([&] { return Has(http2() ? peer_.stream(id_).body : received_, "hello"); }));
  InTime(service().timeouts.tunnel, [&] { return IsCut(); });
}

}  // namespace
}  // namespace meridian
