#include "http/h1_server.h"

#include <gtest/gtest.h>

#include "support/scripted_http.h"

namespace meridian {
namespace {

using testing::FakeHost;
using testing::Feed;
using testing::Produce;
using testing::ScriptedRequest;
using testing::ScriptedSink;
using testing::TakeAll;
using testing::Text;

constexpr std::string_view kGet = "GET /a?b HTTP/1.1\r\nHost: Shop.Example\r\nX-A: 1\r\n\r\n";

bool Has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

class H1ServerTest : public ::testing::Test {
 protected:
  ScriptedRequest& last() { return *sink_.requests.back(); }
  int Refused(const std::string& text) {
    ScriptedSink sink;
    H1Server server(host_, sink, limits_, false);
    Feed(server, text);
    if (sink.size() == 0) return -1;
    const int status = sink[0].refused;
    if (status) {
      EXPECT_TRUE(Has(Produce(server), "connection: close")) << text;
      EXPECT_TRUE(server.finished()) << text;
      EXPECT_FALSE(sink[0].has_head) << text;
    }
    return status;
  }
  FakeHost host_;
  ScriptedSink sink_;
  MessageLimits limits_;
  H1Server server_{host_, sink_, limits_, false};
};

TEST_F(H1ServerTest, AGetBecomesAHead) {
  Feed(server_, kGet, 3);
  ASSERT_EQ(sink_.size(), 1u);
  const RequestHead& head = last().head;
  EXPECT_EQ(head.method, Method::kGet);
  EXPECT_EQ(head.authority, "shop.example");
  EXPECT_EQ(head.path, "/a?b");
  EXPECT_EQ(head.scheme, "http");
  EXPECT_FALSE(head.has_body);
  EXPECT_EQ(Text(head.headers), "x-a: 1\n");
  EXPECT_TRUE(last().body.AtEnd());
}

TEST_F(H1ServerTest, AHeadLargerThanAFlushIsWrittenWholeBeforeItsBody) {
  const std::string value(3 * OutBuffer::kSize, 'v');
  Feed(server_, kGet);
  last().stream->SendInformational({.status = 103, .headers = HeaderBlock()});
  last().reply.headers.Add("x", value);
  last().Say("hello");
  last().answer.Finish();
  last().Answer(200, 5);
  const std::string said = Produce(server_);
  EXPECT_TRUE(said.starts_with("HTTP/1.1 103 "));
  EXPECT_TRUE(Has(said, "\r\nx: " + value + "\r\n"));
  EXPECT_TRUE(said.ends_with("\r\n\r\nhello"));
  EXPECT_EQ(sink_[0].closed, 1);
  EXPECT_FALSE(server_.finished());
}

TEST_F(H1ServerTest, AnAnswerOfKnownLengthKeepsTheConnection) {
  Feed(server_, kGet);
  last().Say("hello");
  last().answer.Finish();
  last().Answer(200, 5);
  EXPECT_EQ(Produce(server_), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
  EXPECT_EQ(last().closed, 1);
  EXPECT_TRUE(last().complete);
  EXPECT_FALSE(server_.finished());
  Feed(server_, kGet);
  EXPECT_EQ(sink_.size(), 2u);
}

TEST_F(H1ServerTest, AnAnswerOfUnknownLengthIsChunkedWithItsTrailers) {
  Feed(server_, kGet);
  last().Answer(200);
  last().Say("hello");
  EXPECT_EQ(Produce(server_), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
  HeaderBlock trailers(&last().arena());
  trailers.Add("x-sum", "1");
  last().answer.FinishWithTrailers(trailers);
  EXPECT_EQ(Produce(server_), "0\r\nx-sum: 1\r\n\r\n");
  EXPECT_TRUE(last().complete);
}

TEST_F(H1ServerTest, AClientOfHttp10GetsTheBodyUntilClose) {
  Feed(server_, "GET / HTTP/1.0\r\n\r\n");
  last().Answer(200);
  last().Say("hello");
  last().answer.Finish();
  EXPECT_EQ(Produce(server_), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello");
  EXPECT_TRUE(server_.finished());
}

TEST_F(H1ServerTest, AFailedBodyIsCutAndNeverGetsAnEnd) {
  Feed(server_, kGet);
  last().Answer(200);
  last().Say("half");
  last().answer.Fail();
  const std::string out = Produce(server_);
  EXPECT_TRUE(Has(out, "4\r\nhalf\r\n"));
  EXPECT_FALSE(Has(out, "0\r\n\r\n"));
  EXPECT_TRUE(server_.cut()) << "a FIN could pass for the end";
  EXPECT_TRUE(server_.error());
  server_.OnClosed({});
  EXPECT_EQ(last().closed, 1);
  EXPECT_FALSE(last().complete);
}

TEST_F(H1ServerTest, HeadGetsTheLengthWithoutTheBody) {
  Feed(server_, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  last().Answer(200, 1000);
  EXPECT_EQ(Produce(server_), "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
  EXPECT_FALSE(server_.finished());
}

TEST_F(H1ServerTest, StatusesWithoutBodyHaveNoFraming) {
  Feed(server_, kGet);
  last().Answer(204);
  EXPECT_EQ(Produce(server_), "HTTP/1.1 204 No Content\r\n\r\n");
  Feed(server_, kGet);
  last().Answer(304, 77);
  EXPECT_EQ(Produce(server_), "HTTP/1.1 304 Not Modified\r\ncontent-length: 77\r\n\r\n");
  Feed(server_, kGet);
  last().Answer(200, kUnknownLength, false);
  EXPECT_EQ(Produce(server_), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST_F(H1ServerTest, InterimAnswersComeBeforeTheFinalOne) {
  Feed(server_, kGet);
  ResponseHead early;
  early.status = 103;
  last().stream->SendInformational(early);
  EXPECT_EQ(Produce(server_), "HTTP/1.1 103 Early Hints\r\n\r\n");
  last().Answer(204);
  EXPECT_EQ(Produce(server_), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_F(H1ServerTest, ALargeInterimAnswerAndALargeHeadBothArrive) {
  Feed(server_, kGet);
  ResponseHead early{.headers = HeaderBlock(&last().arena())};
  early.status = 103;
  const std::string link(40 * 1024, 'l');
  early.headers.Add("link", link);
  last().stream->SendInformational(early);
  last().reply.headers.Add("x-large", link);
  last().Answer(200, 0, false);
  const std::string out = Produce(server_);
  EXPECT_TRUE(Has(out, "HTTP/1.1 200 OK"));
  EXPECT_FALSE(server_.cut());
}

TEST_F(H1ServerTest, ClientsOfHttp10GetNoInterimAnswers) {
  Feed(server_, "GET / HTTP/1.0\r\n\r\n");
  ResponseHead early;
  early.status = 103;
  last().stream->SendInformational(early);
  EXPECT_EQ(Produce(server_), "");
}

TEST_F(H1ServerTest, PipelinedRequestsWaitForTheirTurnAndAreAnsweredInOrder) {
  const std::string three =
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /3 "
      "HTTP/1.1\r\nHost: h\r\n\r\n";
  for (size_t step : {SIZE_MAX, size_t{1}, size_t{10}, size_t{40}}) {
    ScriptedSink sink;
    H1Server server(host_, sink, limits_, false);
    Feed(server, three, step);
    ASSERT_EQ(sink.size(), 1u);
    EXPECT_TRUE(server.paused());
    sink[0].Answer(200, 0, false);
    Produce(server);
    ASSERT_EQ(sink.size(), 2u) << step;
    EXPECT_EQ(TakeAll(sink[1].body), "abc");
    sink[1].Answer(200, 0, false);
    Produce(server);
    ASSERT_EQ(sink.size(), 3u);
    EXPECT_EQ(sink[2].head.path, "/3");
    sink[2].Answer(200, 0, false);
    Produce(server);
    EXPECT_FALSE(server.paused());
    EXPECT_FALSE(server.finished());
  }
}

TEST_F(H1ServerTest, ABodyIsStreamedWithBackPressure) {
  Feed(server_, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_TRUE(last().has_head);
  EXPECT_EQ(last().head.content_length, 1000000);
  size_t sent = 0;
  const std::string piece(16 * 1024, 'p');
  while (!server_.paused()) {
    Feed(server_, piece);
    sent += piece.size();
  }
  EXPECT_LE(sent, BodyPipe::kHighWater + piece.size());
  // What was read already when it paused is kept, not lost.
  Feed(server_, piece);
  sent += piece.size();
  host_.reads_resumed = 0;
  size_t taken = TakeAll(last().body).size();
  Produce(server_);
  taken += TakeAll(last().body).size();
  Produce(server_);
  EXPECT_EQ(taken, sent);
  EXPECT_FALSE(server_.paused());
  EXPECT_GT(host_.reads_resumed, 0);
}

// An origin that took a part of the body failed, and the next one takes that part again.
TEST_F(H1ServerTest, ABodyThatIsSentAgainIsReadOnAllTheSame) {
  Feed(server_, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n");
  last().body.Keep(1 << 20);
  const std::string half(100'000, 'p');
  Feed(server_, half);
  TakeAll(last().body);
  last().body.Rewind();
  EXPECT_TRUE(server_.paused()) << "what was kept waits for the next reader";
  host_.reads_resumed = 0;
  EXPECT_EQ(TakeAll(last().body).size(), half.size());
  Produce(server_);
  EXPECT_FALSE(server_.paused());
  EXPECT_GT(host_.reads_resumed, 0);
}

TEST_F(H1ServerTest, ChunkedUploadsArriveWithTheirTrailers) {
  Feed(server_, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n", 1);
  EXPECT_EQ(last().head.content_length, kUnknownLength);
  EXPECT_TRUE(last().head.has_body);
  EXPECT_EQ(TakeAll(last().body), "abc");
  EXPECT_TRUE(last().body.AtEnd());
  EXPECT_EQ(Text(last().body.trailers()), "x-sum: 9\n");
}

// Its client was cut without a word before: it could not tell a bug of its own from a broken edge.
TEST_F(H1ServerTest, ABodyThatBreaksFailsIsToldAndEndsTheConnection) {
  constexpr std::string_view kHead = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  constexpr std::string_view kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string large(9000, 'x');
  for (const auto& [broken, status] :
       {std::pair<std::string, int>("3\r\nabcX", 400), {"0\r\nX: " + large + "\r\n\r\n", 431}}) {
    ScriptedSink sink;
    H1Server server(host_, sink, limits_, false);
    Feed(server, std::string(kHead) + broken + std::string(kSmuggled));
    ASSERT_EQ(sink.size(), 1u);
    EXPECT_TRUE(sink[0].body.failed());
    EXPECT_FALSE(sink[0].body.finished());
    EXPECT_TRUE(Produce(server).starts_with("HTTP/1.1 " + std::to_string(status))) << broken.substr(0, 10);
    EXPECT_TRUE(server.finished());
    EXPECT_EQ(sink[0].closed, 1);
  }
}

TEST_F(H1ServerTest, ABodyThatBreaksBehindABegunAnswerEndsTheConnectionAndNothingIsAdded) {
  Feed(server_, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  last().Answer(200);
  last().Say("half");
  EXPECT_TRUE(Has(Produce(server_), "4\r\nhalf\r\n"));
  Feed(server_, "X");
  EXPECT_TRUE(last().body.failed());
  EXPECT_EQ(Produce(server_), "");
  EXPECT_TRUE(server_.error());
}

// A FIN would be the end of such an answer.
TEST_F(H1ServerTest, AnAnswerUntilTheEndIsCutIfItsRequestBreaks) {
  Feed(server_, "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  last().Answer(200);
  last().Say("half");
  EXPECT_TRUE(Has(Produce(server_), "half"));
  server_.OnEof();
  EXPECT_TRUE(server_.error());
  EXPECT_TRUE(server_.cut());
}

TEST_F(H1ServerTest, AClientThatLeavesInTheMiddleOfItsBodyFailsIt) {
  Feed(server_, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  server_.OnEof();
  EXPECT_TRUE(last().body.failed());
  EXPECT_FALSE(last().body.finished());
  server_.OnClosed({});
  EXPECT_EQ(last().closed, 1);
  EXPECT_FALSE(last().complete);
}

TEST_F(H1ServerTest, AClientThatHalfClosesStillGetsItsAnswer) {
  Feed(server_, kGet);
  server_.OnEof();
  EXPECT_FALSE(server_.finished());
  last().Answer(200, 0, false);
  EXPECT_TRUE(Has(Produce(server_), "200 OK"));
  EXPECT_TRUE(server_.finished());
}

TEST_F(H1ServerTest, AnAnswerBeforeTheEndOfTheUploadEndsTheConnection) {
  Feed(server_, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  last().Answer(413, 0, false);
  EXPECT_TRUE(Has(Produce(server_), "connection: close"));
  EXPECT_TRUE(server_.finished());
  // The rest of the body must not be read as a request.
  Feed(server_, "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(sink_.size(), 1u);
}

TEST_F(H1ServerTest, ConnectionCloseIsHonoured) {
  Feed(server_, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  last().Answer(200, 0, false);
  EXPECT_TRUE(Has(Produce(server_), "connection: close"));
  EXPECT_TRUE(server_.finished());
}

TEST_F(H1ServerTest, DrainAnswersWhatIsUnderWayAndTakesNothingNew) {
  Feed(server_, std::string(kGet) + std::string(kGet));
  server_.StartDrain();
  EXPECT_FALSE(server_.finished());
  last().Answer(200, 0, false);
  EXPECT_TRUE(Has(Produce(server_), "connection: close"));
  EXPECT_TRUE(server_.finished());
  EXPECT_EQ(sink_.size(), 1u);
}

TEST_F(H1ServerTest, DrainOfAnIdleConnectionEndsIt) {
  server_.StartDrain();
  EXPECT_TRUE(server_.finished());
}

TEST_F(H1ServerTest, ExpectContinueIsToldAndTakenOutOfTheList) {
  Feed(server_, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_TRUE(last().head.expect_continue);
  EXPECT_EQ(Text(last().head.headers), "");
}

TEST_F(H1ServerTest, RequestsThatCanBeReadTwoWaysAreRefused) {
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), 501);
  EXPECT_EQ(Refused("brew / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\nHost: a\r\nExpect: money\r\n\r\n"), 417);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /" + std::string(33'000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70000, 'x') + "\r\n\r\n"), 431);
  EXPECT_EQ(Refused("GET / HTTP/3.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(Refused("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
  EXPECT_EQ(Refused("GET http://A/x HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
}

TEST_F(H1ServerTest, AbsoluteFormGivesHostAndPath) {
  Feed(server_, "GET http://Shop.example:81?q HTTP/1.1\r\nHost: shop.example:81\r\n\r\n");
  EXPECT_EQ(last().head.authority, "shop.example:81");
  EXPECT_EQ(last().head.path, "/?q");
}

TEST_F(H1ServerTest, NothingAfterARefusedRequestIsRead) {
  Feed(server_, "GET / HTTP/1.1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(sink_.size(), 1u);
  EXPECT_TRUE(Has(Produce(server_), "400 Bad Request"));
  EXPECT_TRUE(server_.finished());
}

TEST_F(H1ServerTest, AnAnswerFromWithinTheHeadIsAllowed) {
  sink_.on_head = [](ScriptedRequest& r) { r.Answer(404, 0, false); };
  Feed(server_, std::string(kGet) + std::string(kGet));
  const std::string out = Produce(server_);
  EXPECT_EQ(sink_.size(), 2u);
  EXPECT_EQ(out,
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
}

TEST_F(H1ServerTest, ResetCutsTheConnection) {
  Feed(server_, kGet);
  last().stream->Reset(false);
  EXPECT_TRUE(server_.cut());
  EXPECT_EQ(Produce(server_), "");
}

TEST_F(H1ServerTest, ClosingTellsTheRequestUnderWay) {
  Feed(server_, kGet.substr(0, 10));
  ASSERT_EQ(sink_.size(), 1u);
  server_.OnClosed({});
  EXPECT_EQ(last().closed, 1);
  EXPECT_FALSE(last().complete);
}

}  // namespace
}  // namespace meridian
