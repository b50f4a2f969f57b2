// The YAML of an edge under test: three regions, quick health checks, and only what a test changes written in it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "support/certificates.h"

namespace meridian::testing {

// Names in the order of distance from the edge (Frankfurt).
inline constexpr const char* kNear = "eu-west-1";
inline constexpr const char* kMiddle = "us-east-1";
inline constexpr const char* kFar = "ap-northeast-1";

struct ServiceConfig {
  std::string name = "shop";
  std::vector<std::pair<std::string, std::string>> origins{};  // region → URL, in order
  // Each is the value of the key of that name, in YAML flow style; empty: the key is left out.
  std::string health = "{ path: /healthz, interval: 200ms, timeout: 500ms, recheck: 50ms, fall: 3, rise: 2 }";
  std::string failover = "{ statuses: [500, 502-504], attempts: 3, ramp: 2s }";
  std::string timeouts = "{ connect: 500ms, request: 8s, idle: 5s }";
  std::string tls{};
  std::string proxy_protocol{};
  std::string pool{};
};

struct RouteConfig {
  std::string name = "all";
  std::string match{};            // "{ host: shop.example, path: /api/ }"; empty: everything
  std::string split = "shop: 1";  // inside the braces; empty: a route that answers by itself
  // Ordered, because on one machine measured times differ by noise only, and "nearest" would follow it.
  std::string steer = "ordered";
  std::string resume{};  // "true"; empty: the key is left out
  std::string rules{};   // further keys, in one line each: "    redirect: { path: /new }\n"
};

struct EdgeConfig {
  int workers = 2;
  // One listener per entry on a port of the kernel's choice; an empty list of certificates: cleartext.
  std::vector<std::vector<CertificateFiles>> listeners{{}};
  std::string listener_extra{};  // "    key: value\n" for each listener
  std::vector<ServiceConfig> services{};
  std::vector<RouteConfig> routes{{}};
  std::string tls{};                 // further keys of the listeners' `tls`, one line of YAML: "min_version: 1.3"
  std::vector<std::string> flags{};  // further arguments of `meridian run`
  std::string extra{};               // further top-level lines, as they are

  std::string Yaml(const std::string& access_log) const;
};

}  // namespace meridian::testing
