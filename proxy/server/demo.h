// `meridian demo`: the product in one process: three embedded origins with simulated latency, a self-signed
// certificate, the real server on real sockets, a little load over HTTPS, a live table. With a scenario it is a test:
// exit 0 or 1.
#pragma once

#include <string>

namespace meridian {

struct DemoOptions {
  std::string scenario;  // "", "failover", "canary", "drain"
  int rate = 200;        // requests per second of the built-in load
};

// Blocks. Returns the exit code of the program.
int RunDemo(const DemoOptions& options);

}  // namespace meridian
