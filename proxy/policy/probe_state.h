// What probes say about one origin: fall failures in a row → down, rise successes in a row → up.
//
// Unknown until the first verdict: one success makes an unknown origin up, `fall` failures make it down.
// Pure; one owner (the control thread).
#pragma once

#include "meridian/time.h"
#include "policy/model.h"
#include "policy/snapshot.h"

namespace meridian {

class ProbeState {
 public:
  ProbeState(int fall, int rise) : fall_(fall), rise_(rise) {}
  // Returns true if serving() changed.
  bool OnResult(bool passed);
  Serving serving() const { return serving_; }
  // The last result contradicts serving(): probe again after HealthModel::recheck instead of the interval.
  bool suspicious() const { return streak_ > 0; }

 private:
  int fall_, rise_;
  int streak_ = 0;  // results in a row that contradict serving_
  Serving serving_ = Serving::kUnknown;
};

// When the next probe starts: interval (or recheck when suspicious) ±10 % by `random` in [0, 2^64).
Duration NextProbeDelay(const HealthModel& health, bool suspicious, uint64_t random);

}  // namespace meridian
