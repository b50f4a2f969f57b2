// The immutable world that steering reads: the model, the operator's edits, and what probes and traffic say.
//
// Built and numbered by the control thread only; published to each worker's mailbox; an exchange pins one for life.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "policy/drill.h"
#include "policy/model.h"

namespace meridian {

enum class Serving : uint8_t { kUnknown, kUp, kDown };                   // what probes say
enum class BreakerState : uint8_t { kClosed, kOpen, kHalfOpen, kRamp };  // what traffic (and probes) led to
const char* Name(Serving s);                                             // "unknown" "up" "down"
const char* Name(BreakerState s);                                        // "closed" "open" "half_open" "ramp"

struct OriginView {
  Serving serving = Serving::kUnknown;
  std::vector<Endpoint> endpoints;  // last good answer of the resolver; empty: never resolved
};

// One region of one service.
struct RegionView {
  BreakerState breaker = BreakerState::kClosed;
  double share = 1.0;  // of the traffic it may take now: 0 while open or half-open, (0,1) in the ramp, 1 closed
  double rtt_ms = std::numeric_limits<double>::quiet_NaN();       // smoothed; NaN: not measured
  double distance_km = std::numeric_limits<double>::quiet_NaN();  // from the edge; NaN: unknown
  std::vector<OriginView> origins;                                // same order as ServiceRegionModel::origins
};

struct ServiceView {
  std::vector<RegionView> regions;  // same order as ServiceModel::regions
  std::vector<uint16_t> nearest;    // indexes into `regions`, best first
};

struct RouteView {
  std::vector<uint32_t> weights;  // live weights, same order as RouteModel::split
};

struct Snapshot {
  uint64_t version = 0;  // grows with every publication
  std::shared_ptr<const Model> model;
  std::vector<double> dials;  // live, per Model::regions
  std::vector<Drill> drills;  // per Model::regions; empty while none runs
  std::vector<ServiceView> services;
  std::vector<RouteView> routes;
  std::vector<uint16_t> route_order;  // routes by falling specificity, see route_match.h
};

}  // namespace meridian
