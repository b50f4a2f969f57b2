// What an operator relies on when writing a configuration: every key is read, and every key is documented.
#include <sstream>

#include "control/config_keys.h"
#include "control/config_texts.h"

namespace meridian {
namespace {

class CompleteConfig : public testing::Test {
 protected:
  void SetUp() override {
    result_ = LoadConfig(kFixtures + "/complete.yaml");
    ASSERT_THAT(Problems(result_), IsEmpty());
  }
  const Config& config() const { return *result_.config; }
  const Model& model() const { return *config().model; }

  ConfigResult result_;
};

TEST_F(CompleteConfig, SaysHowTheProcessRuns) {
  EXPECT_EQ(config().workers, 3);
  EXPECT_EQ(model().edge_name, "Fra-1");
  ASSERT_TRUE(model().edge_location);
  EXPECT_DOUBLE_EQ(model().edge_location->latitude, 50.11);
  EXPECT_DOUBLE_EQ(model().edge_location->longitude, -8.68);
  ASSERT_TRUE(config().admin);
  EXPECT_EQ(config().admin->address, "[::1]:0");
  EXPECT_FALSE(config().access_log.enabled);
  EXPECT_EQ(config().access_log.path, kFixtures + "/access.log");
}

TEST_F(CompleteConfig, SaysWhereToListenAndWithWhichCertificates) {
  const std::vector<ListenerConfig>& listeners = config().listeners;
  ASSERT_EQ(listeners.size(), 4u);
  EXPECT_EQ(listeners[0].address, "127.0.0.1:0");
  EXPECT_THAT(listeners[0].certificates, IsEmpty());
  EXPECT_TRUE(listeners[0].proxy_protocol);
  ASSERT_EQ(listeners[0].proxies.size(), 3u);
  EXPECT_EQ(listeners[0].proxies[1].bits, 32);
  EXPECT_FALSE(listeners[1].proxy_protocol);
  EXPECT_EQ(listeners[1].address, "[::1]:8443");
  ASSERT_EQ(listeners[1].certificates.size(), 1u);
  EXPECT_EQ(listeners[1].certificates[0].certificate, kFixtures + "/edge.pem");
  EXPECT_EQ(listeners[1].certificates[0].key, kFixtures + "/edge.key");
  EXPECT_EQ(listeners[2].address, "127.0.0.1:8444") << "localhost is an address from here on";
  EXPECT_EQ(listeners[2].certificates.size(), 2u);
  EXPECT_EQ(listeners[3].certificates.size(), 2u) << "the same in a map, beside options";
  EXPECT_EQ(listeners[3].certificates[1].key, kFixtures + "/edge.key");
  EXPECT_EQ(listeners[3].certificates[0].ocsp_file, kFixtures + "/edge.ocsp");
  EXPECT_EQ(listeners[3].certificates[1].ocsp_file, "");
}

TEST_F(CompleteConfig, SaysWhichTlsAListenerSpeaks) {
  const std::vector<ListenerConfig>& listeners = config().listeners;
  EXPECT_EQ(listeners[1].tls.min_version, TlsVersion::kTls13);
  EXPECT_THAT(listeners[1].tls.ciphersuites, ElementsAre("TLS_AES_256_GCM_SHA384"));
  EXPECT_EQ(listeners[1].tls.client_ca_file, "");
  EXPECT_EQ(listeners[3].tls.client_ca_file, kFixtures + "/edge.pem");
  EXPECT_EQ(listeners[3].tls.client_certificate, ClientCertificate::kOptional);
  EXPECT_TRUE(listeners[3].tls.forward_client_certificate);
  EXPECT_EQ(listeners[3].tls.min_version, TlsVersion::kTls12);
  EXPECT_THAT(listeners[3].tls.ciphers, ElementsAre("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"));
}

TEST_F(CompleteConfig, SaysTheLimits) {
  const LimitConfig& limits = config().limits;
  EXPECT_EQ(limits.max_connections, 1000u);
  EXPECT_EQ(limits.max_connections_per_client, 50u);
  EXPECT_EQ(limits.max_streams, 7u);
  EXPECT_EQ(limits.max_requests, 500u);
  EXPECT_EQ(limits.handshakes_per_second, 200u);
  EXPECT_EQ(limits.max_header_bytes, 16u * 1024);
  EXPECT_EQ(limits.max_headers, 50u);
  EXPECT_EQ(limits.underscores, Underscores::kDrop);
  EXPECT_EQ(limits.max_target_bytes, 4u * 1024);
  EXPECT_EQ(model().max_answer_bytes, 128u * 1024);
  EXPECT_EQ(model().max_answer_fields, 200u);
  EXPECT_EQ(limits.replay_memory, 1024u * 1024);
  EXPECT_EQ(limits.buffer_memory, 64u * 1024 * 1024);
  EXPECT_EQ(limits.min_body_rate, 2048u);
  EXPECT_EQ(limits.header_timeout, 3s);
  EXPECT_EQ(limits.stall_timeout, 20s);
  EXPECT_EQ(limits.handshake_timeout, 1500ms);
  EXPECT_EQ(limits.idle_timeout, 2min);
  EXPECT_EQ(limits.drain_timeout, 0s);
  EXPECT_EQ(model().max_hops, 5);
  EXPECT_EQ(model().paths, PathPolicy::kStrict);
  ASSERT_EQ(model().trusted_proxies.size(), 2u);
  EXPECT_EQ(model().trusted_proxies[0].bits, 8);
  EXPECT_TRUE(model().trusted_proxies[1].v6);
  EXPECT_TRUE(model().trust_client_cert);
}

TEST_F(CompleteConfig, KeepsTheOrderOfRegionsAndOfAServicesOrigins) {
  ASSERT_EQ(model().regions.size(), 2u);
  EXPECT_EQ(model().regions[0].name, "us-east-1");
  EXPECT_DOUBLE_EQ(model().regions[0].dial, 0.125);
  ASSERT_TRUE(model().regions[0].location);
  EXPECT_DOUBLE_EQ(model().regions[0].location->longitude, -77.45);
  EXPECT_EQ(model().regions[1].name, "eu-west-1");
  EXPECT_FALSE(model().regions[1].location);
  EXPECT_DOUBLE_EQ(model().regions[1].dial, 1.0);

  const std::vector<ServiceRegionModel>& regions = model().services.at(0).regions;
  ASSERT_EQ(regions.size(), 2u);
  EXPECT_EQ(regions[0].region, 1) << "eu-west-1 comes first in the service";
  EXPECT_EQ(regions[1].region, 0);
}

TEST_F(CompleteConfig, TakesOriginUrlsApart) {
  const std::vector<ServiceRegionModel>& regions = model().services.at(0).regions;
  ASSERT_EQ(regions.at(0).origins.size(), 2u);
  const OriginModel& https = regions[0].origins[0];
  EXPECT_EQ(https.url, "https://eu.shop.example");
  EXPECT_EQ(https.protocol, OriginProtocol::kHttps);
  EXPECT_EQ(https.host, "eu.shop.example");
  EXPECT_EQ(https.port, 443);
  EXPECT_EQ(https.authority, "eu.shop.example");
  const OriginModel& h2 = regions[0].origins[1];
  EXPECT_EQ(h2.protocol, OriginProtocol::kH2);
  EXPECT_EQ(h2.host, "2001:db8::1");
  EXPECT_EQ(h2.port, 8443);
  EXPECT_EQ(h2.authority, "[2001:db8::1]:8443");
  ASSERT_EQ(regions.at(1).origins.size(), 1u) << "one URL needs no list";
  EXPECT_EQ(regions[1].origins[0].protocol, OriginProtocol::kH2c);
  EXPECT_EQ(regions[1].origins[0].authority, "127.0.0.1:9002");
}

TEST_F(CompleteConfig, SaysHowAServiceIsProbedAndLeft) {
  const ServiceModel& shop = model().services.at(0);
  EXPECT_EQ(shop.name, "shop");
  EXPECT_TRUE(shop.health.enabled);
  EXPECT_EQ(shop.health.path, "/healthz?deep=1");
  EXPECT_EQ(shop.health.host, "shop.example:8443");
  EXPECT_EQ(shop.health.interval, 500ms);
  EXPECT_EQ(shop.health.timeout, 5s);
  EXPECT_EQ(shop.health.recheck, 100ms);
  EXPECT_EQ(shop.health.fall, 5);
  EXPECT_EQ(shop.health.rise, 4);
  EXPECT_EQ(shop.health.expect, StatusSet().Add(200).Add(204, 206));
  EXPECT_EQ(shop.failover.statuses, StatusSet().Add(429).Add(500, 599));
  EXPECT_EQ(shop.failover.attempts, 8);
  EXPECT_EQ(shop.failover.attempt_timeout, 250ms);
  EXPECT_EQ(shop.failover.ramp, 90s);
  EXPECT_EQ(shop.failover.replay_limit, 1024u);
  EXPECT_EQ(model().services.at(0).failover.objective, 30s);
}

TEST_F(CompleteConfig, SaysAServicesTimeoutsPoolAndTls) {
  const ServiceModel& shop = model().services.at(0);
  EXPECT_EQ(shop.timeouts.connect, 20ms);
  EXPECT_EQ(shop.timeouts.tls, 30ms);
  EXPECT_EQ(shop.timeouts.first_byte, 4s);
  EXPECT_EQ(shop.timeouts.request, 1h);
  EXPECT_EQ(shop.timeouts.stall, 2s);
  EXPECT_EQ(shop.timeouts.idle, 5min);
  EXPECT_EQ(shop.timeouts.tunnel, 2h);
  EXPECT_EQ(shop.pool.max_connections, 9u);
  EXPECT_EQ(shop.pool.max_streams, 8u);
  EXPECT_EQ(shop.pool.max_pending, 0u);
  EXPECT_EQ(shop.pool.idle_timeout, 1s);
  EXPECT_FALSE(shop.pool.warm);
  EXPECT_EQ(shop.tls.ca_file, kFixtures + "/edge.pem");
  EXPECT_EQ(shop.tls.server_name, "shop.internal");
  EXPECT_FALSE(shop.tls.verify);
  EXPECT_EQ(shop.proxy_protocol, ProxyProtocol::kV2);
}

TEST_F(CompleteConfig, SaysWhatARouteMayRepeat) {
  const RouteModel& api = model().routes.at(0);
  EXPECT_EQ(api.failure_statuses, StatusSet().Add(404).Add(503));
  EXPECT_TRUE(api.replay_unsafe);
  EXPECT_EQ(api.hedge, 20ms);
  EXPECT_TRUE(api.resume);
  EXPECT_TRUE(api.to_arms);
  const RouteModel& root = model().routes.at(1);
  EXPECT_FALSE(root.failure_statuses) << "the service's own";
  EXPECT_FALSE(root.replay_unsafe);
  EXPECT_FALSE(root.to_arms) << "a canary's share is its own";
  EXPECT_EQ(root.hedge, kHedgeOff);
}

TEST_F(CompleteConfig, KeepsDefaultsForWhatAServiceLeavesOut) {
  const ServiceModel& v2 = model().services.at(1);
  EXPECT_FALSE(v2.health.enabled);
  EXPECT_EQ(v2.failover.attempt_timeout, 0s) << "auto";
  EXPECT_TRUE(v2.failover.statuses.empty()) << "an empty list is a list";
  EXPECT_EQ(v2.failover.attempts, FailoverModel{}.attempts);
  EXPECT_EQ(v2.timeouts.request, TimeoutModel{}.request);
  EXPECT_TRUE(v2.tls.verify);
  EXPECT_EQ(v2.proxy_protocol, ProxyProtocol::kOff);
}

TEST_F(CompleteConfig, SaysWhichRequestsGoWhere) {
  const std::vector<RouteModel>& routes = model().routes;
  ASSERT_EQ(routes.size(), 7u);
  EXPECT_EQ(routes[0].name, "shop-api");
  EXPECT_EQ(routes[0].host, "*.shop.example") << "hosts are compared in lower case";
  EXPECT_EQ(routes[0].path, "/api/");
  EXPECT_FALSE(routes[0].path_exact);
  EXPECT_EQ(routes[0].steer, Steer::kOrdered);
  ASSERT_EQ(routes[0].split.size(), 2u);
  EXPECT_EQ(routes[0].split[0].weight, 999'999u) << "percentages are exact to one part in a million";
  EXPECT_EQ(routes[0].split[1].weight, 1u);
  EXPECT_EQ(routes[0].split[1].service, 1);
  EXPECT_TRUE(routes[1].path_exact);
  EXPECT_EQ(routes[1].split.at(0).weight, 0u);
  EXPECT_EQ(routes[1].split.at(1).weight, kMaxWeight);
  EXPECT_EQ(routes[2].host, "");
  EXPECT_EQ(routes[2].path, "");
  EXPECT_EQ(routes[2].steer, Steer::kNearest);
  ASSERT_EQ(routes[2].split.size(), 1u);
  EXPECT_EQ(routes[2].split[0].service, 1);
  EXPECT_EQ(routes[2].split[0].weight, 1u);
}

TEST(Config, TheSmallestFileRunsOnDefaults) {
  const ConfigResult result = Parse(kSmall);
  ASSERT_THAT(Problems(result), IsEmpty());
  EXPECT_EQ(result.config->workers, 0);
  EXPECT_EQ(result.config->admin->address, "127.0.0.1:9901");
  EXPECT_TRUE(result.config->access_log.enabled);
  EXPECT_EQ(result.config->access_log.path, "stdout");
  EXPECT_EQ(result.config->limits.max_streams, LimitConfig{}.max_streams);
}

TEST(Config, TheAdminEndpointCanBeSwitchedOff) {
  const ConfigResult result = Parse(SmallAnd("admin: { enabled: false }"));
  ASSERT_THAT(Problems(result), IsEmpty());
  EXPECT_FALSE(result.config->admin);
}

TEST(Config, SectionsMayStandInAnyOrder) {
  const Model model = ModelOf(
      "routes: [{ name: all, service: shop }]\n"
      "services: { shop: { tls: { verify: false }, origins: { eu: 'h2://127.0.0.1' } } }\n"
      "regions: { eu: {} }\n"
      "listeners: [{ address: '127.0.0.1:0' }]\n");
  EXPECT_EQ(model.services.at(0).name, "shop");
}

TEST(Config, HealthWithoutOptionsMeansProbesByDefault) {
  EXPECT_TRUE(
      ModelOf(SmallWith(5, "  shop: { origins: { eu: 'http://a' }, health: {} }")).services.at(0).health.enabled);
}

TEST(Config, WindowsLineEndsAndByteOrderMarksChangeNothing) {
  std::string text = "\xEF\xBB\xBF" + SmallAnd("nonsense: 1");
  for (size_t i = 0; (i = text.find('\n', i)) != std::string::npos; i += 2) text.replace(i, 1, "\r\n");
  const ConfigResult result = Parse(text);
  EXPECT_THAT(Problems(result), ElementsAre("8:1 unknown key 'nonsense' in the configuration"));
  EXPECT_EQ(result.problems.at(0).excerpt, "nonsense: 1");
}

TEST(ConfigFile, ThatIsNotThereIsAProblemLikeOthers) {
  const ConfigResult result = LoadConfig(kFixtures + "/none.yaml");
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(FormatProblem(result.problems[0]),
            kFixtures + "/none.yaml: error: cannot be read: No such file or directory\n");
  EXPECT_EQ(LoadConfig(kFixtures).problems.at(0).message, "cannot be read: Is a directory");
}

TEST(ConfigFile, ThatNeverEndsIsRefused) {
  EXPECT_THAT(Problems(LoadConfig("/dev/zero")), ElementsAre("0:0 cannot be read: it is no regular file"));
}

TEST(ConfigFile, InConfRunsAsItIs) {
  const ConfigResult result = LoadConfig(kSource + "/conf/meridian.yaml");
  ASSERT_THAT(Problems(result), IsEmpty());
  EXPECT_EQ(result.config->listeners.at(0).address, "127.0.0.1:8080");
  EXPECT_EQ(result.config->model->regions.size(), 3u);
}

// "| `key` | type | range | default |" of each row of the tables.
std::vector<std::string> DocumentedKeys(const std::string& readme) {
  std::vector<std::string> out;
  std::istringstream lines(readme);
  for (std::string line; std::getline(lines, line);) {
    if (line.substr(0, 3) != "| `") continue;
    std::istringstream cells(line);
    std::string row, cell;
    std::getline(cells, cell, '|');
    for (int i = 0; i < 4 && std::getline(cells, cell, '|'); ++i) {
      cell.erase(0, cell.find_first_not_of(' '));
      cell.erase(cell.find_last_not_of(' ') + 1);
      row += "| " + cell + " ";
    }
    out.push_back(row + "|");
  }
  return out;
}

TEST(ConfigKeys, AreDocumentedInConfWithTypeRangeAndDefault) {
  std::vector<std::string> rows;
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.type == "map") continue;  // what is in it has rows of its own
    rows.push_back("| `" + key.path + "` | " + key.type + " | " + key.range + " | " + key.standard + " |");
  }
  EXPECT_EQ(DocumentedKeys(ReadText(kSource + "/conf/README.md")), rows);
}

TEST(ConfigKeys, AreAllInTheCompleteFixture) {
  const std::string text = ReadText(kFixtures + "/complete.yaml");
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_THAT(text, HasSubstr(key.path.substr(key.path.rfind('.') + 1) + ":")) << key.path;
  }
}

}  // namespace
}  // namespace meridian
