// The configuration of the demo's edge: as a user would write it, with the ports that are free here.
#pragma once

#include <optional>
#include <string>

#include "control/config.h"
#include "server/demo_origins.h"

namespace meridian {

inline constexpr uint16_t kDemoServicePort = 8443;
inline constexpr uint16_t kDemoAdminPort = 9901;

// HTTPS and the admin endpoint on these ports of the loopback, or the next free ones. Nothing and *error on failure.
std::optional<Config> MakeDemoConfig(const DemoOrigins& origins, std::string* error);

}  // namespace meridian
