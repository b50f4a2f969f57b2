// What the tests of this folder share: the binary under test and the usual edges.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "support/clients.h"
#include "support/meridian_process.h"
#include "support/scripted_origin.h"

namespace meridian::testing {

// The one that was built with these tests, unless the environment names another.
inline std::string MeridianBinary() {
  const char* other = std::getenv("MERIDIAN_BINARY");
  return other ? other : MERIDIAN_BINARY;
}

using Origins = std::vector<std::pair<std::string, std::string>>;

// One service, "shop", for every request; its regions in the order given.
inline EdgeConfig ShopEdge(Origins origins) {
  EdgeConfig config;
  config.services.push_back({.origins = std::move(origins)});
  return config;
}

// An edge that has probed every origin once. `all_serving` false: some are down from the start.
class Edge : public MeridianProcess {
 public:
  explicit Edge(const EdgeConfig& config, bool all_serving = true) : MeridianProcess(MeridianBinary(), config) {
    if (!all_serving) return;
    for (const ServiceConfig& service : config.services) {
      EXPECT_TRUE(service.health.empty() || Eventually([&] { return AllServing(service.name); }, 5s, 20ms))
          << "an origin of " << service.name << " is not found healthy: " << Status().dump(1);
    }
  }
};

}  // namespace meridian::testing
