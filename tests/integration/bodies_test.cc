// Bodies arrive as they were sent: every size around a boundary, both directions, every pair of protocols.
#include <memory>
#include <ostream>

#include "integration/clients.h"
#include "support/certificates.h"
#include "support/nginx_origin.h"

namespace meridian::testing {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kMostGrowth = 64u << 20;

std::vector<size_t> Sizes() {
  std::vector<size_t> sizes{0, 1, 16'383, 16'384, 16'385, 10u << 20};
  for (const size_t size : LargeBodySizes()) sizes.push_back(size);
  return sizes;
}

struct OriginKind {
  const char* name;
  bool http2, tls;
};
void PrintTo(const OriginKind& kind, std::ostream* out) { *out << kind.name; }

class Bodies : public ::testing::TestWithParam<OriginKind> {
 protected:
  void SetUp() override {
    MERIDIAN_REQUIRE_TOOL("nginx");
    MERIDIAN_REQUIRE_TOOL("curl");
    const OriginKind kind = GetParam();
    const CertificateFiles none;
    origin_ = std::make_unique<NginxOrigin>(NginxOptions{
        .http2 = kind.http2, .tls = kind.tls ? authority_.Issue("origin", KeyKind::kEcdsa, {"origin.example"}) : none});
    EdgeConfig config = ShopEdge({{kNear, origin_->url()}});
    config.listeners = {{authority_.Issue("edge", KeyKind::kEcdsa, {"127.0.0.1"})}};
    if (kind.tls) config.services[0].tls = "{ ca: " + authority_.ca_file() + ", server_name: origin.example }";
    edge_ = std::make_unique<Edge>(config);
  }

  CurlResult Request(const std::string& version, const std::string& path, std::vector<std::string> more = {}) {
    more.insert(more.end(), {version, "--cacert", authority_.ca_file(),
                             "https://127.0.0.1:" + std::to_string(edge_->port()) + path});
    return Curl(more, ClientLimit());
  }

  TempDir dir_;
  TestCertificates authority_{dir_};
  std::unique_ptr<NginxOrigin> origin_;
  std::unique_ptr<Edge> edge_;
};

TEST_P(Bodies, DownloadsAreIdentical) {
  for (const size_t size : Sizes()) {
    const std::string content = PatternBytes(size, size + 1);
    origin_->AddFile(std::to_string(size), content);
    for (const char* version : {"--http2", "--http1.1"}) {
      const CurlResult answer = Request(version, "/files/" + std::to_string(size));
      EXPECT_EQ(answer.exit_code, 0) << answer.err;
      EXPECT_EQ(answer.status, 200) << size << version;
      EXPECT_EQ(answer.headers.Get("content-length"), std::to_string(size)) << version;
      EXPECT_EQ(Sha256(answer.body), Sha256(content)) << size << " bytes, " << version;
    }
  }
}

TEST_P(Bodies, UploadsAreIdentical) {
  for (const size_t size : Sizes()) {
    const std::string content = PatternBytes(size, size + 2);
    WriteFile(dir_.File("up"), content);
    for (const std::string version : {"--http2", "--http1.1"}) {
      const std::string name = std::to_string(size) + version;
      const CurlResult answer = Request(version, "/upload/" + name, {"-T", dir_.File("up")});
      EXPECT_EQ(answer.exit_code, 0) << answer.err;
      EXPECT_EQ(answer.status, 201) << size << version;
      ASSERT_EQ(Sha256OfFile(origin_->UploadedFile(name)), Sha256(content)) << size << " bytes, " << version;
    }
  }
}

TEST_P(Bodies, UploadsOfUnknownLengthAreIdentical) {
  const std::string content = PatternBytes(300'000);
  WriteFile(dir_.File("up"), content);
  for (const std::string version : {"--http2", "--http1.1"}) {
    const CurlResult answer =
        Request(version, "/upload/unknown" + version,
                {"-X", "PUT", "-H", "transfer-encoding: chunked", "--data-binary", "@" + dir_.File("up")});
    EXPECT_EQ(answer.status, 201) << version << answer.err;
    ASSERT_EQ(Sha256OfFile(origin_->UploadedFile("unknown" + version)), Sha256(content)) << version;
  }
}

INSTANTIATE_TEST_SUITE_P(OriginProtocols, Bodies,
                         ::testing::Values(OriginKind{"http", false, false}, OriginKind{"https", false, true},
                                           OriginKind{"h2c", true, false}, OriginKind{"h2", true, true}),
                         [](const auto& test) { return std::string(test.param.name); });

// The growth of the process's peak while something large streams through.
class LargeBodies : public ::testing::Test {
 protected:
  void SetUp() override {
    MERIDIAN_REQUIRE_TOOL("nginx");
    MERIDIAN_REQUIRE_TOOL("curl");
  }
  static void ExpectLittleGrowth(Edge& edge, uint64_t before) {
    if (kSanitized) return;
    const uint64_t peak = edge.process().PeakRssBytes();
    EXPECT_LT(peak - std::min(before, peak), kMostGrowth)
        << "from " << (before >> 20) << " to " << (peak >> 20) << " MiB";
  }
};

TEST_F(LargeBodies, AGibibyteIsStreamedDownWithoutBeingHeld) {
  for (const bool http2_origin : {false, true}) {
    const NginxOrigin origin({.http2 = http2_origin});
    const uint64_t size = kSanitized || http2_origin ? kGiB / 4 : kGiB;
    origin.AddSparseFile("huge", size);
    Edge edge(ShopEdge({{kNear, origin.url()}}));
    const uint64_t before = edge.process().RssBytes();
    const char* version = http2_origin ? "--http1.1" : "--http2-prior-knowledge";
    const CurlResult answer = Curl({version, "-o", "/dev/null", edge.url("/files/huge")}, 60s);
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    EXPECT_EQ(answer.downloaded, size);
    ExpectLittleGrowth(edge, before);
  }
}

TEST_F(LargeBodies, AGibibyteIsStreamedUpWithoutBeingHeld) {
  ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
  origin.DropBodies();
  EdgeConfig config = ShopEdge({{kNear, origin.url()}});
  config.services[0].timeouts = "{ connect: 500ms, request: 60s, idle: 5s }";
  Edge edge(config);
  const TempDir dir;
  const uint64_t size = kSanitized ? kGiB / 8 : kGiB;
  WriteSparseFile(dir.File("huge"), size);
  const uint64_t before = edge.process().RssBytes();
  const CurlResult answer = Curl({"--http1.1", "-T", dir.File("huge"), edge.url("/store")}, 60s);
  EXPECT_EQ(answer.status, 200) << answer.err;
  const std::vector<OriginRequest> received = origin.Received();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].body_bytes, size);
  ExpectLittleGrowth(edge, before);
}

TEST_F(LargeBodies, AClientThatStopsReadingDoesNotFillTheEdge) {
  const NginxOrigin origin({});
  origin.AddSparseFile("huge", kGiB);
  Edge edge(ShopEdge({{kNear, origin.url()}}));
  const uint64_t before = edge.process().RssBytes();
  std::vector<std::unique_ptr<Connection>> readers;
  for (int i = 0; i < 20; ++i) {
    readers.push_back(Connection::Open(edge.port()));
    ASSERT_TRUE(readers.back());
    ASSERT_TRUE(readers.back()->Send("GET /files/huge HTTP/1.1\r\nhost: shop.example\r\n\r\n", Deadline(2s)));
  }
  for (auto& reader : readers) {
    std::string head;
    EXPECT_EQ(reader->Read(&head, Deadline(5s)), ReadEnd::kData) << "each of them is being answered";
  }
  // Others are served meanwhile, long enough for a buffer without bounds to show.
  Http1Client other(edge.port());
  const Deadline watch(700ms);
  while (!watch.passed()) EXPECT_EQ(other.Get("/hello").status, 200);
  ExpectLittleGrowth(edge, before);
}

}  // namespace
}  // namespace meridian::testing
