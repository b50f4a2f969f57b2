#include "policy/plan_builder.h"

#include <algorithm>

#include "policy/weighted_pick.h"

namespace meridian {
namespace {

// Regions of one service (indexes into ServiceModel::regions), without allocation.
class RegionList {
 public:
  void Add(uint16_t region) { regions_[size_++] = region; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  uint16_t operator[](size_t i) const { return regions_[i]; }
  const uint16_t* begin() const { return regions_.data(); }
  const uint16_t* end() const { return regions_.data() + size_; }

 private:
  std::array<uint16_t, kMaxRegions> regions_;
  size_t size_ = 0;
};

static_assert(kMaxRegions <= 64, "one bit each");
bool Contains(uint64_t regions, uint16_t region) { return (regions >> region & 1) != 0; }

// One service as the plan sees it.
class ServiceWorld {
 public:
  ServiceWorld(const Snapshot& snapshot, uint16_t service, Steer steer)
      : snapshot_(snapshot), model_(snapshot.model->services[service]), view_(snapshot.services[service]) {
    size_t regions = std::min(view_.regions.size(), kMaxRegions);
    bool nearest = steer == Steer::kNearest && view_.nearest.size() == regions;
    for (size_t i = 0; i < regions; ++i) preference_.Add(nearest ? view_.nearest[i] : static_cast<uint16_t>(i));
    for (uint16_t region : preference_) {
      if (Eligible(region)) eligible_.Add(region);
    }
  }

  const RegionList& preference() const { return preference_; }  // all regions, best first
  const RegionList& eligible() const { return eligible_; }      // those of them that may be chosen
  bool IsEligible(uint16_t region) const {
    return std::find(eligible_.begin(), eligible_.end(), region) != eligible_.end();
  }

  // A half-open region may be tried unless the operator or the probes say no.
  bool MayTry(uint16_t region) const { return IsOn(region) && IsServing(region); }

  // Where to go when nothing is eligible.
  RegionList FailOpen() const {
    RegionList on;
    for (uint16_t region : preference_) {
      if (IsOn(region)) on.Add(region);
    }
    return on.empty() ? preference_ : on;
  }

  // The part of what is left to `eligible()[i]` that it takes.
  double Portion(size_t i) const {
    if (i + 1 == eligible_.size()) return 1.0;
    return Dial(eligible_[i]) * view_.regions[eligible_[i]].share;
  }

  // Index into ServiceModel::regions, or −1.
  int FindRegion(uint16_t model_region) const {
    for (uint16_t region : preference_) {
      if (model_.regions[region].region == model_region) return region;
    }
    return -1;
  }

 private:
  double Dial(uint16_t region) const { return snapshot_.dials[model_.regions[region].region]; }
  bool IsOn(uint16_t region) const { return Dial(region) > 0 && !view_.regions[region].origins.empty(); }
  bool IsServing(uint16_t region) const {
    const auto& origins = view_.regions[region].origins;
    return std::any_of(origins.begin(), origins.end(), [](const OriginView& o) { return o.serving != Serving::kDown; });
  }
  bool Eligible(uint16_t region) const { return view_.regions[region].share > 0 && IsOn(region) && IsServing(region); }

  const Snapshot& snapshot_;
  const ServiceModel& model_;
  const ServiceView& view_;
  RegionList preference_;
  RegionList eligible_;
};

// Appends steps up to a limit, each region once.
class PlanWriter {
 public:
  PlanWriter(Plan* plan, int attempts)
      : plan_(plan), limit_(std::clamp<size_t>(static_cast<size_t>(std::max(attempts, 1)), 1, Plan::kMaxSteps)) {}

  void Add(uint16_t region, StepReason reason) {
    if (plan_->size == limit_ || Has(region)) return;
    plan_->steps[plan_->size++] = {region, reason};
  }
  void AddAll(const RegionList& regions, StepReason reason) {
    for (uint16_t region : regions) Add(region, reason);
  }
  void AddAllBut(uint64_t left_out, const RegionList& regions, StepReason reason) {
    for (uint16_t region : regions) {
      if (!Contains(left_out, region)) Add(region, reason);
    }
  }

 private:
  bool Has(uint16_t region) const {
    auto steps = plan_->all();
    return std::any_of(steps.begin(), steps.end(), [region](const Step& s) { return s.region == region; });
  }

  Plan* plan_;
  size_t limit_;
};

// REQUIRES: something is eligible.
uint16_t DrawRegion(const ServiceWorld& world, uint64_t draw) {
  double point = static_cast<double>(draw >> 11) * 0x1p-53;  // in [0, 1)
  double rest = 1;
  size_t last = world.eligible().size() - 1;
  for (size_t i = 0; i < last; ++i) {
    double share = rest * world.Portion(i);
    if (point < share) return world.eligible()[i];
    point -= share;
    rest -= share;
  }
  return world.eligible()[last];
}

Step FirstEligibleStep(const ServiceWorld& world, int wished, uint64_t draw, uint64_t silent) {
  if (wished >= 0) return {static_cast<uint16_t>(wished), StepReason::kWish};
  uint16_t region = DrawRegion(world, draw);
  if (Contains(silent, region)) {
    for (uint16_t other : world.eligible()) {
      if (!Contains(silent, other)) return {other, StepReason::kSilence};
    }
  }
  return {region, region == world.preference()[0] ? StepReason::kPreferred : StepReason::kSpill};
}

// The wished region if it is eligible, else −1.
int WishedRegion(const ServiceWorld& world, const Wish& wish) {
  int region = wish.region ? world.FindRegion(*wish.region) : -1;
  return region >= 0 && world.IsEligible(static_cast<uint16_t>(region)) ? region : -1;
}

bool TrialAllowed(const ServiceWorld& world, int trial, int wished) {
  if (trial < 0 || static_cast<size_t>(trial) >= world.preference().size()) return false;
  return (wished < 0 || wished == trial) && world.MayTry(static_cast<uint16_t>(trial));
}

}  // namespace

const char* Name(StepReason r) {
  switch (r) {
    case StepReason::kPreferred:
      return "preferred";
    case StepReason::kSpill:
      return "spill";
    case StepReason::kSilence:
      return "silence";
    case StepReason::kFailover:
      return "failover";
    case StepReason::kTrial:
      return "trial";
    case StepReason::kWish:
      return "wish";
    case StepReason::kFailOpen:
      return "fail_open";
    case StepReason::kResume:
      return "resume";
  }
  return "preferred";
}

int PickArm(const RouteView& route, const Wish& wish, uint64_t draw) {
  if (wish.arm && *wish.arm < route.weights.size() && route.weights[*wish.arm] > 0) return *wish.arm;
  return PickWeighted(route.weights, draw);
}

bool HasEligible(const Snapshot& snapshot, uint16_t service) {
  return !ServiceWorld(snapshot, service, Steer::kOrdered).eligible().empty();
}

int PickOtherArm(const Snapshot& snapshot, uint16_t route, uint16_t arm, uint64_t draw) {
  const std::vector<uint32_t>& weights = snapshot.routes[route].weights;
  const std::vector<ArmModel>& split = snapshot.model->routes[route].split;
  const auto weight = [&](size_t i) -> uint64_t {
    return i != arm && weights[i] > 0 && HasEligible(snapshot, split[i].service) ? weights[i] : 0;
  };
  uint64_t total = 0;
  for (size_t i = 0; i < weights.size(); ++i) total += weight(i);
  // Only what is given away is drawn again: what the others have stays where it is.
  const double at = static_cast<double>(DrawWithin(weights, draw) >> 11) * 0x1p-53;  // in [0, 1)
  double point = at * static_cast<double>(total);
  int last = -1;
  for (size_t i = 0; i < weights.size() && total > 0; ++i) {
    const auto share = static_cast<double>(weight(i));
    if (share == 0) continue;
    last = static_cast<int>(i);
    if (point < share) break;
    point -= share;
  }
  return last;
}

Plan BuildPlan(const Snapshot& snapshot, uint16_t route, uint16_t arm, const Wish& wish, int trial, uint64_t draw,
               uint64_t silent) {
  const RouteModel& route_model = snapshot.model->routes[route];
  Plan plan;
  plan.arm = arm;
  plan.service = route_model.split[arm].service;
  ServiceWorld world(snapshot, plan.service, route_model.steer);
  plan.fail_open = world.eligible().empty();

  PlanWriter writer(&plan, snapshot.model->services[plan.service].failover.attempts);
  int wished = WishedRegion(world, wish);
  bool has_trial = TrialAllowed(world, trial, wished);
  if (has_trial) writer.Add(static_cast<uint16_t>(trial), StepReason::kTrial);
  if (plan.fail_open) {
    writer.AddAll(world.FailOpen(), StepReason::kFailOpen);
    return plan;
  }
  // The draw counts behind a trial too: what a failing trial sheds is spread as all other traffic is.
  Step first = FirstEligibleStep(world, wished, draw, silent);
  writer.Add(first.region, has_trial ? StepReason::kFailover : first.reason);
  writer.AddAllBut(silent, world.eligible(), StepReason::kFailover);
  writer.AddAll(world.eligible(), StepReason::kFailover);
  return plan;
}

void ExtendPlan(const Snapshot& snapshot, uint16_t route, Plan* plan) {
  const ServiceWorld world(snapshot, plan->service, snapshot.model->routes[route].steer);
  PlanWriter(plan, Plan::kMaxSteps).AddAll(world.eligible(), StepReason::kResume);
}

bool IsEligible(const Snapshot& snapshot, uint16_t service, uint16_t region) {
  return ServiceWorld(snapshot, service, Steer::kOrdered).IsEligible(region);
}

void RegionShares(const Snapshot& snapshot, uint16_t service, Steer steer, std::vector<double>* shares) {
  ServiceWorld world(snapshot, service, steer);
  shares->assign(world.preference().size(), 0.0);
  if (shares->empty()) return;
  if (world.eligible().empty()) {
    (*shares)[world.FailOpen()[0]] = 1.0;
    return;
  }
  double rest = 1;
  for (size_t i = 0; i < world.eligible().size(); ++i) {
    double share = rest * world.Portion(i);
    (*shares)[world.eligible()[i]] = share;
    rest -= share;
  }
}

int PickOrigin(const RegionView& region, uint32_t turn, int skip) {
  const auto& origins = region.origins;
  uint32_t up = 0, unknown = 0, all = 0;
  for (size_t i = 0; i < origins.size(); ++i) {
    if (static_cast<int>(i) == skip) continue;
    ++all;
    if (origins[i].serving == Serving::kUp) ++up;
    if (origins[i].serving == Serving::kUnknown) ++unknown;
  }
  if (all == 0) return -1;
  auto usable = [&](const OriginView& origin) {
    if (up > 0) return origin.serving == Serving::kUp;
    return unknown == 0 || origin.serving == Serving::kUnknown;
  };
  uint32_t left = turn % (up > 0 ? up : unknown > 0 ? unknown : all);
  for (size_t i = 0; i < origins.size(); ++i) {
    if (static_cast<int>(i) == skip || !usable(origins[i])) continue;
    if (left-- == 0) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace meridian
