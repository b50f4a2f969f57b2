#include "control/drills.h"

#include <algorithm>

#include "control/config_values.h"
#include "policy/plan_builder.h"
#include "telemetry/log.h"

namespace meridian {

Drills::Drills(const Model& model) : model_(model) {}

uint64_t Drills::Start(const DrillRequest& request, const Snapshot& world,
                       const std::vector<const WorkerStats*>& workers, const std::string& by, TimePoint now,
                       std::string* error) {
  const auto named = std::find_if(model_.regions.begin(), model_.regions.end(),
                                  [&](const RegionModel& region) { return region.name == request.region; });
  const auto region = static_cast<uint16_t>(named - model_.regions.begin());
  if (Unsettled(region)) {
    *error = Running(region) ? "a drill of region '" + request.region + "' is running"
                             : "the last drill of region '" + request.region + "' still waits for its requests to end";
    return 0;
  }
  if (!request.force) *error = NobodyElse(region, world);
  if (!error->empty()) return 0;
  Run run;
  run.drill = {++last_id_, request.kind, request.share, request.delay};
  run.region = region;
  run.length = request.length;
  run.abort_after = request.abort_after;
  run.by = by;
  run.begun = now;
  run.base = Read(region, workers);
  runs_.push_back(std::move(run));
  while (runs_.size() > kRemembered && runs_.front().settled) runs_.pop_front();
  LogEvent(LogLevel::kWarning, "drill_started",
           {{"drill", std::to_string(last_id_)},
            {"region", request.region},
            {"kind", std::string(Name(request.kind))},
            {"for", FormatDuration(request.length)},
            {"by", by}});
  return last_id_;
}

// Which service would have nowhere to go, or empty.
std::string Drills::NobodyElse(uint16_t region, const Snapshot& world) const {
  for (uint16_t s = 0; s < model_.services.size(); ++s) {
    const auto& regions = model_.services[s].regions;
    bool here = false, elsewhere = false;
    for (uint16_t r = 0; r < regions.size(); ++r) {
      if (regions[r].region == region) {
        here = true;
      } else {
        // A region under drill can't take over either.
        elsewhere |= IsEligible(world, s, r) && !Running(regions[r].region);
      }
    }
    if (here && !elsewhere) {
      return "service '" + model_.services[s].name + "' has no other region that could take over now";
    }
  }
  return {};
}

bool Drills::Cancel(uint64_t id, TimePoint now) {
  for (Run& run : runs_) {
    if (run.drill.id != id || run.ended != TimePoint{}) continue;
    End(run, "cancelled", "cancelled by the operator", now);
    return true;
  }
  return false;
}

bool Drills::OnTick(const std::vector<const WorkerStats*>& workers, TimePoint now) {
  bool ended = false;
  for (Run& run : runs_) {
    if (run.settled) continue;
    const Counts counts = Read(run.region, workers);
    run.counts = {counts.touched - run.base.touched, counts.saved - run.base.saved, counts.lost - run.base.lost,
                  counts.gone - run.base.gone};
    const bool too_many = run.counts.lost >= run.abort_after;
    const std::string lost = std::to_string(run.counts.lost) + (run.counts.lost == 1 ? " request" : " requests");
    if (run.ended == TimePoint{}) {
      if (too_many) {
        End(run, "aborted", lost + " of clients failed", now);
        ended = true;
      } else if (now - run.begun >= run.length) {
        End(run, "passed", "", now);
        ended = true;
      }
      continue;
    }
    // The last of them were still under way when it ended.
    if (too_many && run.why.empty()) {
      run.state = "aborted";
      run.why = lost + " of clients failed after its end";
    }
    const Duration since = now - run.ended;
    if (since < kGrace) continue;
    run.settled = run.counts.under_way() == 0 || since >= kGrace + LongestRequest(run.region);
    if (run.settled && run.counts.under_way() > 0 && run.why.empty()) {
      run.state = "aborted";
      run.why = "requests were still under way when the wait for them ended";
    }
  }
  return ended;
}

void Drills::End(Run& run, const char* state, std::string why, TimePoint now) {
  run.state = state;
  run.why = std::move(why);
  run.ended = now;
  LogEvent(LogLevel::kWarning, std::string("drill_") + state,
           {{"drill", std::to_string(run.drill.id)},
            {"region", model_.regions[run.region].name},
            {"touched", std::to_string(run.counts.touched)},
            {"saved", std::to_string(run.counts.saved)},
            {"lost", std::to_string(run.counts.lost)},
            {"why", run.why}});
}

void Drills::OnLeft(uint16_t model_region, TimePoint now) {
  for (Run& run : runs_) {
    const bool first = run.region == model_region && run.ended == TimePoint{} && run.left_after < Duration::zero();
    if (first) run.left_after = now - run.begun;
  }
}

const Drills::Run* Drills::Running(uint16_t region) const {
  for (const Run& run : runs_) {
    if (run.region == region && run.ended == TimePoint{}) return &run;
  }
  return nullptr;
}

bool Drills::Unsettled(uint16_t region) const {
  return std::any_of(runs_.begin(), runs_.end(),
                     [region](const Run& run) { return run.region == region && !run.settled; });
}

// Of the services that are there: to the head, and then a body that stands still.
Duration Drills::LongestRequest(uint16_t region) const {
  Duration longest{};
  for (const ServiceModel& service : model_.services) {
    for (const ServiceRegionModel& place : service.regions) {
      if (place.region != region) continue;
      longest = std::max(longest, service.timeouts.request + 2 * service.timeouts.idle);
    }
  }
  return longest;
}

std::vector<Drill> Drills::Active() const {
  std::vector<Drill> active;
  for (const Run& run : runs_) {
    if (run.ended != TimePoint{}) continue;
    active.resize(model_.regions.size());
    active[run.region] = run.drill;
  }
  return active;
}

bool Drills::FailsProbes(uint16_t model_region) const {
  const Run* run = Running(model_region);
  return run && run->drill.fails_probes();
}

Drills::Counts Drills::Read(uint16_t region, const std::vector<const WorkerStats*>& workers) const {
  Counts counts;
  size_t index = 0;
  for (const ServiceModel& service : model_.services) {
    for (const ServiceRegionModel& place : service.regions) {
      for (const WorkerStats* worker : workers) {
        if (place.region != region) break;
        const RegionCells& cells = worker->regions[index];
        counts.touched += cells.drill_touched.Get();
        counts.saved += cells.drill_saved.Get();
        counts.lost += cells.drill_lost.Get();
        counts.gone += cells.drill_gone.Get();
      }
      ++index;
    }
  }
  return counts;
}

std::vector<DrillStatus> Drills::Reports(TimePoint now) const {
  std::vector<DrillStatus> reports;
  for (const Run& run : runs_) {
    DrillStatus report;
    report.id = run.drill.id;
    report.region = model_.regions[run.region].name;
    report.kind = Name(run.drill.kind);
    report.share = run.drill.share;
    report.delay_s = ToSeconds(run.drill.delay);
    report.for_s = ToSeconds(run.length);
    report.elapsed_s = ToSeconds((run.ended == TimePoint{} ? now : run.ended) - run.begun);
    report.abort_after = run.abort_after;
    report.by = run.by;
    report.state = run.state;
    report.why = run.why;
    report.settled = run.settled;
    report.touched = run.counts.touched;
    report.saved = run.counts.saved;
    report.lost = run.counts.lost;
    if (run.left_after >= Duration::zero()) report.left_after_s = ToSeconds(run.left_after);
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace meridian
