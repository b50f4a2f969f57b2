// The admin API: what it shows, whom it answers, and the dials of regions.
#include "control/admin_api_fixture.h"

namespace meridian {
namespace {

TEST_F(AdminApi, ReadinessIsAskedOftenAndCostsNoStatus) {
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_EQ(Get("/livez").status, 200);
  EXPECT_EQ(backend.statuses, 0);
  EXPECT_EQ(Get("/v1/status").status, 200);
  EXPECT_EQ(backend.statuses, 1);
}

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

}  // namespace
}  // namespace meridian
