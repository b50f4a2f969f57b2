// What the control thread knows at one instant, in plain structs: the only source of /v1/status, /metrics gauges and
// the demo's table. Made by control/controller, rendered by control/admin_api and telemetry/prometheus_bridge.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "policy/snapshot.h"

namespace meridian {

struct OriginStatus {
  std::string url;
  Serving serving = Serving::kUnknown;
  std::vector<std::string> endpoints;  // "192.0.2.1:80"
  double rtt_ms = 0;                   // NaN: not measured
  uint64_t probes_ok = 0, probes_failed = 0;
  std::string last_probe;  // "200 in 12 ms", "connect_failed", "" before the first
};

// One time that a service left a region (policy/failover_log.h). Seconds since its begin; NaN: there was none.
struct FailoverEventStatus {
  uint64_t number = 0;
  std::string region;
  std::string cause;
  double begin_unix_s = 0;
  double switch_s = 0;
  double last_affected_s = 0;
  double last_error_s = 0;
  double duration_s = 0;
  uint64_t saved = 0, lost = 0;
  double objective_s = 0;
  bool kept = true;
  bool ended = false;
};

// What the configuration promises for one kind of failure (policy/failover_objective.h). NaN: not found this way.
struct WorstCaseStatus {
  std::string kind;
  double seconds = 0;
  double by_probes_s = 0, by_traffic_s = 0;
  std::string arithmetic;  // of `seconds`
  std::string field;       // the key that dominates it, or empty
};

struct FailoverStatus {
  double objective_s = std::numeric_limits<double>::quiet_NaN();  // NaN: none
  std::vector<WorstCaseStatus> worst_cases;
  std::vector<FailoverEventStatus> events;  // oldest first, the last 16
};

// Counters of one region of a service.
struct FailoverCounts {
  std::vector<std::pair<std::string, uint64_t>> events;  // by cause
  std::vector<std::pair<double, uint64_t>> durations;    // by upper bound, not cumulative; the last bound is infinite
  double duration_sum_s = 0;
  uint64_t missed = 0;
  uint64_t saved = 0, lost = 0;
};

struct ServiceRegionStatus {
  std::string region;
  BreakerState breaker = BreakerState::kClosed;
  std::string reason;
  double share = 1;  // allowed by the breaker
  double dial = 1;
  double rtt_ms = 0;  // NaN: not measured
  double distance_km = 0;
  int openings = 0;
  double first_share = 0;  // of the service's traffic as first choice, now (steer nearest)
  std::vector<OriginStatus> origins;
  FailoverCounts failover = {};
};

struct ServiceStatus {
  std::string name;
  std::vector<ServiceRegionStatus> regions;  // in the order of the file
  std::vector<std::string> nearest;          // region names, best first
  FailoverStatus failover = {};
};

struct ArmStatus {
  std::string service;
  uint32_t weight = 0;
  double share = 0;  // weight / sum
};

struct RouteStatus {
  std::string name;
  std::string host, path;
  bool path_exact = false;
  std::string steer;  // "nearest" "ordered"
  std::vector<ArmStatus> split;
  uint64_t weights_version = 1;  // grows with each accepted change: the ETag
};

struct RegionStatus {
  std::string name;
  double dial = 1;
  uint64_t dial_version = 1;
};

// A failure on purpose (control/drills.h).
struct DrillStatus {
  uint64_t id = 0;
  std::string region;
  std::string kind;  // "503" "reset" "hang" "slow"
  double share = 1;
  double delay_s = 0;
  double for_s = 0, elapsed_s = 0;
  uint64_t abort_after = 1;
  std::string by;
  std::string state;     // "running" "passed" "aborted" "cancelled"
  std::string why;       // of the end, or empty
  bool settled = false;  // no request can still feel it
  uint64_t touched = 0, saved = 0, lost = 0;
  double left_after_s = std::numeric_limits<double>::quiet_NaN();  // NaN: no breaker opened
};

// A certificate that listeners serve.
struct CertificateStatus {
  std::string file;
  int64_t expires_unix_s = 0;
};

// An OCSP response that listeners staple, or would if it were good.
struct OcspStatus {
  std::string file;
  int64_t expires_unix_s = 0;  // of the last one that was right
};

struct Status {
  std::string version;  // of the program
  std::string edge;
  uint64_t snapshot = 0;
  double uptime_s = 0;
  uint64_t dns_failures = 0;
  uint64_t buffer_bytes = 0;                    // of all workers
  int overload_level = 0;                       // of the fullest (policy/overload.h)
  std::vector<CertificateStatus> certificates;  // by file, each once
  uint64_t certificate_reloads = 0, certificate_reloads_failed = 0;
  std::vector<OcspStatus> ocsp;  // by file, each once
  uint64_t ocsp_reloads = 0, ocsp_reloads_failed = 0;
  uint64_t admin_connections_replaced = 0;
  bool ready = false;
  bool draining = false;
  int workers = 0;
  std::vector<RegionStatus> regions;
  std::vector<ServiceStatus> services;
  std::vector<RouteStatus> routes;
  std::vector<DrillStatus> drills;  // oldest first, the last 16
};

}  // namespace meridian
