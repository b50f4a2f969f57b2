// The admin endpoint over real HTTP: what operators, scrapers and orchestrators rely on.
#include "integration/edge.h"
#include "support/load_generator.h"

namespace meridian::testing {
namespace {

using nlohmann::json;

class Admin : public ::testing::Test {
 protected:
  static constexpr const char* kWeights = "/v1/routes/all/weights";

  static EdgeConfig TwoArms(const ScriptedOrigin& stable, const ScriptedOrigin& canary) {
    EdgeConfig config;
    config.services = {{.name = "shop", .origins = {{kNear, stable.url()}}},
                       {.name = "shop-v2", .origins = {{kNear, canary.url()}}}};
    config.routes[0].split = "shop: 99, shop-v2: 1";
    return config;
  }
  static std::string Weights(int shop, int v2) { return json{{"weights", {{"shop", shop}, {"shop-v2", v2}}}}.dump(); }
  HttpResponse Patch(const Headers& headers, const std::string& body) const {
    return edge_.Admin("PATCH", kWeights, headers, body);
  }
  std::string Etag() const { return edge_.Admin("GET", kWeights).headers.Get("etag"); }

  ScriptedOrigin stable_{"stable", ScriptedOrigin::Friendly()};
  ScriptedOrigin canary_{"canary", ScriptedOrigin::Friendly()};
  Edge edge_{TwoArms(stable_, canary_)};
};

TEST_F(Admin, LivenessAndReadinessAnswerPlainly) {
  EXPECT_EQ(edge_.Admin("GET", "/livez").status, 200);
  EXPECT_EQ(edge_.Admin("GET", "/readyz").status, 200);
  EXPECT_EQ(edge_.Admin("GET", "/nowhere").status, 404);
  EXPECT_EQ(edge_.Admin("DELETE", "/livez").status, 405);
}

TEST_F(Admin, IdleConnectionsShutNobodyOut) {
  std::vector<std::unique_ptr<Connection>> idle;
  for (int i = 0; i < 80; ++i) {
    idle.push_back(Connection::Open(edge_.admin_port()));
    ASSERT_TRUE(idle.back());
    // Some are in the middle of a request that never ends.
    const std::string begun = i % 2 ? "GET /readyz HTTP/1.1\r\n" : "";
    ASSERT_TRUE(begun.empty() || idle.back()->Send(begun, Deadline(2s)));
  }
  EXPECT_EQ(edge_.Admin("GET", "/readyz").status, 200);
  EXPECT_GE(edge_.MetricSum("meridian_admin_connections_replaced_total"), 17);
}

TEST_F(Admin, StatusTellsRegionsOriginsHealthWeightsAndShares) {
  const json status = edge_.Status();
  ASSERT_TRUE(status.is_object());
  EXPECT_EQ(status.value("edge", ""), "fra-1");
  EXPECT_TRUE(status.value("ready", false));
  EXPECT_EQ(status.at("/routes/all/split/shop/weight"_json_pointer), 99);
  EXPECT_NEAR(status.at("/routes/all/split/shop-v2/share"_json_pointer).get<double>(), 0.01, 1e-9);
  const json region = edge_.RegionStatus(kNear);
  ASSERT_TRUE(region.is_object()) << status.dump(1);
  EXPECT_EQ(region.value("breaker", ""), "closed");
  EXPECT_EQ(region.at("/origins/0/url"_json_pointer), stable_.url());
  EXPECT_EQ(region.at("/origins/0/serving"_json_pointer), "up");
  EXPECT_GT(region.at("/origins/0/probes_ok"_json_pointer), 0);
}

TEST_F(Admin, AChangeNeedsTheCurrentEtag) {
  const Headers json_body = {{"content-type", "application/json"}};
  const auto with = [&](const std::string& if_match) {
    Headers headers = json_body;
    headers.Add("if-match", if_match);
    return headers;
  };
  const std::string before = Etag();
  ASSERT_FALSE(before.empty());
  EXPECT_EQ(Patch(json_body, Weights(90, 10)).status, 428) << "without If-Match";
  EXPECT_EQ(Patch(with("*"), Weights(90, 10)).status, 428) << "a wildcard defeats the purpose";
  EXPECT_EQ(Patch(with("\"stale\""), Weights(90, 10)).status, 412);
  EXPECT_EQ(Etag(), before) << "nothing has changed so far";

  const HttpResponse changed = Patch(with(before), Weights(90, 10));
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(json::parse(edge_.Admin("GET", kWeights).body).at("/weights/shop-v2"_json_pointer), 10);
  EXPECT_NE(Etag(), before);
  EXPECT_EQ(changed.headers.Get("etag"), Etag());
  EXPECT_EQ(Patch(with(before), Weights(80, 20)).status, 412) << "somebody else was faster";
}

TEST_F(Admin, ForeignPagesAndNamesAreRefused) {
  const Headers foreign_origin = {
      {"if-match", Etag()}, {"content-type", "application/json"}, {"origin", "https://evil.example"}};
  EXPECT_EQ(Patch(foreign_origin, Weights(0, 100)).status, 403);
  EXPECT_EQ(edge_.Admin("GET", "/v1/status", {{"origin", "https://evil.example"}}).status, 403);
  EXPECT_EQ(edge_.Admin("GET", "/v1/status", {{"host", "evil.example"}}).status, 403) << "DNS rebinding";
  EXPECT_EQ(edge_.Admin("GET", "/v1/status", {{"host", "localhost:" + std::to_string(edge_.admin_port())}}).status,
            200);
}

TEST_F(Admin, NonsenseIsRefusedWithAProblemDocument) {
  const auto patch = [&](const std::string& type, const std::string& body) {
    return Patch({{"if-match", Etag()}, {"content-type", type}}, body);
  };
  const std::string before = Etag();
  EXPECT_EQ(patch("text/plain", Weights(1, 1)).status, 415);
  EXPECT_EQ(patch("application/json", "{").status, 400);
  for (const char* body : {R"({"weights":{"shop":90}})", R"({"weights":{"shop":0,"shop-v2":0}})",
                           R"({"weights":{"shop":-1,"shop-v2":1}})", R"({"wheights":{}})"}) {
    const HttpResponse refused = patch("application/json", body);
    EXPECT_EQ(refused.status, 422) << body;
    EXPECT_TRUE(refused.headers.Get("content-type").starts_with("application/problem+json")) << body;
  }
  EXPECT_EQ(edge_.Admin("GET", "/v1/routes/none/weights").status, 404);
  EXPECT_EQ(Etag(), before);
}

TEST_F(Admin, NewWeightsTakeEffectAtOnceAndCostNoRequest) {
  LoadGenerator load({.port = edge_.port(), .rate = 400, .connections = 8});
  ASSERT_TRUE(Eventually([&] { return stable_.requests() >= 300; }, 5s));
  const double asked = load.ElapsedMs();
  EXPECT_EQ(edge_.SetWeights("all", {{"shop", 0}, {"shop-v2", 100}}).status, 200);
  const double applied = load.ElapsedMs();
  ASSERT_TRUE(Eventually([&] { return canary_.requests() >= 400; }, 5s));
  const std::vector<LoadSample> samples = load.Stop();
  EXPECT_TRUE(Failed(samples).empty()) << Describe(samples);
  EXPECT_LT(RegionCounts(samples, 0, asked)["canary"], 20) << "one percent, before";
  EXPECT_EQ(RegionCounts(samples, applied + 200)["stable"], 0) << "none, 200 ms after the answer";
}

TEST_F(Admin, MetricsAreCleanAndCountTheTraffic) {
  Http1Client client(edge_.port());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.Get("/item").status, 200);
  EXPECT_TRUE(Eventually([&] { return edge_.MetricSum("meridian_requests_total", {"route=\"all\""}) == 100; }, 2s))
      << edge_.Metrics();
  EXPECT_EQ(edge_.MetricSum("meridian_requests_lost_total"), 0);
  EXPECT_EQ(edge_.MetricSum("meridian_ready"), 1);

  MERIDIAN_REQUIRE_TOOL("promtool");
  const TempDir dir;
  WriteFile(dir.File("metrics"), edge_.Metrics());
  const RunResult check =
      RunProgram({.argv = {"promtool", "check", "metrics"}, .stdin_file = dir.File("metrics")}, 10s);
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

}  // namespace
}  // namespace meridian::testing
