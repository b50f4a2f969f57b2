// Many requests at once, from h2load: all of them are answered, whatever origins do with their connections.
#include "integration/edge.h"
#include "support/certificates.h"
#include "support/nginx_origin.h"

namespace meridian::testing {
namespace {

class ManyStreams : public ::testing::Test {
 protected:
  void SetUp() override {
    MERIDIAN_REQUIRE_TOOL("nginx");
    MERIDIAN_REQUIRE_TOOL("h2load");
  }
  static void ExpectAllGood(const H2loadResult& result, uint64_t count) {
    EXPECT_EQ(result.status_2xx, count) << result.out;
    EXPECT_EQ(result.failed + result.errored + result.timeout, 0u) << result.out;
  }

  TempDir dir_;
  TestCertificates authority_{dir_};
};

TEST_F(ManyStreams, TwentyThousandRequestsOverTlsAreAllAnswered) {
  const NginxOrigin origin({});
  EdgeConfig config = ShopEdge({{kNear, origin.url()}});
  config.listeners = {{authority_.Issue("edge", KeyKind::kEcdsa, {"127.0.0.1"})}};
  Edge edge(config);
  const std::string url = "https://127.0.0.1:" + std::to_string(edge.port()) + "/hello";
  ExpectAllGood(H2load({"-n", "20000", "-c", "50", "-m", "10", url}), 20'000);
  EXPECT_GE(edge.MetricSum("meridian_requests_total"), 20'000);
}

TEST_F(ManyStreams, Http1ClientsAreAllAnsweredToo) {
  const NginxOrigin origin({.http2 = true});
  Edge edge(ShopEdge({{kNear, origin.url()}}));
  ExpectAllGood(H2load({"--h1", "-n", "5000", "-c", "50", edge.url("/hello")}), 5000);
}

TEST_F(ManyStreams, ConcurrentDownloadsShareConnectionsWithoutStarving) {
  const NginxOrigin origin({.http2 = true});
  origin.AddFile("large", PatternBytes(200'000));
  Edge edge(ShopEdge({{kNear, origin.url()}}));
  const H2loadResult result = H2load({"-n", "1000", "-c", "10", "-m", "20", edge.url("/files/large")});
  ExpectAllGood(result, 1000);
}

// nginx ends each connection after `keepalive_requests`: with Connection: close, or GOAWAY in HTTP/2.
TEST_F(ManyStreams, AnOriginThatEndsItsConnectionsOftenCostsNoRequest) {
  for (const bool http2 : {false, true}) {
    const NginxOrigin origin({.http2 = http2, .keepalive_requests = 50});
    Edge edge(ShopEdge({{kNear, origin.url()}}));
    ExpectAllGood(H2load({"-n", "5000", "-c", "10", "-m", "10", edge.url("/hello")}), 5000);
  }
}

}  // namespace
}  // namespace meridian::testing
