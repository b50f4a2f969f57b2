// What the tests of real clients and real origins share: how much they move, and the edge between them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "integration/edge.h"
#include "support/certificates.h"
#include "support/programs.h"

namespace meridian::testing {

// MERIDIAN_BODY_MIB="50 200": bodies of these sizes as well, in MiB.
inline std::vector<size_t> LargeBodySizes() {
  const char* text = std::getenv("MERIDIAN_BODY_MIB");
  std::istringstream words(text ? text : "");
  std::vector<size_t> sizes;
  for (size_t mib; words >> mib;) sizes.push_back(mib << 20);
  return sizes;
}

// Around what a window, a frame and a buffer hold.
inline std::vector<std::string> BodySizes(size_t largest = 10u << 20) {
  std::vector<std::string> sizes{"0", "1", "16384", "65537", std::to_string(largest)};
  for (const size_t size : LargeBodySizes()) sizes.push_back(std::to_string(size));
  return sizes;
}

// How long a client may take for all of it.
inline Millis ClientLimit() { return std::getenv("MERIDIAN_BODY_MIB") ? Millis(170s) : Millis(60s); }

// One listener with TLS and one without, one origin without probes.
class EdgeForClients {
 public:
  // `service_tls` and `limits` as in the configuration.
  explicit EdgeForClients(const std::string& origin_url, const std::string& service_tls = "",
                          const std::string& limits = "")
      : edge_(Config(origin_url, service_tls, limits)) {}

  std::string url() const { return "https://127.0.0.1:" + std::to_string(edge_.port(0)); }
  std::string clear_url() const { return "http://127.0.0.1:" + std::to_string(edge_.port(1)); }
  const std::string& ca_file() const { return authority_.ca_file(); }

 private:
  EdgeConfig Config(const std::string& origin_url, const std::string& service_tls, const std::string& limits) const {
    EdgeConfig config = ShopEdge({{kNear, origin_url}});
    config.listeners = {{authority_.Issue("edge", KeyKind::kEcdsa, {"127.0.0.1", "localhost"})}, {}};
    if (!limits.empty()) config.extra = "limits: " + limits + "\n";
    config.services[0].health = "";
    config.services[0].timeouts = "{ connect: 2s, tls: 5s, request: 60s, idle: 10s }";
    config.services[0].tls = service_tls;
    return config;
  }

  TempDir dir_;
  TestCertificates authority_{dir_};
  Edge edge_;
};

// Nothing that it printed begins with FAIL, something with ok, and it came to its end.
inline void ExpectAllOk(const RunResult& result) {
  EXPECT_EQ(result.exit_code, 0) << (result.exit_code == -1 ? "not finished in time\n" : "") << result.out
                                 << result.err;
  EXPECT_TRUE(("\n" + result.out).find("\nok ") != std::string::npos) << result.out << result.err;
}

}  // namespace meridian::testing
