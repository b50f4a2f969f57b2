// A region dies under load and comes back, twice: once like a killed process, once like one that hangs.
#include <fmt/format.h>

#include "server/demo_scenarios.h"

namespace meridian {
namespace {

constexpr double kMostTraffic = 0.9;
constexpr double kAllTraffic = 0.99;
constexpr Duration kBackLimit = 25s;
constexpr Duration kWholeStory = 35s;
constexpr Duration kTimeForSecond = 13s;

struct Fault {
  DemoFault kind;
  Duration lasts;
  const char* told;
};

constexpr Fault kKilled{DemoFault::kDead, 5s, "is killed: its port is closed, its connections are reset"};
constexpr Fault kHanging{DemoFault::kSilent, 4s, "hangs: it accepts connections and never answers"};

std::string SinceText(std::optional<TimePoint> at, TimePoint from) {
  return at ? fmt::format("{:.0f} ms", ToMilliseconds(*at - from)) : "–";
}

bool NearestHas(DemoStory& story, double share, Duration limit) {
  return story.Wait(limit, [&] { return story.RecentShare(kNearestRegion) >= share; });
}

// One fault from its beginning until traffic is back.
bool Suffer(DemoStory& story, const Fault& fault, Duration back_limit) {
  const std::string_view region = kDemoRegions[kNearestRegion].name;
  const uint64_t touched_before = story.admin().FailedAttempts(kNearestRegion);
  story.BeginChapter();
  story.Say(fmt::format("{} {}", region, fault.told));
  const TimePoint began = story.Now();
  story.SetFault(kNearestRegion, fault.kind);
  story.Pause(fault.lasts);
  const bool left = story.RecentShare(kNearestRegion) == 0;
  if (!story.SetFault(kNearestRegion, DemoFault::kNone)) story.Say("its port could not be opened again");
  story.Say(fmt::format("{} is restored", region));
  const TimePoint restored = story.Now();
  const bool back = NearestHas(story, kMostTraffic, back_limit);
  const Duration back_after = story.Now() - restored;
  const DemoTally seen = story.chapter();
  const uint64_t touched = story.admin().FailedAttempts(kNearestRegion) - touched_before;
  story.Say(fmt::format(
      "clients saw: first error {}   switched in {}   requests touching the dead region {}   slowest answer "
      "{:.0f} ms   failed requests {} of {}   back after {}",
      SinceText(seen.first_error(), began), SinceText(seen.first_from_elsewhere(), began), touched,
      ToMilliseconds(seen.slowest()), seen.failed() + seen.unsent(), seen.answered() + seen.unsent(),
      back ? fmt::format("{:.1f} s", ToSeconds(back_after)) : "–"));
  return left && back && seen.failed() + seen.unsent() == 0;
}

}  // namespace

bool PlayFailover(DemoStory& story) {
  const TimePoint began = story.Now();
  story.Say(fmt::format("steady load; {} is the nearest region", kDemoRegions[kNearestRegion].name));
  story.Pause(3s);
  if (story.RecentShare(kNearestRegion) < kMostTraffic) {
    story.Say("the nearest region does not have the traffic");
    return false;
  }
  bool good = Suffer(story, kKilled, kBackLimit);
  // The last steps of the ramp.
  good = good && NearestHas(story, kAllTraffic, 3s);
  const Duration left = kWholeStory - (story.Now() - began);
  if (good && left >= kTimeForSecond) good = Suffer(story, kHanging, left - kHanging.lasts);
  return good && story.all().failed() + story.all().unsent() == 0;
}

}  // namespace meridian
