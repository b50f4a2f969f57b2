// Which address of an origin's name a connection tries first, and which one after it.
//
// Why: a name is all of its addresses. One that does not work (refused, no route, silent) must not cost its share of
// the requests, and not each connection the time to find out again.
// First choice: the addresses that work take turns. One that failed comes last for kFirstRest, twice as long each time
// it fails again, up to kLongestRest; it is never given up, so that a name with dead addresses only is tried whole.
// Next choices, for who is waiting already: first what is known to work, then the other family (RFC 8305 §4), since
// what ails an address often ails its family.
//
// One per pool, at most kMost addresses. Pure; one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "meridian/time.h"
#include "policy/model.h"

namespace meridian {

class AddressMemory {
 public:
  static constexpr size_t kMost = 32;
  static constexpr Duration kFirstRest = 10s;
  static constexpr Duration kLongestRest = 160s;

  // What is known of those that stay is kept. False: nothing changed.
  bool SetAddresses(std::span<const Endpoint> addresses);
  size_t size() const { return addresses_.size(); }
  bool Contains(const Endpoint& address) const;
  // One that is not among `tried`, which are in the order of their trial; null: none is left. Valid until SetAddresses.
  const Endpoint* Next(std::span<const Endpoint> tried, TimePoint now);
  // Connecting did not work, or another address that was asked later was ready earlier.
  void OnFailed(const Endpoint& address, TimePoint now);
  void OnWorked(const Endpoint& address, TimePoint now);

 private:
  struct Address {
    Endpoint endpoint;
    int failures = 0;  // since it worked last
    TimePoint rests_until{};
    bool worked = false;
    TimePoint worked_at{};  // the last time
    bool Rests(TimePoint now) const { return failures > 0 && now < rests_until; }
  };
  Address* Find(const Endpoint& address);
  const Endpoint* First(TimePoint now);

  std::vector<Address> addresses_;
  uint32_t turn_ = 0;
};

}  // namespace meridian
