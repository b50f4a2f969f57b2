// What was cut off looks cut off: a client must never take half an answer for a whole one.
#include <memory>

#include "integration/edge.h"
#include "support/certificates.h"
#include "support/chaos_gate.h"

namespace meridian::testing {
namespace {

constexpr size_t kWhole = 300'000;
constexpr size_t kSent = 100'000;

// curl: 18 partial file, 56 receive failure, 92 HTTP/2 stream error.
bool SaysCut(const CurlResult& result) {
  return result.exit_code == 18 || result.exit_code == 56 || result.exit_code == 92;
}

class Truncation : public ::testing::Test {
 protected:
  void SetUp() override { MERIDIAN_REQUIRE_TOOL("curl"); }

  OriginReply Reply(const OriginRequest& request) const {
    OriginReply reply{.body = PatternBytes(kWhole), .send_only = static_cast<int64_t>(kSent)};
    reply.chunked = request.target.find("chunked") != std::string::npos;
    const bool reset = request.target.find("reset") != std::string::npos;
    reply.after = reset ? OriginReply::After::kReset : OriginReply::After::kClose;
    return reply;
  }
  std::vector<CurlResult> FromBothVersions(const std::string& path) {
    std::vector<CurlResult> results;
    for (const char* version : {"--http1.1", "--http2"}) {
      results.push_back(Curl(
          {version, "--cacert", authority_.ca_file(), "https://127.0.0.1:" + std::to_string(edge_->port()) + path}));
    }
    return results;
  }
  void StartEdge(const std::string& origin) {
    EdgeConfig config = ShopEdge({{kNear, origin}});
    config.listeners = {{authority_.Issue("edge", KeyKind::kEcdsa, {"127.0.0.1"})}};
    config.services[0].timeouts = "{ connect: 500ms, request: 3s, idle: 600ms }";
    edge_ = std::make_unique<Edge>(config);
  }

  TempDir dir_;
  TestCertificates authority_{dir_};
  ScriptedOrigin origin_{kNear, [this](const OriginRequest& request) { return Reply(request); }};
  std::unique_ptr<Edge> edge_;
};

TEST_F(Truncation, ABodyThatEndsTooSoonIsVisiblyCut) {
  for (const char* path : {"/length-close", "/length-reset", "/chunked-close", "/chunked-reset"}) {
    StartEdge(origin_.url());
    for (const CurlResult& result : FromBothVersions(path)) {
      // A reset may overtake the bytes before it; then nothing was promised yet and an error is the honest answer.
      const bool refused = std::string(path).ends_with("reset") && result.status == 502;
      EXPECT_TRUE(refused || (result.status == 200 && SaysCut(result)))
          << path << " over HTTP/" << result.http_version << ": status " << result.status << ", curl's exit code "
          << result.exit_code;
      EXPECT_FALSE(result.body == PatternBytes(kWhole));
      EXPECT_LE(result.downloaded, kSent);
    }
  }
}

TEST_F(Truncation, ABodyThatStallsIsCutAfterTheIdleTimeout) {
  origin_.SetHandler([](const OriginRequest&) {
    return OriginReply{.body = PatternBytes(kWhole), .send_only = kSent, .after = OriginReply::After::kHang};
  });
  StartEdge(origin_.url());
  for (const CurlResult& result : FromBothVersions("/stalls")) {
    EXPECT_TRUE(SaysCut(result)) << result.http_version << ": " << result.exit_code << result.err;
  }
}

TEST_F(Truncation, AResetEndsABodyWithoutLengthVisibly) {
  origin_.SetHandler([](const OriginRequest&) {
    return OriginReply{.raw = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + PatternBytes(kSent),
                       .after = OriginReply::After::kHang};
  });
  ChaosGate gate(origin_.port());
  StartEdge(gate.url());
  gate.Set(GateMode::Cut(50'000));
  for (const CurlResult& result : FromBothVersions("/until-close")) {
    EXPECT_TRUE(SaysCut(result)) << result.http_version << ": " << result.exit_code << result.err;
  }
}

TEST_F(Truncation, BytesBeyondTheAnnouncedLengthReachNobody) {
  origin_.SetHandler([](const OriginRequest&) {
    return OriginReply{.raw =
                           "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello HTTP/1.1 200 OK\r\ncontent-length: "
                           "4\r\n\r\nevil"};
  });
  StartEdge(origin_.url());
  for (int round = 0; round < 5; ++round) {
    for (const CurlResult& result : FromBothVersions("/more")) EXPECT_EQ(result.body, "hello") << result.err;
  }
}

TEST_F(Truncation, AnswersThatAreNotHttpBecomeA502) {
  const std::vector<std::string> broken = {
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhello",
      std::string("HTTP/1.1 200 OK\r\nx-nul: a\0b\r\ncontent-length: 0\r\n\r\n", 50),
      "HTTP/1.1 200 OK\r\nx-folded: a\r\n b\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
  };
  for (const std::string& raw : broken) {
    origin_.SetHandler(
        [raw](const OriginRequest&) { return OriginReply{.raw = raw, .after = OriginReply::After::kClose}; });
    StartEdge(origin_.url());
    for (const CurlResult& result : FromBothVersions("/broken")) {
      EXPECT_EQ(result.status, 502) << "HTTP/" << result.http_version << " for: " << raw;
    }
  }
}

}  // namespace
}  // namespace meridian::testing
