// The promise must be what the real schedule of probes and the real breaker keep, and not much more than that.
#include "policy/failover_objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "policy/breaker.h"
#include "policy/probe_state.h"
#include "policy/random.h"

namespace meridian {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ServiceModel Shop(bool probes = true) {
  ServiceModel shop;
  shop.name = "shop";
  shop.regions.resize(2);
  shop.health.enabled = probes;
  return shop;
}

WorstCase Of(const ServiceModel& service, FailureKind kind) {
  for (const WorstCase& worst : WorstCases(service)) {
    if (worst.kind == kind) return worst;
  }
  ADD_FAILURE() << Name(kind) << " is not there";
  return {kind, LeaveTime{}, LeaveTime{}};
}

std::vector<std::string> Kinds(const ServiceModel& service) {
  std::vector<std::string> names;
  for (const WorstCase& worst : WorstCases(service)) names.push_back(Name(worst.kind));
  return names;
}

TEST(FailoverObjective, TheDefaultsLeaveABlackHoleWithinFourSeconds) {
  const WorstCase hole = Of(Shop(), FailureKind::kBlackHole);
  EXPECT_EQ(hole.promised().time, 3600ms);  // 1.1 × 1 s, three probes of 0.8 s one after the other, 0.1 s
  EXPECT_EQ(hole.promised().arithmetic,
            "1.1 x 1 s until a probe starts, 3 probes of 0.8 s, and 0.1 s of the edge's and the network's own");
  EXPECT_EQ(hole.promised().field, "health.timeout");
  EXPECT_THAT(hole.promised().also, ElementsAre("health.fall", "health.interval"));
  EXPECT_EQ(hole.by_traffic->time, 2100ms);  // five requests in a second, the last one given up a second later
}

struct Expected {
  const char* story;
  void (*change)(ServiceModel&);
  FailureKind kind;
  Duration promised;
  const char* field;
};
void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.story; }

class PromiseTable : public testing::TestWithParam<Expected> {};

TEST_P(PromiseTable, FollowsFromTheKeys) {
  ServiceModel shop = Shop();
  GetParam().change(shop);
  const WorstCase worst = Of(shop, GetParam().kind);
  EXPECT_EQ(worst.promised().time, GetParam().promised) << worst.promised().arithmetic;
  EXPECT_EQ(worst.promised().field, GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, PromiseTable,
    testing::Values(
        Expected{"RefusedNeedsTwoRechecks", [](ServiceModel&) {}, FailureKind::kRefused, 1750ms, "health.interval"},
        Expected{"BadProbesAreLikeRefusedOnes", [](ServiceModel&) {}, FailureKind::kStatusOfProbes, 1750ms,
                 "health.interval"},
        Expected{"AHangIsSilentToo", [](ServiceModel&) {}, FailureKind::kHang, 3600ms, "health.timeout"},
        Expected{"AStatusThatProbesDoNotSeeIsFoundByRequests", [](ServiceModel&) {}, FailureKind::kStatus, 1100ms, ""},
        Expected{"SoIsABodyThatBreaks", [](ServiceModel&) {}, FailureKind::kBrokenBody, 1100ms, ""},
        Expected{"OneFailureIsEnough", [](ServiceModel& s) { s.health.fall = 1; }, FailureKind::kRefused, 1200ms,
                 "health.interval"},
        Expected{"TheRecheckRulesAboveTheTimeout", [](ServiceModel& s) { s.health.recheck = 1s; },
                 FailureKind::kBlackHole, 1100ms + 2 * 1100ms + 800ms + 100ms, "health.recheck"},
        Expected{"TheRecheckIsNeverLongerThanTheInterval",
                 [](ServiceModel& s) { s.health.recheck = 1h, s.health.timeout = 10ms; }, FailureKind::kBlackHole,
                 3 * 1100ms + 10ms + 100ms, "health.recheck"},
        Expected{"ManyProbesHaveManyTimers", [](ServiceModel& s) { s.health.fall = 100; }, FailureKind::kRefused,
                 1100ms + 99 * 275ms + 1050ms, "health.recheck"},
        Expected{"ALongInterval", [](ServiceModel& s) { s.health.interval = 30s; }, FailureKind::kBlackHole, 35500ms,
                 "health.interval"},
        Expected{"WithoutProbesRequestsFindIt", [](ServiceModel& s) { s.health.enabled = false; },
                 FailureKind::kBlackHole, 2100ms, "failover.attempt_timeout"},
        Expected{"WithoutProbesThreeRefusalsDo", [](ServiceModel& s) { s.health.enabled = false; },
                 FailureKind::kRefused, 700ms, ""},
        Expected{"AFixedAttemptTimeout",
                 [](ServiceModel& s) { s.health.enabled = false, s.failover.attempt_timeout = 3s; }, FailureKind::kHang,
                 4100ms, "failover.attempt_timeout"},
        Expected{
            "AnAttemptGetsAShareOfTheRequest",
            [](ServiceModel& s) { s.health.enabled = false, s.failover.attempt_timeout = 3s, s.timeouts.request = 2s; },
            FailureKind::kHang, 2300ms, "timeouts.request"},
        Expected{"TheOnlyAttemptGetsAllOfIt",
                 [](ServiceModel& s) { s.health.enabled = false, s.failover.attempts = 1; }, FailureKind::kHang,
                 16100ms, "timeouts.request"}),
    [](const auto& test) { return std::string(test.param.story); });

TEST(FailoverObjective, OfOneRegionThereIsNoPromiseSinceThereIsNowhereToGo) {
  ServiceModel shop = Shop();
  shop.regions.resize(1);
  EXPECT_TRUE(WorstCases(shop).empty());
  EXPECT_EQ(Longest(WorstCases(shop)), nullptr);
}

TEST(FailoverObjective, AKindThatNothingWouldNoticeIsNotPromised) {
  EXPECT_THAT(Kinds(Shop()), ElementsAre("refused", "black_hole", "hang", "status", "status_of_probes", "broken_body"));
  EXPECT_THAT(Kinds(Shop(false)), ElementsAre("refused", "black_hole", "hang", "status", "broken_body"));
  ServiceModel shop = Shop();
  shop.failover.statuses = StatusSet().Add(404);  // moves one request, opens nothing
  EXPECT_THAT(Kinds(shop), ElementsAre("refused", "black_hole", "hang", "status_of_probes", "broken_body"));
  EXPECT_FALSE(Of(shop, FailureKind::kStatusOfProbes).by_traffic);
}

TEST(FailoverObjective, SecondsAreRoundedUpSoThatNoPromiseLooksShorter) {
  EXPECT_EQ(SecondsText(3600ms), "3.6 s");
  EXPECT_EQ(SecondsText(2s), "2 s");
  EXPECT_EQ(SecondsText(10min), "600 s");
  EXPECT_EQ(SecondsText(1000001us), "1.001 s");
  EXPECT_EQ(SecondsText(0s), "0 s");
}

HealthModel Health(Duration interval, Duration timeout, Duration recheck, int fall) {
  HealthModel health;
  health.enabled = true;
  health.interval = interval;
  health.timeout = timeout;
  health.recheck = recheck;
  health.fall = fall;
  return health;
}

// ---- against the parts that keep the promise

// From a failure at some moment of the probes' rhythm until `fall` probes failed: the prober's schedule, without I/O.
Duration Probe(const HealthModel& health, bool silent, uint64_t& random) {
  ProbeState state(health.fall, health.rise);
  TimePoint now{};
  state.OnResult(true);
  // The worst moment: right after the answer that still passed.
  const TimePoint failed = now;
  TimePoint began = now + NextProbeDelay(health, false, SplitMix64(random));
  for (;;) {
    now = began + (silent ? health.timeout : Duration::zero());
    if (state.OnResult(false)) return now - failed;
    const Duration spent = now - began;
    began = now + std::max(NextProbeDelay(health, state.suspicious(), SplitMix64(random)) - spent, Duration::zero());
  }
}

TEST(FailoverObjective, TheScheduleOfProbesKeepsItAndComesNear) {
  uint64_t random = 7;
  const std::vector<HealthModel> healths = {
      Health(1s, 800ms, 250ms, 3), Health(200ms, 500ms, 50ms, 3), Health(5s, 100ms, 2s, 7),
      Health(3s, 3s, 10s, 2),      Health(1s, 800ms, 250ms, 1),
  };
  for (const HealthModel& health : healths) {
    ServiceModel shop = Shop();
    shop.health = health;
    for (const bool silent : {false, true}) {
      const Duration promised =
          Of(shop, silent ? FailureKind::kBlackHole : FailureKind::kRefused).by_probes->time - OwnTime(health.fall);
      Duration worst{};
      for (int i = 0; i < 20'000; ++i) worst = std::max(worst, Probe(health, silent, random));
      EXPECT_LE(worst, promised) << silent;
      EXPECT_GT(worst, promised * 93 / 100) << silent << ": the formula promises less than the prober does";
    }
  }
}

// Requests at the promised rate, all of which fail `delay` after they were sent, at the real breaker.
Duration Requests(Signal signal, Duration delay) {
  Breaker breaker({}, 1);
  TimePoint now{100s};
  const Duration gap = std::chrono::duration_cast<Duration>(1s / kPromisedRate);
  for (int i = 0; i < 100; ++i) breaker.OnSignal(Signal::kSuccess, 1, false, now += gap);
  const TimePoint failed = now;
  while (!breaker.OnSignal(signal, 1, false, now + gap + delay)) now += gap;
  return now + gap + delay - failed;
}

TEST(FailoverObjective, TheBreakerKeepsItAtThePromisedRate) {
  const ServiceModel shop = Shop(false);
  EXPECT_EQ(Requests(Signal::kConnectFail, 0s) + OwnTime(0), Of(shop, FailureKind::kRefused).promised().time);
  EXPECT_EQ(Requests(Signal::kFailure, 0s) + OwnTime(0), Of(shop, FailureKind::kStatus).promised().time);
  // While requests hang nothing succeeds, and half of a quiet window is soon bad.
  EXPECT_LT(Requests(Signal::kFailure, 1s) + OwnTime(0), Of(shop, FailureKind::kHang).promised().time);
}

}  // namespace
}  // namespace meridian
