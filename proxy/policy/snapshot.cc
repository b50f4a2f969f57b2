#include "policy/snapshot.h"

namespace meridian {

const char* Name(Serving s) {
  switch (s) {
    case Serving::kUnknown:
      return "unknown";
    case Serving::kUp:
      return "up";
    case Serving::kDown:
      return "down";
  }
  return "unknown";
}

const char* Name(BreakerState s) {
  switch (s) {
    case BreakerState::kClosed:
      return "closed";
    case BreakerState::kOpen:
      return "open";
    case BreakerState::kHalfOpen:
      return "half_open";
    case BreakerState::kRamp:
      return "ramp";
  }
  return "closed";
}

}  // namespace meridian
