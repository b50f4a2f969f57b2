// Every slip in what is said of regions, services, their origins and what a failover promises.
#include "control/config_texts.h"

namespace meridian {
namespace {

class ServiceSlip : public testing::TestWithParam<Slip> {};

TEST_P(ServiceSlip, IsFoundAtItsPlace) { ExpectFound(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    RegionsAndServices, ServiceSlip,
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
    Origins, ServiceSlip,
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
    Objectives, ServiceSlip,
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

}  // namespace
}  // namespace meridian
