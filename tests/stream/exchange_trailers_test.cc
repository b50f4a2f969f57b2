// One rule for fields, wherever they stand: what is guarded in a head is guarded behind the body too.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

// What a client may not say, as heads, in every spelling.
const std::vector<std::string> kForged = {"client-cert",
                                          "client_cert",
                                          "x-forwarded-client-cert",
                                          "x-forwarded-for",
                                          "x_forwarded_for",
                                          "x-forwarded-proto",
                                          "x-forwarded-host",
                                          "x_forwarded-host",
                                          "forwarded",
                                          "x-meridian-hop",
                                          "x_meridian_hop",
                                          "x-request-id",
                                          "via",
                                          "cdn-loop",
                                          "traceparent",
                                          "tracestate",
                                          "x-secret",
                                          "x_secret",
                                          "x-real-ip"};

class TrailersTest : public Http2ExchangeTest {
 protected:
  TrailersTest() {
    rules_.request_headers.remove = {"x-secret"};
    rules_.request_headers.set = {{"x-real-ip", "{client_address}"}};
    rules_.response_headers.remove = {"x-internal"};
    rules_.response_headers.set = {{"x-edge", "here"}};
  }
  void ExpectOnlyTheSum(const std::string& seen) {
    const std::string trailers = seen.substr(seen.rfind("\r\n0\r\n") + 5);
    EXPECT_EQ(trailers, "x-sum: 9\r\n\r\n");
  }
};

TEST_F(TrailersTest, OfARequestOverHttp1WhatHeadsMayNotSayIsTakenAway) {
  Start();
  std::string body = "PUT / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n";
  for (const std::string& name : kForged) body += name + ": forged\r\n";
  Send(body + "X-Sum: 9\r\n\r\n");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[0]->received(c), "x-sum: 9\r\n\r\n"); }));
  ExpectOnlyTheSum(origins_[0]->received(c));
}

TEST_F(TrailersTest, OfARequestOverHttp2WhatHeadsMayNotSayIsTakenAway) {
  Start();
  const int32_t id =
      peer_.Request({{":method", "PUT"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}}, true);
  peer_.Send(id, "abc");
  H2Peer::Fields trailers;
  for (const std::string& name : kForged) trailers.emplace_back(name, "forged");
  trailers.emplace_back("x-sum", "9");
  peer_.End(id, trailers);
  ASSERT_TRUE(Until([&] { return Has(origins_[0]->received(0), "x-sum: 9\r\n\r\n"); }));
  ExpectOnlyTheSum(origins_[0]->received(0));
}

// They are kept with the body.
TEST_F(TrailersTest, SentAgainTheyAreTheSame) {
  Start();
  Send(
      "PUT / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
      "Client-Cert: forged\r\nX-Sum: 9\r\n\r\n");
  Answer(0, k503);
  const size_t c = Arrives(1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return Has(origins_[1]->received(c), "x-sum: 9\r\n\r\n"); }));
  ExpectOnlyTheSum(origins_[1]->received(c));
}

TEST_F(TrailersTest, WhenNothingIsLeftTheBodyJustEnds) {
  Start();
  Send("PUT / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nVia: x\r\n\r\n");
  const size_t c = Arrives(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return origins_[0]->received(c).ends_with("abc\r\n0\r\n\r\n"); }));
}

TEST_F(TrailersTest, OfAnAnswerWhatItsRouteTakesAwayOrSetsIsTakenAway) {
  Start();
  const int32_t id = Get();
  ASSERT_TRUE(Until([&] { return origins_[0]->total_requests() == 1; }));
  origins_[0]->Answer(0,
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Internal: 1\r\n"
                      "X_Internal: 1\r\nX-Edge: there\r\nX-Request-Id: another\r\ngrpc-status: 0\r\n\r\n");
  ASSERT_TRUE(Until([&] { return peer_.stream(id).ended; }));
  const H2Peer::Stream& stream = peer_.stream(id);
  ASSERT_EQ(stream.fields.size(), stream.head_fields + 1);
  EXPECT_EQ(stream.fields.back(), (std::pair<std::string, std::string>("grpc-status", "0")));
  EXPECT_EQ(stream.Field("x-edge"), "here");
}

// In heads, too, `_` is no way around.
TEST_F(TrailersTest, InHeadsUnderscoresAreNoWayAround) {
  Start();
  std::string head = "GET / HTTP/1.1\r\nHost: shop.example\r\n";
  for (const char* name : {"x_forwarded_for", "X_Forwarded-Proto", "x_meridian_hop", "x_request_id", "x_secret",
                           "x_real_ip", "client_cert"})
    head += std::string(name) + ": forged\r\n";
  Send(head + "x_other: kept\r\n\r\n");
  const std::string seen = origins_[0]->received(Arrives(0));
  EXPECT_FALSE(Has(seen, "forged")) << seen;
  EXPECT_TRUE(Has(seen, "x_other: kept"));
  EXPECT_TRUE(Has(seen, "x-real-ip: 203.0.113.7\r\n"));
}

}  // namespace
}  // namespace meridian
