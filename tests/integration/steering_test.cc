// Which region and which service a request goes to.
#include <algorithm>

#include "integration/edge.h"
#include "support/chaos_gate.h"
#include "support/load_generator.h"
#include "support/nginx_origin.h"

namespace meridian::testing {
namespace {

class Steering : public ::testing::Test {
 protected:
  ScriptedOrigin near_{kNear, ScriptedOrigin::Friendly()};
  ScriptedOrigin middle_{kMiddle, ScriptedOrigin::Friendly()};
  ScriptedOrigin far_{kFar, ScriptedOrigin::Friendly()};
};

TEST_F(Steering, NearestGoesByDistanceBeforeAnythingIsMeasured) {
  EdgeConfig config = ShopEdge({{kFar, far_.url()}, {kMiddle, middle_.url()}, {kNear, near_.url()}});
  config.services[0].health = "";  // no probes: distance is all there is to know
  config.routes[0].steer = "nearest";
  Edge edge(config);
  Http1Client client(edge.port());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.Get("/item").headers.Get("x-region"), kNear);
}

TEST_F(Steering, NearestFollowsMeasuredTimeOverDistance) {
  ChaosGate slow(near_.port());
  slow.Set(GateMode::Delay(60ms));
  EdgeConfig config = ShopEdge({{kNear, slow.url()}, {kMiddle, middle_.url()}});
  config.routes[0].steer = "nearest";
  Edge edge(config);
  Http1Client client(edge.port());
  EXPECT_TRUE(Eventually([&] { return client.Get("/item").headers.Get("x-region") == kMiddle; }, 10s, 50ms))
      << edge.Status().dump(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.Get("/item").headers.Get("x-region"), kMiddle);
}

TEST_F(Steering, OrderedGoesByTheListWhateverTheDistance) {
  Edge edge(ShopEdge({{kFar, far_.url()}, {kNear, near_.url()}}));
  Http1Client client(edge.port());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.Get("/item").headers.Get("x-region"), kFar);
}

TEST_F(Steering, ARegionThatIsDownFromTheStartIsPassedOver) {
  const PortReservation nobody;
  Edge edge(ShopEdge({{kNear, "http://127.0.0.1:" + std::to_string(nobody.port())}, {kMiddle, middle_.url()}}), false);
  Http1Client client(edge.port());
  for (int i = 0; i < 20; ++i) {
    const HttpResponse answer = client.Get("/item");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.Get("x-region"), kMiddle);
  }
}

TEST_F(Steering, WithoutAnyLivingRegionTheAnswerIsAQuickErrorOfOurOwn) {
  const PortReservation nobody;
  Edge edge(ShopEdge({{kNear, "http://127.0.0.1:" + std::to_string(nobody.port())}}), false);
  Http1Client client(edge.port());
  const auto begin = Clock::now();
  const HttpResponse answer = client.Get("/item");
  EXPECT_TRUE(answer.status == 502 || answer.status == 503) << answer.status;
  EXPECT_TRUE(answer.headers.Has("proxy-status"));
  EXPECT_LT(Clock::now() - begin, 1s);
}

TEST_F(Steering, HostsAndPathsChooseTheRoute) {
  EdgeConfig config;
  config.services = {{.name = "api", .origins = {{kNear, near_.url()}}},
                     {.name = "web", .origins = {{kMiddle, middle_.url()}}},
                     {.name = "any", .origins = {{kFar, far_.url()}}}};
  config.routes = {{.name = "api", .match = "{ host: shop.example, path: /api/ }", .split = "api: 1"},
                   {.name = "web", .match = "{ host: shop.example }", .split = "web: 1"},
                   {.name = "any", .match = "{ host: \"*.wild.example\" }", .split = "any: 1"}};
  Edge edge(config);
  const auto region_of = [&](const std::string& host, const std::string& path) {
    return Http1Client(edge.port(), nullptr, host).Get(path).headers.Get("x-region");
  };
  EXPECT_EQ(region_of("shop.example", "/api/items"), kNear);
  EXPECT_EQ(region_of("SHOP.example:8443", "/api/items?x=/"), kNear);
  EXPECT_EQ(region_of("shop.example", "/apiary"), kMiddle);
  EXPECT_EQ(region_of("shop.example", "/"), kMiddle);
  EXPECT_EQ(region_of("a.wild.example", "/api/"), kFar);
  const HttpResponse nowhere = Http1Client(edge.port(), nullptr, "other.example").Get("/api/");
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_TRUE(nowhere.headers.Has("proxy-status"));
}

TEST_F(Steering, AOnePercentCanaryGetsOnePercent) {
  MERIDIAN_REQUIRE_TOOL("nginx");
  MERIDIAN_REQUIRE_TOOL("h2load");
  const NginxOrigin stable({.region = "stable", .http2 = true});
  const NginxOrigin canary({.region = "canary", .http2 = true});
  EdgeConfig config;
  config.services = {{.name = "shop", .origins = {{kNear, stable.url()}}},
                     {.name = "shop-v2", .origins = {{kNear, canary.url()}}}};
  config.routes[0].split = "shop: 99%, shop-v2: 1%";
  Edge edge(config);
  const H2loadResult result = H2load({"-n", "20000", "-c", "20", "-m", "10", edge.url("/hello")});
  ASSERT_EQ(result.status_2xx, 20'000u) << result.out;
  const std::vector<std::string> lines = canary.AccessLog();
  const auto hits = std::count_if(lines.begin(), lines.end(),
                                  [](const std::string& line) { return line.starts_with("GET /hello 200"); });
  EXPECT_NEAR(static_cast<double>(hits), 200, 20) << "1.00 % ± 0.1 of 20 000";
}

TEST_F(Steering, AnArmOfWeightZeroGetsNothing) {
  EdgeConfig config;
  config.services = {{.name = "shop", .origins = {{kNear, near_.url()}}},
                     {.name = "shop-v2", .origins = {{kNear, middle_.url()}}}};
  config.routes[0].split = "shop: 100, shop-v2: 0";
  Edge edge(config);
  Http1Client client(edge.port());
  for (int i = 0; i < 200; ++i) EXPECT_EQ(client.Get("/item").headers.Get("x-region"), kNear);
  EXPECT_EQ(middle_.requests(), 0u);
}

}  // namespace
}  // namespace meridian::testing
