#include "net/trusted_proxies.h"

#include <algorithm>
#include <charconv>

#include "net/address.h"

namespace meridian {
namespace {

// Bits of `ip` behind the first `bits`: all of them 0?
bool EndsInZeros(const std::array<uint8_t, 16>& ip, size_t bits) {
  for (size_t i = bits; i < 128; ++i) {
    if (ip[i / 8] >> (7 - i % 8) & 1) return false;
  }
  return true;
}

bool Covers(const Cidr& range, const Endpoint& address) {
  if (range.v6 != address.v6) return false;
  std::array<uint8_t, 16> difference{};
  for (size_t i = 0; i < 16; ++i) difference[i] = range.ip[i] ^ address.ip[i];
  const size_t whole = range.bits / 8, rest = range.bits % 8;
  for (size_t i = 0; i < whole; ++i) {
    if (difference[i] != 0) return false;
  }
  return rest == 0 || difference[whole] >> (8 - rest) == 0;
}

// "192.0.2.1:4711" → "192.0.2.1", "[2001:db8::1]:4711" → "2001:db8::1".
std::string_view AddressIn(std::string_view entry) {
  while (!entry.empty() && (entry.front() == ' ' || entry.front() == '\t')) entry.remove_prefix(1);
  while (!entry.empty() && (entry.back() == ' ' || entry.back() == '\t')) entry.remove_suffix(1);
  if (entry.starts_with('[')) {
    const size_t close = entry.find(']');
    return close == std::string_view::npos ? std::string_view() : entry.substr(1, close - 1);
  }
  const size_t colon = entry.find(':');
  return colon == entry.rfind(':') ? entry.substr(0, colon) : entry;
}

}  // namespace

std::string ParseCidr(std::string_view text, Cidr* out) {
  const size_t slash = text.find('/');
  const std::optional<Endpoint> address = ParseIpLiteral(text.substr(0, slash), 0);
  if (!address) return "must be an address or a range such as 10.0.0.0/8";
  const uint8_t most = address->v6 ? 128 : 32;
  uint8_t bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc() || end != digits.data() + digits.size() || bits > most) {
      return "must have a number up to " + std::to_string(most) + " behind '/'";
    }
  }
  if (!EndsInZeros(address->ip, bits)) return "has bits set behind the first " + std::to_string(bits);
  *out = {address->ip, address->v6, bits};
  return {};
}

bool Covers(std::span<const Cidr> ranges, const Endpoint& address) {
  const Endpoint plain = Unmapped(address);
  return std::any_of(ranges.begin(), ranges.end(), [&](const Cidr& range) { return Covers(range, plain); });
}

std::string_view ClientBehind(std::string_view peer, const HeaderBlock& headers, std::span<const Cidr> trusted) {
  std::string_view client = peer;
  for (const Header* h = headers.end(); h != headers.begin();) {
    if ((--h)->id != HeaderId::kXForwardedFor) continue;
    std::string_view list = h->value;
    for (bool more = true; more;) {
      const size_t comma = list.rfind(',');
      more = comma != std::string_view::npos;
      const std::string_view entry = AddressIn(more ? list.substr(comma + 1) : list);
      if (more) list = list.substr(0, comma);
      const std::optional<Endpoint> address = ParseIpLiteral(entry, 0);
      if (!address) return client;
      client = entry;
      if (!Covers(trusted, *address)) return client;
    }
  }
  return client;
}

}  // namespace meridian
