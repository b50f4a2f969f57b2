// System calls that are interrupted, and writes that take a part of what they are given: nobody notices.
#include <filesystem>
#include <fstream>

#include "integration/edge.h"
#include "support/certificates.h"

namespace meridian::testing {
namespace {

// The binary under test on such a kernel.
std::string OnARoughKernel(const TempDir& dir, int seed) {
  const std::string script = dir.File("rough" + std::to_string(seed));
  std::ofstream(script) << "#!/bin/sh\nexport MERIDIAN_ROUGH_SEED=" << seed << " LD_PRELOAD='" << MERIDIAN_ROUGH_KERNEL
                        << "'\nexec '" << MeridianBinary() << "' \"$@\"\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  return script;
}

TEST(RoughKernel, BodiesArriveWholeInBothDirections) {
  MERIDIAN_REQUIRE_TOOL("curl");
  if (kSanitized) GTEST_SKIP() << "a sanitizer wants to be loaded first";
  const std::string body = PatternBytes(1'000'000);
  ScriptedOrigin origin(kNear, [](const OriginRequest& request) {
    return OriginReply{.body = request.body, .chunked = request.number % 2 == 0};
  });
  const TempDir dir;
  const TestCertificates authority(dir);
  EdgeConfig config = ShopEdge({{kNear, origin.url()}});
  config.listeners = {{}, {authority.Issue("edge", KeyKind::kEcdsa, {"127.0.0.1"})}};
  std::ofstream(dir.File("upload"), std::ios::binary) << body;
  for (const int seed : {1, 2, 3}) {
    MeridianProcess edge(OnARoughKernel(dir, seed), config);
    for (const std::string version : {"--http1.1", "--http2-prior-knowledge", "--http2"}) {
      const size_t listener = version == "--http2" ? 1 : 0;
      const std::string out = dir.File("download");
      const CurlResult result =
          Curl({version, "--cacert", authority.ca_file(), "-o", out, "--data-binary", "@" + dir.File("upload"),
                (listener ? "https" : "http") + std::string("://127.0.0.1:") + std::to_string(edge.port(listener))});
      EXPECT_EQ(result.exit_code, 0) << version << ": " << result.err;
      EXPECT_EQ(result.status, 200) << version;
      EXPECT_TRUE(ReadFile(out) == body) << version << " with seed " << seed;
    }
    EXPECT_EQ(edge.WaitForAccessLog(3).size(), 3u);
  }
}

}  // namespace
}  // namespace meridian::testing
