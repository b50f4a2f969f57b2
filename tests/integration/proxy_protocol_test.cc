// PROXY headers that origins get: who the client is, over each protocol, with a real nginx and with our own reader.
#include "integration/edge.h"
#include "support/certificates.h"
#include "support/http1.h"
#include "support/nginx_origin.h"

namespace meridian::testing {
namespace {

// A client behind a balancer, on one connection.
class Behind {
 public:
  Behind(const Edge& edge, const std::string& ip, int port) : connection_(Connection::Open(edge.port())) {
    connection_->Send("PROXY TCP4 " + ip + " 198.51.100.2 " + std::to_string(port) + " 443\r\n", Deadline(2s));
  }
  // The body, parsed; null if there is none.
  nlohmann::json Get(const std::string& path, const std::string& further = "") {
    const Deadline deadline(5s);
    std::string line, body;
    Headers headers, trailers;
    connection_->Send("GET " + path + " HTTP/1.1\r\nhost: shop.example\r\n" + further + "\r\n", deadline);
    if (!reader_.ReadHead(&line, &headers, deadline)) return nullptr;
    if (!reader_.ReadBody(headers, false, &body, &trailers, deadline)) return nullptr;
    region = headers.Get("x-region");
    return nlohmann::json::parse(body, nullptr, false);
  }
  std::string region;

 private:
  std::unique_ptr<Connection> connection_;
  MessageReader reader_{connection_.get()};
};

EdgeConfig BehindABalancer(Origins origins, const std::string& version) {
  EdgeConfig config = ShopEdge(std::move(origins));
  config.workers = 1;  // one pool
  config.listener_extra = "    proxy_protocol: true\n";
  config.services[0].proxy_protocol = version;
  config.services[0].tls = config.services[0].origins[0].second.starts_with("http:") ||
                                   config.services[0].origins[0].second.starts_with("h2c:")
                               ? ""
                               : "{ verify: false }";
  return config;
}

struct Speech {
  const char* name;
  const char* version;
  bool tls, http2;
};

class ProxyHeaders : public ::testing::TestWithParam<Speech> {};

TEST_P(ProxyHeaders, TellNginxWhichClientAConnectionServes) {
  MERIDIAN_REQUIRE_TOOL("nginx");
  TempDir dir;
  NginxOptions options{.http2 = GetParam().http2, .proxy_protocol = true};
  if (GetParam().tls) options.tls = TestCertificates(dir).Issue("origin", KeyKind::kEcdsa, {"127.0.0.1"});
  NginxOrigin nginx(options);
  const Edge edge(BehindABalancer({{kNear, nginx.url()}}, GetParam().version));  // its probes pass
  Behind anna(edge, "203.0.113.1", 1001), bert(edge, "203.0.113.2", 1002);
  const nlohmann::json first = anna.Get("/proxied"), second = bert.Get("/proxied"), third = anna.Get("/proxied");
  ASSERT_TRUE(first.is_object() && second.is_object() && third.is_object()) << edge.EventText();
  EXPECT_EQ(first["client"], "203.0.113.1:1001");
  EXPECT_EQ(second["client"], "203.0.113.2:1002");
  EXPECT_EQ(third["client"], "203.0.113.1:1001");
  EXPECT_EQ(first["connection"], third["connection"]) << "kept for her";
  EXPECT_NE(first["connection"], second["connection"]);
  Behind stranger(edge, "203.0.113.1", 3003);
  EXPECT_EQ(stranger.Get("/proxied")["client"], "203.0.113.1:3003");
}

INSTANTIATE_TEST_SUITE_P(, ProxyHeaders,
                         ::testing::Values(Speech{"Http1V1", "v1", false, false}, Speech{"Http1V2", "v2", false, false},
                                           Speech{"Http1TlsV1", "v1", true, false},
                                           Speech{"Http1TlsV2", "v2", true, false},
                                           Speech{"Http2TlsV1", "v1", true, true},
                                           Speech{"Http2TlsV2", "v2", true, true}),
                         [](const auto& row) { return row.param.name; });

TEST(ProxyHeadersToOrigins, SayTheSameInEachRegionARequestIsTriedIn) {
  MERIDIAN_REQUIRE_TOOL("nginx");
  NginxOrigin near({.region = kNear, .proxy_protocol = true}), far({.region = kMiddle, .proxy_protocol = true});
  const Edge edge(BehindABalancer({{kNear, near.url()}, {kMiddle, far.url()}}, "v2"));
  Behind anna(edge, "203.0.113.1", 1001);
  EXPECT_EQ(anna.Get("/proxied")["client"], "203.0.113.1:1001");
  EXPECT_EQ(anna.region, kNear);
  near.Kill();
  EXPECT_EQ(anna.Get("/proxied")["client"], "203.0.113.1:1001");
  EXPECT_EQ(anna.region, kMiddle);
}

TEST(ProxyHeadersToOrigins, NameWhomATrustedProxyNames) {
  MERIDIAN_REQUIRE_TOOL("nginx");
  NginxOrigin nginx({.proxy_protocol = true});
  EdgeConfig config = BehindABalancer({{kNear, nginx.url()}}, "v1");
  config.extra = "trusted_proxies: [203.0.113.0/24]\n";
  const Edge edge(config);
  Behind cdn(edge, "203.0.113.9", 1001);
  EXPECT_EQ(cdn.Get("/proxied", "x-forwarded-for: 192.0.2.7\r\n")["client"], "192.0.2.7:")
      << "nobody said which port; nginx shows no 0";
  EXPECT_EQ(cdn.Get("/proxied", "x-forwarded-for: 192.0.2.8\r\n")["client"], "192.0.2.8:");
  EXPECT_EQ(cdn.Get("/proxied")["client"], "203.0.113.9:1001");
}

TEST(ProxyHeadersToOrigins, AreReadByAnEdgeBehindTheEdge) {
  for (const char* scheme : {"http", "h2c"}) {
    ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
    EdgeConfig inner_config = ShopEdge({{kNear, origin.url()}});
    inner_config.workers = 1;  // one log, in order
    inner_config.listener_extra = "    proxy_protocol: true\n";
    const Edge inner(inner_config);
    const std::string url = std::string(scheme) + "://127.0.0.1:" + std::to_string(inner.port());
    EdgeConfig outer_config = BehindABalancer({{kNear, url}}, "v2");
    outer_config.services[0].health = "";  // which would be lines in the log
    const Edge outer(outer_config);
    for (int i = 1; i <= 3; ++i) {
      Behind client(outer, "203.0.113." + std::to_string(i), 1000 + i);
      client.Get("/hello");
    }
    std::vector<std::string> clients;
    for (const auto& line : inner.WaitForAccessLog(3)) clients.push_back(line["client"]);
    EXPECT_EQ(clients, (std::vector<std::string>{"203.0.113.1", "203.0.113.2", "203.0.113.3"})) << scheme;
  }
}

}  // namespace
}  // namespace meridian::testing
