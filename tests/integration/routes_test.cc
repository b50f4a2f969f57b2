// Routes by method, header, cookie and query, and what they do beside sending requests on, with real clients.
#include "integration/edge.h"

namespace meridian::testing {
namespace {

class Routes : public ::testing::Test {
 protected:
  // "service METHOD target", then each header in a line.
  static ScriptedOrigin::Handler Echo(std::string service) {
    return [service](const OriginRequest& request) {
      OriginReply reply{.body = service + " " + request.method + " " + request.target + "\n"};
      for (const auto& [name, value] : request.headers) reply.body += name + ": " + value + "\n";
      reply.headers.Add("X-Powered-By", "origin");
      return reply;
    };
  }
  EdgeConfig Config(std::vector<RouteConfig> routes, const std::string& extra = "") {
    EdgeConfig config;
    config.workers = 1;  // one log, in order
    config.services = {{.name = "shop", .origins = {{kNear, shop_.url()}}},
                       {.name = "canary", .origins = {{kNear, canary_.url()}}}};
    config.routes = std::move(routes);
    config.routes.push_back({.name = "all"});
    config.extra = extra;
    return config;
  }
  static CurlResult Get(const Edge& edge, const std::string& target, std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"-g", "http://127.0.0.1:" + std::to_string(edge.port()) + target});
    return Curl(arguments);
  }
  static std::string FirstLine(const CurlResult& result) { return result.body.substr(0, result.body.find('\n')); }
  static bool Has(const CurlResult& result, const std::string& line) {
    return ("\n" + result.body).find("\n" + line + "\n") != std::string::npos;
  }
  ScriptedOrigin shop_{kNear, Echo("shop")};
  ScriptedOrigin canary_{kNear, Echo("canary")};
};

TEST_F(Routes, TestersGetTheCanaryByCookieHeaderOrQuery) {
  const Edge edge(Config({
      {.name = "cookie", .match = "{ cookies: { beta: '1' } }", .split = "canary: 1"},
      {.name = "header", .match = "{ headers: { x-team: { regex: '(dev|ops)-.*' } } }", .split = "canary: 1"},
      {.name = "query", .match = "{ query: { v: 2 }, methods: [GET, HEAD] }", .split = "canary: 1"},
      {.name = "items", .match = "{ path_regex: '/items/[0-9]+' }", .split = "canary: 1"},
  }));
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    const auto service = [&](const std::string& target, std::vector<std::string> arguments) {
      arguments.emplace_back(version);
      const std::string line = FirstLine(Get(edge, target, arguments));
      return line.substr(0, line.find(' '));
    };
    EXPECT_EQ(service("/", {}), "shop");
    EXPECT_EQ(service("/", {"-H", "Cookie: a=1; beta=1; c=2"}), "canary");
    EXPECT_EQ(service("/", {"-H", "Cookie: a=1; beta=10"}), "shop");
    EXPECT_EQ(service("/", {"-H", "X-Team: ops-7"}), "canary");
    EXPECT_EQ(service("/", {"-H", "X-Team: my-ops-7"}), "shop");
    EXPECT_EQ(service("/?a&v=2", {}), "canary");
    EXPECT_EQ(service("/?v=2", {"-X", "DELETE"}), "shop");
    EXPECT_EQ(service("/items/12?x", {}), "canary");
    EXPECT_EQ(service("/items/12/", {}), "shop");
    EXPECT_EQ(service("/a/../items/%31", {}), "canary") << "expressions see the one canonical path";
  }
  EXPECT_EQ(edge.WaitForAccessLog(2).at(1).value("route", ""), "cookie");
}

TEST_F(Routes, ClearTextIsSentToTlsAndAProxysWordForTlsCounts) {
  const Edge edge(Config({{.name = "tls",
                           .match = "{ scheme: http, host: shop.example }",
                           .split = "",
                           .rules = "    redirect: { scheme: https, status: 308 }\n"}},
                         "trusted_proxies: [127.0.0.1]\n"));
  const CurlResult plain = Get(edge, "/a?b=c", {"-H", "Host: shop.example:8080"});
  EXPECT_EQ(plain.status, 308);
  EXPECT_EQ(plain.headers.Get("location"), "https://shop.example/a?b=c");
  EXPECT_EQ(plain.headers.Get("content-length"), "0");
  const CurlResult behind = Get(edge, "/a", {"-H", "Host: shop.example", "-H", "X-Forwarded-Proto: https"});
  EXPECT_EQ(FirstLine(behind), "shop GET /a");
  const nlohmann::json line = edge.WaitForAccessLog(1).at(0);
  EXPECT_EQ(line.value("route", ""), "tls");
  EXPECT_EQ(line.value("end", ""), "local");
}

TEST_F(Routes, AMaintenancePageIsServedWithoutAnOrigin) {
  const Edge edge(
      Config({{.name = "closed",
               .match = "{ path: /closed }",
               .split = "",
               .rules = "    reply: { status: 503, content_type: text/html, body: <p>soon }\n"
                        "    response_headers: { set: { retry-after: 60 } }\n"},
              {.name = "none", .match = "{ path: /none }", .split = "", .rules = "    reply: { status: 204 }\n"}}));
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    const CurlResult closed = Get(edge, "/closed/a", {version});
    EXPECT_EQ(closed.status, 503);
    EXPECT_EQ(closed.body, "<p>soon");
    EXPECT_EQ(closed.headers.Get("content-type"), "text/html");
    EXPECT_EQ(closed.headers.Get("retry-after"), "60");
    const CurlResult head = Get(edge, "/closed", {version, "-I"});
    EXPECT_EQ(head.status, 503);
    EXPECT_EQ(head.headers.Get("content-length"), "7");
    EXPECT_EQ(Get(edge, "/closed", {version, "-d", std::string(100'000, 'x')}).status, 503);
    const CurlResult none = Get(edge, "/none", {version});
    EXPECT_EQ(none.status, 204);
    EXPECT_EQ(none.exit_code, 0);
    EXPECT_FALSE(none.headers.Has("content-length")) << "RFC 9110 §8.6";
  }
  EXPECT_EQ(shop_.requests(), 0u);
  EXPECT_EQ(edge.Admin("GET", "/v1/routes/closed/weights").status, 404) << "there is nothing to weigh";
}

TEST_F(Routes, WhatTheOriginIsAskedForMayDiffer) {
  const Edge edge(
      Config({{.name = "api",
               .match = "{ path: /api/ }",
               .rules = "    rewrite: { host: inner.example, prefix: / }\n"
                        "    request_headers: { set: { x-real-ip: '{client_address}', x-asked: "
                        "'{host}{path}' }, remove: [user-agent] }\n"
                        "    response_headers: { remove: [x-powered-by, via], add: { x-edge: '{edge}' } }\n"}}));
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    const CurlResult result = Get(edge, "/api/items?a=b", {version, "-H", "Host: shop.example"});
    EXPECT_EQ(FirstLine(result), "shop GET /items?a=b");
    EXPECT_TRUE(Has(result, "host: inner.example")) << result.body;
    EXPECT_TRUE(Has(result, "x-forwarded-host: shop.example")) << result.body;
    EXPECT_TRUE(Has(result, "x-real-ip: 127.0.0.1"));
    EXPECT_TRUE(Has(result, "x-asked: shop.example/api/items")) << "values say what the client asked for";
    EXPECT_EQ(result.body.find("user-agent"), std::string::npos);
    EXPECT_FALSE(result.headers.Has("x-powered-by"));
    EXPECT_FALSE(result.headers.Has("via"));
    EXPECT_EQ(result.headers.Get("x-edge"), "fra-1");
  }
  const nlohmann::json line = edge.WaitForAccessLog(1).at(0);
  EXPECT_EQ(line.value("path", ""), "/api/items") << "the log says what the client asked for";
  EXPECT_EQ(line.value("authority", ""), "shop.example");
}

// In nginx, add_header is left out of error pages unless it says "always"; browsers then hide the error behind a CORS
// failure.
TEST_F(Routes, OurOwnErrorsGetTheRoutesHeadersToo) {
  EdgeConfig config = Config({});
  config.services = {{.origins = {{kNear, "http://127.0.0.1:1"}}, .health = ""}};
  config.routes = {{.rules = "    response_headers: { set: { access-control-allow-origin: '*' } }\n"}};
  const Edge edge(config, false);
  const CurlResult result = Get(edge, "/");
  EXPECT_EQ(result.status, 502);
  EXPECT_EQ(result.headers.Get("access-control-allow-origin"), "*");
}

}  // namespace
}  // namespace meridian::testing
