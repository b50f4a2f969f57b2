#include "policy/probe_state.h"

#include <algorithm>

namespace meridian {

bool ProbeState::OnResult(bool passed) {
  Serving said = passed ? Serving::kUp : Serving::kDown;
  if (said == serving_) {
    streak_ = 0;
    return false;
  }
  int needed = !passed ? fall_ : serving_ == Serving::kUnknown ? 1 : rise_;
  if (++streak_ < needed) return false;
  serving_ = said;
  streak_ = 0;
  return true;
}

Duration NextProbeDelay(const HealthModel& health, bool suspicious, uint64_t random) {
  Duration base = suspicious ? std::min(health.recheck, health.interval) : health.interval;
  double phase = 0.9 + 0.2 * static_cast<double>(random >> 11) * 0x1p-53;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, Duration::period>(base) * phase);
}

}  // namespace meridian
