// What to give up when the buffers of a worker fill its share of `limits.buffer_memory`, least harm first.
//
// A level is entered at its share and left five hundredths below it, so that it does not flap. What is under way goes
// on at every level: only that empties buffers. Pure; one owner.
#pragma once

#include <cstddef>
#include <cstdint>

namespace meridian {

enum class OverloadLevel : uint8_t {
  kCalm,
  kBusyConnections,  // from 80 %: HTTP/1 bodies are not read ahead, no new streams on connections that have many
  kKeepAlive,        // from 90 %: connections end after what they have
  kRequests,         // from 95 %: no new requests
  kConnections,      // from 100 %: no new connections
};

class Overload {
 public:
  static constexpr double kEnter[] = {0.80, 0.90, 0.95, 1.00};
  static constexpr double kBelow = 0.05;
  // More streams at once than this are many.
  static constexpr size_t kManyStreams = 8;

  // REQUIRES: limit > 0.
  explicit Overload(uint64_t limit) : limit_(static_cast<double>(limit)) {}

  OverloadLevel Update(uint64_t used) {
    const double share = static_cast<double>(used) / limit_;
    while (level_ < 4 && share >= kEnter[level_]) ++level_;
    while (level_ > 0 && share < kEnter[level_ - 1] - kBelow) --level_;
    return level();
  }
  // Bytes from which on nothing is read ahead of what can be passed on. Looked at per read, not per level.
  uint64_t tight_from() const { return static_cast<uint64_t>(limit_ * kEnter[0]); }
  OverloadLevel level() const { return static_cast<OverloadLevel>(level_); }
  bool RefusesRequest(size_t streams_of_connection) const {
    return level() >= OverloadLevel::kRequests ||
           (level() >= OverloadLevel::kBusyConnections && streams_of_connection > kManyStreams);
  }
  bool RefusesKeepAlive() const { return level() >= OverloadLevel::kKeepAlive; }
  bool RefusesConnection() const { return level() >= OverloadLevel::kConnections; }

 private:
  double limit_;
  uint8_t level_ = 0;
};

}  // namespace meridian
