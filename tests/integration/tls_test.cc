// TLS with real clients: versions, resumption, certificates that change, client certificates.
#include <fstream>

#include "integration/edge.h"
#include "support/certificates.h"

namespace meridian::testing {
namespace {

OriginReply Hello(const OriginRequest&) { return {.body = "hello\n"}; }

class TlsEdge : public ::testing::Test {
 protected:
  EdgeConfig Config(const std::vector<CertificateFiles>& certificates) {
    EdgeConfig config = ShopEdge({{kNear, origin_.url()}});
    config.listeners = {certificates};
    return config;
  }
  // curl to the TLS listener under the name `host`, the certificate verified.
  CurlResult Ask(const Edge& edge, const std::string& host, std::vector<std::string> arguments = {}) {
    const std::string authority = host + ":" + std::to_string(edge.port());
    for (const std::string& argument : {std::string("--cacert"), authority_.ca_file(), std::string("--resolve"),
                                        authority + ":127.0.0.1", "https://" + authority + "/"}) {
      arguments.push_back(argument);
    }
    return Curl(arguments);
  }

  TempDir dir_;
  TestCertificates authority_{dir_};
  ScriptedOrigin origin_{kNear, Hello};
};

TEST_F(TlsEdge, AnEdgeForTls13OnlyRefusesTls12) {
  MERIDIAN_REQUIRE_TOOL("curl");
  EdgeConfig config = Config({authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"})});
  config.tls = "min_version: 1.3";
  const Edge edge(config);
  EXPECT_EQ(Ask(edge, "shop.example").status, 200);
  EXPECT_NE(Ask(edge, "shop.example", {"--tls-max", "1.2"}).exit_code, 0);
  EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_client_tls_failures_total") == 1; }, 5s, 20ms));
}

TEST_F(TlsEdge, SecretsAreLoggedByAFlagAloneAndTheEventLogWarns) {
  MERIDIAN_REQUIRE_TOOL("curl");
  EdgeConfig config = Config({authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"})});
  config.flags = {"--tls-key-log", dir_.File("keys")};
  const Edge edge(config);
  EXPECT_EQ(Ask(edge, "shop.example").status, 200);
  EXPECT_NE(ReadFile(dir_.File("keys")).find("SERVER_TRAFFIC_SECRET_0 "), std::string::npos);
  EXPECT_NE(edge.EventText().find("tls_key_log_on"), std::string::npos);
}

TEST_F(TlsEdge, ASessionIsResumedAtAnyWorker) {
  MERIDIAN_REQUIRE_TOOL("openssl");
  EdgeConfig config = Config({authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"})});
  config.workers = 4;
  const Edge edge(config);
  const std::string log = dir_.File("s_client");
  const std::string command = "openssl s_client -connect 127.0.0.1:" + std::to_string(edge.port()) +
                              " -servername shop.example -tls1_2 -reconnect </dev/null >" + log + " 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << ReadFile(log);
  // One connection and five more, each at the worker that the kernel chose.
  EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_client_tls_handshakes_total") == 6; }, 5s, 20ms));
  EXPECT_EQ(edge.MetricSum("meridian_client_tls_resumed_total"), 5) << ReadFile(log);
}

TEST_F(TlsEdge, ARenewedCertificateIsServedWithoutARestartAndABadOneIsNot) {
  MERIDIAN_REQUIRE_TOOL("curl");
  const CertificateFiles files = authority_.Issue("shop", KeyKind::kEcdsa, {"old.example"});
  const Edge edge(Config({files}));
  EXPECT_EQ(Ask(edge, "old.example").status, 200);
  EXPECT_GT(edge.MetricSum("meridian_certificate_expiry_timestamp_seconds", {"shop.pem"}), 1.7e9);
  authority_.Issue("shop", KeyKind::kEcdsa, {"new.example"});
  EXPECT_TRUE(Eventually([&] { return Ask(edge, "new.example").status == 200; }, 10s, 50ms));
  WriteFile(files.key, "not a key");
  EXPECT_TRUE(Eventually(
      [&] { return edge.MetricSum("meridian_certificate_reloads_total", {"result=\"failed\""}) == 1; }, 10s, 50ms));
  EXPECT_EQ(Ask(edge, "new.example").status, 200);
  EXPECT_NE(edge.EventText().find("certificate_reload_failed"), std::string::npos);
  EXPECT_EQ(edge.MetricSum("meridian_certificate_reloads_total", {"result=\"ok\""}), 1);
}

TEST_F(TlsEdge, AnOcspResponseIsStapledAsLongAsItIsGoodAndSwappedWithItsFile) {
  MERIDIAN_REQUIRE_TOOL("openssl");
  CertificateFiles files = authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"}, {.with_issuer = true});
  files.ocsp = dir_.File("shop.ocsp");
  WriteFile(files.ocsp, authority_.Ocsp(files.certificate, {.until = 3600}));
  const Edge edge(Config({files}));
  // What openssl says to the status in a handshake; it verifies the response against the authority itself.
  const auto status = [&](const std::string& version) {
    return RunProgram({.argv = {"openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(edge.port()),
                                "-servername", "shop.example", "-CAfile", authority_.ca_file(), "-status", version}})
        .out;
  };
  const auto update_of = [](const std::string& text) {
    const size_t at = text.find("Next Update: ");
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
  };
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    EXPECT_NE(status(version).find("OCSP Response Status: successful"), std::string::npos) << status(version);
    EXPECT_NE(status(version).find("Cert Status: good"), std::string::npos);
  }
  EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_client_tls_stapled_total") == 4; }, 5s, 20ms));
  EXPECT_EQ(Ask(edge, "shop.example", {"--cert-status"}).status, 200) << "curl insists on it";

  const std::string first = update_of(status("-tls1_3"));
  WriteFile(files.ocsp, authority_.Ocsp(files.certificate, {.until = 16}));
  EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_ocsp_reloads_total", {"ok"}) == 1; }, 10s, 20ms));
  EXPECT_NE(edge.EventText().find("ocsp_reloaded"), std::string::npos);
  WriteFile(files.ocsp, "garbage");
  EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_ocsp_reloads_total", {"failed"}) == 1; }, 10s, 20ms));
  EXPECT_NE(edge.EventText().find("is not an OCSP response in DER"), std::string::npos);
  EXPECT_TRUE(Eventually([&] { return status("-tls1_3").find("no response sent") != std::string::npos; }, 20s, 50ms))
      << "it ends";
  EXPECT_NE(edge.EventText().find("ocsp_response_expired"), std::string::npos);
  EXPECT_EQ(Ask(edge, "shop.example").status, 200) << "and is served all the same";

  WriteFile(files.ocsp, authority_.Ocsp(files.certificate, {.until = 7200}));
  EXPECT_TRUE(Eventually([&] { return !update_of(status("-tls1_2")).empty(); }, 10s, 50ms));
  EXPECT_NE(update_of(status("-tls1_2")), first);
}

TEST_F(TlsEdge, AnEdgeDoesNotStartWithTheOcspResponseOfAnotherCertificate) {
  CertificateFiles files = authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"}, {.must_staple = true});
  files.ocsp = dir_.File("shop.ocsp");
  WriteFile(files.ocsp, authority_.Ocsp(authority_.Issue("bank", KeyKind::kEcdsa, {"bank.example"}).certificate));
  WriteFile(dir_.File("edge.yaml"), Config({files}).Yaml(dir_.File("access.log")));
  const RunResult run = RunProgram({.argv = {MeridianBinary(), "run", "-c", dir_.File("edge.yaml")}});
  EXPECT_GT(run.exit_code, 0);
  EXPECT_NE(run.err.find(files.ocsp + " is for another certificate"), std::string::npos) << run.err;

  files.ocsp.clear();
  const Edge edge(Config({files}));
  EXPECT_NE(edge.EventText().find("ocsp_response_missing"), std::string::npos) << "the certificate insists on one";
}

TEST_F(TlsEdge, ARequestForTheHostOfAnotherCertificateIsMisdirected) {
  MERIDIAN_REQUIRE_TOOL("curl");
  const Edge edge(Config({authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example", "*.shop.example"}),
                          authority_.Issue("bank", KeyKind::kRsa, {"bank.example"})}));
  for (const char* version : {"--http1.1", "--http2"}) {
    EXPECT_EQ(Ask(edge, "shop.example", {version, "-H", "host: bank.example"}).status, 421);
    EXPECT_EQ(Ask(edge, "bank.example", {version, "-H", "host: Shop.Example.:443"}).status, 421);
    EXPECT_EQ(Ask(edge, "shop.example", {version, "-H", "host: www.shop.example:1"}).status, 200) << "it is covered";
    EXPECT_EQ(Ask(edge, "shop.example", {version, "-H", "host: unknown.example"}).status, 200) << "for the routes";
    const std::string nameless = "https://127.0.0.1:" + std::to_string(edge.port()) + "/";
    EXPECT_EQ(Curl({version, "-k", "-H", "host: bank.example", nameless}).status, 200) << "it named no server";
  }
  EXPECT_EQ(edge.MetricSum("meridian_misdirected_requests_total"), 4);
}

TEST_F(TlsEdge, OnlyClientsWithACertificateAreServedAndTheOriginLearnsWhoTheyAre) {
  MERIDIAN_REQUIRE_TOOL("curl");
  EdgeConfig config = Config({authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"})});
  config.tls = "client_ca: " + authority_.ca_file() + "\n      forward_client_certificate: true";
  const CertificateFiles client = authority_.Issue("client", KeyKind::kEcdsa, {"client.example"});
  const Edge edge(config);
  EXPECT_EQ(Ask(edge, "shop.example").status, 0);
  for (const char* version : {"--http1.1", "--http2"}) {
    EXPECT_EQ(Ask(edge, "shop.example",
                  {version, "--cert", client.certificate, "--key", client.key, "-H", "client-cert: :forged:", "-H",
                   "x-forwarded-client-cert: forged"})
                  .status,
              200);
    const std::vector<OriginRequest> received = origin_.Received();
    ASSERT_FALSE(received.empty()) << edge.EventText();
    const Headers seen = received.back().headers;
    EXPECT_TRUE(seen.Get("client-cert").starts_with(":MI")) << seen.Get("client-cert");
    EXPECT_FALSE(seen.Has("x-forwarded-client-cert"));
  }
  EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_client_certificates_refused_total") == 1; }, 5s, 20ms));
}

}  // namespace
}  // namespace meridian::testing
