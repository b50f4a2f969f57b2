// The tools of the command line that people try an edge with: one request with all its details, or as many as possible.
#include <algorithm>
#include <ostream>

#include "integration/clients.h"
#include "support/checked_origin.h"

namespace meridian::testing {
namespace {

struct CurlWay {
  const char* name;
  const char* version;
  bool tls;
};
void PrintTo(const CurlWay& way, std::ostream* out) { *out << way.name; }

class CurlClient : public ::testing::TestWithParam<CurlWay> {
 protected:
  void SetUp() override { MERIDIAN_REQUIRE_TOOL("curl"); }

  CurlResult Ask(const std::string& path, std::vector<std::string> more = {}) {
    const std::string base = GetParam().tls ? edge_.url() : edge_.clear_url();
    more.insert(more.end(), {GetParam().version, "--cacert", edge_.ca_file(), base + path});
    return Curl(more, ClientLimit());
  }

  TempDir dir_;
  CheckedOrigin origin_;
  EdgeForClients edge_{origin_.url()};
};

TEST_P(CurlClient, BodiesArriveWholeBothWays) {
  for (const std::string& size : BodySizes()) {
    const uint64_t bytes = std::stoull(size);
    const CurlResult down = Ask("/bytes/" + size);
    EXPECT_EQ(down.status, 200) << size << down.err;
    EXPECT_EQ(Sha256(down.body), CheckedOrigin::DigestOf(bytes)) << size;
    const std::string content = PatternBytes(bytes, 7);
    WriteFile(dir_.File("up"), content);
    const std::string sum = size + " " + Sha256(content);
    EXPECT_EQ(Ask("/sum", {"-T", dir_.File("up")}).body, sum) << size;
    EXPECT_EQ(
        Ask("/sum", {"-X", "PUT", "-H", "transfer-encoding: chunked", "--data-binary", "@" + dir_.File("up")}).body,
        sum)
        << size << " of unknown length";
  }
}

TEST_P(CurlClient, WhatComesBesideABodyArrives) {
  const CurlResult trailers = Ask("/trailers");
  EXPECT_EQ(trailers.body, "with trailers");
  EXPECT_EQ(trailers.headers.Get("x-one") + " " + trailers.headers.Get("x-two"), "first second");
  const CurlResult hints = Ask("/hints");
  EXPECT_EQ(hints.interim, std::vector<int>{103});
  EXPECT_EQ(hints.body, "after hints");
  EXPECT_EQ(Ask("/pause").body, "waitdone");
}

TEST_P(CurlClient, AnUploadThatIsRefusedEarlyHearsWhy) {
  WriteFile(dir_.File("up"), PatternBytes(4u << 20));
  for (int i = 0; i < 5; ++i) {
    const CurlResult answer = Ask("/refuse", {"-X", "POST", "-H", "expect:", "--data-binary", "@" + dir_.File("up")});
    EXPECT_EQ(answer.status, 413) << answer.err;
    EXPECT_EQ(answer.body, "too large for me");
  }
}

INSTANTIATE_TEST_SUITE_P(Protocols, CurlClient,
                         ::testing::Values(CurlWay{"Http1", "--http1.1", false}, CurlWay{"Https", "--http1.1", true},
                                           CurlWay{"H2c", "--http2-prior-knowledge", false},
                                           CurlWay{"H2", "--http2", true}),
                         [](const auto& test) { return std::string(test.param.name); });

class Tool : public ::testing::Test {
 protected:
  std::string Run(std::vector<std::string> argv) {
    const RunResult result = RunProgram({.argv = std::move(argv)}, ClientLimit());
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    return result.out;
  }
  // "Failed requests:        0" → 0; −1 if there is no such line.
  static long NumberAfter(const std::string& text, const std::string& label) {
    const size_t at = text.find(label);
    return at == std::string::npos ? -1 : std::strtol(text.c_str() + at + label.size(), nullptr, 10);
  }

  TempDir dir_;
  CheckedOrigin origin_;
  EdgeForClients edge_{origin_.url()};
};

TEST_F(Tool, NghttpGetsAndBringsEverythingWhole) {
  MERIDIAN_REQUIRE_TOOL("nghttp");
  for (const std::string& size : BodySizes()) {
    const uint64_t bytes = std::stoull(size);
    EXPECT_EQ(Sha256(Run({"nghttp", edge_.url() + "/bytes/" + size})), CheckedOrigin::DigestOf(bytes)) << size;
    if (bytes == 0) continue;  // it takes no empty file
    const std::string content = PatternBytes(bytes, 7);
    WriteFile(dir_.File("up"), content);
    const std::vector<std::string> put{"-H", ":method: PUT", "-d", dir_.File("up"), edge_.url() + "/sum"};
    for (const std::string flag : {"--expect-continue", "--no-content-length"}) {
      if (flag == "--expect-continue" && bytes > (10u << 20)) continue;  // after a second it sends once more, and fails
      std::vector<std::string> argv{"nghttp", flag};
      argv.insert(argv.end(), put.begin(), put.end());
      EXPECT_EQ(Run(argv), size + " " + Sha256(content)) << flag;
    }
  }
  EXPECT_EQ(Run({"nghttp", "-d", dir_.File("up"), "--no-content-length", "--trailer", "x-up: from nghttp",
                 edge_.url() + "/trailers"}),
            BodySizes().back() + "\nx-up: from nghttp\n");
}

TEST_F(Tool, H2loadIsAnsweredOverAHundredConnectionsOfTenStreams) {
  MERIDIAN_REQUIRE_TOOL("h2load");
  for (const std::string& base : {edge_.url(), edge_.clear_url()}) {
    for (const char* size : {"100", "100000"}) {
      const H2loadResult result =
          H2load({"-n", "2000", "-c", "100", "-m", "10", base + "/bytes/" + size}, ClientLimit());
      EXPECT_EQ(result.status_2xx, 2000u) << result.out;
      EXPECT_EQ(result.failed + result.errored + result.timeout, 0u) << result.out;
    }
  }
}

TEST_F(Tool, WrkMeetsNoError) {
  MERIDIAN_REQUIRE_TOOL("wrk");
  for (const std::string& base : {edge_.url(), edge_.clear_url()}) {
    const std::string out = Run({"wrk", "-t", "2", "-c", "50", "-d", "1s", base + "/bytes/1000"});
    EXPECT_GT(NumberAfter(out, "Requests/sec:"), 0) << out;
    EXPECT_EQ(out.find("Socket errors"), std::string::npos) << out;
    EXPECT_EQ(out.find("Non-2xx"), std::string::npos) << out;
  }
}

// HTTP/1.0 with Connection: keep-alive.
TEST_F(Tool, AbKeepsItsConnections) {
  MERIDIAN_REQUIRE_TOOL("ab");
  for (const std::string& base : {edge_.url(), edge_.clear_url()}) {
    const std::string out = Run({"ab", "-q", "-k", "-n", "2000", "-c", "20", base + "/bytes/1000"});
    EXPECT_EQ(NumberAfter(out, "Complete requests:"), 2000) << out;
    EXPECT_EQ(NumberAfter(out, "Failed requests:"), 0) << out;
    EXPECT_EQ(NumberAfter(out, "Keep-Alive requests:"), 2000) << out;
  }
}

}  // namespace
}  // namespace meridian::testing
