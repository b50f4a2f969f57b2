// Socket addresses: text ↔ Endpoint ↔ sockaddr. Pure conversions, any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>

#include "policy/model.h"

namespace meridian {

struct SockAddr {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SockAddr ToSockAddr(const Endpoint& endpoint);
Endpoint FromSockAddr(const sockaddr* address);
// ::ffff:192.0.2.1 (RFC 4291 §2.5.5.2) as 192.0.2.1, any other address as it is; and any IPv4 address the other way.
Endpoint Unmapped(const Endpoint& endpoint);
Endpoint Mapped(const Endpoint& endpoint);
// Our end of a socket.
std::optional<Endpoint> LocalAddress(int fd);
// "192.0.2.1" or "2001:db8::1" without brackets; nullopt for names.
std::optional<Endpoint> ParseIpLiteral(std::string_view text, uint16_t port);
// "127.0.0.1:80", "[::1]:80", "localhost:80" (→ 127.0.0.1), ":80" (→ any, v4).
std::optional<Endpoint> ParseHostPort(std::string_view text);
// A block of addresses: "192.0.2.0/24", "2001:db8::/32", or one address. Bits beyond the length must be 0.
struct Network {
  Endpoint base;
  int bits = 0;
};
std::optional<Network> ParseNetwork(std::string_view text);
bool Contains(const Network& network, const Endpoint& address);
std::string IpText(const Endpoint& endpoint);        // without the port
std::string EndpointText(const Endpoint& endpoint);  // "127.0.0.1:80", "[::1]:80"

}  // namespace meridian
