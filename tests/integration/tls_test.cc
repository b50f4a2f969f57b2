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

}  // namespace
}  // namespace meridian::testing
