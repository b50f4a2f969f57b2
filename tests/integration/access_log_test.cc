// The access log: one line of JSON per request that tells the whole story, and keeps secrets.
#include "integration/edge.h"

namespace meridian::testing {
namespace {

using nlohmann::json;

class AccessLog : public ::testing::Test {
 protected:
  ScriptedOrigin near_{kNear, ScriptedOrigin::Friendly()};
  ScriptedOrigin middle_{kMiddle, ScriptedOrigin::Friendly()};
  Edge edge_{ShopEdge({{kNear, near_.url()}, {kMiddle, middle_.url()}})};
};

TEST_F(AccessLog, OneLineTellsWhoAskedForWhatAndWhoAnswered) {
  Http1Client client(edge_.port());
  const HttpResponse answer = client.Do({.method = "POST",
                                         .target = "/orders/7?card=4111",
                                         .headers = {{"authorization", "Bearer s3cret-token"},
                                                     {"cookie", "session=s3cret-cookie"},
                                                     {"x-request-id", "req-1"}},
                                         .body = "s3cret-body"});
  ASSERT_EQ(answer.status, 200);
  const std::vector<json> log = edge_.WaitForAccessLog(1);
  ASSERT_EQ(log.size(), 1u);
  const json& line = log[0];
  EXPECT_EQ(line.value("method", ""), "POST");
  EXPECT_EQ(line.value("path", ""), "/orders/7") << "the query stays out";
  EXPECT_EQ(line.value("authority", ""), "shop.example");
  EXPECT_EQ(line.value("protocol", ""), "HTTP/1.1");
  EXPECT_EQ(line.value("request_id", ""), "req-1");
  EXPECT_EQ(line.value("route", ""), "all");
  EXPECT_EQ(line.value("service", ""), "shop");
  EXPECT_EQ(line.value("region", ""), kNear);
  EXPECT_EQ(line.value("status", 0), 200);
  EXPECT_EQ(line.value("end", ""), "complete");
  EXPECT_EQ(line.value("bytes_in", 0), 11);
  EXPECT_EQ(line.value("bytes_out", 0), 6);
  EXPECT_TRUE(line.value("client", "").starts_with("127.0.0.1"));
  EXPECT_GT(line.value("duration_ms", 0.0), 0.0);
  ASSERT_EQ(line.at("attempts").size(), 1u);
  EXPECT_EQ(line.at("/attempts/0/region"_json_pointer), kNear);
  EXPECT_EQ(line.at("/attempts/0/origin"_json_pointer), near_.url());
  EXPECT_EQ(line.at("/attempts/0/status"_json_pointer), 200);
  for (const char* secret : {"s3cret-token", "s3cret-cookie", "s3cret-body", "4111"}) {
    EXPECT_EQ(line.dump().find(secret), std::string::npos) << secret;
  }
}

TEST_F(AccessLog, AFailoverShowsEveryAttemptWithItsOutcome) {
  near_.SetHandler([](const OriginRequest& request) {
    if (request.target == "/503") return OriginReply{.status = 503};
    return OriginReply{.silent = true, .after = OriginReply::After::kReset};
  });
  Http1Client client(edge_.port());
  ASSERT_EQ(client.Get("/503").status, 200);
  ASSERT_EQ(client.Get("/reset").status, 200);
  const std::vector<json> log = edge_.WaitForAccessLog(2);
  ASSERT_EQ(log.size(), 2u);
  for (const json& line : log) {
    EXPECT_EQ(line.value("status", 0), 200);
    EXPECT_EQ(line.value("region", ""), kMiddle);
    // A reset on a kept connection may mean that it was stale: the region gets a second chance on a new one.
    const size_t attempts = line.at("attempts").size();
    ASSERT_GE(attempts, 2u) << line.dump();
    ASSERT_LE(attempts, 3u) << line.dump();
    const json& first = line.at("/attempts/0"_json_pointer);
    EXPECT_EQ(first.value("region", ""), kNear);
    if (line.value("path", "") == "/503") {
      EXPECT_EQ(first.value("status", 0), 503);
    } else {
      EXPECT_FALSE(first.value("error", "").empty()) << line.dump();
    }
    const json& second = line.at("attempts").back();
    EXPECT_EQ(second.value("region", ""), kMiddle);
    EXPECT_EQ(second.value("status", 0), 200);
    EXPECT_EQ(second.value("error", ""), "");
  }
}

TEST_F(AccessLog, AClientThatLeavesIsRecordedAsSuch) {
  near_.SetHandler(
      [](const OriginRequest&) { return OriginReply{.silent = true, .after = OriginReply::After::kHang}; });
  const auto connection = Connection::Open(edge_.port());
  ASSERT_TRUE(connection->Send("GET /never HTTP/1.1\r\nhost: shop.example\r\n\r\n", Deadline(2s)));
  ASSERT_TRUE(Eventually([&] { return near_.requests() == 1; }, 3s));
  connection->CloseWithReset();
  const std::vector<json> log = edge_.WaitForAccessLog(1);
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].value("end", ""), "client_reset") << log[0].dump();
}

TEST_F(AccessLog, HostileTextCannotForgeALine) {
  Http1Client client(edge_.port());
  client.Do({.target = "/a\"},{%0a", .headers = {{"x-request-id", "\"}\\u000a{"}}});
  const std::vector<json> log = edge_.WaitForAccessLog(1);
  EXPECT_EQ(log.size(), 1u) << "one request, one line, and it parses";
}

TEST_F(AccessLog, StateChangesAreInTheEventLogAndRequestsAreNot) {
  Http1Client client(edge_.port());
  near_.SetHealth(503);
  EXPECT_TRUE(Eventually([&] { return edge_.RegionStatus(kNear).value("breaker", "") == "open"; }, 5s, 20ms));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.Get("/item").status, 200);
  bool told = false;
  for (const json& event : edge_.Events()) told = told || event.dump().find(kNear) != std::string::npos;
  EXPECT_TRUE(told) << "nothing about the lost region:\n" << edge_.EventText();
  EXPECT_EQ(edge_.EventText().find("/item"), std::string::npos);
}

}  // namespace
}  // namespace meridian::testing
