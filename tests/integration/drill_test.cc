// A failure on purpose: clients notice as little of it as of a real one, and it ends by itself before it hurts.
#include <fstream>

#include "integration/edge.h"
#include "support/load_generator.h"

namespace meridian::testing {
namespace {

using nlohmann::json;

class DrillAtTheEdge : public ::testing::Test {
 protected:
  EdgeConfig Config() const {
    EdgeConfig config = ShopEdge({{kNear, near_.url()}, {kMiddle, middle_.url()}});
    config.services[0].failover = "{ statuses: [500, 502-504], attempts: 2, ramp: 1s }";
    return config;
  }
  // `meridian drill region …` beside a load; its exit code and what it printed.
  static RunResult Drill(const Edge& edge, const std::string& kind, const std::string& length,
                         std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {MeridianBinary(), "drill",
                                     "region",         kNear,
                                     "--kind",         kind,
                                     "--for",          length,
                                     "--admin",        "127.0.0.1:" + std::to_string(edge.admin_port())};
    argv.insert(argv.end(), more.begin(), more.end());
    return RunProgram({.argv = argv}, 30s);
  }

  ScriptedOrigin near_{kNear, ScriptedOrigin::Friendly()};
  ScriptedOrigin middle_{kMiddle, ScriptedOrigin::Friendly()};
};

TEST_F(DrillAtTheEdge, ClientsLoseNothingAndTheRegionComesBackByItself) {
  for (const char* kind : {"503", "reset", "hang"}) {
    Edge edge(Config());
    LoadGenerator load({.port = edge.port(), .rate = 200, .connections = 64});
    const TempDir dir;
    const RunResult drill = Drill(edge, kind, "2s", {"--report", dir.File("report.json")});
    EXPECT_EQ(drill.exit_code, 0) << kind << drill.out << drill.err;
    EXPECT_NE(drill.out.find("drill: passed"), std::string::npos) << drill.out;
    EXPECT_NE(drill.out.find("left after"), std::string::npos) << kind << ": the breaker learned of it " << drill.out;
    EXPECT_TRUE(Eventually([&] { return edge.RegionStatus(kNear).value("breaker", "") == "closed"; }, 20s, 50ms))
        << kind << edge.Status().dump(1);
    const std::vector<LoadSample> samples = load.Stop();
    EXPECT_TRUE(Failed(samples).empty()) << kind << ": " << Describe(samples);
    EXPECT_GT(edge.MetricSum("meridian_drill_saved_requests_total"), 0);
    EXPECT_EQ(edge.MetricSum("meridian_drill_lost_requests_total"), 0);
    std::ifstream report(dir.File("report.json"));
    EXPECT_EQ(json::parse(report).value("state", ""), "passed");
  }
}

TEST_F(DrillAtTheEdge, TheFirstLostRequestEndsIt) {
  Edge edge(Config());
  std::thread client([&] {
    EXPECT_TRUE(
        Eventually([&] { return edge.MetricSum("meridian_ready") > 0 && edge.Status()["drills"].size() == 1; }, 10s));
    Http1Client posts(edge.port());
    const HttpResponse answer = posts.Do({.method = "POST", .target = "/orders", .body = "order=1"});
    EXPECT_EQ(answer.status, 502) << "what a real reset would do to a POST";
  });
  const RunResult drill = Drill(edge, "reset", "60s");
  client.join();
  EXPECT_EQ(drill.exit_code, 1) << drill.out;
  EXPECT_NE(drill.out.find("drill: aborted, 1 request of clients failed"), std::string::npos) << drill.out;
  EXPECT_EQ(near_.requests(), 0u) << "the origin was not asked";
  Http1Client client_after(edge.port());
  EXPECT_TRUE(Eventually(
      [&] { return client_after.Do({.method = "POST", .target = "/orders", .body = "order=2"}).status == 200; }, 10s));
}

TEST_F(DrillAtTheEdge, ItIsRefusedWhereNobodyCouldTakeOver) {
  EdgeConfig config = ShopEdge({{kNear, near_.url()}});
  Edge edge(config);
  const RunResult refused = Drill(edge, "503", "1s");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("no other region"), std::string::npos) << refused.err;
  EXPECT_EQ(Drill(edge, "fire", "1s").exit_code, 2) << "a slip of the pen is a usage error";
}

}  // namespace
}  // namespace meridian::testing
