// What the control thread knows at one instant, in plain structs: the only source of /v1/status, /metrics gauges and
// the demo's table. Made by control/controller, rendered by control/admin_api and telemetry/prometheus_bridge.
#pragma once

#include <cstdint>
#include <string>
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
};

struct ServiceStatus {
  std::string name;
  std::vector<ServiceRegionStatus> regions;  // in the order of the file
  std::vector<std::string> nearest;          // region names, best first
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

struct Status {
  std::string version;  // of the program
  std::string edge;
  uint64_t snapshot = 0;
  double uptime_s = 0;
  uint64_t dns_failures = 0;
  bool ready = false;
  bool draining = false;
  int workers = 0;
  std::vector<RegionStatus> regions;
  std::vector<ServiceStatus> services;
  std::vector<RouteStatus> routes;
};

}  // namespace meridian
