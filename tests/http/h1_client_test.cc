#include "http/h1_client.h"

#include <gtest/gtest.h>

#include "support/scripted_http.h"

namespace meridian {
namespace {

using testing::Bytes;
using testing::FakeHost;
using testing::Feed;
using testing::Produce;
using testing::ScriptedResponse;
using testing::TakeAll;
using testing::Text;

constexpr Error kGone{ErrorCode::kReset, Fault::kOrigin, Retry::kIfIdempotent, "connection reset"};
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class H1ClientTest : public ::testing::Test {
 protected:
  // Sends a GET and returns what left for the origin.
  std::string Get(ScriptedResponse& response) {
    requests_.push_back(std::make_unique<RequestHead>(response.Request("GET", "/x")));
    stream_ = client_.Start(*requests_.back(), nullptr, response);
    return Produce(client_);
  }
  std::string Post(ScriptedResponse& response, BodyPipe& body, int64_t length = kUnknownLength) {
    requests_.push_back(std::make_unique<RequestHead>(response.Request("POST")));
    requests_.back()->content_length = length;
    requests_.back()->has_body = true;
    stream_ = client_.Start(*requests_.back(), &body, response);
    return Produce(client_);
  }
  FakeHost host_;
  MessageLimits limits_;
  ScriptedResponse one_, two_;
  std::vector<std::unique_ptr<RequestHead>> requests_;
  ClientStream* stream_ = nullptr;
  H1Client client_{host_, limits_};
};

TEST_F(H1ClientTest, ARequestAndItsAnswer) {
  EXPECT_EQ(Get(one_), "GET /x HTTP/1.1\r\nhost: shop.example\r\n\r\n");
  EXPECT_EQ(client_.available(), 0u);
  Feed(client_, kOk, 1);
  EXPECT_EQ(one_.head.status, 200);
  EXPECT_EQ(one_.head.content_length, 2);
  EXPECT_EQ(TakeAll(one_.body), "ok");
  EXPECT_TRUE(one_.body.AtEnd());
  EXPECT_EQ(one_.completed, 1);
  EXPECT_EQ(client_.available(), 1u);
  Get(two_);
  Feed(client_, kOk);
  EXPECT_EQ(two_.completed, 1);
}

TEST_F(H1ClientTest, BodiesAreFramedAsTheirLengthIsKnown) {
  BodyPipe known, unknown;
  known.Write(nullptr, Bytes("abc"));
  known.Finish();
  EXPECT_EQ(Post(one_, known, 3), "POST / HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 3\r\n\r\nabc");
  Feed(client_, kOk);
  unknown.Write(nullptr, Bytes("abc"));
  EXPECT_EQ(Post(two_, unknown),
            "POST / HTTP/1.1\r\nhost: shop.example\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
  unknown.Finish();
  EXPECT_EQ(Produce(client_), "0\r\n\r\n");
}

// ---- framing that contradicts the status
// ------------------------------------------------------------------------------

// Whoever wrote it may mean it: what it calls a body would be read as the answer to the next request.
TEST_F(H1ClientTest, A204ThatPromisesABodyIsAnsweredAndItsConnectionNotUsedAgain) {
  for (const std::string framing : {"Content-Length: 38", "Transfer-Encoding: chunked"}) {
    H1Client client(host_, limits_);
    ScriptedResponse response;
    const RequestHead request = response.Request("GET");
    client.Start(request, nullptr, response);
    Produce(client);
    Feed(client, "HTTP/1.1 204 No Content\r\n" + framing + "\r\n\r\n");
    EXPECT_EQ(response.head.status, 204) << framing;
    EXPECT_EQ(response.completed, 1) << framing;
    EXPECT_EQ(client.available(), 0u) << framing;
    EXPECT_TRUE(client.finished()) << framing;
  }
}

TEST_F(H1ClientTest, A204OfLengthZeroIsAnAnswerLikeAnyOther) {
  Get(one_);
  Feed(client_, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(one_.completed, 1);
  EXPECT_EQ(client_.available(), 1u);
}

TEST_F(H1ClientTest, AnInterimAnswerThatPromisesABodyIsMalformed) {
  for (const std::string framing : {"Content-Length: 38", "Transfer-Encoding: chunked"}) {
    H1Client client(host_, limits_);
    ScriptedResponse response;
    const RequestHead request = response.Request("GET");
    client.Start(request, nullptr, response);
    Produce(client);
    Feed(client, "HTTP/1.1 103 Early Hints\r\n" + framing + "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(response.informational.size(), 0u) << framing;
    EXPECT_EQ(response.error.code, ErrorCode::kProtocol) << framing;
    EXPECT_TRUE(client.error()) << framing;
  }
}

// Some servers say that of every answer.
TEST_F(H1ClientTest, AnInterimAnswerOfLengthZeroPasses) {
  Get(one_);
  Feed(client_, "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + std::string(kOk));
  EXPECT_EQ(one_.informational, std::vector{100});
  EXPECT_EQ(one_.completed, 1);
}

TEST_F(H1ClientTest, WhatFollowsAnAnswerWithoutABodyEndsTheConnection) {
  for (const auto& [method, status] : {std::pair<const char*, const char*>("GET", "204 No Content"),
                                       {"GET", "304 Not Modified"},
                                       {"HEAD", "200 OK"}}) {
    for (const bool together : {true, false}) {
      H1Client client(host_, limits_);
      ScriptedResponse response;
      const RequestHead request = response.Request(method);
      client.Start(request, nullptr, response);
      Produce(client);
      const std::string head = std::string("HTTP/1.1 ") + status + "\r\nX: 1\r\n\r\n";
      Feed(client, together ? head + "hello" : head);
      EXPECT_EQ(response.completed, 1) << head;
      if (!together) Feed(client, "hello");
      EXPECT_TRUE(client.error()) << head;
      EXPECT_EQ(client.available(), 0u) << head;
    }
  }
}

TEST_F(H1ClientTest, ASwitchThatNobodyAskedForEndsTheConnection) {
  Get(one_);
  Feed(client_, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(one_.failed, 1);
  EXPECT_TRUE(client_.error());
}

TEST_F(H1ClientTest, APostWithoutBodySaysSo) {
  const RequestHead post = one_.Request("POST");
  client_.Start(post, nullptr, one_);
  EXPECT_EQ(Produce(client_), "POST / HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 0\r\n\r\n");
}

TEST_F(H1ClientTest, AFailedUploadIsNeverGivenAnEnd) {
  BodyPipe body;
  body.Write(nullptr, Bytes("half"));
  std::string out = Post(one_, body);
  body.Fail();
  out += Produce(client_);
  EXPECT_EQ(out.find("0\r\n\r\n"), std::string::npos);
  EXPECT_TRUE(client_.error());
  client_.OnClosed(client_.error());
  EXPECT_EQ(one_.failed, 1);
}

TEST_F(H1ClientTest, InterimAnswersArePassedAndTheFinalOneCounts) {
  Get(one_);
  Feed(client_, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + std::string(kOk), 1);
  EXPECT_EQ(one_.informational, (std::vector{100, 103}));
  EXPECT_EQ(one_.head.status, 200);
  EXPECT_EQ(one_.completed, 1);
}

TEST_F(H1ClientTest, AnEndlessRowOfInterimAnswersIsAFailure) {
  Get(one_);
  for (int i = 0; i < 100 && !client_.error(); ++i) Feed(client_, "HTTP/1.1 102 Processing\r\n\r\n");
  EXPECT_EQ(one_.failed, 1);
  EXPECT_EQ(one_.error.code, ErrorCode::kProtocol);
}

TEST_F(H1ClientTest, AnUpgradeNobodyAskedForIsAFailure) {
  Get(one_);
  Feed(client_, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
  EXPECT_EQ(one_.failed, 1);
}

TEST_F(H1ClientTest, AnOfferToUpgradeInAnAnswerIsIgnored) {
  Get(one_);
  Feed(client_, "HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(one_.completed, 1);
  EXPECT_EQ(TakeAll(one_.body), "ok");
}

TEST_F(H1ClientTest, ATruncatedBodyFailsItsPipe) {
  for (std::string_view start : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"}) {
    ScriptedResponse response;
    H1Client client(host_, limits_);
    const RequestHead get = response.Request("GET");
    client.Start(get, nullptr, response);
    Produce(client);
    Feed(client, start);
    client.OnEof();
    EXPECT_EQ(response.failed, 1) << start;
    EXPECT_EQ(response.completed, 0);
    EXPECT_EQ(response.error.code, ErrorCode::kClosedEarly);
    EXPECT_TRUE(response.body.failed());
    EXPECT_FALSE(response.body.AtEnd());
    EXPECT_TRUE(client.finished());
  }
}

TEST_F(H1ClientTest, ABodyUntilCloseEndsWithTheConnectionButNotWithAReset) {
  Get(one_);
  Feed(client_, "HTTP/1.1 200 OK\r\n\r\nall of it");
  client_.OnEof();
  EXPECT_EQ(one_.completed, 1);
  EXPECT_TRUE(one_.body.finished());
  EXPECT_TRUE(client_.finished());

  H1Client other(host_, limits_);
  const RequestHead get = two_.Request("GET");
  other.Start(get, nullptr, two_);
  Produce(other);
  Feed(other, "HTTP/1.1 200 OK\r\n\r\nsome of it");
  other.OnClosed(kGone);
  EXPECT_EQ(two_.failed, 1);
  EXPECT_TRUE(two_.body.failed());
}

TEST_F(H1ClientTest, HeadAndBodylessStatusesEndWithTheirHead) {
  const RequestHead head = one_.Request("HEAD");
  client_.Start(head, nullptr, one_);
  Produce(client_);
  Feed(client_, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_EQ(one_.completed, 1);
  EXPECT_EQ(one_.head.content_length, 1000);
  EXPECT_EQ(client_.available(), 1u);
  Get(two_);
  Feed(client_, "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_EQ(two_.completed, 1);
  EXPECT_EQ(client_.available(), 1u);
}

TEST_F(H1ClientTest, ANewConnectionThatDiesUnansweredLeavesItToTheMethod) {
  Get(one_);
  client_.OnEof();
  EXPECT_EQ(one_.error.code, ErrorCode::kClosedEarly);
  EXPECT_EQ(one_.error.retry, Retry::kIfIdempotent);
}

TEST_F(H1ClientTest, AKeptConnectionThatDiesUnansweredIsStale) {
  Get(one_);
  Feed(client_, kOk);
  Get(two_);
  client_.OnEof();
  EXPECT_EQ(two_.error.code, ErrorCode::kStaleConnection);
  EXPECT_EQ(two_.error.retry, Retry::kIfIdempotent) << "the request may have been read";
}

TEST_F(H1ClientTest, ARequestThatNeverLeftMayAlwaysBeRetried) {
  const RequestHead get = one_.Request("POST");
  client_.Start(get, nullptr, one_);
  client_.OnClosed(kGone);
  EXPECT_EQ(one_.error.retry, Retry::kAlways);
}

TEST_F(H1ClientTest, AnAnswerThatBegunIsNoStaleConnection) {
  Get(one_);
  Feed(client_, kOk);
  Get(two_);
  Feed(client_, "HTTP/1.1 2");
  client_.OnEof();
  EXPECT_EQ(two_.error.code, ErrorCode::kClosedEarly);
}

TEST_F(H1ClientTest, BytesNobodyAskedForEndTheConnection) {
  Feed(client_, "HTTP/1.1 408 Request Timeout\r\n\r\n");
  EXPECT_TRUE(client_.error());
  EXPECT_EQ(client_.available(), 0u);
}

TEST_F(H1ClientTest, ExtraBytesBehindAnAnswerNeverReachTheNextRequest) {
  Get(one_);
  Feed(client_, std::string(kOk) + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  EXPECT_EQ(one_.completed, 1);
  EXPECT_EQ(client_.available(), 0u);
  EXPECT_TRUE(client_.error());
}

TEST_F(H1ClientTest, MalformedAnswersAreProtocolErrors) {
  for (std::string_view text : {"ICY 200 OK\r\n\r\n", "HTTP/1.1 99 Odd\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "garbage"}) {
    ScriptedResponse response;
    H1Client client(host_, limits_);
    const RequestHead get = response.Request("GET");
    client.Start(get, nullptr, response);
    Produce(client);
    Feed(client, text);
    EXPECT_EQ(response.failed, 1) << text;
    EXPECT_EQ(response.error.code, ErrorCode::kProtocol) << text;
    EXPECT_TRUE(client.error()) << text;
  }
}

TEST_F(H1ClientTest, AnswersThatSayCloseAreNotFollowedByAnotherRequest) {
  for (std::string_view text : {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                                "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    ScriptedResponse response;
    H1Client client(host_, limits_);
    const RequestHead get = response.Request("GET");
    client.Start(get, nullptr, response);
    Produce(client);
    Feed(client, text);
    EXPECT_EQ(response.completed, 1);
    EXPECT_EQ(client.available(), 0u);
    EXPECT_TRUE(client.finished());
  }
}

TEST_F(H1ClientTest, AnAnswerBeforeTheUploadEndedUsesTheConnectionUp) {
  BodyPipe body;
  body.Write(nullptr, Bytes("part"));
  Post(one_, body, 100);
  Feed(client_, kOk);
  EXPECT_EQ(one_.completed, 1);
  EXPECT_EQ(client_.available(), 0u);
  EXPECT_TRUE(client_.finished());
}

TEST_F(H1ClientTest, ReadingPausesWhileTheBodyWaitsForItsReader) {
  Get(one_);
  Feed(client_, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(BodyPipe::kHighWater, 'x'));
  EXPECT_TRUE(client_.paused());
  host_.reads_resumed = 0;
  TakeAll(one_.body);
  EXPECT_FALSE(client_.paused());
  EXPECT_GT(host_.reads_resumed, 0);
}

// Above 80 % of limits.buffer_memory a response is read as fast as its client takes it, and not ahead of that.
TEST_F(H1ClientTest, WhileMemoryIsTightNothingIsReadAhead) {
  Get(one_);
  BlockPool::Local().set_tight_from(0);
  Feed(client_, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx");
  EXPECT_TRUE(client_.paused());
  TakeAll(one_.body);
  EXPECT_FALSE(client_.paused()) << "whoever takes what there is gets more";
  EXPECT_GT(host_.reads_resumed, 0);
  BlockPool::Local().set_tight_from(SIZE_MAX);
  Feed(client_, "x");
  EXPECT_FALSE(client_.paused());
}

TEST_F(H1ClientTest, CancelBeforeTheAnswerClosesTheConnection) {
  Get(one_);
  stream_->Cancel();
  EXPECT_TRUE(client_.finished());
  EXPECT_EQ(client_.active_streams(), 0u);
  client_.OnClosed(kGone);
  EXPECT_EQ(one_.failed + one_.completed, 0) << "no call after Cancel";
}

TEST_F(H1ClientTest, TheShortRestOfAnUnwantedAnswerIsReadToSaveTheConnection) {
  Get(one_);
  Feed(client_, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\n123");
  stream_->Cancel();
  EXPECT_FALSE(client_.finished());
  EXPECT_EQ(client_.available(), 0u) << "not before the rest came";
  Feed(client_, "4567890");
  EXPECT_EQ(client_.available(), 1u);
  Get(two_);
  Feed(client_, kOk);
  EXPECT_EQ(two_.completed, 1);
}

TEST_F(H1ClientTest, CancelFromWithinTheHeadIsAllowed) {
  one_.on_head = [&] { stream_->Cancel(); };
  Get(one_);
  Feed(client_, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(one_.completed + one_.failed, 0);
  EXPECT_EQ(client_.available(), 1u);
}

// Above 64 KiB it closed a kept connection, and its origin was blamed for that.
TEST_F(H1ClientTest, AHeadLargerThanAFlushIsWrittenWholeAndTheConnectionKept) {
  for (const size_t size : {OutBuffer::kSize - 600, OutBuffer::kSize, 3 * OutBuffer::kSize + 5}) {
    ScriptedResponse response;
    RequestHead get = response.Request("GET");
    const std::string value(size, 'v');
    get.headers.Add("x", value);
    client_.Start(get, nullptr, response);
    const std::string said = Produce(client_);
    EXPECT_TRUE(said.ends_with("\r\nx: " + value + "\r\n\r\n")) << size;
    testing::Feed(client_, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(response.completed, 1);
    EXPECT_EQ(client_.available(), 1u);
  }
}

TEST_F(H1ClientTest, AnAnswerBeforeALargeHeadHasLeftUsesTheConnectionUp) {
  RequestHead get = one_.Request("GET");
  const std::string value(3 * OutBuffer::kSize, 'v');
  get.headers.Add("x", value);
  client_.Start(get, nullptr, one_);
  OutBuffer out;
  client_.Produce(out);
  testing::Feed(client_, "HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(one_.completed, 1);
  EXPECT_TRUE(client_.finished()) << "what is left of it would be read as the next request";
}

TEST_F(H1ClientTest, AnAnswerAboveItsLimitIsTooLarge) {
  const RequestHead get = one_.Request("GET");
  client_.Start(get, nullptr, one_);
  Produce(client_);
  testing::Feed(client_, "HTTP/1.1 200 OK\r\nX: " + std::string(limits_.max_header_bytes, 'x') + "\r\n\r\n");
  EXPECT_EQ(one_.failed, 1);
  EXPECT_EQ(one_.error.code, ErrorCode::kTooLarge);
}

TEST_F(H1ClientTest, ABodyThatMovedOnToAnotherOriginIsLeftAlone) {
  // The answer came before the body; another attempt carries the body now. This one must neither take its bytes nor
  // detach its reader.
  BodyPipe body;
  Post(one_, body, 4);
  Feed(client_, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(one_.head.status, 503);
  H1Client other(host_, limits_);
  RequestHead again = two_.Request("POST");
  again.content_length = 4;
  other.Start(again, &body, two_);
  Produce(other);
  body.Write(nullptr, Bytes("ab"));
  EXPECT_EQ(Produce(client_), "");
  Feed(client_, "no");  // the end of the first answer
  host_.writes_wanted = 0;
  body.Write(nullptr, Bytes("cd"));
  body.Finish();
  EXPECT_GT(host_.writes_wanted, 0) << "the second attempt must hear that its body goes on";
  EXPECT_EQ(Produce(other), "abcd");
}

}  // namespace
}  // namespace meridian
