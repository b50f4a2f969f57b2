#include "policy/client_prefixes.h"

#include <algorithm>

#include "policy/random.h"

namespace meridian {
namespace {

constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // ::ffff:0:0/96

uint64_t FirstBytes(const uint8_t* bytes, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

size_t ClientPrefixes::Hash::operator()(uint64_t prefix) const {
  uint64_t state = seed ^ prefix;
  return SplitMix64(state);
}

// 56 bits of IPv6, or 24 of IPv4 below a bit that no IPv6 prefix has.
uint64_t ClientPrefixes::PrefixOf(const Endpoint& client) {
  constexpr uint64_t kV4 = uint64_t{1} << 63;
  if (!client.v6) return kV4 | FirstBytes(client.ip.data(), 3);
  if (std::equal(kMapped.begin(), kMapped.end(), client.ip.begin())) return kV4 | FirstBytes(client.ip.data() + 12, 3);
  return FirstBytes(client.ip.data(), 7);
}

bool ClientPrefixes::Add(const Endpoint& client) {
  size_t& count = counts_[PrefixOf(client)];
  if (count >= most_) return false;
  ++count;
  return true;
}

void ClientPrefixes::Remove(const Endpoint& client) {
  const auto entry = counts_.find(PrefixOf(client));
  if (--entry->second == 0) counts_.erase(entry);
}

size_t ClientPrefixes::connections(const Endpoint& client) const {
  const auto entry = counts_.find(PrefixOf(client));
  return entry == counts_.end() ? 0 : entry->second;
}

}  // namespace meridian
