// What the origin is asked for is what was routed, however the client spelled it.
#include "integration/edge.h"

namespace meridian::testing {
namespace {

class Paths : public ::testing::Test {
 protected:
  static ScriptedOrigin::Handler Echo(std::string service) {
    return [service](const OriginRequest& request) {
      OriginReply reply{.body = service + " " + request.target};
      return reply;
    };
  }
  EdgeConfig Config(const std::string& extra) {
    EdgeConfig config;
    config.services = {{.name = "web", .origins = {{kNear, web_.url()}}},
                       {.name = "inner", .origins = {{kNear, inner_.url()}}}};
    config.routes = {{.name = "all", .split = "web: 1"},
                     {.name = "inner", .match = "{ path: /inner/ }", .split = "inner: 1"}};
    config.extra = extra;
    return config;
  }
  // With curl's own tidying switched off.
  static std::string Get(const Edge& edge, const std::string& target, const std::string& version = "--http1.1") {
    const CurlResult result =
        Curl({"--path-as-is", "-g", version, "http://127.0.0.1:" + std::to_string(edge.port()) + target});
    return result.status == 200 ? result.body : std::to_string(result.status);
  }
  ScriptedOrigin web_{kNear, Echo("web")};
  ScriptedOrigin inner_{kNear, Echo("inner")};
};

TEST_F(Paths, EverySpellingOfAPathIsRoutedAndForwardedAsOne) {
  const Edge edge(Config(""));
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    for (const char* path : {"/inner/x", "//inner//x", "/a/../inner/x", "/%69nner/x", "/a/%2e%2E/inner/./x"}) {
      EXPECT_EQ(Get(edge, path, version), "inner /inner/x") << path;
    }
    EXPECT_EQ(Get(edge, "/inner/../x?a=/..//b", version), "web /x?a=/..//b");
    EXPECT_EQ(Get(edge, "/group%2fproject", version), "web /group%2Fproject");
    for (const char* path : {"/../inner/x", "/x/..%2finner/x", "/a%00", "/a%zz", "/a\\..\\inner"}) {
      EXPECT_EQ(Get(edge, path, version), "400") << path;
    }
  }
  EXPECT_GE(edge.MetricSum("meridian_refused_paths_total"), 10);
}

TEST_F(Paths, NoOtherSpellingPassesAGuard) {
  EdgeConfig config = Config("");
  for (const char* guarded : {"/@admin", "/v1:run", "/a|b", "/a+b", "/a;b", "/caf%C3%A9"}) {
    config.routes.push_back({.name = "g" + std::to_string(config.routes.size()),
                             .match = "{ path: '" + std::string(guarded) + "' }",
                             .split = "inner: 1"});
  }
  config.routes.push_back({.name = "regex", .match = "{ path_regex: '/x[|]y.*' }", .split = "inner: 1"});
  const Edge edge(config);
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    EXPECT_EQ(Get(edge, "/%40admin/x", version), "inner /@admin/x");
    EXPECT_EQ(Get(edge, "/v1%3Arun", version), "inner /v1:run");
    EXPECT_EQ(Get(edge, "/v1%3arun", version), "inner /v1:run");
    EXPECT_EQ(Get(edge, "/a%7Cb", version), "inner /a%7Cb");
    EXPECT_EQ(Get(edge, "/a|b", version), "inner /a%7Cb");
    EXPECT_EQ(Get(edge, "/a%2bb", version), "inner /a%2Bb") << "an origin may tell them apart";
    EXPECT_EQ(Get(edge, "/a+b", version), "inner /a+b");
    EXPECT_EQ(Get(edge, "/a%3Bb", version), "inner /a%3Bb");
    EXPECT_EQ(Get(edge, "/caf%c3%a9", version), "inner /caf%C3%A9");
    EXPECT_EQ(Get(edge, "/x%7Cy", version), "inner /x%7Cy");
  }
  const CurlResult other_host = Curl({"-H", "Host: %61.test", "http://127.0.0.1:" + std::to_string(edge.port()) + "/"});
  EXPECT_EQ(other_host.status, 400) << "hosts have one spelling, too";
}

TEST_F(Paths, StrictRefusesEncodedSlashesAndAsIsTakesAll) {
  const Edge strict(Config("paths: strict\n"));
  EXPECT_EQ(Get(strict, "/group%2fproject"), "400");
  EXPECT_EQ(Get(strict, "/a/./b"), "web /a/b");
  const Edge as_is(Config("paths: as_is\n"));
  for (const char* key : {"/bucket//a/../b", "/inner%2f..", "/%41%zz"}) {
    EXPECT_EQ(Get(as_is, key), "web " + std::string(key));
  }
}

}  // namespace
}  // namespace meridian::testing
