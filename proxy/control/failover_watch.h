// The objective at run time: what each service promised, and how each failover went.
//
// The controller tells it every bad outcome, every leaving and every affected request; it keeps the account
// (policy/failover_log.h), writes `failover_switched` and `failover_ended` to the event log and fills its part of the
// status. Control thread.
#pragma once

#include <memory>
#include <vector>

#include "policy/breaker.h"
#include "policy/failover_log.h"
#include "stream/worker_context.h"
#include "telemetry/status.h"

namespace meridian {

class FailoverWatch {
 public:
  explicit FailoverWatch(const Model& model);

  // Before the breaker hears of it; `breaker` as it is then.
  void OnOutcomes(const OutcomeRun& run, BreakerState breaker, TimePoint now);
  // `known` is what the origin was taken for before this probe.
  void OnProbe(uint16_t service, uint16_t region, bool passed, Serving known, BreakerState breaker, TimePoint now);
  // After every change of a breaker's state.
  void OnBreaker(uint16_t service, uint16_t region, BreakerState before, const Breaker& breaker, TimePoint now,
                 int64_t unix_us);
  void OnAffected(const AffectedRun& run);
  void OnTick(TimePoint now);

  void Fill(uint16_t service, FailoverStatus* status) const;
  void Fill(uint16_t service, uint16_t region, FailoverCounts* counts) const;

 private:
  std::string RegionName(uint16_t service, uint16_t region) const;
  FailoverEventStatus StatusOf(const FailoverEvent& event) const;

  const Model& model_;
  FailoverLog log_;
  std::vector<std::vector<WorstCaseStatus>> worst_cases_;  // by service
};

}  // namespace meridian
