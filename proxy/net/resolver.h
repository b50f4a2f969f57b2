// Names to addresses by c-ares on a loop; TTLs respected between a floor and a ceiling. One thread.
//
// Each call answers once, later, from the loop, unless the Resolver is destroyed first (then never). IP literals need
// no resolver. At most kMaxAddresses per answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event/loop.h"
#include "policy/model.h"

namespace meridian {

enum class AddressFamily : uint8_t { kAny, kV4, kV6 };

struct ResolveAnswer {
  std::vector<Endpoint> endpoints;  // empty: failed
  Duration ttl{};                   // in [kMinTtl, kMaxTtl]; for failures kFailureTtl
  std::string error;                // "NXDOMAIN", "timeout", …; empty on success
  bool none = false;                // failed, because the name has no such address: an answer, too
};

class Resolver {
 public:
  static constexpr Duration kMinTtl = 1s;
  static constexpr Duration kMaxTtl = 1h;
  static constexpr Duration kFailureTtl = 5s;
  static constexpr size_t kMaxAddresses = 32;

  // `servers`: "127.0.0.1:53,…" instead of the system's.
  explicit Resolver(Loop& loop, const std::string& servers = "");
  ~Resolver();
  // Off the hot path, hence std::function.
  void Resolve(const std::string& host, uint16_t port, AddressFamily family,
               std::function<void(const ResolveAnswer&)> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace meridian
