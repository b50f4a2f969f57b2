// The names of the demo's small world, in one place.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "meridian/time.h"

namespace meridian {

struct DemoRegion {
  std::string_view name;
  std::string_view location;  // as in the config
  Duration latency;           // simulated, of every answer
};

// Nearest to the edge, which stands in Frankfurt, first.
inline constexpr std::array<DemoRegion, 3> kDemoRegions = {{
    {"eu-west-1", "[53.35, -6.26]", 8ms},
    {"us-east-1", "[38.95, -77.45]", 45ms},
    {"ap-northeast-1", "[35.68, 139.69]", 90ms},
}};
inline constexpr size_t kNearestRegion = 0;

struct DemoService {
  std::string_view name;
  size_t regions;  // it runs in the first so many of kDemoRegions
};

inline constexpr std::array<DemoService, 2> kDemoServices = {{{"shop", 3}, {"shop-v2", 2}}};
inline constexpr size_t kCanary = 1;

inline constexpr std::string_view kDemoRoute = "shop";
inline constexpr std::string_view kRegionHeader = "x-region";
inline constexpr std::string_view kServiceHeader = "x-service";
// Its body follows kSlowBody after the head: a request that a drain finds half answered.
inline constexpr std::string_view kSlowPath = "/slow";
inline constexpr Duration kSlowBody = 1500ms;

}  // namespace meridian
