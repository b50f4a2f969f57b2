// A large download whose region dies on the way goes on from the next one, byte for byte, or is visibly cut.
#include "integration/edge.h"
#include "support/chaos_gate.h"

namespace meridian::testing {
namespace {

constexpr size_t kWhole = 20 << 20;
constexpr size_t kBreaksAt = kWhole * 37 / 100;

class Resume : public ::testing::Test {
 protected:
  void SetUp() override { MERIDIAN_REQUIRE_TOOL("curl"); }

  // An origin that serves ranges of one object, as static file servers and object stores do.
  static ScriptedOrigin::Handler Store(std::string etag, std::shared_ptr<const std::string> object) {
    return [etag, object](const OriginRequest& request) {
      OriginReply reply;
      reply.headers.Add("etag", etag);
      const std::string range = request.headers.Get("range");
      if (range.empty() || request.headers.Get("if-range") != etag) {
        reply.body = *object;
        return reply;
      }
      const size_t first = std::stoul(range.substr(std::string("bytes=").size()));
      reply.status = 206;
      reply.body = object->substr(first);
      reply.headers.Add("content-range", "bytes " + std::to_string(first) + "-" + std::to_string(object->size() - 1) +
                                             "/" + std::to_string(object->size()));
      return reply;
    };
  }
  EdgeConfig Config() const {
    EdgeConfig config = ShopEdge({{kNear, gate_.url()}, {kMiddle, middle_.url()}});
    config.routes[0].resume = "true";
    return config;
  }

  const std::shared_ptr<const std::string> object_ = std::make_shared<const std::string>(PatternBytes(kWhole));
  ScriptedOrigin near_{kNear, Store("\"v1\"", object_)};
  ScriptedOrigin middle_{kMiddle, Store("\"v1\"", object_)};
  ChaosGate gate_{near_.port()};
};

TEST_F(Resume, ADownloadSurvivesTheDeathOfItsRegionByteForByte) {
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    for (const bool reset : {true, false}) {
      gate_.Set(GateMode::Pass());
      Edge edge(Config());
      near_.Forget();
      middle_.Forget();
      gate_.Set(GateMode::Cut(kBreaksAt, reset));
      const CurlResult answer = Curl({version, edge.url("/object")}, 60s);
      EXPECT_EQ(answer.exit_code, 0) << version << answer.err;
      EXPECT_EQ(answer.status, 200);
      EXPECT_TRUE(answer.body == *object_) << version << ": " << answer.body.size() << " bytes";
      EXPECT_EQ(near_.requests(), 1u);
      EXPECT_EQ(middle_.requests(), 1u) << "exactly one extra request";
      EXPECT_EQ(edge.MetricSum("meridian_resumes_total", {"result=\"resumed\""}), 1);
    }
  }
}

TEST_F(Resume, ADownloadWhoseOriginFallsSilentGoesOnWithinTwoSeconds) {
  near_.SetHandler([store = Store("\"v1\"", object_)](const OriginRequest& request) {
    OriginReply reply = store(request);
    reply.send_only = kBreaksAt;
    reply.after = OriginReply::After::kHang;
    return reply;
  });
  Edge edge(Config());
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    middle_.Forget();
    const auto begun = std::chrono::steady_clock::now();
    const CurlResult answer = Curl({version, edge.url("/object")}, 60s);
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_EQ(answer.exit_code, 0) << version << answer.err;
    EXPECT_TRUE(answer.body == *object_) << version << ": " << answer.body.size() << " bytes";
    EXPECT_LT(took, 2s) << version << ": it waited for the idle timeout";
    EXPECT_EQ(middle_.requests(), 1u);
  }
  EXPECT_EQ(edge.MetricSum("meridian_resumes_total", {"result=\"resumed\""}), 2);
}

TEST_F(Resume, AnObjectThatHasChangedIsCutAndNeverMixed) {
  middle_.SetHandler(Store("\"v2\"", std::make_shared<const std::string>(std::string(kWhole, 'x'))));
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    gate_.Set(GateMode::Pass());
    Edge edge(Config());
    gate_.Set(GateMode::Cut(kBreaksAt, false));
    const CurlResult answer = Curl({version, edge.url("/object")}, 60s);
    EXPECT_NE(answer.exit_code, 0) << version << ": a cut download must look cut";
    EXPECT_LT(answer.body.size(), kWhole);
    EXPECT_TRUE(object_->starts_with(answer.body)) << version << ": a correct prefix and nothing else";
    EXPECT_EQ(edge.MetricSum("meridian_resumes_total", {"result=\"refused\""}), 1);
  }
}

}  // namespace
}  // namespace meridian::testing
