// Weights of a split through the admin API: who may set them, on which base, and every slip in the body.
#include "control/admin_api_fixture.h"

namespace meridian {
namespace {

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

}  // namespace
}  // namespace meridian
