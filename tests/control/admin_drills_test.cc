// Drills through the admin API.
#include "control/admin_api_fixture.h"

namespace meridian {
namespace {

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
