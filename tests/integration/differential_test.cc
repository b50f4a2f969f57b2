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
  const auto as_it_is = [](LogicalRequest&, Seeded&) {};
  SendRandomRequests(as_it_is, [](const LogicalRequest& request, const Told& by_http1, const Told& by_http2) {
    EXPECT_TRUE(by_http1.verdict.served) << by_http1.verdict.what;
    EXPECT_TRUE(by_http2.verdict.served) << by_http2.verdict.what;
    ASSERT_EQ(by_http1.seen.size(), 1u);
    ASSERT_EQ(by_http2.seen.size(), 1u);
    const SeenRequest one = Comparable(by_http1.seen[0], "1.1"), two = Comparable(by_http2.seen[0], "2");
    EXPECT_EQ(one.Text(), two.Text());
    ExpectFaithful(one, request);
    ExpectFaithful(two, request);
  });
}

INSTANTIATE_TEST_SUITE_P(To, Differential, ::testing::Values("Http1", "Http2"),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace
}  // namespace meridian::testing
