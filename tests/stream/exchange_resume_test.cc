// A response that broke after its head: it goes on elsewhere with exactly the missing bytes, or is cut.
#include "stream/exchange_fixture.h"
#include "support/h2_raw.h"

namespace meridian {
namespace {

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

TEST_F(ResumeTest, WhatTheRouteChangesInTheHeadChangesNothingAboutIt) {
  rules_.response_headers.remove = {"etag"};
  rules_.response_headers.set = {{"content-type", "application/grpc"}};
  StartWithResume();
  Break();
  const size_t c = Arrives(1);
  EXPECT_TRUE(Has(origins_[1]->received(c), "if-range: \"v1\"\r\n"));
  origins_[1]->Answer(c, kRest);
  ASSERT_TRUE(ClientGets("\r\n\r\n0123456789"));
  EXPECT_FALSE(Has(received(), "etag"));
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

// Found by fuzzing: the cut comes behind what the client has not taken yet, and nobody watched whether it ever would. A
// client with a window of 0 held exchange and memory for as long as it liked.
TEST_F(ResumeTest, ADownloadThatCannotGoOnDoesNotWaitForItsClientForEver) {
  namespace h2 = testing::h2;
  settings_.stall_timeout = 10s;
  StartWithResume();
  Send(std::string(h2::kPreface) + h2::Settings(h2::Setting(4, 0)) +
       h2::Headers(1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}}));
  origins_[0]->Answer(Arrives(0), std::string(kHead) + "0123");
  Settle(loop_);
  origins_[0]->CloseConnection(0);
  Answer(1, kOk);
  Pass(9s);
  ASSERT_TRUE(connection_);
  EXPECT_EQ(connection_->active_streams(), 1u) << "it may still take what came";
  Pass(5s);
  ASSERT_TRUE(connection_);
  EXPECT_EQ(connection_->active_streams(), 0u);
  EXPECT_TRUE(Has(received(), h2::Rst(1, 2)));
  EXPECT_EQ(context_->stats().limit_client_stalls.Get(), 1u);
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

}  // namespace
}  // namespace meridian
