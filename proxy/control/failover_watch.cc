#include "control/failover_watch.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "policy/failover_objective.h"
#include "telemetry/log.h"

namespace meridian {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

bool IsLeft(BreakerState state) { return state == BreakerState::kOpen || state == BreakerState::kHalfOpen; }

double SecondsOrNotKnown(const std::optional<LeaveTime>& time) { return time ? ToSeconds(time->time) : kNotKnown; }
double SecondsOrNone(Duration d) { return d < Duration::zero() ? kNotKnown : ToSeconds(d); }
std::string Text(double seconds) { return std::isnan(seconds) ? "" : fmt::format("{:.3f}", seconds); }

std::vector<WorstCaseStatus> WorstCasesOf(const ServiceModel& service) {
  std::vector<WorstCaseStatus> out;
  for (const WorstCase& worst : WorstCases(service)) {
    const LeaveTime& promised = worst.promised();
    out.push_back({Name(worst.kind), ToSeconds(promised.time), SecondsOrNotKnown(worst.by_probes),
                   SecondsOrNotKnown(worst.by_traffic), promised.arithmetic, promised.field});
  }
  return out;
}

}  // namespace

FailoverWatch::FailoverWatch(const Model& model) : model_(model), log_(model) {
  for (const ServiceModel& service : model.services) worst_cases_.push_back(WorstCasesOf(service));
}

void FailoverWatch::OnOutcomes(const OutcomeRun& run, BreakerState breaker, TimePoint now) {
  if (IsLeft(breaker)) return;
  const bool bad = run.signal != Signal::kSuccess;
  // A failure counts from when it was known to its worker: this thread may be late, and the request saved by then.
  log_.OnTraffic(run.service, run.region, bad, run.count, bad ? run.first : now);
}

void FailoverWatch::OnProbe(uint16_t service, uint16_t region, bool passed, Serving known, BreakerState breaker,
                            TimePoint now) {
  // An origin that has been down for long says nothing about when its region began to fail.
  if (IsLeft(breaker) || known == Serving::kDown) return;
  log_.OnProbe(service, region, !passed, now);
}

void FailoverWatch::OnBreaker(uint16_t service, uint16_t region, BreakerState before, const Breaker& breaker,
                              TimePoint now, int64_t unix_us) {
  if (breaker.state() != BreakerState::kOpen || IsLeft(before)) return;
  const FailoverEventStatus event = StatusOf(log_.OnLeft(service, region, breaker.reason(), now, unix_us));
  LogEvent(LogLevel::kWarning, "failover_switched",
           {{"service", model_.services[service].name},
            {"region", event.region},
            {"number", std::to_string(event.number)},
            {"cause", event.cause},
            {"switch_s", Text(event.switch_s)},
            {"saved", std::to_string(event.saved)},
            {"lost", std::to_string(event.lost)},
            {"objective_s", Text(event.objective_s)}});
}

void FailoverWatch::OnAffected(const AffectedRun& run) {
  log_.OnAffected(run.service, run.region, run.saved, run.trial, run.count, run.last);
}

void FailoverWatch::OnTick(TimePoint now) {
  for (const FailoverEvent& ended : log_.Tick(now)) {
    const FailoverEventStatus event = StatusOf(ended);
    LogEvent(event.kept ? LogLevel::kInfo : LogLevel::kWarning, "failover_ended",
             {{"service", model_.services[ended.service].name},
              {"region", event.region},
              {"number", std::to_string(event.number)},
              {"cause", event.cause},
              {"duration_s", Text(event.duration_s)},
              {"switch_s", Text(event.switch_s)},
              {"last_error_s", Text(event.last_error_s)},
              {"last_affected_s", Text(event.last_affected_s)},
              {"saved", std::to_string(event.saved)},
              {"lost", std::to_string(event.lost)},
              {"objective_s", Text(event.objective_s)},
              {"kept", event.kept ? "true" : "false"}});
  }
}

void FailoverWatch::Fill(uint16_t service, FailoverStatus* status) const {
  const Duration objective = model_.services[service].failover.objective;
  status->objective_s = objective > Duration::zero() ? ToSeconds(objective) : kNotKnown;
  status->worst_cases = worst_cases_[service];
  for (const FailoverEvent& event : log_.events(service)) status->events.push_back(StatusOf(event));
}

void FailoverWatch::Fill(uint16_t service, uint16_t region, FailoverCounts* counts) const {
  const FailoverTotals& totals = log_.totals(service, region);
  for (size_t i = 0; i < kFailoverCauses.size(); ++i) {
    counts->events.push_back({kFailoverCauses[i], totals.events[i]});
  }
  for (size_t i = 0; i < totals.durations.size(); ++i) {
    const bool last = i == kFailoverBounds.size();
    counts->durations.push_back(
        {last ? std::numeric_limits<double>::infinity() : kFailoverBounds[i], totals.durations[i]});
  }
  counts->duration_sum_s = totals.duration_sum_s;
  counts->missed = totals.missed;
  counts->saved = totals.saved;
  counts->lost = totals.lost;
}

std::string FailoverWatch::RegionName(uint16_t service, uint16_t region) const {
  return model_.regions[model_.services[service].regions[region].region].name;
}

FailoverEventStatus FailoverWatch::StatusOf(const FailoverEvent& event) const {
  FailoverEventStatus out;
  out.number = event.number;
  out.region = RegionName(event.service, event.region);
  out.cause = event.cause;
  out.begin_unix_s = static_cast<double>(event.begin_unix_us) / 1e6;
  out.switch_s = ToSeconds(event.to_switch);
  out.last_affected_s = SecondsOrNone(event.last_affected);
  out.last_error_s = SecondsOrNone(event.last_error);
  out.duration_s = ToSeconds(event.duration());
  out.saved = event.saved;
  out.lost = event.lost;
  out.objective_s = event.objective > Duration::zero() ? ToSeconds(event.objective) : kNotKnown;
  out.kept = event.kept();
  out.ended = event.ended;
  return out;
}

}  // namespace meridian
