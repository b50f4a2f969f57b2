#include "policy/failover_objective.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "policy/answer.h"
#include "policy/breaker.h"
#include "policy/latency_window.h"

namespace meridian {
namespace {

constexpr double kProbeJitter = 1.1;  // the late end of NextProbeDelay

Duration Scale(Duration d, double by) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, Duration::period>(d) * by);
}

std::string OwnTimeText(Duration own) { return ", and " + SecondsText(own) + " of the edge's and the network's own"; }

// What one key contributes.
struct Part {
  const char* field;
  Duration time;
};

void NameFields(std::vector<Part> parts, LeaveTime* out) {
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.time > b.time; });
  for (const Part& part : parts) {
    if (part.time <= Duration::zero()) continue;
    if (out->field.empty()) {
      out->field = part.field;
    } else {
      out->also.push_back(part.field);
    }
  }
}

// `silent`: a probe hears nothing and ends by its timeout, else it ends at once.
LeaveTime ByProbes(const HealthModel& health, bool silent) {
  const Duration recheck = Scale(std::min(health.recheck, health.interval), kProbeJitter);
  const Duration probe = silent ? health.timeout : Duration::zero();
  const Duration rhythm = std::max(probe, recheck);
  const Duration until_first = Scale(health.interval, kProbeJitter);
  const Duration between = (health.fall - 1) * rhythm;
  LeaveTime out;
  out.time = until_first + between + probe + OwnTime(health.fall);

  const std::string fall = std::to_string(health.fall);
  out.arithmetic = "1.1 x " + SecondsText(health.interval) + " until a probe starts";
  if (silent && rhythm == probe) {
    out.arithmetic += ", " + fall + (health.fall == 1 ? " probe of " : " probes of ") + SecondsText(probe);
  } else {
    if (health.fall > 1) {
      out.arithmetic += ", " + std::to_string(health.fall - 1) + " x 1.1 x " +
                        SecondsText(std::min(health.recheck, health.interval)) + " to the last of " + fall;
    }
    if (silent) out.arithmetic += ", " + SecondsText(probe) + " for that one";
  }
  out.arithmetic += OwnTimeText(OwnTime(health.fall));

  const bool timeout_rules = rhythm == probe;
  NameFields({{"health.interval", until_first},
              {"health.timeout", probe + (timeout_rules ? between : Duration::zero())},
              {"health.recheck", timeout_rules ? Duration::zero() : between},
              {"health.fall", between}},
             &out);
  // That many of something is never the thing itself: said after it.
  if (out.field == "health.fall" && !out.also.empty()) std::swap(out.field, out.also.front());
  return out;
}

// Until a request that hears nothing is given up, and the key that says so.
Part SilentAttempt(const ServiceModel& service) {
  const Duration request = service.timeouts.request;
  if (service.failover.attempts < 2) return {"timeouts.request", request};
  const Duration configured = service.failover.attempt_timeout;
  const Duration own = configured > Duration::zero() ? configured : LatencyWindow::kBlindTimeout;
  const Duration share = Scale(request, kAttemptShare);
  return own <= share ? Part{"failover.attempt_timeout", own} : Part{"timeouts.request", share};
}

LeaveTime ByTraffic(int failures, const Part& attempt) {
  const Duration gap = Scale(1s, 1 / kPromisedRate);
  LeaveTime out;
  out.time = failures * gap + attempt.time + OwnTime(0);
  char rate[32];
  std::snprintf(rate, sizeof rate, "%g", kPromisedRate);
  out.arithmetic =
      std::to_string(failures) + " failures in a row at " + rate + " requests/s take " + SecondsText(failures * gap);
  if (attempt.time > Duration::zero()) {
    out.arithmetic += ", the last one is given up after " + SecondsText(attempt.time);
    out.field = attempt.field;
  }
  out.arithmetic += OwnTimeText(OwnTime(0));
  return out;
}

bool AnyStatusSpeaksAboutRegion(const StatusSet& statuses) {
  for (int status = StatusSet::kMin; status <= StatusSet::kMax; ++status) {
    if (statuses.Contains(status) && SpeaksAboutRegion(status)) return true;
  }
  return false;
}

}  // namespace

const char* Name(FailureKind kind) {
  switch (kind) {
    case FailureKind::kRefused:
      return "refused";
    case FailureKind::kBlackHole:
      return "black_hole";
    case FailureKind::kHang:
      return "hang";
    case FailureKind::kStatus:
      return "status";
    case FailureKind::kStatusOfProbes:
      return "status_of_probes";
    case FailureKind::kBrokenBody:
      return "broken_body";
  }
  return "";
}

const char* Describe(FailureKind kind) {
  switch (kind) {
    case FailureKind::kRefused:
      return "a region that refuses connections";
    case FailureKind::kBlackHole:
      return "a black-holed region";
    case FailureKind::kHang:
      return "a region that hangs";
    case FailureKind::kStatus:
      return "a region that answers requests with a failure status";
    case FailureKind::kStatusOfProbes:
      return "a region that answers probes with a bad status";
    case FailureKind::kBrokenBody:
      return "a region whose bodies break off";
  }
  return "";
}

std::vector<WorstCase> WorstCases(const ServiceModel& service) {
  std::vector<WorstCase> cases;
  if (service.regions.size() < 2) return cases;
  const Part at_once{"", Duration::zero()};
  const Part silent = SilentAttempt(service);
  const bool probes = service.health.enabled;
  const bool statuses = AnyStatusSpeaksAboutRegion(service.failover.statuses);
  const auto add = [&](FailureKind kind, bool seen_by_probes, bool seen_by_traffic, bool silence) {
    const int failures = kind == FailureKind::kRefused ? Breaker::kConsecutiveConnect : Breaker::kConsecutiveFailures;
    WorstCase worst{kind, std::nullopt, std::nullopt};
    if (seen_by_probes && probes) worst.by_probes = ByProbes(service.health, silence);
    if (seen_by_traffic) worst.by_traffic = ByTraffic(failures, silence ? silent : at_once);
    if (worst.by_probes || worst.by_traffic) cases.push_back(std::move(worst));
  };
  add(FailureKind::kRefused, true, true, false);
  add(FailureKind::kBlackHole, true, true, true);
  add(FailureKind::kHang, true, true, true);
  add(FailureKind::kStatus, false, statuses, false);
  // Without probes it is the same as kStatus.
  if (probes) add(FailureKind::kStatusOfProbes, true, statuses, false);
  add(FailureKind::kBrokenBody, false, true, false);
  return cases;
}

const WorstCase* Longest(const std::vector<WorstCase>& cases) {
  const auto longest = std::max_element(cases.begin(), cases.end(), [](const WorstCase& a, const WorstCase& b) {
    return a.promised().time < b.promised().time;
  });
  return longest == cases.end() ? nullptr : &*longest;
}

std::string SecondsText(Duration duration) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(milliseconds) / 1e3);
  std::string out = text;
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out + " s";
}

}  // namespace meridian
