// The client codec against a server made of nghttp2, all in memory.
#include "http/h2_client.h"

#include <gtest/gtest.h>

#include "support/h2_peer.h"
#include "support/h2_raw.h"
#include "support/h2_talk.h"
#include "support/scripted_http.h"

namespace meridian {
namespace {

using testing::Bytes;
using testing::FakeHost;
using testing::H2Peer;
using testing::ScriptedResponse;
using testing::TakeAll;
using testing::Text;
using Fields = H2Peer::Fields;

constexpr Error kGone{ErrorCode::kReset, Fault::kOrigin, Retry::kIfIdempotent, "connection reset"};
const Fields kOk = {{":status", "200"}};

class H2ClientTest : public ::testing::Test {
 protected:
  H2ClientTest() { Exchange(); }
  void Exchange() { EXPECT_TRUE(testing::Talk(client_, peer_)) << "they never stop talking"; }
  struct Call {
    ScriptedResponse response;
    RequestHead request;
    BodyPipe body;
    ClientStream* stream = nullptr;
  };
  Call& Start(std::string_view method = "GET", bool body = false) {
    calls_.push_back(std::make_unique<Call>());
    Call& call = *calls_.back();
    call.request = call.response.Request(method, "/x");
    call.request.has_body = body;
    call.stream = client_.Start(call.request, body ? &call.body : nullptr, call.response);
    EXPECT_TRUE(call.stream);
    return call;
  }
  int32_t last_id() { return peer_.heads().back(); }

  FakeHost host_;
  MessageLimits limits_;
  std::vector<std::unique_ptr<Call>> calls_;
  H2Client client_{host_, limits_};
  H2Peer peer_{true};
};

TEST_F(H2ClientTest, ARequestAndItsAnswer) {
  Call& call = Start();
  Exchange();
  const auto& stream = peer_.stream(last_id());
  EXPECT_EQ(stream.Field(":method"), "GET");
  EXPECT_EQ(stream.Field(":authority"), "shop.example");
  EXPECT_EQ(stream.Field(":path"), "/x");
  EXPECT_TRUE(stream.ended);
  peer_.Respond(last_id(), {{":status", "200"}, {"content-length", "5"}, {"x-a", "1"}}, true);
  peer_.Send(last_id(), "hello");
  peer_.End(last_id());
  Exchange();
  EXPECT_EQ(call.response.head.status, 200);
  EXPECT_EQ(call.response.head.content_length, 5);
  EXPECT_EQ(Text(call.response.head.headers), "x-a: 1\n");
  EXPECT_EQ(TakeAll(call.response.body), "hello");
  EXPECT_TRUE(call.response.body.AtEnd());
  EXPECT_EQ(call.response.completed, 1);
  EXPECT_EQ(client_.active_streams(), 0u);
}

TEST_F(H2ClientTest, NothingFallsOffTheEndOfALongHead) {
  ScriptedResponse response;
  RequestHead get = response.Request("GET");
  const std::string value(1000, 'v');
  for (int i = 0; i < 1500; ++i) get.headers.Add("x-filler", value);
  get.headers.Add("x-last", "here");
  ASSERT_TRUE(client_.Start(get, nullptr, response));
  Exchange();
  EXPECT_EQ(peer_.stream(last_id()).Field("x-last"), "here");
  peer_.Respond(last_id(), kOk);
  Exchange();
  EXPECT_EQ(response.completed, 1);
}

// Such a request ended the connection, with all that was on it.
TEST_F(H2ClientTest, KnowsWhichHeadsItsOriginTakes) {
  H2Client client(host_, limits_);
  H2Peer peer(true, {{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 10'000}});
  ScriptedResponse response;
  RequestHead get = response.Request("GET");
  const std::string value(9'000, 'v');
  get.headers.Add("x", value);
  EXPECT_TRUE(client.Takes(get));
  get.headers.Add("y", value);
  EXPECT_TRUE(client.Takes(get)) << "it has said nothing yet";
  testing::Feed(client, peer.Output());
  EXPECT_FALSE(client.Takes(get));
  client.OnClosed(kGone);
}

TEST_F(H2ClientTest, AnAnswerAboveItsLimitIsTooLargeAndHarmsNoOther) {
  Call& call = Start();
  Exchange();
  Fields fields = kOk;
  for (uint32_t i = 0; i < limits_.max_headers + 1; ++i) fields.emplace_back("x", "1");
  peer_.Respond(last_id(), fields);
  Exchange();
  EXPECT_EQ(call.response.failed, 1);
  EXPECT_EQ(call.response.error.code, ErrorCode::kTooLarge);
  EXPECT_FALSE(client_.error());
}

TEST_F(H2ClientTest, TrailersAndInterimAnswersAreKept) {
  Call& call = Start();
  Exchange();
  peer_.Inform(last_id(), {{":status", "103"}, {"link", "x"}});
  peer_.Respond(last_id(), kOk, true);
  peer_.Send(last_id(), "x");
  peer_.End(last_id(), {{"grpc-status", "0"}});
  Exchange();
  EXPECT_EQ(call.response.informational, (std::vector{103}));
  EXPECT_EQ(call.response.head.status, 200);
  EXPECT_EQ(Text(call.response.body.trailers()), "grpc-status: 0\n");
  EXPECT_EQ(call.response.completed, 1);
}

TEST_F(H2ClientTest, AFloodOfInterimAnswersEndsItsStreamAndNoOther) {
  Call& bad = Start();
  Exchange();
  const int32_t id = last_id();
  Call& good = Start();
  Exchange();
  for (int i = 0; i < 100; ++i) peer_.Inform(id, {{":status", "102"}});
  Exchange();
  EXPECT_EQ(bad.response.failed, 1);
  EXPECT_FALSE(client_.error());
  peer_.Respond(last_id(), kOk);
  Exchange();
  EXPECT_EQ(good.response.completed, 1);
}

TEST_F(H2ClientTest, AnUploadIsStreamedAndEnded) {
  Call& call = Start("POST", true);
  call.body.Write(nullptr, Bytes("hello "));
  Exchange();
  EXPECT_EQ(peer_.stream(last_id()).body, "hello ");
  call.body.Write(nullptr, Bytes("world"));
  call.body.Finish();
  Exchange();
  EXPECT_EQ(peer_.stream(last_id()).body, "hello world");
  EXPECT_TRUE(peer_.stream(last_id()).ended);
}

TEST_F(H2ClientTest, AFailedUploadIsResetAndNeverEnded) {
  Call& call = Start("POST", true);
  call.body.Write(nullptr, Bytes("half"));
  Exchange();
  call.body.Fail();
  Exchange();
  EXPECT_FALSE(peer_.stream(last_id()).ended);
  EXPECT_TRUE(peer_.stream(last_id()).closed);
  EXPECT_EQ(call.response.failed, 1);
}

TEST_F(H2ClientTest, ARefusedStreamMayAlwaysBeRetried) {
  Call& call = Start("POST");
  Exchange();
  peer_.Reset(last_id(), NGHTTP2_REFUSED_STREAM);
  Exchange();
  EXPECT_EQ(call.response.failed, 1);
  EXPECT_EQ(call.response.error.code, ErrorCode::kRefusedStream);
  EXPECT_EQ(call.response.error.retry, Retry::kAlways);
}

TEST_F(H2ClientTest, AnyOtherResetLeavesItToTheMethod) {
  for (uint32_t code : {NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM}) {
    Call& call = Start("POST");
    Exchange();
    peer_.Reset(last_id(), code);
    Exchange();
    EXPECT_EQ(call.response.failed, 1) << code;
    EXPECT_EQ(call.response.error.retry, Retry::kIfIdempotent) << code;
  }
}

TEST_F(H2ClientTest, GoawaySparesTheStreamsItNamesAndFreesTheRest) {
  Call& served = Start("POST");
  Exchange();
  const int32_t first = last_id();
  Call& above = Start("POST");
  Exchange();
  peer_.GoAway(first);
  Exchange();
  EXPECT_EQ(above.response.failed, 1);
  EXPECT_EQ(above.response.error.retry, Retry::kAlways);
  EXPECT_EQ(served.response.failed, 0);
  EXPECT_EQ(client_.available(), 0u);
  EXPECT_FALSE(client_.finished());
  peer_.Respond(first, kOk);
  Exchange();
  EXPECT_EQ(served.response.completed, 1);
  EXPECT_TRUE(client_.finished());
}

TEST_F(H2ClientTest, ARequestThatWaitsBehindAGoawayNeverLeft) {
  Call& call = Start("POST");
  // The GOAWAY is read before our request is written.
  peer_.GoAway(0);
  testing::Feed(client_, peer_.Output());
  Exchange();
  EXPECT_EQ(call.response.failed, 1);
  EXPECT_EQ(call.response.error.retry, Retry::kAlways);
  EXPECT_EQ(client_.active_streams(), 0u);
}

TEST_F(H2ClientTest, ATruncatedAnswerFailsItsPipe) {
  Call& call = Start();
  Exchange();
  peer_.Respond(last_id(), {{":status", "200"}, {"content-length", "10"}}, true);
  peer_.Send(last_id(), "half");
  Exchange();
  client_.OnEof();
  client_.OnClosed(kGone);
  EXPECT_EQ(call.response.failed, 1);
  EXPECT_TRUE(call.response.body.failed());
  EXPECT_FALSE(call.response.body.AtEnd());
}

TEST_F(H2ClientTest, AnAnswerShorterThanItsLengthIsNotComplete) {
  Call& call = Start();
  Exchange();
  peer_.Respond(last_id(), {{":status", "200"}, {"content-length", "10"}}, true);
  peer_.Send(last_id(), "half");
  peer_.End(last_id());
  Exchange();
  EXPECT_EQ(call.response.completed, 0);
  EXPECT_EQ(call.response.failed, 1);
  EXPECT_TRUE(call.response.body.failed());
}

TEST_F(H2ClientTest, AConnectionThatDiesKnowsWhichRequestsLeft) {
  Call& sent = Start("POST");
  Exchange();
  Call& unsent = Start("POST");
  client_.OnClosed(kGone);
  EXPECT_EQ(sent.response.error.retry, Retry::kIfIdempotent);
  EXPECT_EQ(unsent.response.error.retry, Retry::kAlways);
}

TEST_F(H2ClientTest, NoMoreStreamsThanTheOriginAllows) {
  H2Client client(host_, limits_);
  H2Peer peer(true, {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2}});
  testing::Feed(client, peer.Output());
  EXPECT_EQ(client.available(), 2u);
  ScriptedResponse one, two;
  const RequestHead a = one.Request("GET"), b = two.Request("GET");
  client.Start(a, nullptr, one);
  client.Start(b, nullptr, two);
  EXPECT_EQ(client.available(), 0u);
  client.OnClosed(kGone);
}

TEST_F(H2ClientTest, BeforeTheOriginHasSaidHowManyStreamsItTakesItGetsNoMoreThanItsOwnerWishes) {
  H2Client client(host_, limits_, 2);
  EXPECT_EQ(client.available(), 2u);
  EXPECT_EQ(client.stream_limit(), std::nullopt);
  H2Peer peer(true);
  testing::Feed(client, peer.Output());
  EXPECT_EQ(client.stream_limit(), std::optional<size_t>(limits_.max_streams)) << "any number, so ours counts";
  EXPECT_EQ(client.available(), limits_.max_streams);
}

TEST_F(H2ClientTest, AStreamAboveALimitThatWasLoweredIsOurFault) {
  Call& kept = Start();
  Call& refused = Start();
  Exchange();
  const int32_t id = last_id();
  testing::Feed(client_, testing::h2::Settings(testing::h2::Setting(3, 1)));
  testing::Feed(client_, testing::h2::Rst(static_cast<uint32_t>(id), NGHTTP2_REFUSED_STREAM));
  EXPECT_EQ(refused.response.failed, 1);
  EXPECT_EQ(refused.response.error.fault, Fault::kSelf);
  EXPECT_EQ(refused.response.error.retry, Retry::kAlways);
  EXPECT_EQ(kept.response.failed, 0);
  EXPECT_EQ(client_.available(), 0u);
}

TEST_F(H2ClientTest, AConnectionThatHasEndedOffersNoStreamToThoseItTells) {
  Call& call = Start();
  Exchange();
  size_t offered = 1;
  call.response.on_failed = [&] { offered = client_.available(); };
  client_.OnClosed(kGone);
  EXPECT_EQ(call.response.failed, 1);
  EXPECT_EQ(offered, 0u);
}

TEST_F(H2ClientTest, CancelResetsTheStreamAndIsSilent) {
  Call& call = Start();
  Exchange();
  call.stream->Cancel();
  Exchange();
  EXPECT_EQ(peer_.stream(last_id()).code, uint32_t{NGHTTP2_CANCEL});
  EXPECT_EQ(call.response.completed + call.response.failed, 0);
  EXPECT_EQ(client_.active_streams(), 0u);
}

TEST_F(H2ClientTest, CancelBeforeTheRequestLeftSendsNothing) {
  Call& call = Start();
  call.stream->Cancel();
  Exchange();
  EXPECT_TRUE(peer_.heads().empty());
  EXPECT_EQ(call.response.completed + call.response.failed, 0);
  EXPECT_EQ(client_.active_streams(), 0u);
}

TEST_F(H2ClientTest, CancelFromWithinTheHeadIsAllowed) {
  Call& call = Start();
  call.response.on_head = [&] { call.stream->Cancel(); };
  Exchange();
  peer_.Respond(last_id(), kOk, true);
  peer_.Send(last_id(), "x");
  peer_.End(last_id());
  Exchange();
  EXPECT_EQ(call.response.completed + call.response.failed, 0);
  EXPECT_EQ(client_.active_streams(), 0u);
}

TEST_F(H2ClientTest, AnAnswerThatEndsWithItsHeadHasEndedWhenItsHeadIsTold) {
  Call& call = Start();
  bool ended = false;
  call.response.on_head = [&] { ended = call.response.body.AtEnd(); };
  Exchange();
  peer_.Respond(last_id(), {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "5"}});
  Exchange();
  EXPECT_TRUE(ended);
  EXPECT_EQ(call.response.completed, 1);
}

// 099 was looked up in front of the table of statuses, and its client got bytes of the process.
TEST_F(H2ClientTest, AStatusThatIsNoneEndsItsStreamAndNoOther) {
  for (const char* status : {"000", "099", "0200", "20", "2 0", "2x0", "+20", "-10", "", "1000"}) {
    Call& call = Start();
    Exchange();
    peer_.Respond(last_id(), {{":status", status}});
    Exchange();
    EXPECT_EQ(call.response.failed, 1) << status;
    EXPECT_FALSE(call.response.has_head) << status;
  }
  Call& good = Start();
  Exchange();
  peer_.Respond(last_id(), {{":status", "999"}});
  Exchange();
  EXPECT_EQ(good.response.head.status, 999);
}

TEST(StatusText, IsThreeDigitsForWhateverItIsAsked) {
  EXPECT_EQ(StatusText(100), "100");
  EXPECT_EQ(StatusText(999), "999");
  for (const int status : {-1, 0, 99, 1000, 1 << 30}) EXPECT_EQ(StatusText(status), "500") << status;
}

TEST_F(H2ClientTest, AnAnswerNobodyReadsStopsAtItsWindowWhileOthersGoOn) {
  Call& slow = Start();
  Exchange();
  peer_.Respond(last_id(), kOk, true);
  peer_.Send(last_id(), std::string(1 << 20, 's'));
  peer_.End(last_id());
  Exchange();
  EXPECT_EQ(slow.response.body.size(), size_t{64 * 1024});
  Call& fast = Start();
  Exchange();
  peer_.Respond(last_id(), kOk, true);
  peer_.Send(last_id(), "quick");
  peer_.End(last_id());
  Exchange();
  EXPECT_EQ(fast.response.completed, 1);
  EXPECT_EQ(TakeAll(fast.response.body), "quick");
  size_t total = 0;
  while (!slow.response.body.AtEnd()) {
    const size_t n = TakeAll(slow.response.body).size();
    if (n == 0) break;
    total += n;
    Exchange();
  }
  EXPECT_EQ(total, 1u << 20);
}

TEST_F(H2ClientTest, AnsweredBeforeTheUploadEndedItIsCompleteAndTheRestIsNotSent) {
  Call& call = Start("POST", true);
  call.body.Write(nullptr, Bytes("part"));
  Exchange();
  peer_.Respond(last_id(), {{":status", "413"}});
  Exchange();
  EXPECT_EQ(call.response.head.status, 413);
  EXPECT_EQ(call.response.completed, 1);
  EXPECT_EQ(client_.active_streams(), 0u);
}

TEST_F(H2ClientTest, GarbageIsAFailureOfTheConnection) {
  Call& call = Start();
  Exchange();
  testing::Feed(client_, "HTTP/1.1 400 Bad Request\r\n\r\n");
  testing::Produce(client_);
  EXPECT_TRUE(client_.finished() || client_.error());
  client_.OnClosed(client_.error() ? client_.error() : kGone);
  EXPECT_EQ(call.response.failed, 1);
}

}  // namespace
}  // namespace meridian
