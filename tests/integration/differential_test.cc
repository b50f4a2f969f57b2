// One request, two versions: whatever spelling a client chose, an origin is told the same by HTTP/1.1 and by HTTP/2.
//
// MERIDIAN_DIFFERENTIAL=20000 MERIDIAN_SEED=7 asks for more requests, and others. A failure names its seed and number.
#include "integration/differential.h"

namespace meridian::testing {
namespace {

using Fields = LogicalRequest::Fields;

// Fields that an edge has a say in; all others arrive as they were sent.
bool IsOurs(std::string_view name) {
  static constexpr std::string_view kOurs[] = {"via",
                                               "forwarded",
                                               "x-forwarded-for",
                                               "x-forwarded-proto",
                                               "x-forwarded-host",
                                               "x-request-id",
                                               "cdn-loop",
                                               "client-cert",
                                               "client_cert",
                                               "traceparent",
                                               "tracestate",
                                               "x-meridian-region",
                                               "content-length",
                                               "transfer-encoding",
                                               "connection",
                                               "te",
                                               "expect"};
  return std::ranges::find(kOurs, name) != std::end(kOurs);
}

Fields OfOthers(Fields fields) {
  std::erase_if(fields, [](const auto& field) { return IsOurs(field.first); });
  return fields;
}

void ExpectFaithful(const SeenRequest& seen, const LogicalRequest& sent) {
  std::string authority = sent.authority;
  for (char& c : authority) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  EXPECT_EQ(seen.method, sent.method);
  EXPECT_EQ(seen.authority, authority);
  const size_t query = sent.target.find('?');
  EXPECT_EQ(seen.target.substr(std::min(seen.target.find('?'), seen.target.size())),
            query == std::string::npos ? "" : sent.target.substr(query))
      << "a query is never touched";
  SeenRequest expected{.fields = sent.fields};
  expected.JoinCookies();
  EXPECT_EQ(OfOthers(seen.fields), OfOthers(expected.fields));
  EXPECT_TRUE(seen.body == sent.body) << seen.body.size() << " bytes instead of " << sent.body.size();
  EXPECT_EQ(seen.trailers, sent.trailers);
  const auto has = [&](const char* name) {
    return std::ranges::count(seen.fields, name, &Fields::value_type::first) == 1;
  };
  EXPECT_EQ(has("te"), sent.te_trailers);
  EXPECT_EQ(has("expect"), sent.expect && !(sent.framing == LogicalRequest::Body::kLength && sent.body.empty()));
}

TEST_P(Differential, AnOriginIsToldTheSameByBothVersions) {
  const uint64_t seed = Asked("MERIDIAN_SEED", 1);
  const uint64_t count = Asked("MERIDIAN_DIFFERENTIAL", 800);
  OverHttp1 http1(edge_->port());
  OverHttp2 http2(edge_->port());
  for (uint64_t number = 0; number < count && !HasFailure(); ++number) {
    Seeded chance(seed, number);
    const LogicalRequest request = MakeRequest(chance);
    const std::string bytes1 = AsHttp1(request, chance);
    const std::string bytes2 = AsHttp2(request, http2.stream(), chance);
    SCOPED_TRACE("MERIDIAN_SEED=" + std::to_string(seed) + ", request " + std::to_string(number) + "\n" +
                 Printable(bytes1) + "\n" + Printable(bytes2));
    const Verdict verdict1 = http1.Send(bytes1, request.method, chance);
    const std::vector<SeenRequest> seen1 = Seen();
    const Verdict verdict2 = http2.Send(bytes2);
    const std::vector<SeenRequest> seen2 = Seen();
    EXPECT_TRUE(verdict1.served) << verdict1.what;
    EXPECT_TRUE(verdict2.served) << verdict2.what;
    ASSERT_EQ(seen1.size(), 1u);
    ASSERT_EQ(seen2.size(), 1u);
    const SeenRequest one = Comparable(seen1[0], "1.1"), two = Comparable(seen2[0], "2");
    EXPECT_EQ(one.Text(), two.Text());
    ExpectFaithful(one, request);
    ExpectFaithful(two, request);
  }
}

INSTANTIATE_TEST_SUITE_P(To, Differential, ::testing::Values("Http1", "Http2"),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace
}  // namespace meridian::testing
