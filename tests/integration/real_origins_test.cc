// Servers that people really run, as origins: whole bodies both ways, to clients of HTTP/1.1 and of HTTP/2. nginx has a
// file of its own (bodies_test), gRPC too.
#include <functional>
#include <ostream>

#include "integration/clients.h"
#include "support/checked_origin.h"
#include "support/haproxy_origin.h"

namespace meridian::testing {
namespace {

struct OriginKind {
  const char* name;
  Program (*program)();
  const char* scheme;
  const char* argument;  // the first of the program's
  bool chunked = true;   // takes bodies of unknown length, and knows 100
};
void PrintTo(const OriginKind& kind, std::ostream* out) { *out << kind.name; }

Program Go() { return GoProgram("origin"); }
Program Node() { return NodeProgram("origin"); }
Program Python() { return PythonProgram("http_server_origin"); }
Program Haproxy() { return FindTool("haproxy").empty() ? Program{{}, "haproxy is not installed"} : Program{}; }

class RealOrigin : public ::testing::TestWithParam<OriginKind> {
 protected:
  void SetUp() override {
    MERIDIAN_REQUIRE_TOOL("curl");
    const Program program = GetParam().program();
    MERIDIAN_REQUIRE_PROGRAM(program);
    const std::string scheme = GetParam().scheme;
    const bool tls = scheme == "https" || scheme == "h2";
    CertificateFiles certificate;
    if (tls) certificate = authority_.Issue("origin", KeyKind::kEcdsa, {"origin.example"});
    const uint16_t port = GetParam().program == &Haproxy ? StartHaproxy(certificate) : Start(program, certificate);
    edge_ = std::make_unique<EdgeForClients>(
        scheme + "://127.0.0.1:" + std::to_string(port),
        tls ? "{ ca: " + authority_.ca_file() + ", server_name: origin.example }" : "");
  }

  // Over both protocols.
  void Ask(const std::string& path, const std::vector<std::string>& more,
           const std::function<void(const CurlResult&)>& judge) {
    for (const char* version : {"--http1.1", "--http2"}) {
      std::vector<std::string> arguments = more;
      arguments.insert(arguments.end(), {version, "--cacert", edge_->ca_file(), edge_->url() + path});
      const CurlResult answer = Curl(arguments, ClientLimit());
      SCOPED_TRACE(path + " " + version + " " + answer.err);
      // curl 7.88 ends an upload that was answered early short of its length, which is a PROTOCOL_ERROR, and takes that
      // for its own failure (92) if it comes before it has closed the stream: it has the whole answer all the same.
      const bool early = path == "/refuse" && answer.exit_code == 92;
      EXPECT_TRUE(answer.exit_code == 0 || early) << answer.exit_code;
      judge(answer);
    }
  }

  TempDir dir_;
  TestCertificates authority_{dir_};
  CheckedOrigin behind_haproxy_;
  std::unique_ptr<OriginProgram> program_;
  std::unique_ptr<HaproxyOrigin> haproxy_;
  std::unique_ptr<EdgeForClients> edge_;

 private:
  uint16_t Start(const Program& program, const CertificateFiles& certificate) {
    std::vector<std::string> arguments{GetParam().argument};
    if (!certificate.key.empty()) arguments.insert(arguments.end(), {certificate.certificate, certificate.key});
    program_ = std::make_unique<OriginProgram>(program, arguments);
    return program_->port();
  }
  uint16_t StartHaproxy(const CertificateFiles& certificate) {
    const bool http2 = std::string_view(GetParam().scheme).starts_with("h2");
    haproxy_ = std::make_unique<HaproxyOrigin>(behind_haproxy_.port(), http2, certificate);
    return haproxy_->port();
  }
};

TEST_P(RealOrigin, BodiesAreWholeBothWays) {
  for (const std::string& size : BodySizes()) {
    Ask("/bytes/" + size, {}, [&](const CurlResult& answer) {
      EXPECT_EQ(answer.status, 200);
      EXPECT_EQ(std::to_string(answer.body.size()), size);
      EXPECT_EQ(Sha256(answer.body), answer.headers.Get("x-sha256"));
    });
    const std::string content = PatternBytes(std::stoull(size), 7);
    WriteFile(dir_.File("up"), content);
    const auto judge = [&](const CurlResult& answer) { EXPECT_EQ(answer.body, size + " " + Sha256(content)); };
    const std::string expect = GetParam().chunked ? "x-expect: a 100" : "expect:";  // curl waits for it for a second
    Ask("/sum", {"-H", expect, "-T", dir_.File("up")}, judge);
    if (!GetParam().chunked) continue;
    Ask("/sum", {"-X", "PUT", "-H", "transfer-encoding: chunked", "--data-binary", "@" + dir_.File("up")}, judge);
  }
}

TEST_P(RealOrigin, AThousandSmallOnesAtOnceAreAllAnswered) {
  MERIDIAN_REQUIRE_TOOL("h2load");
  const H2loadResult result =
      H2load({"-n", "1000", "-c", "10", "-m", "100", edge_->url() + "/bytes/100"}, ClientLimit());
  EXPECT_EQ(result.status_2xx, 1000u) << result.out;
  EXPECT_EQ(result.failed + result.errored + result.timeout, 0u) << result.out;
}

class OriginOfToday : public RealOrigin {};

TEST_P(OriginOfToday, WhatComesBesideABodyArrives) {
  Ask("/trailers", {}, [](const CurlResult& answer) {
    EXPECT_EQ(answer.body, "with trailers");
    EXPECT_EQ(answer.headers.Get("x-one") + " " + answer.headers.Get("x-two"), "first second");
  });
  Ask("/hints", {}, [](const CurlResult& answer) {
    EXPECT_EQ(answer.interim, std::vector<int>{103});
    EXPECT_EQ(answer.body, "after hints");
  });
  WriteFile(dir_.File("up"), PatternBytes(4u << 20));
  Ask("/refuse", {"-X", "POST", "-H", "expect:", "--data-binary", "@" + dir_.File("up")}, [](const CurlResult& answer) {
    EXPECT_EQ(answer.status, 413);
    EXPECT_FALSE(answer.body.empty());
  });
}

const auto kOriginsOfToday =
    ::testing::Values(OriginKind{"GoHttp1", Go, "http", "http"}, OriginKind{"GoHttps", Go, "https", "https"},
                      OriginKind{"GoH2", Go, "h2", "h2"}, OriginKind{"NodeHttp1", Node, "http", "http"},
                      OriginKind{"NodeH2c", Node, "h2c", "h2c"}, OriginKind{"NodeH2", Node, "h2", "h2"},
                      OriginKind{"HaproxyHttp1", Haproxy, "http", ""}, OriginKind{"HaproxyH2c", Haproxy, "h2c", ""},
                      OriginKind{"HaproxyH2", Haproxy, "h2", ""});
const auto kOldOrigins = ::testing::Values(OriginKind{"PythonHttp10", Python, "http", "1.0", false},
                                           OriginKind{"PythonHttp11", Python, "http", "1.1", false});
constexpr auto kName = [](const auto& test) { return std::string(test.param.name); };

INSTANTIATE_TEST_SUITE_P(Today, RealOrigin, kOriginsOfToday, kName);
INSTANTIATE_TEST_SUITE_P(Old, RealOrigin, kOldOrigins, kName);
INSTANTIATE_TEST_SUITE_P(Today, OriginOfToday, kOriginsOfToday, kName);

// The oldest way to end a body. A client of HTTP/2, or of chunks, hears that it was whole.
TEST(Http10Origin, ABodyThatEndsWithItsConnectionIsWhole) {
  MERIDIAN_REQUIRE_TOOL("curl");
  const Program program = Python();
  MERIDIAN_REQUIRE_PROGRAM(program);
  const OriginProgram origin(program, {"1.0"});
  EdgeForClients edge("http://127.0.0.1:" + std::to_string(origin.port()));
  for (const char* version : {"--http1.1", "--http2"}) {
    for (const std::string& size : BodySizes()) {
      const CurlResult answer = Curl({version, "--cacert", edge.ca_file(), edge.url() + "/until-close/" + size});
      EXPECT_EQ(answer.exit_code, 0) << answer.err;
      EXPECT_EQ(Sha256(answer.body), answer.headers.Get("x-sha256")) << size << version;
    }
  }
}

}  // namespace
}  // namespace meridian::testing
