// The PROXY protocol, versions 1 and 2: who the client really is, as a balancer in front of us says it, and as we say
// it to origins.
//
// Reading is strict: what is not exactly a header is malformed, so that nothing is taken for an address that was not
// meant as one. Pure; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "policy/model.h"

namespace meridian {

struct ProxyHeader {
  enum class State : uint8_t { kIncomplete, kMalformed, kDone };
  static constexpr size_t kMaxV1 = 107;
  static constexpr size_t kMaxV2 = 4096;  // TLVs and all

  State state = State::kIncomplete;
  size_t size = 0;                   // of the header, when done
  std::optional<Endpoint> client;    // absent: the connection is the balancer's own (LOCAL, UNKNOWN, not TCP over IP)
  std::optional<Endpoint> server{};  // that the client connected to; present with the client
};

// Reads the header at the front of `bytes`; what follows it is ignored. Any prefix of a header is incomplete.
ProxyHeader ParseProxyHeader(std::span<const uint8_t> bytes);

// Both ends of a client's connection.
struct ProxyAddresses {
  Endpoint client, server;
  auto operator<=>(const ProxyAddresses&) const = default;
};

// The header for a connection on behalf of that client; null: for one of our own (UNKNOWN, LOCAL). One header has one
// family: IPv4 if both ends are or are IPv4 in its IPv6 form (::ffff:192.0.2.1), else IPv6, IPv4 in that form.
// REQUIRES: not kOff.
std::string WriteProxyHeader(ProxyProtocol version, const ProxyAddresses* addresses);

}  // namespace meridian
