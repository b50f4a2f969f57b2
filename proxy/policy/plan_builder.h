// Turns wishes, weights, dials and health into the plan: the ordered steps for one request, each with its reason.
//
// semantics: pref = the service's regions by the route's steering; eligible = serving, breaker lets it pass, dial > 0.
//   rest = 1; for r in eligible: share = (r is last) ? rest : rest·dial(r)·ramp(r); rest −= share
// The first step is drawn from these shares; the other eligible regions follow in order of preference. Nothing
// eligible → fail open: every region with a dial > 0 (or all, when there is none), marked kFailOpen.
// Eligible regions that are silent (silence_watch.h) go behind the others, first or not.
// A region that the request's wish names goes first without a draw if it is eligible. A trial step (half-open
// breaker) may be put in front by the caller's token; its failure is covered by the rest. No allocation.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "policy/snapshot.h"

namespace meridian {

enum class StepReason : uint8_t { kPreferred, kSpill, kSilence, kFailover, kTrial, kWish, kFailOpen, kResume };
// "preferred" "spill" "silence" "failover" "trial" "wish" "fail_open" "resume"
const char* Name(StepReason r);

struct Step {
  uint16_t region = 0;  // index into ServiceModel::regions (NOT Model::regions)
  StepReason reason = StepReason::kPreferred;
};

struct Plan {
  static constexpr size_t kMaxSteps = 8;
  uint16_t arm = 0;      // index into the route's split
  uint16_t service = 0;  // index into Model::services
  bool fail_open = false;
  uint8_t size = 0;
  std::array<Step, kMaxSteps> steps{};
  std::span<const Step> all() const { return {steps.data(), size}; }
};

// The arm first, since trials are per service. −1: every weight is 0. A wished arm is taken if its weight is not 0:
// 0 means no new requests, whoever asks.
int PickArm(const RouteView& route, const Wish& wish, uint64_t draw);

// Some region of the service is eligible: a plan would not fail open.
bool HasEligible(const Snapshot& snapshot, uint16_t service);
// Instead of `arm`, which has no eligible region: one of the others that has, by their weights. −1: none has. `draw` is
// the one that picked `arm`.
int PickOtherArm(const Snapshot& snapshot, uint16_t route, uint16_t arm, uint64_t draw);

// `trial`: index into ServiceModel::regions of a half-open region that this request may try first, or −1. It was used
// if and only if the first step says kTrial: a dial of 0, probes that say down and a wish for another region win.
// `silent`: bit i for region i of the service.
// Never returns an empty plan for a service with at least one region. At most `FailoverModel::attempts` steps.
Plan BuildPlan(const Snapshot& snapshot, uint16_t route, uint16_t arm, const Wish& wish, int trial, uint64_t draw,
               uint64_t silent = 0);

// Adds the eligible regions that `FailoverModel::attempts` left out, for what is worth more than one more attempt: a
// response that the client has the beginning of. Nothing is eligible, nothing is added.
void ExtendPlan(const Snapshot& snapshot, uint16_t route, Plan* plan);

// A region of a service may take traffic now: on, serving, its breaker lets it pass.
bool IsEligible(const Snapshot& snapshot, uint16_t service, uint16_t region);

// The share each region of a service gets as its first step right now, same order as ServiceModel::regions; adds up
// to 1. For /v1/status and the load prediction: the same arithmetic as BuildPlan, without the draw.
void RegionShares(const Snapshot& snapshot, uint16_t service, Steer steer, std::vector<double>* shares);

// Which origin of a region: round robin by `turn` over those up, else those unknown, else all. With `skip` ≥ 0 a
// sibling of that origin by the same rule; −1 when there is none.
int PickOrigin(const RegionView& region, uint32_t turn, int skip = -1);

}  // namespace meridian
