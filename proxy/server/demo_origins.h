// The demo's regions: small HTTP servers (HTTP/1.1 and h2c) with simulated latency, and a switch that makes a region
// fail.
//
// A thread and a loop of their own, ports from the kernel. A region keeps its ports while it is dead.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "event/loop.h"
#include "http/codec.h"
#include "policy/model.h"
#include "server/demo_world.h"
#include "stream/client_connection.h"

namespace meridian {

enum class DemoFault {
  kNone,
  kDead,    // nobody listens, what was open is reset: like a killed process
  kSilent,  // accepts and reads, but never answers; whoever still waits when the fault is over is reset, as by a
            // restart
};

class DemoOrigin;

// 127.0.0.1, where all of the demo listens. Port 0: the kernel's choice.
inline Endpoint DemoAddress(uint16_t port) { return {.ip = {127, 0, 0, 1}, .v6 = false, .port = port}; }

class DemoOrigins {
 public:
  // Null and *error when a socket can't be had.
  static std::unique_ptr<DemoOrigins> Open(std::string* error);
  ~DemoOrigins();
  // Thread-safe; done when it returns. False if the region could not take its ports again.
  bool SetFault(size_t region, DemoFault fault);
  // Port of one service in one region. REQUIRES: the service runs there.
  uint16_t port(size_t service, size_t region) const;

 private:
  DemoOrigins() = default;
  void Run();
  bool Apply(size_t region, DemoFault fault);

  Loop loop_;
  MessageLimits limits_;
  ConnectionTimeouts timeouts_;
  std::array<std::vector<std::unique_ptr<DemoOrigin>>, kDemoServices.size()> services_;  // by region
  std::array<std::vector<uint16_t>, kDemoServices.size()> ports_;
  std::thread thread_;
};

}  // namespace meridian
