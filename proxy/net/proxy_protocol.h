// The PROXY protocol, versions 1 and 2, as a balancer in front of us speaks it: who the client really is.
//
// Strict: what is not exactly a header is malformed, so that nothing is taken for an address that was not meant as one.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "policy/model.h"

namespace meridian {

struct ProxyHeader {
  enum class State : uint8_t { kIncomplete, kMalformed, kDone };
  static constexpr size_t kMaxV1 = 107;
  static constexpr size_t kMaxV2 = 4096;  // TLVs and all

  State state = State::kIncomplete;
  size_t size = 0;                 // of the header, when done
  std::optional<Endpoint> client;  // absent: the connection is the balancer's own (LOCAL, UNKNOWN, not TCP over IP)
};

// Reads the header at the front of `bytes`; what follows it is ignored. Any prefix of a header is incomplete.
ProxyHeader ParseProxyHeader(std::span<const uint8_t> bytes);

}  // namespace meridian
