// What the edge says about a failover is what its clients saw, and both are within what its configuration promises.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <ostream>

#include "integration/edge.h"
#include "support/chaos_gate.h"
#include "support/load_generator.h"

namespace meridian::testing {
namespace {

using nlohmann::json;

// Threads of the load and of the edge share two cores with everything else.
constexpr double kToleranceS = kSanitized ? 1.0 : 0.1;
constexpr double kSlownessS = kSanitized ? 1.0 : 0.0;

double UnixNow() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

EdgeConfig Promising(Origins origins) {
  EdgeConfig config = ShopEdge(std::move(origins));
  config.extra = "failover_objective: 3s\n";
  // Probes say down before the back-off of requests is over, so that no trial of the region is made.
  config.services[0].health = "{ path: /healthz, interval: 200ms, timeout: 200ms, recheck: 50ms, fall: 3, rise: 2 }";
  config.services[0].failover = "{ statuses: [500, 502-504], attempts: 3, attempt_timeout: 300ms, ramp: 2s }";
  return config;
}

json Failover(const Edge& edge) { return edge.Status().at("services").at("shop").at("failover"); }

// The only event so far, once it is over.
json EndedEvent(const Edge& edge) {
  json event;
  const auto ended = [&] {
    const json events = Failover(edge).at("events");
    if (events.size() == 1) event = events[0];
    return event.is_object() && event.value("ended", false);
  };
  EXPECT_TRUE(Eventually(ended, 12s, 50ms)) << Failover(edge).dump(1) << edge.EventText();
  return event;
}

void ExpectLogged(const Edge& edge, const std::string& name, const std::string& cause) {
  for (const json& line : edge.Events()) {
    if (line.value("event", "") != name) continue;
    EXPECT_EQ(line.value("service", ""), "shop");
    EXPECT_EQ(line.value("region", ""), kNear);
    EXPECT_EQ(line.value("cause", ""), cause);
    return;
  }
  ADD_FAILURE() << "no " << name << " in " << edge.EventText();
}

struct Outage {
  const char* name;
  GateMode mode;
  const char* kind;
};
void PrintTo(const Outage& outage, std::ostream* out) { *out << outage.name; }

class ProbesAlone : public ::testing::Test {
 protected:
  ScriptedOrigin near_{kNear, ScriptedOrigin::Friendly()};
  ScriptedOrigin middle_{kMiddle, ScriptedOrigin::Friendly()};
  ChaosGate gate_{near_.port()};
};

class MeasuredFailover : public ProbesAlone, public ::testing::WithParamInterface<Outage> {};

TEST_P(MeasuredFailover, IsWhatTheLoadSawAndWithinThePromise) {
  Edge edge(Promising({{kNear, gate_.url()}, {kMiddle, middle_.url()}}));
  LoadGenerator load({.port = edge.port(), .rate = 80, .connections = 48});
  const double load_start = UnixNow() - load.ElapsedMs() / 1e3;
  ASSERT_TRUE(Eventually([&] { return load.ElapsedMs() > 500; }, 2s, 1ms));
  const double broken = UnixNow();
  gate_.Set(GetParam().mode);
  const double load_end = load.ElapsedMs() + 2500;
  ASSERT_TRUE(Eventually([&] { return load.ElapsedMs() > load_end; }, 5s));
  const std::vector<LoadSample> samples = load.Stop();
  EXPECT_TRUE(Failed(samples).empty()) << Describe(samples);

  const json event = EndedEvent(edge);
  ASSERT_TRUE(event.is_object());
  const double worst_case = Failover(edge).at("worst_case").at(GetParam().kind).at("seconds");
  EXPECT_EQ(event.at("region"), kNear);
  EXPECT_TRUE(event.at("kept"));
  EXPECT_EQ(event.at("objective_s"), 3.0);
  EXPECT_EQ(event.at("lost"), 0);
  EXPECT_TRUE(event.at("last_error_s").is_null()) << "no client saw an error";
  ASSERT_TRUE(event.at("last_affected_s").is_number()) << event.dump(1) << edge.EventText();
  const double begin = event.at("begin_unix_s");
  const double last_affected = begin + event.at("last_affected_s").get<double>();
  EXPECT_LE(begin + event.at("switch_s").get<double>() - broken, worst_case + kSlownessS) << event.dump(1);
  EXPECT_LE(last_affected - broken, worst_case + kSlownessS) << event.dump(1);
  EXPECT_GE(begin, broken - kToleranceS);

  // The edge's own account of each request: those that failed in the region. A kept connection that turned out to be
  // closed is tried again and says nothing about it.
  ASSERT_TRUE(Eventually([&] { return edge.AccessLog().size() >= samples.size(); }, 3s, 50ms));
  int affected = 0;
  for (const json& line : edge.AccessLog()) {
    const json& attempts = line.at("attempts");
    affected += std::any_of(attempts.begin(), attempts.end(), [](const json& attempt) {
      return attempt.contains("error") && attempt.at("error") != "stale_connection";
    });
    EXPECT_NE(line.at("/attempts/0/reason"_json_pointer), "trial") << "it belongs to no failover";
  }
  EXPECT_GT(affected, 0);
  EXPECT_EQ(event.at("saved"), affected);
  EXPECT_EQ(edge.MetricSum("meridian_failover_saved_requests_total", {"region=\"eu-west-1\""}), affected);
  EXPECT_EQ(edge.MetricSum("meridian_failover_events_total"), 1);
  EXPECT_EQ(edge.MetricSum("meridian_failover_duration_seconds_count", {"region=\"eu-west-1\""}), 1);
  EXPECT_EQ(edge.MetricSum("meridian_failover_objective_missed_total"), 0);
  EXPECT_EQ(edge.MetricSum("meridian_failover_objective_seconds"), 3);
  const std::string kind = "kind=\"" + std::string(GetParam().kind) + "\"";
  EXPECT_NEAR(edge.MetricSum("meridian_failover_worst_case_seconds", {kind}), worst_case, 1e-6);
  ExpectLogged(edge, "failover_switched", event.at("cause"));
  ExpectLogged(edge, "failover_ended", event.at("cause"));

  // What the load saw: a request that waited for the hanging region took as long as an attempt may.
  if (GetParam().mode.kind != GateMode::Kind::kHang) return;
  double seen = 0;
  for (const LoadSample& sample : samples) {
    if (sample.latency_ms > 280) seen = std::max(seen, load_start + (sample.at_ms + sample.latency_ms) / 1e3);
  }
  EXPECT_NEAR(last_affected, seen, kToleranceS) << event.dump(1);
}

INSTANTIATE_TEST_SUITE_P(Outages, MeasuredFailover,
                         ::testing::Values(Outage{"Refuses", GateMode::Refuse(), "refused"},
                                           Outage{"Hangs", GateMode::Hang(), "hang"}),
                         [](const auto& test) { return std::string(test.param.name); });

// A service without traffic leaves a region before its first request would suffer.
TEST_F(ProbesAlone, LeaveAHangingRegionWithinThePromise) {
  Edge edge(Promising({{kNear, gate_.url()}, {kMiddle, middle_.url()}}));
  const double broken = UnixNow();
  gate_.Set(GateMode::Hang());
  const json event = EndedEvent(edge);
  ASSERT_TRUE(event.is_object());
  const double left = event.at("begin_unix_s").get<double>() + event.at("switch_s").get<double>() - broken;
  EXPECT_LE(left, Failover(edge).at("worst_case").at("hang").at("seconds").get<double>() + kSlownessS);
  EXPECT_EQ(event.at("cause"), "probes");
  EXPECT_TRUE(event.at("last_affected_s").is_null());
  EXPECT_EQ(event.at("saved"), 0);
  EXPECT_TRUE(event.at("kept"));
  EXPECT_EQ(Http1Client(edge.port()).Get("/item").status, 200);
  EXPECT_EQ(near_.requests(), 0u);
}

// POSTs are not repeated: their clients see the failure until the region is left.
TEST(FailoverThatClientsSee, IsCountedWithTheTimeOfTheLastError) {
  ScriptedOrigin near(kNear, [](const OriginRequest&) { return OriginReply{.status = 503}; });
  ScriptedOrigin middle(kMiddle, ScriptedOrigin::Friendly());
  Edge edge(Promising({{kNear, near.url()}, {kMiddle, middle.url()}}));
  Http1Client client(edge.port());
  double first = 0, last = 0;
  int errors = 0;
  for (int i = 0; i < 100; ++i) {
    const int status = client.Do({.method = "POST", .target = "/orders"}).status;
    if (status == 200) break;
    ASSERT_EQ(status, 503);
    last = UnixNow();
    if (++errors == 1) first = last;
    ASSERT_FALSE(Eventually([] { return false; }, 100ms)) << "ten requests per second";
  }
  EXPECT_EQ(errors, 5);
  const json event = EndedEvent(edge);
  ASSERT_TRUE(event.is_object());
  EXPECT_EQ(event.at("cause"), "failures");
  EXPECT_EQ(event.at("saved"), 0);
  EXPECT_EQ(event.at("lost"), errors);
  EXPECT_NEAR(event.at("last_error_s"), last - first, kToleranceS);
  EXPECT_LE(event.at("duration_s").get<double>(), Failover(edge).at("worst_case").at("status").at("seconds"));
  EXPECT_EQ(edge.MetricSum("meridian_failover_lost_requests_total", {"region=\"eu-west-1\""}), errors);
}

// One bad answer is no failover: it shows in the counters of requests only.
TEST(FalseAlarm, IsNoEvent) {
  ScriptedOrigin near(
      kNear, [](const OriginRequest& request) { return OriginReply{.status = request.target == "/bad" ? 503 : 200}; });
  ScriptedOrigin middle(kMiddle, ScriptedOrigin::Friendly());
  Edge edge(Promising({{kNear, near.url()}, {kMiddle, middle.url()}}));
  Http1Client client(edge.port());
  EXPECT_EQ(client.Get("/good").status, 200);
  EXPECT_EQ(client.Get("/bad").status, 200);
  EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_failover_saved_requests_total") == 1; }, 2s));
  EXPECT_EQ(Failover(edge).at("events").size(), 0u);
  EXPECT_EQ(edge.MetricSum("meridian_failover_events_total"), 0);
}

}  // namespace
}  // namespace meridian::testing
