#include "control/admin_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "telemetry/log.h"

namespace meridian {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr char kSelf[] = "127.0.0.1:9901";
constexpr char kWeightsPath[] = "/v1/routes/shop-api/weights";
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

Status SomeWorld() {
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
  Status GetStatus() override { return status; }
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
  int writes = 0;
  std::string last_target, last_by;
  std::vector<uint32_t> last_weights;
  double last_dial = -1;
};

std::optional<std::string> HeaderOf(const AdminResponse& response, const std::string& name) {
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

TEST_F(AdminApi, LivezAnswersEvenWhileDraining) {
  backend.status.ready = false;
  backend.status.draining = true;
  const AdminResponse response = Get("/livez");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "ok\n");
}

TEST_F(AdminApi, ReadyzTurnsLoadBalancersAwayWhileStartingAndDrainingAndSaysWhy) {
  EXPECT_EQ(Get("/readyz").status, 200);
  backend.status.ready = false;
  AdminResponse response = Get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "starting\n");
  backend.status.draining = true;
  response = Get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "draining\n");
}

TEST_F(AdminApi, MetricsComeInThePrometheusTextFormat) {
  const AdminResponse response = Get("/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.body, "meridian_ready 1\n");
}

TEST_F(AdminApi, TheRootListsEveryEndpoint) {
  const AdminResponse response = Get("/");
  EXPECT_EQ(response.status, 200);
  for (const char* path : {"/livez", "/readyz", "/metrics", "/v1/status", "/v1/routes/{name}/weights",
                           "/v1/regions/{name}", "/v1/drills", "/v1/drills/{id}"}) {
    EXPECT_THAT(response.body, HasSubstr(path));
  }
}

TEST_F(AdminApi, StatusTellsTheWholeWorldAndNullForWhatIsNotMeasured) {
  const AdminResponse response = Get("/v1/status");
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  const json status = json::parse(response.body);
  EXPECT_EQ(status["edge"], "fra-1");
  EXPECT_EQ(status["version"], "0.1.0");
  EXPECT_EQ(status["snapshot"], 17);
  EXPECT_EQ(status["uptime_s"], 12.5);
  EXPECT_EQ(status["buffer_bytes"], 4096);
  EXPECT_EQ(status["overload_level"], 2);
  EXPECT_EQ(status["ready"], true);
  EXPECT_EQ(status["draining"], false);
  EXPECT_EQ(status["workers"], 2);
  EXPECT_EQ(status["regions"]["us-east-1"]["dial"], 0.5);
  const json& shop = status["services"]["shop"];
  EXPECT_EQ(shop["nearest"], json({"eu-west-1", "us-east-1"}));
  EXPECT_EQ(shop["failover"]["objective_s"], 6);
  EXPECT_EQ(shop["failover"]["worst_case"]["status"], json::parse(R"({"seconds": 1.1, "by_probes_s": null,
            "by_traffic_s": 1.1, "arithmetic": "5 failures in a row", "dominated_by": ""})"));
  EXPECT_EQ(shop["failover"]["events"], json::parse(R"([{"number": 3, "region": "us-east-1", "cause": "connect",
            "begin_unix_s": 1.7e9, "switch_s": 0.25, "last_affected_s": 0.5, "last_error_s": null, "duration_s": 0.5,
            "saved": 12, "lost": 0, "objective_s": 6.0, "kept": true, "ended": false}])"));
  EXPECT_TRUE(status["services"]["shop-v2"]["failover"]["objective_s"].is_null()) << "it promised nothing";
  EXPECT_EQ(shop["regions"]["eu-west-1"]["rtt_ms"], 12.5);
  EXPECT_EQ(shop["regions"]["us-east-1"]["rtt_ms"], nullptr);
  EXPECT_EQ(shop["regions"]["us-east-1"]["breaker"], "half_open");
  EXPECT_EQ(shop["regions"]["eu-west-1"]["origins"][0]["serving"], "up");
  EXPECT_EQ(shop["regions"]["eu-west-1"]["origins"][0]["rtt_ms"], nullptr);
  const json& route = status["routes"]["shop-api"];
  EXPECT_EQ(route["split"]["shop-v2"], json({{"weight", 1}, {"share", 0.01}}));
  EXPECT_EQ(route["match"], json({{"host", "shop.example"}, {"path", "/api/"}, {"path_exact", false}}));
  EXPECT_EQ(route["steer"], "nearest");
}

TEST_F(AdminApi, HeadIsAnsweredLikeGet) {
  const AdminResponse head = Send(Request("HEAD", kWeightsPath));
  const AdminResponse get = Get(kWeightsPath);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, get.body);  // the server leaves the body out
  EXPECT_EQ(HeaderOf(head, "ETag"), HeaderOf(get, "ETag"));
}

TEST_F(AdminApi, WeightsCanBeReadWithTheirVersion) {
  const AdminResponse response = Get(kWeightsPath);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(HeaderOf(response, "ETag"), "\"w3\"");
  EXPECT_EQ(json::parse(response.body), json::parse(R"({"route":"shop-api","weights":{"shop":99,"shop-v2":1},
                                                        "shares":{"shop":0.99,"shop-v2":0.01}})"));
  EXPECT_TRUE(events.empty());
}

TEST_F(AdminApi, NewWeightsAreAppliedInTheOrderOfTheSplitAndAnsweredWithTheNextVersion) {
  const AdminResponse response = Send(PatchWeights(R"({"weights":{"shop-v2":10,"shop":90}})"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(backend.last_target, "shop-api");
  EXPECT_EQ(backend.last_weights, (std::vector<uint32_t>{90, 10}));
  EXPECT_EQ(backend.last_by, "127.0.0.1:55555");
  EXPECT_EQ(HeaderOf(response, "ETag"), "\"w4\"");
  EXPECT_EQ(json::parse(response.body)["weights"], json({{"shop", 90}, {"shop-v2", 10}}));
  EXPECT_EQ(json::parse(response.body)["shares"], json({{"shop", 0.9}, {"shop-v2", 0.1}}));
}

TEST_F(AdminApi, PercentagesAreExactToOnePartInAMillion) {
  EXPECT_EQ(Send(PatchWeights(R"({"weights":{"shop":"99.9999%","shop-v2":"0.0001%"}})")).status, 200);
  EXPECT_EQ(backend.last_weights, (std::vector<uint32_t>{999'999, 1}));
}

TEST_F(AdminApi, AServiceCanBeSwitchedOffByWeightZeroAndTakeAllByTheLargest) {
  EXPECT_EQ(Send(PatchWeights(R"({"weights":{"shop":0,"shop-v2":1000000}})")).status, 200);
  EXPECT_EQ(backend.last_weights, (std::vector<uint32_t>{0, 1'000'000}));
}

TEST_F(AdminApi, EveryAcceptedWriteLeavesOneAuditLineWithWhoAndWhat) {
  Send(PatchWeights(R"({"weights":{"shop":90,"shop-v2":10}})"));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["event"], "admin_write_accepted");
  EXPECT_EQ(events[0]["by"], "127.0.0.1:55555");
  EXPECT_EQ(events[0]["path"], kWeightsPath);
  EXPECT_EQ(events[0]["change"], "shop 99 -> 90, shop-v2 1 -> 10");
}

TEST_F(AdminApi, EveryRefusedWriteLeavesOneAuditLineWhereverItFailed) {
  std::vector<AdminRequest> refused(7, PatchWeights(R"({"weights":{"shop":90,"shop-v2":10}})"));
  refused[0].host = "evil.example:9901";
  refused[1].path = "/v1/routes/nowhere/weights";
  refused[2].method = "DELETE";
  refused[3].content_type = "text/plain";
  refused[4].if_match = "";
  refused[5].if_match = "\"w2\"";
  refused[6].body = "{";
  const int statuses[] = {403, 404, 405, 415, 428, 412, 400};
  for (size_t i = 0; i < refused.size(); ++i) {
    EXPECT_EQ(Send(refused[i]).status, statuses[i]);
    ASSERT_EQ(events.size(), 1u) << i;
    EXPECT_EQ(events[0]["event"], "admin_write_refused");
    EXPECT_EQ(events[0]["by"], "127.0.0.1:55555");
    EXPECT_EQ(events[0]["status"], std::to_string(statuses[i]));
    EXPECT_FALSE(events[0]["why"].get<std::string>().empty());
  }
  EXPECT_EQ(backend.writes, 0);
}

TEST_F(AdminApi, AWriteThatDoesNotSayWhatItIsBasedOnIsRefused) {
  AdminRequest request = PatchWeights(R"({"weights":{"shop":90,"shop-v2":10}})");
  for (const char* if_match : {"", "  ", "*"}) {
    request.if_match = if_match;
    EXPECT_THAT(Refused(428, request), HasSubstr("If-Match"));
  }
}

TEST_F(AdminApi, AStaleWriteIsRefusedAndToldTheCurrentVersion) {
  AdminRequest request = PatchWeights(R"({"weights":{"shop":90,"shop-v2":10}})");
  for (const char* if_match : {"\"w2\"", "W/\"w3\"", "w3", "\"d3\"", "\"w3", "\"w2\", \"w4\"", "\"w33\""}) {
    request.if_match = if_match;
    const AdminResponse response = Send(request);
    EXPECT_EQ(response.status, 412) << if_match;
    EXPECT_EQ(HeaderOf(response, "ETag"), "\"w3\"");
  }
  EXPECT_EQ(backend.writes, 0);
}

TEST_F(AdminApi, OneOfSeveralTagsIsEnoughAsHttpSays) {
  AdminRequest request = PatchWeights(R"({"weights":{"shop":90,"shop-v2":10}})");
  request.if_match = "\"w1\" , \"w3\"";
  EXPECT_EQ(Send(request).status, 200);
}

TEST_F(AdminApi, OfTwoOperatorsWhoReadTheSameVersionOnlyTheFirstWins) {
  const AdminRequest request = PatchWeights(R"({"weights":{"shop":90,"shop-v2":10}})");
  EXPECT_EQ(Send(request).status, 200);
  EXPECT_EQ(Send(request).status, 412);
  EXPECT_EQ(backend.writes, 1);
}

TEST_F(AdminApi, OnlyJsonIsTakenSoThatNoHtmlFormCanWrite) {
  AdminRequest request = PatchWeights(R"({"weights":{"shop":90,"shop-v2":10}})");
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"}) {
    request.content_type = type;
    Refused(415, request);
  }
  request.content_type = "Application/JSON; charset=utf-8";
  EXPECT_EQ(Send(request).status, 200);
}

TEST_F(AdminApi, BodiesOverSixtyFourKibibytesAreRefused) {
  const std::string weights = R"({"weights":{"shop":90,"shop-v2":10}})";
  Refused(413, PatchWeights(weights + std::string(64 * 1024 + 1 - weights.size(), ' ')));
  EXPECT_EQ(Send(PatchWeights(weights + std::string(64 * 1024 - weights.size(), ' '))).status, 200);
}

TEST_F(AdminApi, WhatIsNoJsonIsRefused) {
  for (const std::string body :
       {"", "{", "weights", R"({"weights":{"shop":90,"shop-v2":10}} x)", R"({"weights":{"shop":90,}})", "{\"\xff\":1}",
        R"({"weights":{"shop":1e999,"shop-v2":1}})", R"({'weights':{}})", R"({"weights":{"shop":090,"shop-v2":1}})"}) {
    EXPECT_FALSE(Refused(400, PatchWeights(body)).empty()) << body;
  }
  Refused(400, PatchWeights(std::string(60'000, '[')));
}

TEST_F(AdminApi, DeeplyNestedJsonIsRefusedWithoutHarm) {
  Refused(422, PatchWeights(std::string(30'000, '[') + std::string(30'000, ']')));
  Refused(422, PatchWeights("{\"weights\":" + std::string(30'000, '[') + std::string(30'000, ']') + "}"));
  Refused(422, Patch("/v1/regions/eu-west-1", "\"d4\"",
                     "{\"dial\":" + std::string(30'000, '[') + std::string(30'000, ']') + "}"));
}

TEST_F(AdminApi, AMemberThatIsThereTwiceIsRefusedAndNotSettledByChance) {
  EXPECT_THAT(Refused(400, PatchWeights(R"({"weights":{"shop":90,"shop-v2":10,"shop":0}})")), HasSubstr("'shop'"));
  EXPECT_THAT(Refused(400, PatchWeights(R"({"weights":{},"weights":{"shop":90,"shop-v2":10}})")),
              HasSubstr("'weights'"));
  EXPECT_THAT(Refused(400, PatchWeights("{\"weights\":{\"shop\":90,\"sh\\u006fp\":1,\"shop-v2\":10}}")),
              HasSubstr("'shop'"));
}

TEST_F(AdminApi, AMissingServiceIsNamed) {
  EXPECT_THAT(Refused(422, PatchWeights(R"({"weights":{"shop":90}})")), HasSubstr("'shop-v2' is missing"));
  EXPECT_THAT(Refused(422, PatchWeights(R"({"weights":{}})")), HasSubstr("'shop' is missing"));
}

TEST_F(AdminApi, AMisspeltServiceIsNamedWithTheOneThatWasMeant) {
  const std::string detail = Refused(422, PatchWeights(R"({"weights":{"shop":90,"shop-v3":10}})"));
  EXPECT_THAT(detail, HasSubstr("'shop-v3'"));
  EXPECT_THAT(detail, HasSubstr("did you mean 'shop-v2'?"));
}

TEST_F(AdminApi, MembersThatWouldBeIgnoredAreRefused) {
  EXPECT_THAT(Refused(422, PatchWeights(R"({"weigths":{"shop":90,"shop-v2":10}})")),
              HasSubstr("did you mean 'weights'?"));
  EXPECT_THAT(Refused(422, PatchWeights(R"({"weights":{"shop":90,"shop-v2":10},"ttl":"1h"})")), HasSubstr("'ttl'"));
}

TEST_F(AdminApi, WeightsOfTheWrongKindAreRefusedWithTheServiceNamed) {
  for (const char* weight : {"-1", "1.5", "1e2", "1000001", "18446744073709551616", "true", "null", "[]", "\"90\"",
                             "\"101%\"", "\"-1%\"", "\"0.00001%\"", "\"%\"", "\"\""}) {
    EXPECT_THAT(Refused(422, PatchWeights(R"({"weights":{"shop":1,"shop-v2":)" + std::string(weight) + "}}")),
                HasSubstr("'shop-v2'"))
        << weight;
  }
  Refused(422, PatchWeights("[]"));
  Refused(422, PatchWeights(R"({"weights":[90,10]})"));
}

TEST_F(AdminApi, PercentagesMustAddUpAndNotBeMixedWithPlainWeights) {
  EXPECT_THAT(Refused(422, PatchWeights(R"({"weights":{"shop":"90%","shop-v2":"9%"}})")), HasSubstr("99%"));
  EXPECT_THAT(Refused(422, PatchWeights(R"({"weights":{"shop":"90%","shop-v2":10}})")), HasSubstr("percentages"));
}

TEST_F(AdminApi, ARouteIsNeverLeftWithoutAnyService) {
  EXPECT_THAT(Refused(422, PatchWeights(R"({"weights":{"shop":0,"shop-v2":0}})")), HasSubstr("0"));
}

TEST_F(AdminApi, AnUnknownRouteIsNotFoundAndTheNearOneSuggested) {
  const AdminResponse response = Get("/v1/routes/shop-apo/weights");
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(Detail(response), HasSubstr("did you mean 'shop-api'?"));
}

TEST_F(AdminApi, PathsThatAreNotThereAreNotFound) {
  for (const char* path :
       {"/v1/routes/shop-api", "/v1/routes//weights", "/v1/routes/weights", "/v1/routes/a/b/weights", "/v1/regions/",
        "/v1/regions/x/y", "/v2/status", "/livez/", "", "//", "/V1/status", "/v1/routes/\xff\"/weights"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

TEST_F(AdminApi, AWrongMethodIsToldTheRightOnes) {
  AdminResponse response = Send(Request("POST", "/v1/status"));
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(HeaderOf(response, "Allow"), "GET, HEAD");
  for (const char* method : {"PUT", "POST", "DELETE", "OPTIONS", "get"}) {
    response = Send(Request(method, kWeightsPath));
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(HeaderOf(response, "Allow"), "GET, HEAD, PATCH");
  }
}

TEST_F(AdminApi, AWebPageThatRebindsItsNameToThisMachineGetsNothing) {
  for (const char* host : {"evil.example", "evil.example:9901", "127.0.0.1.evil.example:9901", "localhost:9902",
                           "127.0.0.1", "localhost", "", "127.0.0.1:9901:9901", "[::1]", "0.0.0.0:9901"}) {
    for (const char* path : {"/v1/status", "/metrics", "/livez", kWeightsPath, "/nothing"}) {
      AdminRequest request = Request("GET", path);
      request.host = host;
      EXPECT_EQ(Send(request).status, 403) << host << " " << path;
    }
  }
}

TEST_F(AdminApi, EveryLoopbackNameWithTheRightPortIsWelcome) {
  for (const char* host : {"127.0.0.1:9901", "localhost:9901", "LocalHost:9901", "[::1]:9901"}) {
    AdminRequest request = Request("GET", "/v1/status");
    request.host = host;
    EXPECT_EQ(Send(request).status, 200) << host;
  }
  AdminRequest request = Request("GET", "/v1/status");
  request.host = "localhost";
  EXPECT_EQ(Send(request, "127.0.0.1:80").status, 200);
  request.host = "[::1]";
  EXPECT_EQ(Send(request, "[::1]:80").status, 200);
}

TEST_F(AdminApi, ForeignPagesCanNeitherReadNorWrite) {
  AdminRequest read = Request("GET", "/v1/status");
  AdminRequest write = PatchWeights(R"({"weights":{"shop":90,"shop-v2":10}})");
  for (const char* origin : {"https://evil.example", "null", "http://localhost:9902", "http://localhost",
                             "http://127.0.0.1:9901.evil.example", "https://127.0.0.1:9901"}) {
    read.origin = write.origin = origin;
    EXPECT_EQ(Send(read).status, 403) << origin;
    Refused(403, write);
  }
  read.origin = write.origin = "http://localhost:9901";
  EXPECT_EQ(Send(read).status, 200);
  EXPECT_EQ(Send(write).status, 200);
}

TEST_F(AdminApi, ChecksGoFromTheOutsideIn) {
  AdminRequest request = Request("PUT", "/nothing");
  request.host = "evil.example";
  request.body = "{";
  EXPECT_EQ(Send(request).status, 403);
  request.host = kSelf;
  EXPECT_EQ(Send(request).status, 404);
  request.path = kWeightsPath;
  EXPECT_EQ(Send(request).status, 405);
  request.method = "PATCH";
  EXPECT_EQ(Send(request).status, 415);
  request.content_type = "application/json";
  EXPECT_EQ(Send(request).status, 428);
  request.if_match = "\"w1\"";
  EXPECT_EQ(Send(request).status, 412);
  request.if_match = "\"w3\"";
  EXPECT_EQ(Send(request).status, 400);
}

TEST_F(AdminApi, ARegionCanBeReadAndDialled) {
  AdminResponse response = Get("/v1/regions/eu-west-1");
  EXPECT_EQ(HeaderOf(response, "ETag"), "\"d4\"");
  EXPECT_EQ(json::parse(response.body), json({{"region", "eu-west-1"}, {"dial", 1.0}}));
  response = Send(Patch("/v1/regions/eu-west-1", "\"d4\"", R"({"dial":"12.5%"})"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(HeaderOf(response, "ETag"), "\"d5\"");
  EXPECT_EQ(json::parse(response.body), json({{"region", "eu-west-1"}, {"dial", 0.125}}));
  EXPECT_EQ(backend.last_target, "eu-west-1");
  EXPECT_EQ(backend.last_dial, 0.125);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["change"], "dial 100% -> 12.5%");
}

TEST_F(AdminApi, ADialIsANumberFromZeroToOneOrAPercentage) {
  for (const auto& [text, dial] : std::map<std::string, double>{{"0", 0}, {"1", 1}, {"0.25", 0.25}, {"\"0%\"", 0}}) {
    backend.status.regions[0].dial_version = 4;
    EXPECT_EQ(Send(Patch("/v1/regions/eu-west-1", "\"d4\"", "{\"dial\":" + text + "}")).status, 200) << text;
    EXPECT_EQ(backend.last_dial, dial);
  }
  backend.status.regions[0].dial_version = 4;
  backend.writes = 0;
  for (const char* text : {"50", "-0.1", "1.0001", "\"0.5\"", "\"101%\"", "null", "true", "{}"}) {
    const std::string body = "{\"dial\":" + std::string(text) + "}";
    EXPECT_FALSE(Refused(422, Patch("/v1/regions/eu-west-1", "\"d4\"", body)).empty()) << text;
  }
}

TEST_F(AdminApi, RegionsAreGuardedLikeRoutes) {
  const std::string path = "/v1/regions/eu-west-1";
  Refused(428, Patch(path, "", R"({"dial":"0%"})"));
  Refused(412, Patch(path, "\"d3\"", R"({"dial":"0%"})"));
  Refused(400, Patch(path, "\"d4\"", R"({"dial":"0%","dial":"100%"})"));
  EXPECT_THAT(Refused(404, Patch("/v1/regions/eu-west-2", "\"d4\"", R"({"dial":"0%"})")),
              HasSubstr("did you mean 'eu-west-1'?"));
}

// ---- drills --------------------------------------------------------------------------------------------------------

class AdminDrills : public AdminApi {
 protected:
  AdminResponse Post(const std::string& body, const std::string& type = "application/json") {
    AdminRequest request = Request("POST", "/v1/drills");
    request.content_type = type;
    request.body = body;
    return HandleAdmin(backend, kSelf, request);
  }
};

TEST_F(AdminDrills, ADrillIsStartedListedShownAndCancelled) {
  const std::string region = backend.status.regions[0].name;
  const AdminResponse started = Post("{\"region\":\"" + region +
                                     "\",\"kind\":\"hang\",\"share\":\"25%\",\"for\":\"90s\",\"delay\":\"2s\","
                                     "\"abort_after\":5,\"force\":true}");
  ASSERT_EQ(started.status, 201) << started.body;
  EXPECT_EQ(HeaderOf(started, "Location"), "/v1/drills/7");
  EXPECT_EQ(backend.last_drill.region, region);
  EXPECT_EQ(backend.last_drill.kind, DrillKind::kHang);
  EXPECT_DOUBLE_EQ(backend.last_drill.share, 0.25);
  EXPECT_EQ(backend.last_drill.length, 90s);
  EXPECT_EQ(backend.last_drill.delay, 2s);
  EXPECT_EQ(backend.last_drill.abort_after, 5u);
  EXPECT_TRUE(backend.last_drill.force);
  EXPECT_THAT(Get("/v1/drills").body, HasSubstr("\"id\":7"));
  EXPECT_THAT(Get("/v1/drills/7").body, HasSubstr("\"state\":\"running\""));
  EXPECT_THAT(Get("/v1/status").body, HasSubstr("\"drills\""));
  const AdminResponse cancelled = HandleAdmin(backend, kSelf, Request("DELETE", "/v1/drills/7"));
  EXPECT_EQ(cancelled.status, 200);
  EXPECT_THAT(cancelled.body, HasSubstr("\"state\":\"cancelled\""));
  EXPECT_EQ(HandleAdmin(backend, kSelf, Request("DELETE", "/v1/drills/7")).status, 409) << "it is over";
  EXPECT_EQ(Get("/v1/drills/8").status, 404);
}

TEST_F(AdminDrills, WhatMakesNoSenseIsRefusedWithItsReason) {
  const std::string region = "\"region\":\"" + backend.status.regions[0].name + "\"";
  const std::pair<std::string, std::string> cases[] = {
      {"{}", "'region' is missing"},
      {"{" + region + "}", "'kind' is missing"},
      {"{" + region + ",\"kind\":\"fire\"}", "'kind' must be"},
      {"{\"region\":\"nowhere\",\"kind\":\"503\"}", "no region 'nowhere'"},
      {"{" + region + ",\"kind\":\"503\",\"share\":\"0%\"}", "above 0%"},
      {"{" + region + ",\"kind\":\"503\",\"share\":\"101%\"}", "100%"},
      {"{" + region + ",\"kind\":\"503\",\"for\":\"2h\"}", "'for' must be within 1s and 1h"},
      {"{" + region + ",\"kind\":\"503\",\"for\":60}", "text in quotes"},
      {"{" + region + ",\"kind\":\"503\",\"abort_after\":0}", "above 0"},
      {"{" + region + ",\"kind\":\"503\",\"force\":\"yes\"}", "true or false"},
      {"{" + region + ",\"kind\":\"503\",\"four\":\"1s\"}", "did you mean 'for'?"},
  };
  for (const auto& [body, why] : cases) {
    const AdminResponse response = Post(body);
    EXPECT_EQ(response.status, 422) << body;
    EXPECT_THAT(response.body, HasSubstr(why)) << body;
  }
  EXPECT_EQ(Post("{" + region + ",\"kind\":\"503\"}", "text/plain").status, 415);
  backend.refuse_drills = "service 'shop' has no other region that could take over now";
  const AdminResponse refused = Post("{" + region + ",\"kind\":\"503\"}");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("no other region"));
  EXPECT_EQ(backend.writes, 0);
}

TEST_F(AdminDrills, AForeignPageStartsNone) {
  AdminRequest request = Request("POST", "/v1/drills");
  request.origin = "https://evil.example";
  request.content_type = "application/json";
  request.body = "{\"region\":\"" + backend.status.regions[0].name + "\",\"kind\":\"503\"}";
  EXPECT_EQ(HandleAdmin(backend, kSelf, request).status, 403);
  EXPECT_EQ(backend.writes, 0);
}

}  // namespace
}  // namespace meridian
