// Calls of gRPC: what the edge itself has to say to them is said in gRPC, so that no client has to guess.
#include "stream/error_reply.h"
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

constexpr std::string_view kTooLong = "the client did not hear of it in time";

class GrpcTest : public Http2ExchangeTest {
 protected:
  H2Peer::Fields Fields(const H2Peer::Fields& more = {}) {
    H2Peer::Fields fields = {{":method", "POST"},
                             {":scheme", "http"},
                             {":authority", "shop.example"},
                             {":path", "/shop.Cart/Add"},
                             {"content-type", "application/grpc+proto"},
                             {"te", "trailers"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  }
  // A unary call whose message is sent.
  int32_t Call(const H2Peer::Fields& more = {}) {
    const int32_t id = peer_.Request(Fields(more), true);
    peer_.Send(id, std::string_view("\0\0\0\0\3abc", 8));
    peer_.End(id);
    return id;
  }
  // The grpc-status of an answer that is nothing but one head.
  std::string StatusOfCall(int32_t id) {
    EXPECT_TRUE(Until([&] { return peer_.stream(id).head_done; })) << kTooLong;
    const H2Peer::Stream& stream = peer_.stream(id);
    EXPECT_TRUE(stream.ended) << "its head ends the stream";
    EXPECT_EQ(stream.head_fields, stream.fields.size());
    EXPECT_EQ(stream.Field(":status"), "200");
    EXPECT_EQ(stream.Field("content-type"), "application/grpc");
    EXPECT_EQ(stream.Field("content-length"), "");
    EXPECT_EQ(stream.body, "");
    EXPECT_NE(stream.Field("grpc-message"), "");
    return stream.Field("grpc-status");
  }
};

TEST_F(GrpcTest, ADeadlineThatPassesIsDeadlineExceeded) {
  Start();
  const int32_t id = Call({{"grpc-timeout", "300m"}});
  ASSERT_TRUE(Until([&] { return origins_[0]->total_requests() == 1; }));
  Pass(320ms);
  EXPECT_EQ(StatusOfCall(id), "4");
  EXPECT_EQ(peer_.stream(id).Field("grpc-message"), "Gateway Timeout: http_response_timeout");
  EXPECT_EQ(route_cells().lost.Get(), 1u);
  EXPECT_TRUE(Has(Log(), "\"status\":200,\"grpc_status\":4,\"end\":\"timeout\""));
}

// A stream of messages: its body is not over when its time is.
TEST_F(GrpcTest, ADeadlinePassesAlsoWhileTheClientStillSends) {
  Start();
  const int32_t id = peer_.Request(Fields({{"grpc-timeout", "300m"}}), true);
  peer_.Send(id, "a message");
  ASSERT_TRUE(Until([&] { return origins_[0]->total_requests() == 1; }));
  Pass(280ms);
  ASSERT_TRUE(Until([] { return true; }));
  EXPECT_FALSE(peer_.stream(id).head_done);
  Pass(60ms);
  EXPECT_EQ(StatusOfCall(id), "4");
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u) << "the origin had all there was";
}

TEST_F(GrpcTest, TheServicesOwnDeadlineIsDeadlineExceeded) {
  service().timeouts.request = 500ms;
  Start();
  const int32_t id = Call();
  ASSERT_TRUE(Until([&] { return origins_[0]->total_requests() == 1; }));
  Pass(540ms);
  EXPECT_EQ(StatusOfCall(id), "4");
}

TEST_F(GrpcTest, WithoutAnyOriginItIsUnavailable) {
  for (auto& origin : origins_) origin->Close();
  Start();
  const int32_t id = Call();
  EXPECT_EQ(StatusOfCall(id), "14");
  EXPECT_EQ(peer_.stream(id).Field("proxy-status"), "meridian; error=connection_refused");
}

TEST_F(GrpcTest, WithoutARouteItIsUnimplemented) {
  Start();
  H2Peer::Fields fields = Fields();
  fields[2].second = "other.example";
  EXPECT_EQ(StatusOfCall(peer_.Request(fields)), "12");
}

TEST_F(GrpcTest, AFullPoolIsAnExhaustedResource) {
  service().pool.max_connections = 1;
  service().pool.max_pending = 1;
  service().regions.resize(1);
  Start();
  const int32_t first = Call();
  ASSERT_TRUE(Until([&] { return origins_[0]->total_requests() == 1; }));
  std::vector<int32_t> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(Call());
  const auto refused = [&] {
    for (const int32_t id : calls) {
      if (peer_.stream(id).head_done) return id;
    }
    return 0;
  };
  ASSERT_TRUE(Until([&] { return refused() != 0; }));
  EXPECT_EQ(StatusOfCall(refused()), "8");
  EXPECT_FALSE(peer_.stream(first).head_done);
}

TEST_F(GrpcTest, AHeadAboveTheLimitIsAnExhaustedResource) {
  Start();
  H2Peer::Fields more;
  for (int i = 0; i < 120; ++i) more.emplace_back("x-" + std::to_string(i), "1");
  EXPECT_EQ(StatusOfCall(peer_.Request(Fields(more))), "8");
}

TEST_F(GrpcTest, AnAnswerOfOurOwnHasTheRoutesHeadersAndTheRequestsId) {
  rules_.response_headers.set = {{"x-edge", "here"}};
  for (auto& origin : origins_) origin->Close();
  Start();
  const int32_t id = Call({{"x-request-id", "mine"}});
  EXPECT_EQ(StatusOfCall(id), "14");
  EXPECT_EQ(peer_.stream(id).Field("x-edge"), "here");
  EXPECT_EQ(peer_.stream(id).Field("x-request-id"), "mine");
}

// What an operator wrote is what is said, also to those who did not expect it.
TEST_F(GrpcTest, ARoutesOwnReplyStaysWhatItIs) {
  rules_.reply = ReplyRule{.status = 403, .content_type = "text/plain", .body = "closed"};
  Start();
  const int32_t id = Call();
  ASSERT_TRUE(Until([&] { return peer_.stream(id).ended; }));
  EXPECT_EQ(peer_.stream(id).Field(":status"), "403");
  EXPECT_EQ(peer_.stream(id).body, "closed");
}

TEST_F(GrpcTest, WhoDoesNotCallGrpcIsAnsweredInHttp) {
  for (auto& origin : origins_) origin->Close();
  Start();
  H2Peer::Fields web = Fields();
  web[4].second = "application/grpc-web+proto";
  H2Peer::Fields get = Fields();
  get[0].second = "GET";
  for (const auto& fields : {web, get}) {
    const int32_t id = peer_.Request(fields);
    ASSERT_TRUE(Until([&] { return peer_.stream(id).ended; }));
    EXPECT_EQ(peer_.stream(id).Field(":status"), "502");
    EXPECT_EQ(peer_.stream(id).Field("grpc-status"), "");
  }
}

// gRPC is a protocol over HTTP/2: over HTTP/1.1 nobody would read its status.
TEST_F(ExchangeTest, OverHttp1AnErrorIsAnErrorWhateverTheRequestCallsItself) {
  for (auto& origin : origins_) origin->Close();
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(ClientGets("HTTP/1.1 502 Bad Gateway"));
  EXPECT_FALSE(Has(received_, "grpc-status"));
}

TEST(GrpcMessage, IsPercentEncoded) {
  Arena arena;
  EXPECT_EQ(GrpcMessage(arena, "plain text, ~ and all"), "plain text, ~ and all");
  EXPECT_EQ(GrpcMessage(arena, "100% \xc3\xbc\n"), "100%25 %C3%BC%0A");
}

TEST(GrpcStatus, OfEachErrorSaysWhetherToTryAgain) {
  const auto of = [](ErrorCode code) { return GrpcStatusOf(Error{code, Fault::kOrigin, Retry::kNever, ""}); };
  for (const ErrorCode code : {ErrorCode::kDeadline, ErrorCode::kResponseTimeout}) EXPECT_EQ(of(code), "4");
  for (const ErrorCode code : {ErrorCode::kNoEndpoint, ErrorCode::kConnectFailed, ErrorCode::kConnectTimeout,
                               ErrorCode::kTlsFailed, ErrorCode::kReset, ErrorCode::kClosedEarly})
    EXPECT_EQ(of(code), "14");
  EXPECT_EQ(of(ErrorCode::kPoolFull), "8");
  EXPECT_EQ(of(ErrorCode::kProtocol), "13");
  EXPECT_EQ(GrpcStatusOf(404), "12");
  EXPECT_EQ(GrpcStatusOf(431), "8");
  EXPECT_EQ(GrpcStatusOf(421), "14");
}

// ---- what who calls gRPC need not do
// ---------------------------------------------------------------------------------

class QuietStreamTest : public GrpcTest {
 protected:
  // A byte of the body each second.
  void Trickle(int32_t id, int seconds) {
    for (int i = 0; i < seconds; ++i) {
      peer_.Send(id, "x");
      Pass(1s);
      ASSERT_TRUE(Until([] { return true; }));
    }
  }
};

TEST_F(QuietStreamTest, AStreamOfGrpcMaySayLittleForLong) {
  TestH2Origin origin(loop_);
  origin.set_on_head([](ScriptedRequest&) {});
  service().timeouts.idle = 5min;
  service().regions.resize(1);
  service().regions[0].origins[0].protocol = OriginProtocol::kH2c;
  endpoints_ = {{{origin.endpoint()}}};
  Start();
  const int32_t id = peer_.Request(Fields(), true);
  ASSERT_TRUE(Until([&] { return origin.connections() == 1 && origin.sink(0).size() == 1; }));
  origin.sink(0)[0].body.set_reader(nullptr);
  for (int i = 0; i < 40; ++i) {
    Trickle(id, 1);
    testing::TakeAll(origin.sink(0)[0].body);
  }
  EXPECT_FALSE(peer_.stream(id).head_done);
  EXPECT_EQ(context_->stats().limit_body_rate.Get(), 0u);
}

// To such an origin no stream of gRPC can go: whoever says so only wants to be left alone.
TEST_F(QuietStreamTest, ToAnOriginOfHttp1ItIsTooSlowLikeAnyOther) {
  service().timeouts.idle = 5min;
  Start();
  const int32_t id = peer_.Request(Fields(), true);
  Trickle(id, 12);
  EXPECT_EQ(StatusOfCall(id), "4");
  EXPECT_EQ(context_->stats().limit_body_rate.Get(), 1u);
}

}  // namespace
}  // namespace meridian
