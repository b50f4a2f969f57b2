// Heads that are large, or made of many pieces: what they cost, and who is blamed for them.
//
// Fields that the edge joins into one were joined piece by piece, each result a copy of all before it: 11 304 bytes of
// compressed requests pinned 260 MB.
#include "net/trusted_proxies.h"
#include "stream/exchange_fixture.h"
#include "support/seeded.h"

namespace meridian {
namespace {

using testing::Seeded;
using Fields = H2Peer::Fields;

// Each byte of a head, and each field with 32 more, costs at most so many bytes of memory …
constexpr size_t kFactor = 4;
// … beside what any request needs.
constexpr size_t kBase = 24 * 1024;

constexpr const char* kNames[] = {"cookie",           "via",          "cdn-loop",   "x-forwarded-for",
                                  "x-forwarded-host", "forwarded",    "accept",     "x-meridian-a",
                                  "client-cert",      "traceparent",  "tracestate", "tea",
                                  "expect-ct",        "x-request-id", "x-other",    "x-forwarded-proto"};

class HeadCosts : public Http2ExchangeTest {
 protected:
  // The peers are balancers who may say who their clients are, so that nothing is thrown away early.
  void Trust() {
    Cidr all;
    ASSERT_EQ(ParseCidr("203.0.113.0/24", &all), "");
    model().trusted_proxies = {all};
    model().max_hops = 100;
    limits_.max_headers = 1000;
    limits_.max_header_bytes = 256 * 1024;
    rules_.request_headers.set = {{"x-asked", "{scheme}://{host}{path}{query} {path}"}};
  }
  static size_t Decoded(const Fields& fields) {
    size_t bytes = 0;
    for (const auto& [name, value] : fields) bytes += name.size() + value.size() + 32;
    return bytes;
  }
  void ExpectCheap(const Fields& fields, size_t before, const std::string& what) {
    EXPECT_LT(Arena::LiveBytes() - before, kFactor * Decoded(fields) + kBase)
        << what << ": " << fields.size() << " fields, " << Decoded(fields) << " bytes";
  }
};

TEST_F(HeadCosts, OfAnyShapeAreAFewTimesTheirSizeOverHttp2) {
  Trust();
  Start();
  const uint64_t seed = testing::Asked("MERIDIAN_SEED", 1);
  for (uint64_t round = 0; round < 60; ++round) {
    Seeded chance(seed, round);
    Fields fields = {{":method", "GET"},
                     {":scheme", "http"},
                     {":authority", "shop.example"},
                     {":path", "/" + std::string(chance.Below(8000), 'p')}};
    const char* name = kNames[round % std::size(kNames)];
    const size_t count = chance.Between(1, 300);
    const std::string value = "1.1 " + std::string(chance.Below(50'000 / count), 'v');
    for (size_t i = 0; i < count; ++i) fields.emplace_back(chance.OneIn(20) ? chance.Of(kNames) : name, value);
    const size_t before = Arena::LiveBytes();
    const int32_t id = peer_.Request(fields);
    ASSERT_TRUE(Until([&] { return peer_.stream(id).head_done || origins_[0]->total_requests() > 0; }));
    ExpectCheap(fields, before, std::string(name) + ", round " + std::to_string(round));
    peer_.Reset(id, NGHTTP2_CANCEL);
    ASSERT_TRUE(Until([&] { return connection_->active_streams() == 0; }));
    for (size_t c = 0; c < origins_[0]->connections(); ++c) {
      if (!origins_[0]->hung_up(c)) origins_[0]->CloseConnection(c);
    }
    Pass(1100ms);  // cancelled streams count for a second
    origins_[0] = std::make_unique<TestOrigin>(loop_);
    endpoints_[0][0] = {origins_[0]->endpoint()};
    context_->SetSnapshot(MakeSnapshot());
  }
}

TEST_F(ExchangeTest, OneRequestOfManyPiecesCostsAFewTimesItsSizeOverHttp1) {
  limits_.max_headers = 1000;
  limits_.max_header_bytes = 1024 * 1024;
  Start();
  for (const char* name : {"Via", "CDN-Loop", "Cookie", "X-Other"}) {
    std::string head = "GET / HTTP/1.1\r\nHost: shop.example\r\n";
    for (int i = 0; i < 400; ++i) head += std::string(name) + ": 1.1 " + std::string(500, 'v') + "\r\n";
    const size_t before = Arena::LiveBytes();
    while (!head.empty()) {
      const ssize_t n = send(client_, head.data(), head.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) head.erase(0, static_cast<size_t>(n));
      loop_.RunTurn(false);
    }
    Send("\r\n");
    Answer(0, kOk);
    EXPECT_LT(Arena::LiveBytes() - before, size_t{4 * 400 * 540 + 24 * 1024}) << name;
    ASSERT_TRUE(ClientGets("\r\n\r\nok"));
    received_.clear();
  }
}

// Each byte of a value behind its first 2 KB was a copy of all before it: 1.7 GB for one field.
TEST_F(ExchangeTest, AFieldThatComesByteByByteCostsAFewTimesItsSize) {
  Start();
  Send("GET / HTTP/1.1\r\nHost: shop.example\r\nX-Slow: ");
  const size_t before = Arena::LiveBytes();
  for (int i = 0; i < 50'000; ++i) {
    Send("v");
    loop_.RunTurn(false);
  }
  EXPECT_LT(Arena::LiveBytes() - before, size_t{4 * 50'000 + 24 * 1024});
  Send("\r\n\r\n");
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
}

// Such a head closed the kept connection that it was given, and the region was blamed.
TEST_F(ExchangeTest, AHeadThatTheRouteMakesLongerThanAFlushReachesItsOrigin) {
  limits_.max_header_bytes = 256 * 1024;
  rules_.request_headers.set = {{"x-asked", "{path}{path}{path}"}};
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  received_.clear();
  const std::string path = "/" + std::string(30'000, 'p');
  Send("GET " + path + " HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  const size_t c = Arrives(0);
  EXPECT_TRUE(Has(origins_[0]->received(c), "x-asked: " + path + path + path));
  origins_[0]->Answer(c, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(origins_[0]->connections(), 1u);
  EXPECT_EQ(Signals(0, Signal::kFailure) + Signals(0, Signal::kConnectFail), 0u);
}

TEST_F(ExchangeTest, AHeadThatNobodyCouldWriteIs431AndNoOriginHearsOfIt) {
  std::string value;
  for (int i = 0; i < 40; ++i) value += "{path}";
  for (int i = 0; i < 5; ++i) rules_.request_headers.set.emplace_back("x-asked-" + std::to_string(i), value);
  Start();
  Send("GET /" + std::string(30'000, 'p') + " HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  ASSERT_TRUE(ClientGets("HTTP/1.1 431 "));
  EXPECT_EQ(origins_[0]->connections() + origins_[1]->connections(), 0u);
  EXPECT_EQ(context_->stats().limit_header_bytes.Get(), 1u);
}

TEST_F(ExchangeTest, AnAnswerWhoseHeadNobodyCouldWriteIsA502ThatSaysSo) {
  std::string value;
  for (int i = 0; i < 40; ++i) value += "{path}";
  for (int i = 0; i < 5; ++i) rules_.response_headers.set.emplace_back("x-asked-" + std::to_string(i), value);
  Start();
  Send("GET /" + std::string(30'000, 'p') + " HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("HTTP/1.1 502 "));
  EXPECT_TRUE(Has(received(), "error=http_response_header_section_size"));
  EXPECT_TRUE(Has(Log(), "\"status\":502"));
}

TEST_F(ExchangeTest, AnAnswerAboveItsLimitMovesTheRequestAndTheLogSaysWhy) {
  model().max_answer_fields = 20;
  Start();
  Send(kGet);
  std::string many = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  for (int i = 0; i < 21; ++i) many += "x: 1\r\n";
  Answer(0, many + "\r\n");
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_TRUE(Has(Log(), "\"error\":\"too_large\""));
}

}  // namespace
}  // namespace meridian
