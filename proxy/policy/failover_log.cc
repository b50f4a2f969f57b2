#include "policy/failover_log.h"

#include <algorithm>
#include <string_view>

namespace meridian {

FailoverLog::FailoverLog(const Model& model) {
  for (const ServiceModel& service : model.services) {
    ServiceAccount account;
    account.objective = service.failover.objective;
    account.memory = kWindow;
    // Two failing probes of one streak are never further apart than this.
    if (service.health.enabled) account.memory += std::max(service.health.timeout, service.health.interval);
    account.regions.resize(service.regions.size());
    services_.push_back(std::move(account));
  }
}

void FailoverLog::OnTraffic(uint16_t service, uint16_t region, bool bad, uint32_t count, TimePoint now) {
  ServiceAccount& s = services_[service];
  RegionAccount& r = s.regions[region];
  if (bad) return Bad(s, r, r.traffic, count, now);
  if (!r.traffic.open || now - r.traffic.begin <= kStale) return;
  r.traffic.good += count;
  if (r.traffic.good > r.traffic.bad || now - r.traffic.last > s.memory) r.traffic.open = false;
}

void FailoverLog::OnProbe(uint16_t service, uint16_t region, bool bad, TimePoint now) {
  ServiceAccount& s = services_[service];
  RegionAccount& r = s.regions[region];
  if (bad) return Bad(s, r, r.probes, 1, now);
  r.probes.open = false;
}

void FailoverLog::Bad(ServiceAccount& service, RegionAccount& region, Streak& streak, uint32_t count, TimePoint now) {
  Forget(service, region, now);
  if (!region.traffic.open && !region.probes.open) region.affected = {};
  if (!streak.open) streak = {true, now, now, 0, 0};
  streak.begin = std::min(streak.begin, now);
  streak.last = std::max(streak.last, now);
  streak.bad += count;
}

void FailoverLog::Forget(const ServiceAccount& service, RegionAccount& region, TimePoint now) {
  const auto old = [&](const Streak& streak) { return now - streak.last > service.memory; };
  // Failures of rare requests are a streak however far apart, as for the breaker.
  if (old(region.traffic) && region.traffic.good > 0) region.traffic.open = false;
  if (old(region.probes)) region.probes.open = false;
}

const FailoverEvent& FailoverLog::OnLeft(uint16_t service, uint16_t region, const char* cause, TimePoint now,
                                         int64_t unix_us) {
  ServiceAccount& s = services_[service];
  RegionAccount& r = s.regions[region];
  if (FailoverEvent* open = Find(s, r.open_event)) End(r, *open);
  if (r.open_event != 0) --open_events_;

  FailoverEvent event;
  event.number = ++last_number_;
  event.service = service;
  event.region = region;
  event.cause = cause;
  event.objective = s.objective;
  event.begin = now;
  Forget(s, r, now);
  // A request that failed some hours before the probes did has nothing to do with it.
  if (std::string_view(cause) == kFailoverCauses[0] && now - r.traffic.last > s.memory) r.traffic.open = false;
  for (const Streak& streak : {r.traffic, r.probes}) {
    if (streak.open) event.begin = std::min(event.begin, streak.begin);
  }
  event.to_switch = now - event.begin;
  event.begin_unix_us = unix_us - ToMicroseconds(event.to_switch);
  if (r.affected.saved + r.affected.lost > 0 && Touches(event, r.affected.last)) {
    event.saved = r.affected.saved;
    event.lost = r.affected.lost;
    event.last_affected = std::max(r.affected.last - event.begin, Duration::zero());
    if (event.lost > 0) event.last_error = std::max(r.affected.last_error - event.begin, Duration::zero());
  }
  r.traffic.open = r.probes.open = false;
  r.affected = {};
  r.open_event = event.number;
  ++open_events_;
  for (size_t i = 0; i < kFailoverCauses.size(); ++i) {
    if (std::string_view(kFailoverCauses[i]) == cause) ++r.totals.events[i];
  }
  s.events.push_back(std::move(event));
  // The oldest goes, even if it is still open (sixteen regions left at once): then it ends here.
  if (s.events.size() > kKept) {
    FailoverEvent& oldest = s.events.front();
    if (!oldest.ended) {
      End(s.regions[oldest.region], oldest);
      --open_events_;
    }
    s.events.pop_front();
  }
  return s.events.back();
}

void FailoverLog::OnAffected(uint16_t service, uint16_t region, bool saved, bool trial, uint32_t count, TimePoint at) {
  ServiceAccount& s = services_[service];
  RegionAccount& r = s.regions[region];
  (saved ? r.totals.saved : r.totals.lost) += count;
  if (trial) return;
  if (FailoverEvent* event = Find(s, r.open_event)) {
    if (Touches(*event, at)) Charge(*event, saved, count, at);
    return;
  }
  if (!r.traffic.open && !r.probes.open) return;
  (saved ? r.affected.saved : r.affected.lost) += count;
  r.affected.last = std::max(r.affected.last, at);
  if (!saved) r.affected.last_error = std::max(r.affected.last_error, at);
}

// The failures of several workers are heard of in any order: the first one told need not be the first.
bool FailoverLog::Touches(const FailoverEvent& event, TimePoint at) { return at >= event.begin - kStale; }

void FailoverLog::Charge(FailoverEvent& event, bool saved, uint32_t count, TimePoint at) {
  (saved ? event.saved : event.lost) += count;
  const Duration since = std::max(at - event.begin, Duration::zero());
  event.last_affected = std::max(event.last_affected, since);
  if (!saved) event.last_error = std::max(event.last_error, since);
}

std::vector<FailoverEvent> FailoverLog::Tick(TimePoint now) {
  std::vector<FailoverEvent> ended;
  if (open_events_ == 0) return ended;
  for (ServiceAccount& service : services_) {
    for (FailoverEvent& event : service.events) {
      if (event.ended) continue;
      if (now - event.begin < std::max(event.to_switch, event.last_affected) + kQuiet) continue;
      End(service.regions[event.region], event);
      --open_events_;
      ended.push_back(event);
    }
  }
  return ended;
}

void FailoverLog::End(RegionAccount& region, FailoverEvent& event) {
  event.ended = true;
  if (region.open_event == event.number) region.open_event = 0;
  const double seconds = ToSeconds(event.duration());
  size_t bucket = 0;
  while (bucket < kFailoverBounds.size() && seconds > kFailoverBounds[bucket]) ++bucket;
  ++region.totals.durations[bucket];
  region.totals.duration_sum_s += seconds;
  if (!event.kept()) ++region.totals.missed;
}

FailoverEvent* FailoverLog::Find(ServiceAccount& service, uint64_t number) {
  if (number == 0) return nullptr;
  const auto found = std::find_if(service.events.rbegin(), service.events.rend(),
                                  [&](const FailoverEvent& event) { return event.number == number; });
  return found == service.events.rend() ? nullptr : &*found;
}

}  // namespace meridian
