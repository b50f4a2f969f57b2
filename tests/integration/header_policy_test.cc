// What an origin is told about who asked, and who may say so.
#include "integration/edge.h"

namespace meridian::testing {
namespace {

using nlohmann::json;

class HeaderPolicy : public ::testing::Test {
 protected:
  // "name: value" of each header that came in, a line each.
  static OriginReply Echo(const OriginRequest& request) {
    OriginReply reply;
    for (const auto& [name, value] : request.headers) reply.body += name + ": " + value + "\n";
    return reply;
  }
  Edge Start(const std::string& extra) {
    EdgeConfig config = ShopEdge({{kNear, origin_.url()}});
    config.extra = extra;
    return Edge(config);
  }
  static CurlResult Get(const Edge& edge, const std::vector<std::string>& headers) {
    std::vector<std::string> arguments = {"http://127.0.0.1:" + std::to_string(edge.port()) + "/"};
    for (const std::string& header : headers) arguments.insert(arguments.end(), {"-H", header});
    return Curl(arguments);
  }
  static bool Has(const CurlResult& result, const std::string& line) {
    return ("\n" + result.body).find("\n" + line) != std::string::npos;
  }
  const std::vector<std::string> claims_ = {"X-Forwarded-For: 203.0.113.7, 10.1.1.1", "X-Forwarded-Proto: https",
                                            "X-Forwarded-Host: outside.example", "Forwarded: for=203.0.113.7",
                                            "X-Meridian-Region: eu"};
  ScriptedOrigin origin_{kNear, Echo};
};

TEST_F(HeaderPolicy, ATrustedProxyIsBelieved) {
  const Edge edge = Start("trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]\n");
  const CurlResult result = Get(edge, claims_);
  EXPECT_TRUE(Has(result, "x-forwarded-for: 203.0.113.7, 10.1.1.1, 127.0.0.1\n")) << result.body;
  EXPECT_TRUE(Has(result, "x-forwarded-proto: https\n"));
  EXPECT_TRUE(Has(result, "x-forwarded-host: outside.example\n"));
  EXPECT_FALSE(Has(result, "forwarded:"));
  EXPECT_FALSE(Has(result, "x-meridian"));
  EXPECT_EQ(edge.WaitForAccessLog(1).at(0).value("client", ""), "203.0.113.7");
}

TEST_F(HeaderPolicy, ATrustedProxyMaySayWhichCertificateItsClientShowedIfItIsToldSo) {
  const std::vector<std::string> claims = {"Client-Cert: :AAAA:", "X-Forwarded-Client-Cert: By=me"};
  const CurlResult believed = Get(Start("trusted_proxies: [127.0.0.0/8]\ntrust_client_cert: true\n"), claims);
  EXPECT_TRUE(Has(believed, "client-cert: :AAAA:\n")) << believed.body;
  EXPECT_FALSE(Has(believed, "x-forwarded-client-cert"));
  EXPECT_FALSE(Has(Get(Start("trusted_proxies: [127.0.0.0/8]\n"), claims), "client-cert"));
  EXPECT_FALSE(Has(Get(Start("trusted_proxies: [10.0.0.0/8]\ntrust_client_cert: true\n"), claims), "client-cert"));
}

TEST_F(HeaderPolicy, NobodyElseIs) {
  const Edge edge = Start("trusted_proxies: [10.0.0.0/8]\n");
  const CurlResult result = Get(edge, claims_);
  EXPECT_TRUE(Has(result, "x-forwarded-for: 127.0.0.1\n")) << result.body;
  EXPECT_TRUE(Has(result, "x-forwarded-proto: http\n"));
  EXPECT_FALSE(Has(result, "x-forwarded-host: outside.example\n"));
  EXPECT_FALSE(Has(result, "forwarded:"));
  EXPECT_FALSE(Has(result, "x-meridian"));
  EXPECT_EQ(edge.WaitForAccessLog(1).at(0).value("client", ""), "127.0.0.1");
}

// Both directions; four other proxies pass on what only Connection says is not to be passed on.
TEST_F(HeaderPolicy, WhatConnectionNamesBelongsToOneHop) {
  const Edge edge = Start("");
  const CurlResult asked = Get(edge, {"Connection: x-first, X-Second", "x-first: 1", "x-second: 2", "x-third: 3",
                                      "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: gzip"});
  EXPECT_TRUE(Has(asked, "x-third: 3\n")) << asked.body;
  for (const char* name : {"x-first", "x-second", "keep-alive", "proxy-connection", "connection", "te:"}) {
    EXPECT_FALSE(Has(asked, name)) << name;
  }
  origin_.SetHandler([](const OriginRequest&) {
    return OriginReply{.raw =
                           "HTTP/1.1 200 OK\r\nconnection: keep-alive, x-first, X-Second\r\nx-first: 1\r\nx-second: "
                           "2\r\nx-third: 3\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\nupgrade: "
                           "h2c\r\ncontent-length: 2\r\n\r\nok"};
  });
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    const CurlResult got = Curl({version, "http://127.0.0.1:" + std::to_string(edge.port()) + "/"});
    EXPECT_EQ(got.status, 200) << version << got.err;
    EXPECT_EQ(got.headers.Get("x-third"), "3");
    for (const char* name : {"x-first", "x-second", "keep-alive", "proxy-connection", "upgrade"}) {
      EXPECT_FALSE(got.headers.Has(name)) << version << " " << name;
    }
  }
}

TEST_F(HeaderPolicy, ARequestThatGoesInCirclesIsEnded) {
  const Edge edge = Start("");
  EXPECT_TRUE(Has(Get(edge, {}), "cdn-loop: meridian-fra-1\n"));
  const CurlResult second = Get(edge, {"CDN-Loop: other; v=1, Meridian-fra-1"});
  EXPECT_TRUE(Has(second, "cdn-loop: other; v=1, Meridian-fra-1, meridian-fra-1\n")) << second.body;
  const CurlResult third = Get(edge, {"CDN-Loop: meridian-fra-1, meridian-fra-1", "CDN-Loop: meridian-fra-1"});
  EXPECT_EQ(third.status, 508);
  EXPECT_EQ(third.headers.Get("proxy-status"), "meridian; error=proxy_loop_detected");
  EXPECT_EQ(edge.MetricSum("meridian_limit_total", {"hops"}), 1);
}

TEST_F(HeaderPolicy, AValidTraceGoesOnAndABrokenOneEnds) {
  const Edge edge = Start("");
  const std::string parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const CurlResult valid = Get(edge, {parent, "tracestate: a=1"});
  EXPECT_TRUE(Has(valid, parent + "\n")) << valid.body;
  EXPECT_TRUE(Has(valid, "tracestate: a=1\n"));
  const CurlResult broken = Get(edge, {parent + "x", "tracestate: a=1"});
  EXPECT_FALSE(Has(broken, "trace")) << broken.body;
}

}  // namespace
}  // namespace meridian::testing
