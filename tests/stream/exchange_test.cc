// One exchange after the other on scripted origins: the straight line without failures, and what is left of it in the
// log.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

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

TEST_F(Http2ExchangeTest, ByPriorKnowledgeACleartextClientSpeaksHttp2) {
  Start();
  const int32_t id = Get();
  ASSERT_TRUE(Until([&] { return origins_[0]->requests(0) > 0; }));
  origins_[0]->Answer(0, kOk);
  ASSERT_TRUE(Until([&] { return peer_.stream(id).ended; }));
  EXPECT_EQ(peer_.stream(id).Field(":status"), "200");
  EXPECT_EQ(peer_.stream(id).body, "ok");
}

TEST_F(Http2ExchangeTest, ARegionThatOwesSeveralAnswersIsAskedForNoMoreUntilItSpeaks) {
  Start();
  for (int i = 0; i < 20; ++i) {
    const int32_t id = Get();
    ASSERT_TRUE(Until([&] { return origins_[0]->requests(0) > 0; }));
    origins_[0]->Answer(0, kOk);
    ASSERT_TRUE(Until([&] { return peer_.stream(id).ended; }));
  }
  std::vector<int32_t> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(Get());
  ASSERT_TRUE(Until([&] { return origins_[0]->total_requests() == 25; }));
  loop_.Advance(150ms);
  const int32_t moved = Get();
  ASSERT_TRUE(Until([&] { return origins_[1]->requests(0) > 0; }));
  origins_[1]->Answer(0, kOk);
  ASSERT_TRUE(Until([&] { return peer_.stream(moved).ended; }));
  EXPECT_EQ(route_cells().silence_moved.Get(), 1u);
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u) << "nobody has failed yet";

  origins_[0]->Answer(0, kOk);
  ASSERT_TRUE(Until([&] { return peer_.stream(waiting[0]).ended; }));
  Get();
  EXPECT_TRUE(Until([&] { return origins_[0]->total_requests() == 26; })) << "it speaks again";
  EXPECT_TRUE(Has(Log(), "\"reason\":\"silence\""));
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

}  // namespace
}  // namespace meridian
