// An operator evacuates a region and lets it back; then the edge itself is drained with requests under way.
#include <fmt/format.h>

#include "server/demo_scenarios.h"

namespace meridian {
namespace {

constexpr size_t kSlowRequests = 100;
constexpr Duration kMoveLimit = 3s;
constexpr Duration kDrainLimit = 10s;

bool SetDial(DemoStory& story, const char* dial) {
  const std::string problem = story.admin().SetDial(kNearestRegion, dial);
  story.Say(problem.empty() ? fmt::format("{} dialled to {}", kDemoRegions[kNearestRegion].name, dial) : problem);
  return problem.empty();
}

bool Evacuate(DemoStory& story) {
  if (!SetDial(story, "0%")) return false;
  const TimePoint began = story.Now();
  if (!story.Wait(kMoveLimit, [&] { return story.RecentShare(kNearestRegion) == 0; })) return false;
  story.Say(fmt::format("for a second {} has answered nothing, {:.1f} s after the change",
                        kDemoRegions[kNearestRegion].name, ToSeconds(story.Now() - began)));
  story.BeginChapter();
  if (!story.Pause(2s) || story.chapter().of_region(kNearestRegion) > 0) return false;
  return SetDial(story, "100%") && story.Wait(kMoveLimit, [&] { return story.RecentShare(kNearestRegion) >= 0.9; });
}

// Load balancers in front must see it within a moment.
bool BecomesUnready(DemoStory& story) {
  for (int i = 0; i < 20; ++i) {
    if (story.admin().Call(Method::kGet, "/readyz").status == 503) return true;
    if (!story.Pause(50ms)) return false;
  }
  return false;
}

// New requests end with the drain, as they do behind a load balancer that asks /readyz.
bool DrainEdge(DemoStory& story) {
  story.load().SetRate(0);
  if (!story.Wait(kMoveLimit, [&] { return story.load().in_flight() == 0; })) return false;
  story.BeginChapter();
  story.load().Send(kSlowPath, kSlowRequests);
  story.Pause(kSlowBody / 3);
  story.Say(fmt::format("the edge drains with {} requests half answered", story.load().in_flight()));
  story.Drain();
  const bool unready = BecomesUnready(story);
  const bool stopped = story.Wait(kDrainLimit, [&] { return story.over() && story.load().in_flight() == 0; });
  const DemoTally& seen = story.chapter();
  story.Say(fmt::format("/readyz {}; {} of {} were answered to the end; the edge has {}",
                        unready ? "said 503" : "did not say 503", seen.answered() - seen.failed(), kSlowRequests,
                        stopped ? "stopped" : "not stopped"));
  return unready && stopped && seen.answered() == kSlowRequests;
}

}  // namespace

bool PlayDrain(DemoStory& story) {
  story.Say("steady load");
  bool good = story.Pause(2s) && Evacuate(story) && DrainEdge(story);
  const DemoTally& all = story.all();
  const uint64_t failed = all.failed() + all.unsent();
  story.Say(fmt::format("clients saw: failed requests {} of {}", failed, all.answered() + all.unsent()));
  return good && failed == 0;
}

}  // namespace meridian
