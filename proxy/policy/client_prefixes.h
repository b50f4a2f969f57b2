// How many connections the neighbours of a client have open: one network must not take the door from all the others.
//
// Counted by /24 (IPv4, also when mapped into IPv6) and by /56 (IPv6), within which a customer of a provider may have
// the choice of addresses. There is an entry only where a connection is open, so the table is bounded by what bounds
// the connections. Its hash is seeded: prefixes can be chosen by who wants them to collide. Pure; one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "policy/model.h"

namespace meridian {

class ClientPrefixes {
 public:
  // `most` connections of one prefix; at least 1.
  ClientPrefixes(size_t most, uint64_t seed) : most_(most), counts_(8, Hash{seed}) {}

  // False: the prefix has all it may have, and nothing was counted.
  bool Add(const Endpoint& client);
  // REQUIRES: one Add of this prefix succeeded and was not taken back.
  void Remove(const Endpoint& client);
  size_t connections(const Endpoint& client) const;
  size_t prefixes() const { return counts_.size(); }

 private:
  struct Hash {
    uint64_t seed;
    size_t operator()(uint64_t prefix) const;
  };
  static uint64_t PrefixOf(const Endpoint& client);
  const size_t most_;
  std::unordered_map<uint64_t, size_t, Hash> counts_;
};

}  // namespace meridian
