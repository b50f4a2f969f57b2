// What an operator relies on when writing a configuration: every key is read, every slip is found, at its place.
#include "control/config_texts.h"

#include <nlohmann/json.hpp>

#include "control/config_keys.h"

namespace meridian {
namespace {

// ---------------------------------------------------------------- what is read

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
  const RouteModel& root = model().routes.at(1);
  EXPECT_FALSE(root.failure_statuses) << "the service's own";
  EXPECT_FALSE(root.replay_unsafe);
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

// ---------------------------------------------------------------- what is refused

class ConfigSlip : public testing::TestWithParam<Slip> {};

TEST_P(ConfigSlip, IsFoundAtItsPlace) { ExpectFound(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Whole, ConfigSlip,
    testing::Values(
        Slip{"AnEmptyFile",
             "# nothing yet\n",
             {"0:0 the configuration has no 'listeners'", "0:0 the configuration has no 'regions'",
              "0:0 the configuration has no 'services'", "0:0 the configuration has no 'routes'"}},
        Slip{"AList", "- a\n", {"0:0 the configuration must be a map, but is a list"}},
        Slip{"AnUnknownKey",
             SmallAnd("listenrs: 1"),
             {"8:1 unknown key 'listenrs' in the configuration; did you mean 'listeners'?"}},
        Slip{"AMisspeltKeyIsNotMissingAsWell",
             SmallWith(6, "route:"),
             {"6:1 unknown key 'route' in the configuration; did you mean 'routes'?"}},
        Slip{"AKeyCutShort",
             SmallAnd("access: {}"),
             {"8:1 unknown key 'access' in the configuration; did you mean 'access_log'?"}},
        Slip{"AKeyLikeNoOther", SmallAnd("plugins: {}"), {"8:1 unknown key 'plugins' in the configuration"}},
        Slip{"ADuplicateKey", SmallAnd("regions: {}"), {"8:1 duplicate key 'regions'; it is already on line 3"}},
        Slip{"ADuplicateKeyDeepInside",
             Service("pool: { max_streams: 1,\n    max_streams: 2 }"),
             {"6:5 duplicate key 'max_streams'; it is already on line 5"}},
        Slip{"AMapThatIsEmpty",
             SmallAnd("edge:"),
             {"8:1 'edge' must be a map, but is nothing; write {} for the defaults"}},
        Slip{"NoListeners",
             SmallWith(1, "listeners: []").erase(14, 28),
             {"1:12 'listeners' is empty: nothing would be served"}},
        Slip{"NoRoutes",
             SmallWith(6, "routes: []").erase(SmallWith(6, "routes: []").find("  - { name")),
             {"6:9 'routes' is empty: every request would be refused"}},
        Slip{"NoRegionsIsOneProblemOnly", SmallWith(3, "regions: {}"), {"3:10 'regions' is empty: origins need one"}},
        Slip{"NoServicesIsOneProblemOnly",
             SmallWith(4, "services: {}").replace(SmallWith(4, "services: {}").find("  shop"), 51, "#"),
             {"4:11 'services' is empty: routes need one"}}),
    SlipName);

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigSlip,
    testing::Values(
        Slip{"ANumberThatIsText", SmallAnd("workers: two"), {"8:10 'workers' must be a whole number"}},
        Slip{"ANumberInQuotes",
             SmallAnd("workers: '2'"),
             {"8:10 'workers' must be a whole number, but is text in quotes; leave out the quotes"}},
        Slip{"ANumberWithAPoint", SmallAnd("workers: 2.0"), {"8:10 'workers' must be a whole number"}},
        Slip{"ANumberOutOfRange", SmallAnd("workers: 0"), {"8:10 'workers' must be within 1 … 256, but is 0"}},
        Slip{"ANumberOutOfAllRanges",
             SmallAnd("workers: 99999999999999999999"),
             {"8:10 'workers' is a number too large to read"}},
        Slip{"AListForANumber", SmallAnd("workers: [2]"), {"8:10 'workers' must be a single value, but is a list"}},
        Slip{"NothingForANumber", SmallAnd("workers: ~"), {"8:10 'workers' must be a single value, but is nothing"}},
        Slip{"ABooleanOfTheOldKind",
             SmallAnd("access_log: { enabled: yes }"),
             {"8:24 'enabled' must be true or false, but is 'yes'; write true"}},
        Slip{"ABooleanSwitchedOff",
             SmallAnd("admin: { enabled: off }"),
             {"8:19 'enabled' must be true or false, but is 'off'; write false"}},
        Slip{"ABooleanThatIsNone",
             SmallAnd("admin: { enabled: 1 }"),
             {"8:19 'enabled' must be true or false, but is '1'"}},
        Slip{"ADurationWithoutUnit",
             SmallAnd("limits: { idle_timeout: 60 }"),
             {"8:25 'idle_timeout' needs a unit: us, ms, s, m or h"}},
        Slip{"ADurationOfAnotherUnit",
             SmallAnd("limits: { idle_timeout: 60sec }"),
             {"8:25 'idle_timeout' needs a unit: us, ms, s, m or h"}},
        Slip{"ADurationThatIsAWord",
             SmallAnd("limits: { idle_timeout: never }"),
             {"8:25 'idle_timeout' must be a duration such as 800ms, 2s or 1m"}},
        Slip{"ADurationBelowZero",
             SmallAnd("limits: { idle_timeout: -1s }"),
             {"8:25 'idle_timeout' must be a duration such as 800ms, 2s or 1m"}},
        Slip{"ADurationOutOfRange",
             SmallAnd("limits: { idle_timeout: 25h }"),
             {"8:25 'idle_timeout' must be within 1s … 24h, but is 25h"}},
        Slip{"ADurationThatOverflows",
             SmallAnd("limits: { idle_timeout: 999999999999h }"),
             {"8:25 'idle_timeout' has more digits than a duration can keep"}},
        Slip{"ASizeOfAnotherUnit",
             SmallAnd("limits: { max_header_bytes: 64KB }"),
             {"8:29 'max_header_bytes' needs a unit: B, KiB, MiB or GiB"}},
        Slip{"ASizeOutOfRange",
             SmallAnd("limits: { max_header_bytes: 2MiB }"),
             {"8:29 'max_header_bytes' must be within 4KiB … 1MiB, but is 2MiB"}},
        Slip{"ASizeOfHalfAByte",
             SmallAnd("limits: { max_header_bytes: 0.5 }"),
             {"8:29 'max_header_bytes' must be a whole number of bytes"}},
        Slip{"ASizeThatIsAWord",
             SmallAnd("limits: { max_header_bytes: big }"),
             {"8:29 'max_header_bytes' must be a size such as 64KiB, 1MiB or 4096"}},
        Slip{"AControlCharacterWrittenAsAnEscape",
             SmallAnd("access_log: { path: \"log\\0.txt\" }"),
             {"8:21 'path' must not hold control characters"}},
        Slip{"AnEmptyLogPath", SmallAnd("access_log: { path: '' }"), {"8:21 'path' must not be empty"}},
        Slip{"AnotherLogFormat",
             SmallAnd("access_log: { format: jsno }"),
             {"8:23 'format' must be json, but is 'jsno'; did you mean 'json'?"}},
        Slip{"AnEdgeNameWithASpace",
             SmallAnd("edge: { name: fra 1 }"),
             {"8:15 'name' must be letters, digits, '_', '.' or '-', and begin with a letter or digit"}},
        Slip{"ALocationOfOneNumber",
             SmallAnd("edge: { location: [1] }"),
             {"8:19 'location' must be [latitude, longitude]"}},
        Slip{"ALocationThatIsText",
             SmallAnd("edge: { location: 1 2 }"),
             {"8:19 'location' must be a list, but is a single value"}},
        Slip{"ALocationOffTheGlobe",
             SmallAnd("edge: { location: [-91, 180.5] }"),
             {"8:20 latitude must be within −90 and 90 degrees, but is -91",
              "8:25 longitude must be within −180 and 180 degrees, but is 180.5"}},
        Slip{"ALocationThatIsNoNumber",
             SmallAnd("edge: { location: [nan, 1e1] }"),
             {"8:20 'location' must be a number", "8:25 'location' must be a number"}}),
    SlipName);

INSTANTIATE_TEST_SUITE_P(
    Doors, ConfigSlip,
    testing::Values(
        Slip{"TrustedProxiesThatAreNoRanges",
             SmallAnd("trusted_proxies: [proxy.example, 10.0.0.0/33, 10.0.0.1/8, '::/x']"),
             {"8:19 'trusted_proxies' must be an address or a range such as 10.0.0.0/8",
              "8:34 'trusted_proxies' must have a number up to 32 behind '/'",
              "8:47 'trusted_proxies' has bits set behind the first 8",
              "8:59 'trusted_proxies' must have a number up to 128 behind '/'"}},
        Slip{"ProxiesThatAreBelievedAndNotTrusted",
             SmallAnd("trust_client_cert: true"),
             {"8:1 'trust_client_cert' has no effect without 'trusted_proxies'"}},
        Slip{"AListenerWithoutAddress", SmallWith(2, "  - {}"), {"2:5 a listener has no 'address'"}},
        Slip{"AListenerThatIsText",
             SmallWith(2, "  - 127.0.0.1:80"),
             {"2:5 a listener must be a map, but is a single value"}},
        Slip{"AnAddressWithoutPort",
             SmallWith(2, "  - address: 127.0.0.1"),
             {"2:14 'address' needs a port, as in 127.0.0.1:8080"}},
        Slip{"AnAddressWithABadPort",
             SmallWith(2, "  - address: 127.0.0.1:65536"),
             {"2:14 'address' must have a port between 0 and 65535 behind ':'"}},
        Slip{"AnAddressThatIsAName",
             SmallWith(2, "  - address: edge.example:80"),
             {"2:14 'address' must be an IP address and a port, as in 0.0.0.0:8443 or [::]:8443"}},
        Slip{"AnIpv6AddressWithoutBrackets",
             SmallWith(2, "  - address: ::1:80"),
             {"2:14 'address' needs brackets around an IPv6 address: [::1]:8080"}},
        Slip{"AnIpv4AddressInBrackets",
             SmallWith(2, "  - address: '[127.0.0.1]:80'"),
             {"2:14 'address' must be an IP address and a port, as in 0.0.0.0:8443 or [::]:8443"}},
        Slip{"TwoListenersOnOneAddress",
             SmallWith(2, "  - address: 127.0.0.1:80\n  - address: localhost:80"),
             {"3:14 a second listener on 127.0.0.1:80; the first one is on line 2"}},
        Slip{"AListenerOnTheAdminAddress",
             SmallWith(2, "  - address: 127.0.0.1:9901"),
             {"2:14 this listener's address is that of the admin endpoint; see 'admin'"}},
        Slip{"AnAdminEndpointForEverybody",
             SmallAnd("admin: { address: '[::]:9901' }"),
             {"8:19 'address' of the admin endpoint must be a loopback address, since whoever reaches it may steer "
              "traffic without a password; write 127.0.0.1:9901"}},
        Slip{"ACertificateWithoutKey",
             SmallWith(2, "  - { address: '127.0.0.1:80', tls: { certificate: edge.pem } }"),
             {"2:32 'tls' has no 'key'"}},
        Slip{"AnEmptyListOfCertificates",
             SmallWith(2, "  - { address: '127.0.0.1:80', tls: [] }"),
             {"2:37 'tls' holds no certificate"}}),
    SlipName);

// The third line is a listener's `tls`.
std::string Tls(const std::string& text) { return SmallWith(2, "  - address: 127.0.0.1:80\n    tls: " + text); }

INSTANTIATE_TEST_SUITE_P(
    TlsOfAListener, ConfigSlip,
    testing::Values(
        Slip{"OptionsWithoutACertificate",
             Tls("{ min_version: 1.3 }"),
             {"3:5 'tls' has no 'certificate'", "3:5 'tls' has no 'key'"}},
        Slip{"APairBesideAListOfPairs",
             Tls("{ certificate: edge.pem, certificates: [{ certificate: edge.pem, key: edge.key }] }"),
             {"3:12 'certificate' beside 'certificates': write it into an item of the list"}},
        Slip{"AnEmptyListBesideOptions", Tls("{ certificates: [] }"), {"3:26 'certificates' holds no certificate"}},
        Slip{"AListThatIsAMap",
             Tls("{ certificates: { key: edge.key } }"),
             {"3:26 'certificates' must be a list, but is a map"}},
        Slip{"AVersionThatIsNotSafe",
             Tls("{ certificate: edge.pem, key: edge.key, min_version: 1.1 }"),
             {"3:63 'min_version' must be 1.2 or 1.3, but is '1.1'; did you mean '1.2'?"}},
        Slip{"ClientsThatNobodyCanVerify",
             Tls("{ certificate: edge.pem, key: edge.key, client_certificate: required }"),
             {"3:50 'client_certificate' has no effect without 'client_ca'"}},
        Slip{"ACipherThatNobodyKnows",
             Tls("{ certificate: edge.pem, key: edge.key, ciphers: [HIGH] }"),
             {"3:60 'ciphers' must be a name that OpenSSL knows, as in ECDHE-ECDSA-AES128-GCM-SHA256"}},
        Slip{"ACipherThatHttp2Forbids",
             Tls("{ certificate: edge.pem, key: edge.key, ciphers: [AES128-GCM-SHA256, ECDHE-RSA-AES128-SHA256] }"),
             {"3:60 'ciphers' must be ECDHE with AEAD: HTTP/2 allows no other (RFC 9113 §9.2.2)",
              "3:79 'ciphers' must be ECDHE with AEAD: HTTP/2 allows no other (RFC 9113 §9.2.2)"}},
        Slip{"ASuiteOfTheWrongVersion",
             Tls("{ certificate: edge.pem, key: edge.key, ciphersuites: [ECDHE-RSA-AES128-GCM-SHA256] }"),
             {"3:65 'ciphersuites' must be of TLS 1.3; those of TLS 1.2 are 'ciphers'"}},
        Slip{"CiphersThatNoConnectionCanHave",
             Tls("{ certificate: edge.pem, key: edge.key, min_version: 1.3, ciphers: [ECDHE-RSA-AES128-GCM-SHA256] }"),
             {"3:10 'ciphers' has no effect: they are of TLS 1.2, and 'min_version' is 1.3"}}),
    SlipName);

INSTANTIATE_TEST_SUITE_P(
    RegionsAndServices, ConfigSlip,
    testing::Values(
        Slip{"ANameThatCannotStandInAUrl",
             SmallWith(3, "regions: { eu: {}, a/b: {} }"),
             {"3:20 the name of a region must be letters, digits, '_', '.' or '-', and begin with a letter or digit"}},
        Slip{"ANameTooLong",
             SmallWith(3, "regions: { eu: {}, " + std::string(64, 'a') + ": {} }"),
             {"3:20 the name of a region must be 1 to 63 characters long"}},
        Slip{"TwoRegionsThatDifferInCaseOnly",
             SmallWith(3, "regions: { eu: {},\n  EU: {} }"),
             {"4:3 a second region 'EU'; the first one is on line 3"}},
        Slip{"ADialWithoutPercent",
             SmallWith(3, "regions: { eu: { dial: 50 } }"),
             {"3:24 'dial' must be a percentage such as 99% or 0.5%"}},
        Slip{"ADialOverTheTop",
             SmallWith(3, "regions: { eu: { dial: 101% } }"),
             {"3:24 'dial' must not be more than 100%"}},
        Slip{"AServiceWithoutOrigins", SmallWith(5, "  shop: {}"), {"5:3 service 'shop' has no 'origins'"}},
        Slip{"AServiceWithNoOrigins",
             SmallWith(5, "  shop: { origins: {} }"),
             {"5:20 'origins' is empty: a service needs one origin"}},
        Slip{"ARegionWithNoOrigins",
             SmallWith(5, "  shop: { origins: { eu: [] } }"),
             {"5:26 region 'eu' has no origins"}},
        Slip{"AnUnknownRegion",
             SmallWith(5, "  shop: { origins: { ue: 'http://a' } }"),
             {"5:22 unknown region 'ue'; did you mean 'eu'?"}},
        Slip{"ARegionInAnotherCase",
             SmallWith(5, "  shop: { origins: { EU: 'http://a' } }"),
             {"5:22 unknown region 'EU'; did you mean 'eu'?"}},
        Slip{"TheSameOriginTwice",
             SmallWith(5, "  shop: { origins: { eu: ['http://a',\n    'http://a:80'] } }"),
             {"6:5 origin 'http://a:80' is already in this region; see line 5"}},
        Slip{"APathOfAProbeWithoutSlash", Service("health: { path: healthz }"), {"5:56 'path' must begin with '/'"}},
        Slip{"AProbeThatCannotSucceed",
             Service("health: { expect: [] }"),
             {"5:58 'expect' is empty: no probe could succeed"}},
        Slip{"AProbeThatExpectsInterimAnswers",
             Service("health: { expect: 100 }"),
             {"5:58 'expect' must be within 200 and 599"}},
        Slip{"AProbeTimeoutOfManyIntervals",
             Service("health: { interval: 100ms, timeout: 1001ms }"),
             {"5:76 'timeout' (1001ms) must not be more than ten times 'interval' (100ms)"}},
        Slip{"AnIntervalTooShortForTheDefaultTimeout",
             Service("health: { interval: 50ms }"),
             {"5:60 'timeout' (800ms) must not be more than ten times 'interval' (50ms)"}},
        Slip{"AProbeHostWithABadPort",
             Service("health: { host: 'a:b' }"),
             {"5:56 'host' has no port between 0 and 65535 behind ':'"}},
        Slip{"AFailureStatusThatIsASuccess",
             Service("failover: { statuses: [200, 503] }"),
             {"5:63 'statuses' must be within 400 and 599"}},
        Slip{"AStatusRangeBackwards",
             Service("failover: { statuses: [504-502] }"),
             {"5:63 'statuses' is a range from high to low"}},
        Slip{"AStatusClass",
             Service("failover: { statuses: 5xx }"),
             {"5:62 'statuses' must be a status such as 503 or a range such as 502-504"}},
        Slip{"TooManyAttempts",
             Service("failover: { attempts: 9 }"),
             {"5:62 'attempts' must be within 1 … 8, but is 9"}},
        Slip{"AnAttemptTimeoutThatIsAWord",
             Service("failover: { attempt_timeout: soon }"),
             {"5:69 'attempt_timeout' must be a duration such as 800ms, 2s or 1m"}},
        Slip{"ATimeoutOfNothing",
             Service("timeouts: { connect: 0s }"),
             {"5:61 'connect' must be within 10ms … 5m, but is 0s"}},
        Slip{"APoolOfNothing",
             Service("pool: { max_connections: 0 }"),
             {"5:65 'max_connections' must be within 1 … 65535, but is 0"}},
        Slip{"TlsWithoutATlsOrigin",
             Service("tls: { verify: false }"),
             {"5:40 'tls' has no effect: no origin of service 'shop' is https or h2"}},
        Slip{"AServerNameWithAPort",
             SmallWith(5, "  shop: { origins: { eu: 'h2://a' }, tls: { server_name: 'a:1' } }"),
             {"5:58 'server_name' must be letters, digits, '-', '_' and dots (an international name in its xn-- "
              "form)"}}),
    SlipName);

INSTANTIATE_TEST_SUITE_P(
    Origins, ConfigSlip,
    testing::Values(
        Slip{"NoScheme", Origin("127.0.0.1:9001"), {"5:26 'origin' must be a URL such as http://10.0.0.1:8080"}},
        Slip{"AnotherScheme", Origin("ftp://a"), {"5:26 'origin' has the scheme 'ftp', not http, https, h2c or h2"}},
        Slip{"NoHost", Origin("http://"), {"5:26 'origin' has no host"}},
        Slip{"APortOnly", Origin("http://:80"), {"5:26 'origin' has a host that must not be empty"}},
        Slip{"ABadPort", Origin("http://a:0"), {"5:26 'origin' must have a port between 1 and 65535 behind ':'"}},
        Slip{"AColonWithoutPort",
             Origin("http://a:"),
             {"5:26 'origin' must have a port between 1 and 65535 behind ':'"}},
        Slip{"AUser", Origin("http://me:pw@a"), {"5:26 'origin' must not hold a user name or password"}},
        Slip{"APath", Origin("http://a/b"), {"5:26 'origin' must not hold a path: requests keep their own"}},
        Slip{"AQuery", Origin("http://a/?b"), {"5:26 'origin' must not hold a query or fragment"}},
        Slip{"AFragment", Origin("http://a#b"), {"5:26 'origin' must not hold a query or fragment"}},
        Slip{"HalfAnAddress",
             Origin("http://127.1"),
             {"5:26 'origin' has a host that is neither a name nor an IPv4 address"}},
        Slip{"BareIpv6", Origin("http://::1"), {"5:26 'origin' needs brackets around an IPv6 address: [::1]:8080"}},
        Slip{"OpenBracket", Origin("http://[::1"), {"5:26 'origin' has '[' without ']'"}},
        Slip{"EmptyBrackets",
             Origin("http://[]:80"),
             {"5:26 'origin' has a host that has no IPv6 address between the brackets"}},
        Slip{"TextBehindBrackets",
             Origin("http://[::1]80"),
             {"5:26 'origin' has something other than a port behind ']'"}},
        Slip{"TwoDots",
             Origin("http://a..b"),
             {"5:26 'origin' has a host that has an empty label (two dots, or one at an end)"}},
        Slip{"ADashAtTheEnd", Origin("http://a-.b"), {"5:26 'origin' has a host that has a label with '-' at an end"}},
        Slip{"ALabelTooLong",
             Origin("http://" + std::string(64, 'a')),
             {"5:26 'origin' has a host that has a label of more than 63 characters"}},
        Slip{"AMap",
             SmallWith(5, "  shop: { origins: { eu: { url: 'http://a' } } }"),
             {"5:26 'origin' must be a single value, but is a map"}},
        Slip{"TlsIsNotBlamedForABadUrl",
             SmallWith(5, "  shop: { origins: { eu: 'htps://a' }, tls: { verify: true } }"),
             {"5:26 'origin' has the scheme 'htps', not http, https, h2c or h2"}}),
    SlipName);

// Two regions, probes and, on line 8, what a test adds; line 5 is the common objective.
std::string Promising(const std::string& common, const std::string& keys) {
  return "listeners: [{ address: \"127.0.0.1:8080\" }]\n"  // 1
         "regions: { eu: {}, us: {} }\n"                   // 2
         "routes: [{ name: all, service: shop }]\n"        // 3
         "admin: { enabled: false }\n" +                   // 4
         common +
         "\nservices:\n  shop:\n    " + keys +                   // 5 to 8
         "\n    origins: { eu: 'http://a', us: 'http://b' }\n";  // 9
}

INSTANTIATE_TEST_SUITE_P(
    Objectives, ConfigSlip,
    testing::Values(
        Slip{"IsShownAtTheKeyThatDominates",
             Promising("failover_objective: 6s", "health: { interval: 8s }"),
             {"8:25 service 'shop' leaves a black-holed region after up to 11.3 s (1.1 x 8 s until a probe starts, 3 "
              "probes of 0.8 s, and 0.1 s of the edge's and the network's own), over its objective of 6 s; lower "
              "health.interval (8s) or health.timeout (800ms) or health.fall (3)"}},
        Slip{"IsShownAtTheObjectiveIfThatKeyHasItsDefault",
             Promising("failover_objective: 3.5s", "health: {}"),
             {"5:21 service 'shop' leaves a black-holed region after up to 3.6 s (1.1 x 1 s until a probe starts, 3 "
              "probes of 0.8 s, and 0.1 s of the edge's and the network's own), over its objective of 3.5 s; lower "
              "health.timeout (800ms) or health.fall (3) or health.interval (1s)"}},
        Slip{"OfItsOwnReplacesTheCommonOne",
             Promising("failover_objective: 1m", "failover: { objective: 2s }"),
             {"8:28 service 'shop' leaves a black-holed region after up to 2.1 s (5 failures in a row at 5 requests/s "
              "take 1 s, the last one is given up after 1 s, and 0.1 s of the edge's and the network's own), over its "
              "objective of 2 s; lower failover.attempt_timeout (auto)"}},
        Slip{"EachKeyThatIsTooLongIsOneProblem",
             Promising("failover_objective: 500ms", "timeouts: { request: 1s }"),
             {"5:21 service 'shop' leaves a region that answers requests with a failure status after up to 1.1 s (5 "
              "failures in a row at 5 requests/s take 1 s, and 0.1 s of the edge's and the network's own), over its "
              "objective of 0.5 s; no key makes that shorter: raise the objective",
              "8:26 service 'shop' leaves a black-holed region after up to 1.7 s (5 failures in a row at 5 requests/s "
              "take 1 s, the last one is given up after 0.6 s, and 0.1 s of the edge's and the network's own), over "
              "its objective of 0.5 s; lower timeouts.request (1s)"}},
        Slip{"OfOneRegionMeansNothing",
             Service("failover: { objective: 6s }"),
             {"5:63 service 'shop' has one region and nowhere to go: it can't have an objective"}},
        Slip{"OutOfRange",
             SmallAnd("failover_objective: 50ms"),
             {"8:21 'failover_objective' must be within 100ms … 1h, but is 50ms"}}),
    SlipName);

TEST(ConfigObjective, HoldsForServicesThatCanKeepIt) {
  const Model model = ModelOf(Promising("failover_objective: 6s", "health: {}"));
  EXPECT_EQ(model.services.at(0).failover.objective, 6s);
  EXPECT_EQ(ModelOf(Promising("", "health: { interval: 1h }")).services.at(0).failover.objective, 0s);
  EXPECT_EQ(
      ModelOf(Promising("failover_objective: 6s", "failover: { objective: 1m }")).services.at(0).failover.objective,
      1min);
  EXPECT_EQ(ModelOf(SmallAnd("failover_objective: 6s")).services.at(0).failover.objective, 0s)
      << "a service of one region has nowhere to go; the common objective is not meant for it";
}

INSTANTIATE_TEST_SUITE_P(
    Yaml, ConfigSlip,
    testing::Values(
        Slip{"AnUnclosedList", SmallAnd("edge: [1, 2"), {"8:12 YAML: flow sequence without a closing bracket"}},
        Slip{"AnUnclosedQuote", SmallAnd("edge: \"x\nb: 1"), {"8:7 YAML: wrongly indented double-quoted scalar"}},
        Slip{"ATab", SmallAnd("edge:\n\tname: a"), {"9:1 YAML: tab character may not be used as indentation"}},
        Slip{"TwoKeysOnALine", SmallAnd("edge: name: a"), {"8:11 YAML: invalid nested block mapping on the same line"}},
        Slip{"AnAnchor",
             SmallAnd("edge: &a { name: b }"),
             {"8:7 anchors (&name) are not supported: write the value out where it is used"}},
        Slip{"AnAlias", SmallAnd("edge: *a"), {"8:7 aliases (*name) are not supported: write the value out"}},
        Slip{"ATag", SmallAnd("workers: !!int 3"), {"8:10 tags (!name) are not supported"}},
        Slip{"TwoDocuments", SmallAnd("---\na: 1"), {"8:1 a second document; a configuration is one"}},
        Slip{"AKeyThatIsAList", SmallAnd("? [a]\n: b"), {"8:3 a key must be text"}},
        Slip{"ADirective", "%YAML 1.2\n" + SmallAnd("---"), {"1:1 directives (%NAME) are not supported"}}),
    SlipName);

TEST(ConfigProblems, AFileWithManySlipsIsListedWhole) {
  const ConfigResult result = ParseConfig(ReadText(kFixtures + "/broken.yaml"), "broken.yaml", kFixtures);
  std::string all;
  for (const ConfigProblem& problem : result.problems) all += FormatProblem(problem);
  EXPECT_EQ(all, ReadText(kFixtures + "/broken.expected"));
}

TEST(ConfigProblems, CertificatesMustBeThere) {
  const ConfigResult result =
      Parse(SmallWith(2, "  - { address: '127.0.0.1:80', tls: { certificate: none.pem, key: . } }"));
  EXPECT_THAT(Problems(result),
              ElementsAre(HasSubstr("2:52 'certificate' cannot be read: '"), HasSubstr("it is a folder")));
  EXPECT_THAT(result.problems.at(0).message, HasSubstr("none.pem': No such file or directory"));
}

TEST(ConfigProblems, CountsAreBounded) {
  std::string many = "regions: { eu: {}, us: {}";
  for (int i = 0; i < 64; ++i) many += ", r" + std::to_string(i) + ": {}";
  EXPECT_THAT(Problems(Parse(SmallWith(3, many + " }"))), ElementsAre(HasSubstr("more than 64 regions")));
  std::string urls;
  for (int i = 1; i <= 33; ++i) urls += "'http://a:" + std::to_string(i) + "', ";
  EXPECT_THAT(Problems(Parse(SmallWith(5, "  shop: { origins: { eu: [" + urls + "] } }"))),
              ElementsAre(HasSubstr("more than 32 origins in a region")));
  std::string routes(kSmall);
  for (size_t i = 0; i < kMaxRoutes; ++i) routes += "  - { name: r" + std::to_string(i) + ", service: shop }\n";
  EXPECT_THAT(Problems(Parse(routes)), ElementsAre("4103:5 more than 4096 routes"));
}

TEST(ConfigProblems, TheListStaysReadableHoweverBadTheFile) {
  std::string text(kSmall);
  for (int i = 0; i < 5000; ++i) text += "x" + std::to_string(i) + ": 1\n";
  const ConfigResult result = Parse(text);
  ASSERT_EQ(result.problems.size(), 201u);
  EXPECT_EQ(result.problems.back().message, "more problems than are listed here");
}

TEST(ConfigProblems, TheCaretStandsUnderTheColumn) {
  EXPECT_EQ(FormatProblem({"conf/edge.yaml", 12, 5, "unknown key 'rout'", "did you mean 'routes'?", "    rout:"}),
            "conf/edge.yaml:12:5: error: unknown key 'rout'; did you mean 'routes'?\n    rout:\n    ^\n");
  EXPECT_EQ(FormatProblem({"a", 1, 4, "m", "", "é\tü: x"}), "a:1:4: error: m\né\tü: x\n \t ^\n");
  EXPECT_EQ(FormatProblem({"a", 0, 0, "m", "", ""}), "a: error: m\n");
}

TEST(ConfigProblems, ColumnsCountCharactersNotBytes) {
  const ConfigResult result = Parse(SmallAnd("edge: { \"nämé\": 1, nam: b }"));
  ASSERT_THAT(Problems(result), ElementsAre("8:9 unknown key 'nämé' in 'edge'",
                                            "8:20 unknown key 'nam' in 'edge'; did you mean 'name'?"));
  EXPECT_THAT(FormatProblem(result.problems[1]), HasSubstr("\n" + std::string(19, ' ') + "^\n"));
}

TEST(ConfigProblems, AVeryLongLineIsCutInTheExcerpt) {
  const ConfigResult result =
      Parse(SmallAnd("x: " + std::string(5000, 'y') + "\nedge: {" + std::string(5000, ' ') + "q: 1 }"));
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_EQ(result.problems[0].excerpt.size(), 240u);
  EXPECT_EQ(result.problems[1].excerpt, "") << "the place is not in what would be shown";
}

TEST(ConfigProblems, CanBeReadByMachines) {
  const auto json = nlohmann::json::parse(ProblemsToJson(Parse(SmallAnd("rout: \"ü\"")).problems));
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["file"], "edge.yaml");
  EXPECT_EQ(json[0]["line"], 8);
  EXPECT_EQ(json[0]["column"], 1);
  EXPECT_EQ(json[0]["message"], "unknown key 'rout' in the configuration");
  EXPECT_EQ(json[0]["suggestion"], "did you mean 'routes'?");
  EXPECT_EQ(json[0]["excerpt"], "rout: \"ü\"");
  EXPECT_EQ(ProblemsToJson({}), "[]");
  EXPECT_NO_THROW(nlohmann::json::parse(ProblemsToJson({{"\xFF.yaml", 0, 0, "m", "", ""}})));
}

// ---------------------------------------------------------------- files

TEST(ConfigFile, ThatIsNotThereIsAProblemLikeOthers) {
  const ConfigResult result = LoadConfig(kFixtures + "/none.yaml");
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(FormatProblem(result.problems[0]),
            kFixtures + "/none.yaml: error: cannot be read: No such file or directory\n");
  EXPECT_EQ(LoadConfig(kFixtures).problems.at(0).message, "cannot be read: Is a directory");
}

TEST(ConfigFile, ThatNeverEndsIsRefused) {
  EXPECT_THAT(Problems(LoadConfig("/dev/zero")), ElementsAre("0:0 the file is larger than 4 MiB"));
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

// ---------------------------------------------------------------- hostile texts

TEST(HostileConfig, CutAtAnyByteNeverBreaksTheReader) {
  for (const std::string& path : {kSource + "/conf/meridian.yaml", kFixtures + "/complete.yaml"}) {
    const std::string text = ReadText(path);
    for (size_t size = 0; size < text.size(); ++size) {
      const ConfigResult result = ParseConfig(std::string_view(text).substr(0, size), "cut.yaml", kFixtures);
      EXPECT_NE(result.config.has_value(), !result.problems.empty()) << size;
    }
  }
}

TEST(HostileConfig, WithAnyOneByteChangedNeverBreaksTheReader) {
  const std::string text = ReadText(kFixtures + "/complete.yaml");
  constexpr std::string_view kBytes("\0\n\t\"[}:%&\xFF\xC3", 11);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = kBytes[i % kBytes.size()];
    const ConfigResult result = ParseConfig(changed, "changed.yaml", kFixtures);
    EXPECT_NE(result.config.has_value(), !result.problems.empty()) << i;
  }
}

TEST(HostileConfig, ThatIsNotUtf8IsRefusedAtItsFirstBadByte) {
  for (const char* bad : {"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "%\x80"}) {
    const ConfigResult result = Parse(SmallAnd("é: " + std::string(bad)));
    const int column = bad[0] == '%' ? 5 : 4;
    EXPECT_THAT(Problems(result), ElementsAre("8:" + std::to_string(column) + " invalid UTF-8"));
    EXPECT_THAT(result.problems.at(0).excerpt, testing::StartsWith("é: ")) << "and can be shown on a terminal";
    EXPECT_THAT(result.problems.at(0).excerpt, testing::EndsWith("?"));
  }
}

TEST(HostileConfig, WithControlCharactersIsRefused) {
  EXPECT_THAT(Problems(Parse(SmallAnd(std::string("a: \0b", 5)))), ElementsAre("8:4 control character"));
  const ConfigResult result = Parse(SmallAnd("a: \x1B[2J"));
  EXPECT_THAT(Problems(result), ElementsAre("8:4 control character"));
  EXPECT_EQ(result.problems.at(0).excerpt, "a: ?[2J");
  EXPECT_THAT(Problems(Parse(SmallAnd("a: \xC2\x9B"))), ElementsAre("8:4 control character"));
}

TEST(HostileConfig, AnEscapedControlCharacterDoesNotReachTheTerminal) {
  const ConfigResult result = Parse(SmallAnd("\"x\\e[2J\": 1"));
  EXPECT_THAT(Problems(result), ElementsAre("8:1 unknown key 'x?[2J' in the configuration"));
}

TEST(HostileConfig, OfMoreThanFourMebibytesIsRefused) {
  EXPECT_THAT(Problems(Parse(std::string(size_t{5} << 20, '#'))), ElementsAre("0:0 the file is larger than 4 MiB"));
}

TEST(HostileConfig, NestedWithoutEndIsRefused) {
  EXPECT_THAT(Problems(Parse("a: " + std::string(1 << 20, '['))),
              ElementsAre(HasSubstr("1:35 nested more than 32 deep")));
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "- ";
  EXPECT_THAT(Problems(Parse(text)), ElementsAre(HasSubstr("nested more than 32 deep")));
}

TEST(HostileConfig, OfNothingButListItemsIsBounded) {
  std::string text = "a:\n";
  for (int i = 0; i < 1'000'000; ++i) text += "- a\n";
  EXPECT_THAT(Problems(Parse(text)), ElementsAre(HasSubstr("more than 400000 values")));
}

TEST(HostileConfig, PrintsNothingByItself) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  for (const char* text :
       {"a: [1\nb: 2", "%YAML 3.0\n---\na: 1", "a: {b: [}", "a: b: c", "}", "? - a\n b", "\"", "*a"}) {
    EXPECT_FALSE(Parse(text).config);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace meridian
