// A TCP relay in front of an origin that can be told, while traffic flows, to fail in the ways origins fail.
//
// One thread relays everything; memory per connection is bounded. Switching a mode takes effect before the call
// returns. The gate keeps its port in every mode.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "support/deadline.h"
#include "support/sockets.h"

namespace meridian::testing {

struct GateMode {
  enum class Kind {
    kPass,
    kRefuse,         // nobody listens; what was open is reset. Like a killed process
    kHang,           // accepts, reads, never answers; what was open falls silent
    kResetOnAccept,  // RST as soon as a connection is there, and on what was open
    kResetOnBytes,   // RST as soon as the peer sends something
    kCut,            // each connection ends after `bytes` bytes of responses (counted from the switch)
    kDelay,          // each piece of a response is held back for `time`
  };
  Kind kind = Kind::kPass;
  uint64_t bytes = 0;
  bool cut_with_reset = true;  // kCut: RST, else FIN
  Millis time{0};

  static GateMode Pass() { return {}; }
  static GateMode Refuse() { return {.kind = Kind::kRefuse}; }
  static GateMode Hang() { return {.kind = Kind::kHang}; }
  static GateMode ResetOnAccept() { return {.kind = Kind::kResetOnAccept}; }
  static GateMode ResetOnBytes() { return {.kind = Kind::kResetOnBytes}; }
  static GateMode Cut(uint64_t bytes, bool reset = true) {
    return {.kind = Kind::kCut, .bytes = bytes, .cut_with_reset = reset};
  }
  static GateMode Delay(Millis time) { return {.kind = Kind::kDelay, .time = time}; }
};

class ChaosGate {
 public:
  explicit ChaosGate(uint16_t origin_port);
  ~ChaosGate();
  ChaosGate(const ChaosGate&) = delete;
  ChaosGate& operator=(const ChaosGate&) = delete;

  uint16_t port() const { return reservation_.port(); }
  std::string url(const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port());
  }

  void Set(const GateMode& mode);

  // Connections accepted so far.
  uint64_t connections() const { return accepted_; }
  // What peers sent into kHang and the resetting modes since the last Set; at most 4 MiB.
  std::string Swallowed() const;
  // How often `text` occurs in it: "GET /api" counts the requests that touched the dead origin.
  size_t SwallowedCount(const std::string& text) const;

 private:
  class Relay;
  struct Thread;

  PortReservation reservation_;
  const uint16_t origin_port_;
  std::atomic<uint64_t> accepted_ = 0;
  UniqueFd wake_;

  mutable std::mutex mutex_;
  std::condition_variable applied_;
  GateMode wanted_;
  uint64_t wanted_number_ = 0;
  uint64_t applied_number_ = 0;
  bool stopping_ = false;
  std::string swallowed_;

  std::thread thread_;
};

}  // namespace meridian::testing
