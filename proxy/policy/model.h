// The wanted world: what the operator wrote, checked, with names turned into indexes.
//
// Immutable once built; shared by every thread through the Snapshot. Times are Durations, shares are fractions in
// [0,1], weights are integers in [0, 1 000 000]. Limits on counts keep indexes small: see kMax….
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "meridian/filter.h"
#include "meridian/route_rules.h"
#include "meridian/status_set.h"
#include "meridian/time.h"
#include "policy/canonical_path.h"
#include "policy/route_conditions.h"

namespace meridian {

inline constexpr size_t kMaxRegions = 64;
inline constexpr size_t kMaxServices = 1024;
inline constexpr size_t kMaxRoutes = 4096;
inline constexpr size_t kMaxOriginsPerRegion = 32;
inline constexpr uint32_t kMaxWeight = 1'000'000;

struct Location {
  double latitude = 0;   // degrees, −90…90
  double longitude = 0;  // degrees, −180…180
};

struct RegionModel {
  std::string name;
  std::optional<Location> location;
  double dial = 1.0;  // configured share of the traffic that would go here
};

// A numeric address; the resolver produces them, pools connect to them.
struct Endpoint {
  std::array<uint8_t, 16> ip{};  // v4 in the first four bytes
  bool v6 = false;
  uint16_t port = 0;  // host byte order
  auto operator<=>(const Endpoint&) const = default;
};

// A range of addresses: those that begin with the first `bits` of `ip`.
struct Cidr {
  std::array<uint8_t, 16> ip{};  // as in Endpoint
  bool v6 = false;
  uint8_t bits = 0;
};

enum class OriginProtocol : uint8_t { kHttp, kHttps, kH2c, kH2 };  // as the URL scheme says
constexpr bool UsesTls(OriginProtocol p) { return p == OriginProtocol::kHttps || p == OriginProtocol::kH2; }
constexpr bool UsesHttp2(OriginProtocol p) { return p == OriginProtocol::kH2c || p == OriginProtocol::kH2; }

struct OriginModel {
  std::string url;  // as written: the origin's identity in logs, metrics and admin
  OriginProtocol protocol = OriginProtocol::kHttp;
  std::string host;  // name or literal, without brackets
  uint16_t port = 0;
  std::string authority;  // host[:port], sent to probes
};

// The header that connections to origins begin with, which names the client (net/proxy_protocol.h).
enum class ProxyProtocol : uint8_t { kOff, kV1, kV2 };

struct OriginTls {
  std::string ca_file;      // PEM; empty: the system's store
  std::string server_name;  // SNI and name to verify; empty: the origin's host
  bool verify = true;
};

struct HealthModel {
  bool enabled = false;  // on when the `health` key is present
  std::string path = "/";
  std::string host;  // Host of probes; empty: the origin's authority
  Duration interval = 1s;
  Duration timeout = 800ms;
  Duration recheck = 250ms;  // instead of interval while the last probe contradicts the state
  int fall = 3;
  int rise = 2;
  StatusSet expect = StatusSet().Add(200, 399);
};

// An attempt that has somewhere else to go gets at most this part of the time left.
inline constexpr double kAttemptShare = 0.6;

struct FailoverModel {
  StatusSet statuses = StatusSet().Add(500).Add(502, 504);
  int attempts = 3;  // most attempts per request, 1…8
  // To the response head, while another region is left and the request is replayable. Zero: automatic, see
  // latency_window.h.
  Duration attempt_timeout = 0s;
  Duration ramp = 60s;                 // from half-open back to the full share
  uint64_t replay_limit = 256 * 1024;  // bytes of a request's body that are kept for a replay; 0: none
  // The longest that leaving a failing region may take, failover_objective.h. Zero: nothing is promised.
  Duration objective = 0s;
};

struct TimeoutModel {
  Duration connect = 1s;     // TCP
  Duration tls = 1s;         // the handshake after it
  Duration first_byte = 0s;  // of one attempt, from its start to the response's head; zero: what is left of `request`
  Duration request = 15s;    // from the request's head to the response's head, over all attempts
  Duration stall = 1s;       // an origin that owes bytes of a known length and sends none is in doubt
  Duration idle = 30s;       // a body or an idle stream without progress
  Duration tunnel = 1h;      // a WebSocket without a byte in either direction
};

struct PoolModel {
  uint32_t max_connections = 512;  // per worker and origin
  uint32_t max_streams = 100;      // per HTTP/2 connection, lowered by the peer's SETTINGS
  uint32_t max_pending = 4096;     // requests that wait for a connection, per worker and origin
  Duration idle_timeout = 60s;
  bool warm = true;  // each worker holds a connection to each region, so that a failover finds one
};

struct ServiceRegionModel {
  uint16_t region = 0;  // index into Model::regions
  std::vector<OriginModel> origins;
};

struct ServiceModel {
  std::string name;
  std::vector<ServiceRegionModel> regions;  // in the order of the file
  HealthModel health;
  FailoverModel failover;
  TimeoutModel timeouts;
  PoolModel pool;
  OriginTls tls;
  ProxyProtocol proxy_protocol = ProxyProtocol::kOff;
};

inline constexpr Duration kHedgeOff = Duration::zero();
inline constexpr Duration kHedgeAuto = Duration(-1);

enum class Steer : uint8_t { kNearest, kOrdered };

struct ArmModel {
  uint16_t service = 0;  // index into Model::services
  uint32_t weight = 1;   // configured; the live one is in Snapshot::routes
};

struct RouteModel {
  std::string name;
  std::string host;  // lower case; empty: any; "*.example" : any label below
  std::string path;  // empty: any; a prefix unless one of the next two says otherwise
  bool path_exact = false;
  std::shared_ptr<const TextPattern> path_pattern;    // the whole path; `path` is its source
  std::shared_ptr<const RouteConditions> conditions;  // null: none
  std::shared_ptr<const RouteRules> rules;            // null: none
  std::vector<ArmModel> split;                        // at least one, unless the rules redirect or reply
  Steer steer = Steer::kNearest;
  std::optional<StatusSet> failure_statuses;  // instead of the services' own
  bool replay_unsafe = false;                 // POST and PATCH are safe to repeat here, says the operator
  bool resume = false;                        // a download that breaks off goes on in the next region
  bool to_arms = false;                       // an arm without an eligible region leaves its share to the others
  // An idempotent request without a body that has no answer after this long is sent to the next region as well, and
  // the first good answer counts. kHedgeAuto: after the route's recent p95.
  Duration hedge = kHedgeOff;
  std::vector<std::shared_ptr<const Filter>> filters;  // in order; built with the model
};

// What becomes of request fields with an underscore in their name.
enum class Underscores : uint8_t { kPass, kDrop, kRefuse };

struct Model {
  std::string edge_name;
  std::optional<Location> edge_location;
  PathPolicy paths = PathPolicy::kNormalize;
  int max_hops = 3;                        // how often one request may pass this edge
  uint32_t max_answer_bytes = 256 * 1024;  // of an origin's head, decoded (limits.max_answer_bytes)
  uint32_t max_answer_fields = 1000;
  std::vector<Cidr> trusted_proxies;  // peers that may say who their client is
  bool trust_client_cert = false;     // …and which certificate it showed them
  std::vector<RegionModel> regions;
  std::vector<ServiceModel> services;
  std::vector<RouteModel> routes;  // in the order of the file
  // Over all routes: the size of whatever is kept flat per route and arm.
  size_t CountArms() const {
    size_t n = 0;
    for (const RouteModel& route : routes) n += route.split.size();
    return n;
  }
  // Over all services: the size of whatever is kept flat per service and region.
  size_t CountServiceRegions() const {
    size_t n = 0;
    for (const ServiceModel& service : services) n += service.regions.size();
    return n;
  }
};

}  // namespace meridian
