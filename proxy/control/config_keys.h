// Every key of the configuration file, from the tables that read it.
#pragma once

#include <string>
#include <vector>

#include "control/config_decoder.h"

namespace meridian {

// "listeners[].address", "services.<name>.health.interval", …, each map before what is in it.
std::vector<ConfigKey> ConfigKeys();

}  // namespace meridian
