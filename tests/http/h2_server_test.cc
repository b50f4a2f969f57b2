// The server codec against a client made of nghttp2, all in memory.
#include "http/h2_server.h"

#include <gtest/gtest.h>

#include "support/h2_peer.h"
#include "support/h2_talk.h"
#include "support/scripted_http.h"

namespace meridian {
namespace {

using testing::Bytes;
using testing::FakeHost;
using testing::H2Peer;
using testing::ScriptedRequest;
using testing::ScriptedSink;
using testing::TakeAll;
using testing::Text;
using Fields = H2Peer::Fields;

class H2ServerTest : public ::testing::Test {
 protected:
  H2ServerTest() { Exchange(); }
  void Exchange() { EXPECT_TRUE(testing::Talk(server_, peer_, step_)) << "they never stop talking"; }
  int32_t Get(Fields more = {}) {
    Fields fields = {{":method", "GET"}, {":scheme", "http"}, {":authority", "Shop.Example"}, {":path", "/a?b"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return peer_.Request(fields);
  }
  int32_t Post(Fields more = {}) {
    Fields fields = {{":method", "POST"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return peer_.Request(fields, true);
  }
  ScriptedRequest& last() { return *sink_.requests.back(); }
  // Our status, or "reset" where nghttp2 refuses by itself.
  std::string StatusFor(Fields fields) {
    const int32_t id = peer_.Request(fields);
    Exchange();
    const auto& stream = peer_.stream(id);
    return stream.closed && !stream.ended ? "reset" : stream.Field(":status");
  }

  FakeHost host_;
  ScriptedSink sink_;
  MessageLimits limits_;
  size_t step_ = SIZE_MAX;
  H2Server server_{host_, sink_, limits_, false};
  H2Peer peer_{false};
};

TEST_F(H2ServerTest, AGetAndItsAnswerByteByByte) {
  step_ = 1;
  const int32_t id = Get({{"x-a", "1"}});
  Exchange();
  ASSERT_EQ(sink_.size(), 1u);
  EXPECT_EQ(last().head.authority, "shop.example");
  EXPECT_EQ(last().head.path, "/a?b");
  EXPECT_FALSE(last().head.has_body);
  EXPECT_EQ(Text(last().head.headers), "x-a: 1\n");
  last().Answer(200, 5);
  last().Say("hello");
  last().answer.Finish();
  Exchange();
  const auto& stream = peer_.stream(id);
  EXPECT_EQ(stream.Field(":status"), "200");
  EXPECT_EQ(stream.Field("content-length"), "5");
  EXPECT_EQ(stream.body, "hello");
  EXPECT_TRUE(stream.ended);
  EXPECT_TRUE(stream.closed);
  EXPECT_TRUE(last().complete);
  EXPECT_EQ(server_.active_streams(), 0u);
}

TEST_F(H2ServerTest, ManyStreamsAreIndependent) {
  std::vector<int32_t> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(Get());
  Exchange();
  ASSERT_EQ(sink_.size(), 50u);
  for (size_t i = 50; i-- > 0;) {
    sink_[i].Answer(200);
    sink_[i].Say("body " + std::to_string(i));
    sink_[i].answer.Finish();
  }
  Exchange();
  for (size_t i = 0; i < 50; ++i) EXPECT_EQ(peer_.stream(ids[i]).body, "body " + std::to_string(i));
}

TEST_F(H2ServerTest, AFailedAnswerIsResetAndNeverEnded) {
  const int32_t id = Get();
  Exchange();
  last().Answer(200);
  last().Say("half");
  Exchange();
  last().answer.Fail();
  Exchange();
  EXPECT_EQ(peer_.stream(id).body, "half");
  EXPECT_FALSE(peer_.stream(id).ended);
  EXPECT_TRUE(peer_.stream(id).closed);
  EXPECT_NE(peer_.stream(id).code, uint32_t{NGHTTP2_NO_ERROR});
  EXPECT_EQ(last().closed, 1);
  EXPECT_FALSE(last().complete);
}

// What came behind the 160th field was left out without a word: what the edge adds comes last.
TEST_F(H2ServerTest, NothingFallsOffTheEndOfALongHead) {
  const int32_t id = Get();
  Exchange();
  const std::string value(1000, 'v');
  for (int i = 0; i < 1500; ++i) last().reply.headers.Add("x-filler", value);
  last().reply.headers.Add("x-last", "here");
  last().answer.Finish();
  last().Answer(200);
  Exchange();
  EXPECT_EQ(peer_.stream(id).Field("x-last"), "here");
  EXPECT_EQ(peer_.stream(id).fields.size(), 1502u);
  EXPECT_TRUE(peer_.stream(id).ended);
}

TEST_F(H2ServerTest, TrailersEndAnAnswer) {
  const int32_t id = Get();
  Exchange();
  last().Answer(200);
  last().Say("x");
  HeaderBlock trailers(&last().arena());
  trailers.Add("grpc-status", "0");
  last().answer.FinishWithTrailers(trailers);
  Exchange();
  EXPECT_EQ(peer_.stream(id).Field("grpc-status"), "0");
  EXPECT_TRUE(peer_.stream(id).ended);
  EXPECT_TRUE(last().complete);
}

// Clients of gRPC take trailers-only responses in no other shape.
TEST_F(H2ServerTest, AnAnswerThatEndsWithItsHeadIsOneFrame) {
  Get();
  Exchange();
  last().answer.Finish();
  last().Answer(200);
  const std::string out = testing::Produce(server_);
  ASSERT_GT(out.size(), 9u);
  EXPECT_EQ(out.size(), 9u + static_cast<uint8_t>(out[2]));
  EXPECT_EQ(out[3], NGHTTP2_HEADERS);
  EXPECT_EQ(out[4], NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS);
}

TEST_F(H2ServerTest, UploadsArriveWithTheirTrailers) {
  const int32_t id = Post();
  peer_.Send(id, "hello ");
  Exchange();
  EXPECT_TRUE(last().head.has_body);
  peer_.Send(id, "world");
  peer_.End(id, {{"x-sum", "1"}});
  Exchange();
  EXPECT_EQ(TakeAll(last().body), "hello world");
  EXPECT_TRUE(last().body.AtEnd());
  EXPECT_EQ(Text(last().body.trailers()), "x-sum: 1\n");
}

TEST_F(H2ServerTest, AnUploadNobodyReadsStopsAtItsWindow) {
  const int32_t id = Post();
  peer_.Send(id, std::string(2 << 20, 'u'));
  peer_.End(id);
  Exchange();
  EXPECT_EQ(last().body.size(), size_t{64 * 1024});
  std::string all;
  while (!last().body.AtEnd() && all.size() < (4u << 20)) {
    const std::string piece = TakeAll(last().body);
    if (piece.empty()) break;
    all += piece;
    Exchange();
  }
  EXPECT_EQ(all.size(), 2u << 20);
  EXPECT_TRUE(last().body.AtEnd());
}

TEST_F(H2ServerTest, AnAbandonedUploadGivesItsWindowBackToTheConnection) {
  // Else a few abandoned uploads would starve every other stream of the connection.
  for (int i = 0; i < 20; ++i) {
    const int32_t id = Post();
    peer_.Send(id, std::string(200 * 1024, 'u'));
    Exchange();
    peer_.Reset(id, NGHTTP2_CANCEL);
    Exchange();
    EXPECT_EQ(last().closed, 1);
  }
  const int32_t id = Post();
  peer_.Send(id, std::string(60 * 1024, 'u'));
  peer_.End(id);
  Exchange();
  EXPECT_EQ(TakeAll(last().body).size(), 60u * 1024);
}

TEST_F(H2ServerTest, ASlowReaderHoldsItsAnswerBack) {
  const int32_t id = Get();
  Exchange();
  last().Answer(200);
  last().Say(std::string(1 << 20, 'a'));
  peer_.set_consume(false);
  Exchange();
  EXPECT_EQ(peer_.stream(id).body.size(), 65535u);
  EXPECT_EQ(last().answer.size(), (1u << 20) - 65535u);
}

TEST_F(H2ServerTest, AResetByTheClientEndsTheExchange) {
  const int32_t id = Get();
  Exchange();
  peer_.Reset(id, NGHTTP2_CANCEL);
  Exchange();
  EXPECT_EQ(last().closed, 1);
  EXPECT_FALSE(last().complete);
  EXPECT_EQ(server_.active_streams(), 0u);
}

TEST_F(H2ServerTest, AnAnswerBeforeTheEndOfTheUploadEndsTheUploadInASecond) {
  const int32_t id = Post();
  peer_.Send(id, "part");
  Exchange();
  last().Answer(413, 0, false);
  Exchange();
  EXPECT_EQ(peer_.stream(id).Field(":status"), "413");
  EXPECT_TRUE(peer_.stream(id).ended);
  EXPECT_TRUE(last().complete) << "for us it is over";
  EXPECT_EQ(server_.active_streams(), 0u);
  EXPECT_FALSE(peer_.stream(id).closed) << "but curl 7.88 drops an answer that comes together with a reset";
  peer_.Send(id, std::string(100'000, 'x'));
  Exchange();
  EXPECT_TRUE(peer_.stream(id).outbox.empty()) << "for those who listen when they have sent all, it is read meanwhile";
  EXPECT_EQ(last().body.size(), 4u) << "and dropped";
  host_.now = host_.wake_at;
  server_.OnWake();
  Exchange();
  EXPECT_TRUE(peer_.stream(id).closed);
  EXPECT_EQ(peer_.stream(id).code, uint32_t{NGHTTP2_NO_ERROR});
}

// Java's HttpClient and httpx: an answer of 413 was heard when the idle connection was ended, as an error.
TEST_F(H2ServerTest, AClientThatSendsAllBeforeItListensIsNotLeftWithoutAWindow) {
  const int32_t id = Post();
  peer_.Send(id, std::string(64 * 1024, 'x'));  // nobody reads them before the answer
  Exchange();
  last().Answer(413, 0, false);
  peer_.Send(id, std::string(300'000, 'x'));
  peer_.End(id);
  Exchange();
  EXPECT_TRUE(peer_.stream(id).outbox.empty());
  EXPECT_TRUE(peer_.stream(id).closed);
  EXPECT_EQ(peer_.stream(id).code, uint32_t{NGHTTP2_NO_ERROR});
  EXPECT_EQ(server_.active_streams(), 0u);
}

TEST_F(H2ServerTest, AClientThatStopsByItselfAfterAnEarlyAnswerIsNotReset) {
  const int32_t id = Post();
  peer_.Send(id, "part");
  Exchange();
  last().Answer(413, 0, false);
  Exchange();
  peer_.End(id);
  Exchange();
  EXPECT_TRUE(peer_.stream(id).closed);
  host_.now = host_.wake_at;
  server_.OnWake();
  Exchange();
  EXPECT_FALSE(server_.error());
  const int32_t next = Get();
  Exchange();
  last().Answer(200, 0, false);
  Exchange();
  EXPECT_EQ(peer_.stream(next).Field(":status"), "200");
}

TEST_F(H2ServerTest, AnsweredUploadsThatGoOnCountAsStreamsUntilTheyEnd) {
  limits_.max_streams = 3;
  for (int i = 0; i < 3; ++i) {
    Post();
    Exchange();
    last().Answer(413, 0, false);
    Exchange();
  }
  const int32_t fourth = Get();
  Exchange();
  EXPECT_EQ(peer_.stream(fourth).code, uint32_t{NGHTTP2_REFUSED_STREAM});
  host_.now = host_.wake_at;
  server_.OnWake();
  Exchange();
  const size_t before = sink_.size();
  Get();
  Exchange();
  EXPECT_EQ(sink_.size(), before + 1);
}

TEST_F(H2ServerTest, AResetByUsSaysWhetherTheRequestWasTouched) {
  const int32_t untouched = Get();
  Exchange();
  last().stream->Reset(true);
  Exchange();
  EXPECT_EQ(peer_.stream(untouched).code, uint32_t{NGHTTP2_REFUSED_STREAM});
  const int32_t touched = Get();
  Exchange();
  last().stream->Reset(false);
  Exchange();
  EXPECT_EQ(peer_.stream(touched).code, uint32_t{NGHTTP2_INTERNAL_ERROR});
}

TEST_F(H2ServerTest, InterimAnswersComeBeforeTheFinalOne) {
  const int32_t id = Get();
  Exchange();
  ResponseHead early;
  early.status = 103;
  last().stream->SendInformational(early);
  last().Answer(204, kUnknownLength, false);
  Exchange();
  EXPECT_EQ(peer_.stream(id).All(":status"), "103,204");
  EXPECT_EQ(peer_.stream(id).Field("content-length"), "");
}

TEST_F(H2ServerTest, AnswersToHeadHaveALengthAndNoBody) {
  const int32_t id = peer_.Request({{":method", "HEAD"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}});
  Exchange();
  last().Answer(200, 1000);
  Exchange();
  EXPECT_EQ(peer_.stream(id).Field("content-length"), "1000");
  EXPECT_TRUE(peer_.stream(id).ended);
}

TEST_F(H2ServerTest, CookieCrumbsBecomeOneField) {
  Get({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}});
  Exchange();
  EXPECT_EQ(Text(last().head.headers), "cookie: a=1; b=2\nx: y\n");
}

TEST_F(H2ServerTest, RequestsThatHttp1CouldReadDifferentlyAreRefused) {
  const auto with = [](std::string method, std::string authority, std::string path, Fields more = {}) {
    Fields fields = {{":method", method}, {":scheme", "http"}, {":authority", authority}, {":path", path}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  };
  EXPECT_EQ(StatusFor(with("GET", "user@h", "/")), "400");
  EXPECT_EQ(StatusFor(with("GET", "h", "/a b")), "reset");
  EXPECT_EQ(StatusFor(with("GET", "h", "/a#b")), "400");
  EXPECT_EQ(StatusFor(with("GET", "h", "*")), "reset");
  EXPECT_EQ(StatusFor(with("GET", "h", "/", {{"host", "other"}})), "400");
  EXPECT_EQ(StatusFor(with("GET", "h", "/", {{"expect", "money"}})), "417");
  EXPECT_EQ(StatusFor(with("GET", "h", "/" + std::string(33'000, 'x'))), "414");
  Fields many;
  for (int i = 0; i < 120; ++i) many.push_back({"x", "y"});
  EXPECT_EQ(StatusFor(with("GET", "h", "/", many)), "431");
  EXPECT_EQ(StatusFor({{":method", "CONNECT"}, {":authority", "h:443"}}), "501");
  for (const auto& request : sink_.requests) EXPECT_FALSE(request->has_head);
}

TEST_F(H2ServerTest, TrailersAboveTheirLimitEndTheStream) {
  const int32_t id = Post();
  peer_.Send(id, "x");
  Fields trailers;
  for (int i = 0; i < 90; ++i) trailers.push_back({"t", std::string(200, 'v')});
  peer_.End(id, trailers);
  Exchange();
  EXPECT_FALSE(last().body.finished()) << "a cut list of trailers must not pass for a whole one";
}

TEST_F(H2ServerTest, ABodyOfAnotherLengthThanAnnouncedIsNeverComplete) {
  const int32_t id = Post({{"content-length", "10"}});
  peer_.Send(id, "short");
  peer_.End(id);
  Exchange();
  EXPECT_FALSE(last().body.finished());
  EXPECT_EQ(last().closed, 1);
}

TEST_F(H2ServerTest, AFloodOfPingsEndsTheConnectionCalmly) {
  for (int i = 0; i < 3000 && !server_.error(); ++i) {
    peer_.Ping();
    if (i % 50 == 0) Exchange();
  }
  Exchange();
  EXPECT_TRUE(server_.error());
  EXPECT_EQ(peer_.goaway_code(), uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
}

TEST_F(H2ServerTest, AFewPingsASecondAreNoFlood) {
  for (int i = 0; i < 3000; ++i) {
    peer_.Ping();
    host_.now += 100ms;
    if (i % 20 == 0) Exchange();
  }
  EXPECT_FALSE(server_.error());
}

TEST_F(H2ServerTest, DrainLetsStreamsFinishAndThenEnds) {
  const int32_t id = Get();
  Exchange();
  server_.StartDrain();
  const int32_t late = Get();  // on its way when the notice arrives
  testing::Feed(server_, peer_.Output());
  Exchange();
  EXPECT_TRUE(peer_.got_goaway());
  EXPECT_EQ(sink_.size(), 2u) << "between the notice and the last word requests are still served";
  server_.StartDrain();
  Exchange();
  EXPECT_FALSE(server_.finished());
  for (auto& r : sink_.requests) r->Answer(204, kUnknownLength, false);
  Exchange();
  EXPECT_EQ(peer_.stream(id).Field(":status"), "204");
  EXPECT_EQ(peer_.stream(late).Field(":status"), "204");
  EXPECT_TRUE(server_.finished());
}

TEST_F(H2ServerTest, GarbageIsAProtocolErrorOfTheConnection) {
  ScriptedSink sink;
  H2Server server(host_, sink, limits_, false);
  testing::Feed(server, "GET / HTTP/1.1\r\nhost: h\r\n\r\n");
  EXPECT_TRUE(server.error());
  EXPECT_EQ(sink.size(), 0u);
}

TEST_F(H2ServerTest, ClosingTellsEveryStream) {
  for (int i = 0; i < 5; ++i) Get();
  Exchange();
  server_.OnClosed({});
  for (const auto& r : sink_.requests) {
    EXPECT_EQ(r->closed, 1);
    EXPECT_FALSE(r->complete);
  }
}

}  // namespace
}  // namespace meridian
