// The promise: whatever befalls the nearest region, clients of replayable requests see nothing of it, only a handful of
// requests ever touch the dead region, and it gets its traffic back when it lives again.
#include <algorithm>
#include <memory>
#include <ostream>

#include "integration/edge.h"
#include "support/certificates.h"
#include "support/chaos_gate.h"
#include "support/load_generator.h"
#include "support/nginx_origin.h"

namespace meridian::testing {
namespace {

using nlohmann::json;

constexpr double kRate = 400;
constexpr int kConnections = 48;
constexpr auto kHealthy = 600ms;
constexpr auto kOutage = 2500ms;

enum class Fault { kRefuse, kAnswer503, kHang, kResetOnAccept, kResetAfterRequest };

struct FaultCase {
  const char* name;
  Fault fault;
  // The most requests that may touch the dead region in the outage (of 1000 sent). The breaker needs 3 to 5 failures;
  // in the meantime, and per trial every 250 ms, some more are on their way. A hang is seen only when the first
  // attempts time out, so that every connection of the load may be waiting by then.
  size_t most_touched;
  double worst_latency_ms;
};
void PrintTo(const FaultCase& fault, std::ostream* out) { *out << fault.name; }

class Failover : public ::testing::TestWithParam<FaultCase> {
 protected:
  void Break() {
    switch (GetParam().fault) {
      case Fault::kRefuse:
        return gate_.Set(GateMode::Refuse());
      case Fault::kAnswer503:
        near_.SetHealth(503);
        return near_.SetHandler([](const OriginRequest&) { return OriginReply{.status = 503}; });
      case Fault::kHang:
        return gate_.Set(GateMode::Hang());
      case Fault::kResetOnAccept:
        return gate_.Set(GateMode::ResetOnAccept());
      case Fault::kResetAfterRequest:
        return gate_.Set(GateMode::ResetOnBytes());
    }
  }
  void Repair() {
    near_.SetHealth(200);
    near_.SetHandler(ScriptedOrigin::Friendly());
    gate_.Set(GateMode::Pass());
  }
  static void RunFor(const LoadGenerator& load, Millis time) {
    const double end = load.ElapsedMs() + static_cast<double>(time.count());
    ASSERT_TRUE(Eventually([&] { return load.ElapsedMs() >= end; }, time + 1s));
  }
  // Attempts that failed in the near region, by the edge's own account.
  static size_t Touched(const Edge& edge) {
    size_t touched = 0;
    for (const json& record : edge.AccessLog()) {
      for (const json& attempt : record.value("attempts", json::array())) {
        const bool bad = !attempt.value("error", "").empty() || attempt.value("status", 0) >= 500;
        if (attempt.value("region", "") == kNear && bad) ++touched;
      }
    }
    return touched;
  }

  ScriptedOrigin near_{kNear, ScriptedOrigin::Friendly()};
  ScriptedOrigin middle_{kMiddle, ScriptedOrigin::Friendly()};
  ScriptedOrigin far_{kFar, ScriptedOrigin::Friendly()};
  ChaosGate gate_{near_.port()};
};

TEST_P(Failover, ClientsSeeNothingAndTheRegionGetsItsTrafficBack) {
  Edge edge(ShopEdge({{kNear, gate_.url()}, {kMiddle, middle_.url()}, {kFar, far_.url()}}));
  LoadGenerator load({.port = edge.port(), .rate = kRate, .connections = kConnections});
  RunFor(load, kHealthy);
  const double broken_at = load.ElapsedMs();
  Break();
  RunFor(load, kOutage);
  const double repaired_at = load.ElapsedMs();
  Repair();
  const auto near_share_is_back = [&] {
    const json region = edge.RegionStatus(kNear);
    return region.is_object() && region.value("breaker", "") == "closed";
  };
  EXPECT_TRUE(Eventually(near_share_is_back, 12s, 50ms)) << edge.RegionStatus(kNear).dump(1) << edge.EventText();
  const double back_at = load.ElapsedMs();
  RunFor(load, 400ms);
  const std::vector<LoadSample> samples = load.Stop();

  EXPECT_TRUE(Failed(samples).empty()) << Describe(samples);
  EXPECT_GT(samples.size(), 1000u);
  EXPECT_EQ(RegionCounts(samples, 0, broken_at - 50).count(kMiddle), 0u) << "while all is well, the nearest serves";
  EXPECT_GT(RegionCounts(samples, broken_at + 1500, repaired_at)[kMiddle], 100) << "then the next one does";
  auto after = RegionCounts(samples, back_at + 100);
  EXPECT_EQ(after.size(), 1u) << "and after the ramp the nearest has everything again";
  EXPECT_EQ(after.count(kNear), 1u);
  EXPECT_LE(LatencyQuantile(samples, 1), kSanitized ? 5000 : GetParam().worst_latency_ms) << "ms, the slowest answer";

  ASSERT_TRUE(Eventually([&] { return edge.AccessLog().size() >= samples.size(); }, 3s, 50ms));
  EXPECT_LE(Touched(edge), GetParam().most_touched);
  EXPECT_GT(edge.MetricSum("meridian_requests_saved_total"), 0);
  EXPECT_EQ(edge.MetricSum("meridian_requests_lost_total"), 0);
}

INSTANTIATE_TEST_SUITE_P(Faults, Failover,
                         ::testing::Values(FaultCase{"Killed", Fault::kRefuse, 60, 1000},
                                           FaultCase{"Answers503", Fault::kAnswer503, 60, 1000},
                                           FaultCase{"Hangs", Fault::kHang, 2 * kConnections, 2500},
                                           FaultCase{"ResetsOnAccept", Fault::kResetOnAccept, 60, 1000},
                                           FaultCase{"ResetsAfterTheRequest", Fault::kResetAfterRequest, 60, 1000}),
                         [](const auto& test) { return std::string(test.param.name); });

// The same with everything real: h2load over TLS and an nginx that dies by SIGKILL in the middle.
TEST(FailoverOfRealServers, Http2ClientsLoseNothingWhenNginxIsKilled) {
  MERIDIAN_REQUIRE_TOOL("nginx");
  MERIDIAN_REQUIRE_TOOL("h2load");
  const TempDir dir;
  const TestCertificates authority(dir);
  for (const bool http2_origin : {false, true}) {
    NginxOrigin near({.region = kNear, .http2 = http2_origin});
    const NginxOrigin middle({.region = kMiddle, .http2 = http2_origin});
    EdgeConfig config = ShopEdge({{kNear, near.url()}, {kMiddle, middle.url()}});
    config.listeners = {{authority.Issue("edge", KeyKind::kEcdsa, {"127.0.0.1"})}};
    Edge edge(config);
    const std::string url = "https://127.0.0.1:" + std::to_string(edge.port()) + "/hello";
    Process h2load(dir, "h2load", {.argv = {"h2load", "-n", "20000", "-c", "10", "-m", "10", url}});
    ASSERT_TRUE(Eventually([&] { return near.AccessLog().size() > 2000; }, 10s, 5ms)) << h2load.Out();
    near.Kill();
    ASSERT_EQ(h2load.Wait(20s), 0) << h2load.Err();
    EXPECT_NE(h2load.Out().find("status codes: 20000 2xx"), std::string::npos) << h2load.Out();
    EXPECT_GT(middle.AccessLog().size(), 2000u);
  }
}

// 404 because of replication lag is not a failure of the region, and neither is a client's mistake.
TEST(FailoverLimits, AStatusOutsideTheSetIsPassedOnAndOpensNothing) {
  ScriptedOrigin near(kNear, [](const OriginRequest&) { return OriginReply{.status = 404, .body = "no such item\n"}; });
  ScriptedOrigin middle(kMiddle, ScriptedOrigin::Friendly());
  Edge edge(ShopEdge({{kNear, near.url()}, {kMiddle, middle.url()}}));
  Http1Client client(edge.port());
  for (int i = 0; i < 30; ++i) {
    const HttpResponse answer = client.Get("/item");
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.body, "no such item\n");
  }
  EXPECT_EQ(middle.requests(), 0u);
  EXPECT_EQ(edge.RegionStatus(kNear).value("breaker", ""), "closed");
}

TEST(FailoverLimits, WhenEveryRegionFailsTheClientGetsAnOriginsRealAnswer) {
  const auto fail = [](const OriginRequest&) { return OriginReply{.status = 503, .body = "maintenance\n"}; };
  ScriptedOrigin near(kNear, fail), middle(kMiddle, fail);
  Edge edge(ShopEdge({{kNear, near.url()}, {kMiddle, middle.url()}}));
  const HttpResponse answer = Http1Client(edge.port()).Get("/item");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(near.requests(), 1u);
  EXPECT_EQ(middle.requests(), 1u);
}

}  // namespace
}  // namespace meridian::testing
