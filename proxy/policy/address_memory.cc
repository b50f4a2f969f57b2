#include "policy/address_memory.h"

#include <algorithm>
#include <tuple>

namespace meridian {
namespace {

bool Among(std::span<const Endpoint> list, const Endpoint& address) {
  return std::find(list.begin(), list.end(), address) != list.end();
}

}  // namespace

bool AddressMemory::SetAddresses(std::span<const Endpoint> addresses) {
  if (addresses.size() > kMost) addresses = addresses.first(kMost);
  const bool same = std::equal(addresses.begin(), addresses.end(), addresses_.begin(), addresses_.end(),
                               [](const Endpoint& e, const Address& a) { return e == a.endpoint; });
  if (same) return false;
  std::vector<Address> next;
  next.reserve(addresses.size());
  for (const Endpoint& endpoint : addresses) {
    const Address* known = Find(endpoint);
    next.push_back(known ? *known : Address{.endpoint = endpoint});
  }
  addresses_ = std::move(next);
  return true;
}

bool AddressMemory::Contains(const Endpoint& address) const {
  return std::any_of(addresses_.begin(), addresses_.end(),
                     [&](const Address& known) { return known.endpoint == address; });
}

AddressMemory::Address* AddressMemory::Find(const Endpoint& address) {
  const auto it = std::find_if(addresses_.begin(), addresses_.end(),
                               [&](const Address& known) { return known.endpoint == address; });
  return it == addresses_.end() ? nullptr : &*it;
}

const Endpoint* AddressMemory::Next(std::span<const Endpoint> tried, TimePoint now) {
  if (tried.empty()) return First(now);
  const bool v6 = tried.back().v6;
  // Smaller is better.
  const auto rank = [&](const Address& a) {
    const bool rests = a.Rests(now);
    const bool works = !rests && a.worked;
    const Duration age = rests ? a.rests_until - TimePoint{} : TimePoint{} - a.worked_at;
    return std::make_tuple(rests, !works, a.endpoint.v6 == v6, age);
  };
  const Address* best = nullptr;
  for (const Address& a : addresses_) {
    if (!Among(tried, a.endpoint) && (!best || rank(a) < rank(*best))) best = &a;
  }
  return best ? &best->endpoint : nullptr;
}

// By turns, of those that do not rest; else the one that has rested longest.
const Endpoint* AddressMemory::First(TimePoint now) {
  if (addresses_.empty()) return nullptr;
  const auto awake = static_cast<size_t>(
      std::count_if(addresses_.begin(), addresses_.end(), [&](const Address& a) { return !a.Rests(now); }));
  if (awake == 0) {
    const auto by_rest = [](const Address& a, const Address& b) { return a.rests_until < b.rests_until; };
    return &std::min_element(addresses_.begin(), addresses_.end(), by_rest)->endpoint;
  }
  size_t skip = turn_++ % awake;
  for (const Address& a : addresses_) {
    if (!a.Rests(now) && skip-- == 0) return &a.endpoint;
  }
  return nullptr;
}

// What several connections find out at the same time is one failure.
void AddressMemory::OnFailed(const Endpoint& address, TimePoint now) {
  Address* known = Find(address);
  if (!known || known->Rests(now)) return;
  const Duration rest = kFirstRest * (1 << std::min(known->failures, 8));
  ++known->failures;
  known->rests_until = now + std::min(rest, kLongestRest);
}

void AddressMemory::OnWorked(const Endpoint& address, TimePoint now) {
  Address* known = Find(address);
  if (!known) return;
  known->failures = 0;
  known->worked = true;
  known->worked_at = now;
}

}  // namespace meridian
