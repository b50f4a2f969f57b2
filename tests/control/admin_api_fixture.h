// The admin API on a world that stands still: what is asked, what is answered, what would have been changed.
#pragma once

#include "control/admin_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "telemetry/log.h"

namespace meridian {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;

inline constexpr char kSelf[] = "127.0.0.1:9901";
inline constexpr char kWeightsPath[] = "/v1/routes/shop-api/weights";
inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

inline Status SomeWorld() {
  Status status;
  status.version = "0.1.0";
  status.edge = "fra-1";
  status.snapshot = 17;
  status.uptime_s = 12.5;
  status.buffer_bytes = 4096;
  status.overload_level = 2;
  status.ready = true;
  status.workers = 2;
  status.regions = {{"eu-west-1", 1, 4}, {"us-east-1", 0.5, 1}};
  OriginStatus origin;
  origin.url = "http://192.0.2.1:80";
  origin.serving = Serving::kUp;
  origin.endpoints = {"192.0.2.1:80"};
  origin.rtt_ms = kUnknown;
  ServiceRegionStatus near;
  near.region = "eu-west-1";
  near.rtt_ms = 12.5;
  near.first_share = 1;
  near.origins = {origin};
  ServiceRegionStatus far = near;
  far.region = "us-east-1";
  far.breaker = BreakerState::kHalfOpen;
  far.reason = "connect";
  far.rtt_ms = kUnknown;
  status.services = {{"shop", {near, far}, {"eu-west-1", "us-east-1"}}, {"shop-v2", {near}, {"eu-west-1"}}};
  FailoverStatus& failover = status.services[0].failover;
  failover.objective_s = 6;
  failover.worst_cases = {{"status", 1.1, kUnknown, 1.1, "5 failures in a row", ""}};
  FailoverEventStatus event;
  event.number = 3;
  event.region = "us-east-1";
  event.cause = "connect";
  event.begin_unix_s = 1.7e9;
  event.switch_s = 0.25;
  event.last_affected_s = event.duration_s = 0.5;
  event.last_error_s = kUnknown;
  event.saved = 12;
  event.objective_s = 6;
  failover.events = {event};
  RouteStatus route;
  route.name = "shop-api";
  route.host = "shop.example";
  route.path = "/api/";
  route.steer = "nearest";
  route.split = {{"shop", 99, 0.99}, {"shop-v2", 1, 0.01}};
  route.weights_version = 3;
  status.routes = {route};
  return status;
}

class FakeBackend : public AdminBackend {
 public:
  Status GetStatus() override {
    ++statuses;
    return status;
  }
  Readiness GetReadiness() override { return {status.ready, status.draining}; }
  std::string Metrics() override { return "meridian_ready 1\n"; }
  uint64_t SetWeights(const std::string& route, const std::vector<uint32_t>& weights, const std::string& by) override {
    ++writes;
    last_target = route;
    last_weights = weights;
    last_by = by;
    return ++status.routes[0].weights_version;
  }
  uint64_t SetDial(const std::string& region, double dial, const std::string& by) override {
    ++writes;
    last_target = region;
    last_dial = dial;
    last_by = by;
    return ++status.regions[0].dial_version;
  }

  uint64_t StartDrill(const DrillRequest& request, const std::string& by, std::string* error) override {
    if (!refuse_drills.empty()) {
      *error = refuse_drills;
      return 0;
    }
    ++writes;
    last_drill = request;
    DrillStatus drill;
    drill.id = 7;
    drill.region = request.region;
    drill.kind = Name(request.kind);
    drill.state = "running";
    drill.by = by;
    status.drills = {drill};
    return 7;
  }
  bool CancelDrill(uint64_t id) override {
    if (status.drills.empty() || status.drills[0].id != id || status.drills[0].state != "running") return false;
    status.drills[0].state = "cancelled";
    return true;
  }

  DrillRequest last_drill;
  std::string refuse_drills;
  Status status = SomeWorld();
  int writes = 0, statuses = 0;
  std::string last_target, last_by;
  std::vector<uint32_t> last_weights;
  double last_dial = -1;
};

inline std::optional<std::string> HeaderOf(const AdminResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

class AdminApi : public ::testing::Test {
 protected:
  AdminApi() { SetLogFormat(true); }

  static AdminRequest Request(const std::string& method, const std::string& path) {
    AdminRequest request;
    request.method = method;
    request.path = path;
    request.host = kSelf;
    request.peer = "127.0.0.1:55555";
    return request;
  }
  static AdminRequest Patch(const std::string& path, const std::string& if_match, const std::string& body) {
    AdminRequest request = Request("PATCH", path);
    request.if_match = if_match;
    request.content_type = "application/json";
    request.body = body;
    return request;
  }
  static AdminRequest PatchWeights(const std::string& body) { return Patch(kWeightsPath, "\"w3\"", body); }

  // Sends it, checks what holds for every answer, and keeps the event log lines in `events`.
  AdminResponse Send(const AdminRequest& request, const std::string& self = kSelf) {
    ::testing::internal::CaptureStderr();
    AdminResponse response = HandleAdmin(backend, self, request);
    std::istringstream lines(::testing::internal::GetCapturedStderr());
    events.clear();
    for (std::string line; std::getline(lines, line);) events.push_back(json::parse(line));
    EXPECT_THAT(response.body, EndsWith("\n"));
    if (response.content_type == "application/problem+json") CheckProblem(response);
    return response;
  }
  AdminResponse Get(const std::string& path) { return Send(Request("GET", path)); }

  static void CheckProblem(const AdminResponse& response) {
    const json problem = json::parse(response.body);
    EXPECT_EQ(problem["type"], "about:blank");
    EXPECT_EQ(problem["status"], response.status);
    EXPECT_FALSE(problem["title"].get<std::string>().empty());
    EXPECT_FALSE(problem["detail"].get<std::string>().empty());
  }
  static std::string Detail(const AdminResponse& response) {
    return json::parse(response.body).value("detail", std::string());
  }
  // A PATCH of weights that must be refused and change nothing. Returns the detail.
  std::string Refused(int status, const AdminRequest& request) {
    const AdminResponse response = Send(request);
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(backend.writes, 0);
    return Detail(response);
  }

  FakeBackend backend;
  std::vector<json> events;
};

}  // namespace meridian
