// How long a service can take to leave a region that fails: a promise, computed from its configuration.
//
// Why: "within 6 seconds" means something only if it follows from intervals, timeouts and thresholds, and if whoever
// changes one of those is told. How: each kind of failure is found by probes (if the service has health checks), by
// requests, or by both; each way has its worst case, from the moment of the failure until no new request is sent there.
//
// By probes. The failure begins right after a probe that still passed, so the first one to notice starts an interval
// later (+10 % jitter). A probe that hears nothing ends after `timeout`; one that is refused or gets a bad answer ends
// at once. The next one starts `recheck` (+10 %) after the *start* of the one before, or when that ended, if later. At
// the `fall`th failure the region is left.
//
// By requests, at kPromisedRate or more that can be tried again (idempotent, without a body on its way): 3 failed
// connects or 5 failures in a row (breaker.h), the first one a whole gap after the failure began. A request that hears
// nothing is given up after the attempt timeout; `auto` counts as its value while nothing is known, which it only
// exceeds on routes whose 99th percentile is above a third of that. Below the rate, probes are the promise.
//
// The promise of a kind is the way by probes where they see it, else the way by requests. Failed outcomes do not wait
// for the workers' batches nor for the controller's tick, so that only OwnTime is added: timers, which the loop's wheel
// rounds, mailboxes, the new snapshot, and one round trip for a refusal or an answer. Pure; any thread.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "meridian/time.h"
#include "policy/model.h"

namespace meridian {

inline constexpr double kPromisedRate = 5;  // requests per second to the region
// What the edge and the network take beside what is configured; `probes`: that come one after the other.
constexpr Duration OwnTime(int probes) { return 100ms + (probes > 5 ? (probes - 5) * 10ms : 0ms); }

enum class FailureKind : uint8_t {
  kRefused,         // nobody listens, or each connection is reset
  kBlackHole,       // packets get lost
  kHang,            // connections are accepted, nothing is answered
  kStatus,          // requests get a failure status, probes pass
  kStatusOfProbes,  // probes get a bad status as well
  kBrokenBody,      // answers end half way, probes (which look at the head) pass
};
// "refused" "black_hole" "hang" "status" "status_of_probes" "broken_body": metrics and admin.
const char* Name(FailureKind kind);
// "is refused", as in "when a region ...": for messages.
const char* Describe(FailureKind kind);

struct LeaveTime {
  Duration time{};
  std::string arithmetic;  // "1.1 x 1 s until a probe starts, then 3 probes of 0.8 s each, and 0.1 s of our own"
  // The configuration key with the largest part in it, below the service: "health.interval". Empty: none has a part.
  std::string field;
  // Others that would shorten it, apart from `field`.
  std::vector<std::string> also;
};

struct WorstCase {
  FailureKind kind = FailureKind::kRefused;
  std::optional<LeaveTime> by_probes;
  std::optional<LeaveTime> by_traffic;
  // REQUIRES: one of them is there; true of all that WorstCases returns.
  const LeaveTime& promised() const {
    if (by_probes) return *by_probes;
    if (!by_traffic) std::abort();
    return *by_traffic;
  }
};

// One per kind that this service can notice, in the order of FailureKind. Empty for a service of one region, which has
// nowhere to go.
std::vector<WorstCase> WorstCases(const ServiceModel& service);
// The longest promise of `cases`, or null.
const WorstCase* Longest(const std::vector<WorstCase>& cases);

// "3.6 s", for people; rounded up, so that a promise is never shown shorter than it is.
std::string SecondsText(Duration duration);

}  // namespace meridian
