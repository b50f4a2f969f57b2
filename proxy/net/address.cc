#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace meridian {
namespace {

constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

Endpoint Unmapped(const Endpoint& endpoint) {
  if (!endpoint.v6 || !std::equal(kMapped.begin(), kMapped.end(), endpoint.ip.begin())) return endpoint;
  Endpoint out{{}, false, endpoint.port};
  std::copy_n(endpoint.ip.begin() + kMapped.size(), 4, out.ip.begin());
  return out;
}

Endpoint Mapped(const Endpoint& endpoint) {
  if (endpoint.v6) return endpoint;
  Endpoint out{{}, true, endpoint.port};
  std::copy(kMapped.begin(), kMapped.end(), out.ip.begin());
  std::copy_n(endpoint.ip.begin(), 4, out.ip.begin() + kMapped.size());
  return out;
}

SockAddr ToSockAddr(const Endpoint& endpoint) {
  SockAddr out;
  if (endpoint.v6) {
    auto* a = reinterpret_cast<sockaddr_in6*>(&out.storage);
    a->sin6_family = AF_INET6;
    a->sin6_port = htons(endpoint.port);
    std::memcpy(&a->sin6_addr, endpoint.ip.data(), 16);
    out.size = sizeof *a;
  } else {
    auto* a = reinterpret_cast<sockaddr_in*>(&out.storage);
    a->sin_family = AF_INET;
    a->sin_port = htons(endpoint.port);
    std::memcpy(&a->sin_addr, endpoint.ip.data(), 4);
    out.size = sizeof *a;
  }
  return out;
}

Endpoint FromSockAddr(const sockaddr* address) {
  Endpoint out;
  if (address->sa_family == AF_INET6) {
    const auto* a = reinterpret_cast<const sockaddr_in6*>(address);
    out.v6 = true;
    out.port = ntohs(a->sin6_port);
    std::memcpy(out.ip.data(), &a->sin6_addr, 16);
  } else if (address->sa_family == AF_INET) {
    const auto* a = reinterpret_cast<const sockaddr_in*>(address);
    out.port = ntohs(a->sin_port);
    std::memcpy(out.ip.data(), &a->sin_addr, 4);
  }
  return out;
}

std::optional<Endpoint> LocalAddress(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return std::nullopt;
  return FromSockAddr(reinterpret_cast<const sockaddr*>(&name));
}

std::optional<Endpoint> ParseIpLiteral(std::string_view text, uint16_t port) {
  Endpoint out;
  out.port = port;
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;  // inet_pton would stop there
  if (inet_pton(AF_INET, copy.c_str(), out.ip.data()) == 1) return out;
  out.v6 = true;
  if (inet_pton(AF_INET6, copy.c_str(), out.ip.data()) == 1) return out;
  return std::nullopt;
}

std::optional<Endpoint> ParseHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (ec != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // "::1:80" could be an address without a port.
  if (bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  if (host.empty()) host = "0.0.0.0";
  if (host == "localhost") host = "127.0.0.1";
  return ParseIpLiteral(host, port);
}

std::optional<Network> ParseNetwork(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<Endpoint> base = ParseIpLiteral(text.substr(0, slash), 0);
  if (!base) return std::nullopt;
  Network network{*base, base->v6 ? 128 : 32};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    int bits = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (ec != std::errc() || end != digits.data() + digits.size() || bits < 0 || bits > network.bits) {
      return std::nullopt;
    }
    network.bits = bits;
  }
  Endpoint rest = *base;
  for (int i = 0; i < network.bits; ++i) rest.ip[static_cast<size_t>(i / 8)] &= static_cast<uint8_t>(~(0x80 >> i % 8));
  if (rest.ip != Endpoint{}.ip) return std::nullopt;
  return network;
}

bool Contains(const Network& network, const Endpoint& address) {
  if (network.base.v6 != address.v6) return false;
  for (int i = 0; i < network.bits; ++i) {
    const auto byte = static_cast<size_t>(i / 8);
    if ((network.base.ip[byte] ^ address.ip[byte]) & (0x80 >> i % 8)) return false;
  }
  return true;
}

std::string IpText(const Endpoint& endpoint) {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(endpoint.v6 ? AF_INET6 : AF_INET, endpoint.ip.data(), buffer, sizeof buffer);
  return buffer;
}

std::string EndpointText(const Endpoint& endpoint) {
  const std::string ip = IpText(endpoint);
  return (endpoint.v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(endpoint.port);
}

}  // namespace meridian
