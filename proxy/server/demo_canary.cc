// A canary grows from 1 % to 50 % and is taken back, through the admin API, under load.
#include <fmt/format.h>

#include <cmath>

#include "server/demo_scenarios.h"

namespace meridian {
namespace {

constexpr double kTolerance = 0.003;
constexpr Duration kChangeLimit = 1s;
constexpr Duration kSettle = 100ms;  // workers take up a new world between their turns
constexpr Duration kBurstLimit = 60s;
constexpr size_t kAtOnce = 128;

struct Step {
  const char* stable;
  const char* canary;
  double wanted;
  uint64_t requests;
};

// The first one is what the configuration says already.
constexpr Step kSteps[] = {
    {"99%", "1%", 0.01, 20'000}, {"90%", "10%", 0.1, 10'000}, {"50%", "50%", 0.5, 10'000}, {"100%", "0%", 0, 10'000}};

// Sets the weights; true if that worked and was quick.
bool Change(DemoStory& story, const Step& step) {
  const TimePoint began = story.Now();
  const std::string problem = story.admin().SetWeights(step.stable, step.canary);
  const Duration took = story.Now() - began;
  if (!problem.empty()) {
    story.Say(problem);
    return false;
  }
  story.Say(fmt::format("PATCH to {} / {} took {:.1f} ms", step.stable, step.canary, ToMilliseconds(took)));
  return took + kSettle <= kChangeLimit && story.Pause(kSettle);
}

// The share over requests sent from now on: had the change not taken effect everywhere, it would be off.
bool Measure(DemoStory& story, const Step& step) {
  story.BeginChapter();
  story.load().Burst(step.requests, kAtOnce);
  if (!story.Wait(kBurstLimit, [&] { return story.load().burst_over(); })) return false;
  const DemoTally& seen = story.chapter();
  const double share = seen.ServiceShare(kCanary);
  story.Say(fmt::format("{} / {}: the canary got {:.2f} % of {} requests   failed requests {}", step.stable,
                        step.canary, share * 100, seen.answered(), seen.failed() + seen.unsent()));
  return std::abs(share - step.wanted) <= kTolerance;
}

}  // namespace

bool PlayCanary(DemoStory& story) {
  story.Say(fmt::format("{} is the canary of {}", kDemoServices[kCanary].name, kDemoServices[0].name));
  if (!story.Pause(1s)) return false;
  bool good = true;
  for (const Step& step : kSteps) {
    const bool first = &step == kSteps;
    good = (first || Change(story, step)) && Measure(story, step) && good;
  }
  const DemoTally& all = story.all();
  const uint64_t failed = all.failed() + all.unsent();
  story.Say(fmt::format("clients saw: failed requests {} of {}", failed, all.answered() + all.unsent()));
  return good && failed == 0;
}

}  // namespace meridian
