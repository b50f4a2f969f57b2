// Failures on purpose, one per region at a time: started, watched and ended here (policy/drill.h says what they are).
//
// A drill ends by itself when its time is up, and earlier when it has cost clients as many requests as it may. What its
// requests came to is read from the workers' counters; it is settled, and its verdict final, once each of them has
// ended, or after the longest that a request may take. Until then the region takes no other drill. Control thread.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "policy/drill.h"
#include "policy/snapshot.h"
#include "telemetry/stats.h"
#include "telemetry/status.h"

namespace meridian {

struct DrillRequest {
  std::string region;
  DrillKind kind = DrillKind::kStatus503;
  double share = 1;
  Duration length = 60s;
  Duration delay = 1s;
  uint64_t abort_after = 1;  // lost requests
  bool force = false;        // even where no other region could take over
};

class Drills {
 public:
  static constexpr size_t kRemembered = 16;
  static constexpr Duration kGrace = 2s;  // after its end, for requests that set out before workers heard of it
  static constexpr Duration kMinLength = 1s, kMaxLength = 1h;

  explicit Drills(const Model& model);

  // The id, or 0 and *error. `world`: what is eligible now.
  uint64_t Start(const DrillRequest& request, const Snapshot& world, const std::vector<const WorkerStats*>& workers,
                 const std::string& by, TimePoint now, std::string* error);
  // False: no such drill runs.
  bool Cancel(uint64_t id, TimePoint now);
  // True: a drill ended, so that a new snapshot is due.
  bool OnTick(const std::vector<const WorkerStats*>& workers, TimePoint now);
  // A breaker opened.
  void OnLeft(uint16_t model_region, TimePoint now);

  // Per Model::regions; empty while none runs.
  std::vector<Drill> Active() const;
  bool FailsProbes(uint16_t model_region) const;
  std::vector<DrillStatus> Reports(TimePoint now) const;  // oldest first

 private:
  struct Counts {
    uint64_t touched = 0, saved = 0, lost = 0, gone = 0;
    uint64_t under_way() const { return touched - saved - lost - gone; }
  };
  struct Run {
    Drill drill;
    uint16_t region = 0;
    Duration length{};
    uint64_t abort_after = 1;
    std::string by;
    TimePoint begun{}, ended{};
    const char* state = "running";
    std::string why;
    Counts base, counts;
    Duration left_after{-1};
    bool settled = false;
  };
  Counts Read(uint16_t region, const std::vector<const WorkerStats*>& workers) const;
  void End(Run& run, const char* state, std::string why, TimePoint now);
  const Run* Running(uint16_t region) const;
  bool Unsettled(uint16_t region) const;
  Duration LongestRequest(uint16_t region) const;
  std::string NobodyElse(uint16_t region, const Snapshot& world) const;

  const Model& model_;
  std::deque<Run> runs_;
  uint64_t last_id_ = 0;
};

}  // namespace meridian
