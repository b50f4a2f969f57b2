// The account of failovers: for each time that a service left a region, how long that took and what it cost.
//
// An event begins with the first bad outcome (failed attempt or probe) of the streak that led to leaving the region, is
// *switched* when the breaker opened, and ends kQuiet after the switch and after the last request that it affected. Its
// duration, which is what the objective is compared with, runs from its begin to the later of the switch and the last
// error that a client saw. A region that is left again while still half-open was never back: that is no event, and the
// requests that tried it belong to none. Neither is a bad outcome that led to nothing an event. Requests that belong to
// no event count in the totals only.
//
// What a streak is. Of probes: failures until one passes. Of requests: failures until more requests went well than
// badly; successes within kStale of the begin do not count, since they travel in batches and may be older than the
// failure they arrive after. A streak that pauses for longer than the service's `memory` is over, unless its requests
// are so rare that nothing went well meanwhile.
//
// Pure: `now` is handed in. One owner (the control thread).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "meridian/time.h"
#include "policy/model.h"

namespace meridian {

// The causes a region is left for: Breaker::reason() but "trial", which is no leaving.
inline constexpr std::array<const char*, 5> kFailoverCauses = {"probes", "connect", "failures", "rate", "ramp"};
// In seconds.
inline constexpr std::array<double, 14> kFailoverBounds = {0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 30, 60};

struct FailoverEvent {
  uint64_t number = 0;  // 1, 2, … over all services
  uint16_t service = 0;
  uint16_t region = 0;  // index into ServiceModel::regions
  std::string cause;
  TimePoint begin{};
  int64_t begin_unix_us = 0;
  Duration to_switch{};
  // Both since begin; below zero: there was none.
  Duration last_affected = kNone;
  Duration last_error = kNone;
  uint64_t saved = 0;    // requests that failed there first and got a good answer all the same
  uint64_t lost = 0;     // requests that failed there first and then for their client
  Duration objective{};  // zero: none
  bool ended = false;

  static constexpr Duration kNone{-1};
  Duration duration() const { return last_error > to_switch ? last_error : to_switch; }
  bool kept() const { return objective <= Duration::zero() || duration() <= objective; }
};

// Of ended events, per service and region; saved and lost: of all requests, also of those that belong to no event.
struct FailoverTotals {
  std::array<uint64_t, kFailoverCauses.size()> events{};         // counted at the switch
  std::array<uint64_t, kFailoverBounds.size() + 1> durations{};  // not cumulative; the last one is above all bounds
  double duration_sum_s = 0;
  uint64_t missed = 0;  // events that lasted longer than the objective
  uint64_t saved = 0;
  uint64_t lost = 0;
};

class FailoverLog {
 public:
  static constexpr Duration kQuiet = 5s;
  static constexpr Duration kStale = 150ms;  // more than a worker's batch is old
  static constexpr Duration kWindow = 2s;    // the breaker's
  static constexpr size_t kKept = 16;        // events per service

  explicit FailoverLog(const Model& model);

  // `count` outcomes of attempts; of bad ones `now` is when the first was known, and may be earlier than other calls'.
  // REQUIRES: told only of regions that are not left, and before OnLeft.
  void OnTraffic(uint16_t service, uint16_t region, bool bad, uint32_t count, TimePoint now);
  // A probe of an origin that is not known to be down.
  void OnProbe(uint16_t service, uint16_t region, bool bad, TimePoint now);
  // The service left the region. `cause` is the breaker's reason, `unix_us` the time of day at `now`.
  const FailoverEvent& OnLeft(uint16_t service, uint16_t region, const char* cause, TimePoint now, int64_t unix_us);
  // `count` requests that failed first in this region; the last of them got its answer (or its error) at `at`. `trial`:
  // it was a trial of a half-open region, which belongs to no event.
  void OnAffected(uint16_t service, uint16_t region, bool saved, bool trial, uint32_t count, TimePoint at);
  // Returns the events that ended by now.
  std::vector<FailoverEvent> Tick(TimePoint now);

  // Oldest first, at most kKept; the last ones may be open.
  const std::deque<FailoverEvent>& events(uint16_t service) const { return services_[service].events; }
  const FailoverTotals& totals(uint16_t service, uint16_t region) const {
    return services_[service].regions[region].totals;
  }

 private:
  struct Streak {
    bool open = false;
    TimePoint begin{}, last{};
    uint64_t bad = 0, good = 0;
  };
  // Requests that were affected since a streak began, not yet in an event.
  struct Affected {
    uint64_t saved = 0, lost = 0;
    TimePoint last{}, last_error{};
  };
  struct RegionAccount {
    Streak traffic, probes;
    Affected affected;
    uint64_t open_event = 0;  // its number; 0: none
    FailoverTotals totals;
  };
  struct ServiceAccount {
    Duration objective{};
    Duration memory{};
    std::vector<RegionAccount> regions;
    std::deque<FailoverEvent> events;
  };
  void Bad(ServiceAccount& service, RegionAccount& region, Streak& streak, uint32_t count, TimePoint now);
  static void Forget(const ServiceAccount& service, RegionAccount& region, TimePoint now);
  static void End(RegionAccount& region, FailoverEvent& event);
  static FailoverEvent* Find(ServiceAccount& service, uint64_t number);
  static bool Touches(const FailoverEvent& event, TimePoint at);
  static void Charge(FailoverEvent& event, bool saved, uint32_t count, TimePoint at);

  std::vector<ServiceAccount> services_;
  uint64_t last_number_ = 0;
  size_t open_events_ = 0;
};

}  // namespace meridian
