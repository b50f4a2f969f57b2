// A request that must not run twice does not run twice: executions are counted where they happen, at the origins.
#include <map>

#include "integration/edge.h"
#include "support/chaos_gate.h"

namespace meridian::testing {
namespace {

class UnsafeMethods : public ::testing::Test {
 protected:
  static ScriptedOrigin::Handler Always(OriginReply reply) {
    return [reply](const OriginRequest&) { return reply; };
  }
  EdgeConfig Config() const {
    EdgeConfig config = ShopEdge({{kNear, gate_.url()}, {kMiddle, middle_.url()}});
    config.services[0].timeouts = "{ connect: 500ms, request: 1s, idle: 5s }";
    return config;
  }
  // One request with a body, from a client of either version.
  static CurlResult Send(const Edge& edge, const std::string& version, const std::string& method,
                         const std::string& body = "order=1") {
    const TempDir dir;
    WriteFile(dir.File("body"), body);
    return Curl({version, "-X", method, "-H", "expect:", "--data-binary", "@" + dir.File("body"), edge.url("/orders")});
  }
  uint64_t Executions() const { return near_.requests() + middle_.requests(); }
  void ForgetAll() {
    near_.Forget();
    middle_.Forget();
  }

  ScriptedOrigin near_{kNear, ScriptedOrigin::Friendly()};
  ScriptedOrigin middle_{kMiddle, ScriptedOrigin::Friendly()};
  ChaosGate gate_{near_.port()};
};

TEST_F(UnsafeMethods, APostThatDiedAfterItWasReceivedIsA502AndRanOnce) {
  MERIDIAN_REQUIRE_TOOL("curl");
  for (const auto after : {OriginReply::After::kReset, OriginReply::After::kClose}) {
    near_.SetHandler(Always({.silent = true, .after = after}));
    for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
      Edge edge(Config());
      ForgetAll();
      const CurlResult answer = Send(edge, version, "POST");
      EXPECT_EQ(answer.status, 502) << version << answer.err;
      EXPECT_TRUE(answer.headers.Has("proxy-status"));
      EXPECT_EQ(Executions(), 1u) << version;
    }
  }
}

TEST_F(UnsafeMethods, APostThatIsNeverAnsweredIsA504AndRanOnce) {
  MERIDIAN_REQUIRE_TOOL("curl");
  near_.SetHandler(Always({.silent = true, .after = OriginReply::After::kHang}));
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    Edge edge(Config());
    ForgetAll();
    const CurlResult answer = Send(edge, version, "POST");
    EXPECT_EQ(answer.status, 504) << version << answer.err;
    EXPECT_EQ(Executions(), 1u) << version;
  }
}

TEST_F(UnsafeMethods, AFailureStatusForAPostIsPassedOn) {
  MERIDIAN_REQUIRE_TOOL("curl");
  near_.SetHandler(Always({.status = 503, .body = "busy\n"}));
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    Edge edge(Config());
    ForgetAll();
    const CurlResult answer = Send(edge, version, "POST");
    EXPECT_EQ(answer.status, 503) << version << answer.err;
    EXPECT_EQ(answer.body, "busy\n");
    EXPECT_EQ(Executions(), 1u) << version;
  }
}

TEST_F(UnsafeMethods, APostThatNeverLeftMovesOnAndRunsOnce) {
  MERIDIAN_REQUIRE_TOOL("curl");
  const std::string large = PatternBytes(1u << 20);
  for (const std::string& body : {std::string("order=1"), large}) {
    for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
      gate_.Set(GateMode::Pass());
      Edge edge(Config());
      ForgetAll();
      gate_.Set(GateMode::Refuse());  // the edge still believes in the region
      const CurlResult answer = Send(edge, version, "POST", body);
      EXPECT_EQ(answer.status, 200) << version << answer.err;
      EXPECT_EQ(answer.headers.Get("x-region"), kMiddle);
      ASSERT_EQ(Executions(), 1u) << version;
      EXPECT_TRUE(middle_.Received()[0].body == body) << version;
    }
  }
}

TEST_F(UnsafeMethods, IdempotentRequestsWithoutABodyDoMoveOn) {
  MERIDIAN_REQUIRE_TOOL("curl");
  near_.SetHandler(Always({.silent = true, .after = OriginReply::After::kReset}));
  for (const char* method : {"GET", "HEAD", "DELETE", "OPTIONS"}) {
    Edge edge(Config());
    ForgetAll();
    // With -X HEAD curl would wait for a body.
    const bool head = std::string(method) == "HEAD";
    const CurlResult answer = Curl(head ? std::vector<std::string>{"--head", edge.url("/orders/1")}
                                        : std::vector<std::string>{"-X", method, edge.url("/orders/1")});
    EXPECT_EQ(answer.status, 200) << method << answer.err;
    EXPECT_EQ(near_.requests(), 1u) << method;
    EXPECT_EQ(middle_.requests(), 1u) << method;
  }
}

// The race of every keep-alive client: the origin closes an idle connection while the next request is on its way. The
// edge either sees the FIN in time or has the proof that the request was not seen: every POST is answered, none twice.
TEST_F(UnsafeMethods, StaleConnectionsNeitherDoubleAPostNorLoseIt) {
  near_.SetHandler([](const OriginRequest& request) {
    // Answered as if the connection stayed, then closed without a word.
    return OriginReply{.body = request.body, .after = OriginReply::After::kClose};
  });
  // No gate in between: it would acknowledge what the origin never sees.
  Edge edge(ShopEdge({{kNear, near_.url()}, {kMiddle, middle_.url()}}));
  ForgetAll();
  Http1Client client(edge.port());
  for (int i = 0; i < 100; ++i) {
    const uint64_t closed = near_.closed_by_reply();
    const HttpResponse answer =
        client.Do({.method = "POST", .target = "/orders", .body = "order=" + std::to_string(i)});
    ASSERT_EQ(answer.status, 200) << "request " << i << ": " << answer.error;
    // Before the origin has called close() it may still receive what it will never read: nobody can prove anything
    // then.
    ASSERT_TRUE(Eventually([&] { return near_.closed_by_reply() > closed; }, 5s, 0ms));
  }
  std::map<std::string, int> executions;
  for (const ScriptedOrigin* origin : {&near_, &middle_}) {
    for (const OriginRequest& request : origin->Received()) ++executions[request.body];
  }
  EXPECT_EQ(executions.size(), 100u);
  for (const auto& [body, count] : executions) EXPECT_EQ(count, 1) << body << " ran more than once";
}

}  // namespace
}  // namespace meridian::testing
