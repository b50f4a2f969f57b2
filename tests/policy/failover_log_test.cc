// What an operator reads after an outage: when it began, when the region was left, whom it hit, and whether the
// objective was kept.
#include "policy/failover_log.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

constexpr TimePoint kStart{1000s};
constexpr int64_t kUnixUs = 1'700'000'000'000'000;

Model Shop() {
  Model model;
  ServiceModel shop;
  shop.name = "shop";
  shop.regions.resize(3);
  shop.failover.objective = 6s;
  shop.health.enabled = true;
  model.services = {shop, shop};
  model.services[1].failover.objective = 0s;
  model.services[1].health.enabled = false;
  return model;
}

class FailoverLogTest : public testing::Test {
 protected:
  TimePoint At(Duration since) const { return kStart + since; }
  void Fail(Duration at, uint32_t count = 1) { log_.OnTraffic(0, 1, true, count, At(at)); }
  void Succeed(Duration at, uint32_t count = 1) { log_.OnTraffic(0, 1, false, count, At(at)); }
  void FailProbe(Duration at) { log_.OnProbe(0, 1, true, At(at)); }
  void Leave(Duration at, const char* cause = "failures") { log_.OnLeft(0, 1, cause, At(at), kUnixUs); }
  void Save(Duration at, uint32_t count = 1) { log_.OnAffected(0, 1, true, false, count, At(at)); }
  void Lose(Duration at, uint32_t count = 1) { log_.OnAffected(0, 1, false, false, count, At(at)); }
  const FailoverEvent& last() const { return log_.events(0).back(); }

  const Model model_ = Shop();
  FailoverLog log_{model_};
};

TEST_F(FailoverLogTest, TellsAnOutageFromItsFirstFailureToItsLastVictim) {
  Fail(0s);
  Save(10ms);
  Fail(200ms, 4);
  Leave(200ms);
  Save(700ms, 3);
  Lose(900ms);
  Save(1200ms);
  EXPECT_TRUE(log_.Tick(At(6199ms)).empty()) << "five quiet seconds after the last one";
  const std::vector<FailoverEvent> ended = log_.Tick(At(6200ms));
  ASSERT_EQ(ended.size(), 1u);
  const FailoverEvent& event = ended[0];
  EXPECT_EQ(event.number, 1u);
  EXPECT_EQ(event.region, 1);
  EXPECT_EQ(event.cause, "failures");
  EXPECT_EQ(event.begin, kStart);
  EXPECT_EQ(event.begin_unix_us, kUnixUs - 200'000);
  EXPECT_EQ(event.to_switch, 200ms);
  EXPECT_EQ(event.last_affected, 1200ms);
  EXPECT_EQ(event.last_error, 900ms);
  EXPECT_EQ(event.saved, 5u);
  EXPECT_EQ(event.lost, 1u);
  EXPECT_EQ(event.duration(), 900ms);
  EXPECT_TRUE(event.kept());
  EXPECT_TRUE(last().ended);
  EXPECT_TRUE(log_.Tick(At(20s)).empty()) << "an event ends once";
}

TEST_F(FailoverLogTest, AnErrorAfterTheObjectiveBreaksIt) {
  Fail(0s, 5);
  Leave(0s);
  Lose(4s);
  EXPECT_TRUE(last().kept());
  Lose(6001ms);
  EXPECT_FALSE(last().kept());
  log_.Tick(At(20s));
  EXPECT_EQ(log_.totals(0, 1).missed, 1u);
}

TEST_F(FailoverLogTest, SoDoesLeavingTooLate) {
  FailProbe(0s);
  FailProbe(2s);
  FailProbe(4s);
  FailProbe(6100ms);
  Leave(6100ms, "probes");
  EXPECT_EQ(last().to_switch, 6100ms);
  EXPECT_FALSE(last().kept());
}

TEST_F(FailoverLogTest, SavedRequestsMayTakeLongerWithoutBreakingIt) {
  Fail(0s, 5);
  Leave(0s);
  Save(8s);
  EXPECT_EQ(last().last_affected, 8s);
  EXPECT_TRUE(last().kept()) << "no client saw an error";
}

TEST_F(FailoverLogTest, WithoutAnObjectiveEveryFailoverKeepsIt) {
  log_.OnTraffic(1, 0, true, 5, At(0s));
  log_.OnLeft(1, 0, "failures", At(1h), kUnixUs);
  EXPECT_TRUE(log_.events(1).back().kept());
  EXPECT_TRUE(log_.events(0).empty()) << "that was another service";
}

TEST_F(FailoverLogTest, TheEarlierOfProbesAndRequestsIsTheBegin) {
  FailProbe(0s);
  Fail(300ms, 5);
  Leave(300ms);
  EXPECT_EQ(last().to_switch, 300ms);
}

TEST_F(FailoverLogTest, AProbeThatPassedIsNoPartOfIt) {
  FailProbe(0s);
  log_.OnProbe(0, 1, false, At(200ms));
  FailProbe(1s);
  Leave(1s, "probes");
  EXPECT_EQ(last().to_switch, 0s);
}

TEST_F(FailoverLogTest, ASingleFailureLongAgoIsNoPartOfItEither) {
  Fail(0s);
  Save(10ms);
  Succeed(1s, 100);
  Fail(10s, 5);
  Save(10050ms);
  Leave(10s);
  EXPECT_EQ(last().begin, At(10s));
  EXPECT_EQ(last().saved, 1u);
  EXPECT_EQ(log_.totals(0, 1).saved, 2u) << "but its client was saved all the same";
}

TEST_F(FailoverLogTest, SuccessesThatArriveLateDoNotMoveTheBegin) {
  Fail(0s);
  Succeed(100ms, 50);  // another worker's batch
  Fail(110ms, 4);
  Leave(110ms);
  EXPECT_EQ(last().to_switch, 110ms);
}

TEST_F(FailoverLogTest, ARegionThatFailsMostRequestsIsOneStreak) {
  for (int i = 0; i < 10; ++i) {
    Fail(i * 200ms, 3);
    Succeed(i * 200ms + 1ms, 2);
  }
  Leave(1800ms, "rate");
  EXPECT_EQ(last().to_switch, 1800ms);
}

TEST_F(FailoverLogTest, FailuresOfRareRequestsAreOneStreakHoweverFarApart) {
  for (int i = 0; i < 5; ++i) Fail(i * 10s);
  Leave(40s);
  EXPECT_EQ(last().to_switch, 40s);
}

TEST_F(FailoverLogTest, ARequestThatFailedHoursBeforeTheProbesIsNoPartOfIt) {
  Fail(0s);
  Save(10ms);
  FailProbe(2h);
  Leave(2h, "probes");
  EXPECT_EQ(last().to_switch, 0s);
  EXPECT_EQ(last().saved, 0u);
}

TEST_F(FailoverLogTest, ASuccessAfterALongSilenceEndsAStreak) {
  Fail(0s, 3);
  Succeed(1h);
  Fail(1h + 1s, 5);
  Leave(1h + 1s);
  EXPECT_EQ(last().to_switch, 0s);
}

TEST_F(FailoverLogTest, AFailureThatLedToNothingIsNoEvent) {
  Fail(0s);
  Lose(0s);
  EXPECT_TRUE(log_.Tick(At(1h)).empty());
  EXPECT_TRUE(log_.events(0).empty());
  EXPECT_EQ(log_.totals(0, 1).lost, 1u);
}

TEST_F(FailoverLogTest, TrialsOfARegionThatIsOutDoNotProlongItsFailover) {
  Fail(0s, 5);
  Leave(0s);
  log_.OnAffected(0, 1, true, true, 1, At(3s));
  EXPECT_EQ(last().saved, 0u);
  EXPECT_EQ(log_.totals(0, 1).saved, 1u);
  EXPECT_EQ(log_.Tick(At(5s)).size(), 1u);
}

TEST_F(FailoverLogTest, AVictimAfterTheEndCountsInTheTotalsOnly) {
  Fail(0s, 5);
  Leave(0s);
  log_.Tick(At(5s));
  Lose(9s);
  EXPECT_EQ(last().lost, 0u);
  EXPECT_EQ(log_.totals(0, 1).lost, 1u);
}

TEST_F(FailoverLogTest, ARegionThatFailsAgainInItsRampIsLeftAgain) {
  Fail(0s, 5);
  Leave(0s);
  Fail(3s, 5);
  Leave(3s, "ramp");
  ASSERT_EQ(log_.events(0).size(), 2u);
  EXPECT_TRUE(log_.events(0)[0].ended);
  EXPECT_EQ(last().cause, "ramp");
  EXPECT_EQ(last().begin, At(3s));
  EXPECT_EQ(log_.Tick(At(8s)).size(), 1u);
  EXPECT_EQ(log_.totals(0, 1).events, (std::array<uint64_t, 5>{0, 0, 1, 0, 1}));
}

TEST_F(FailoverLogTest, DurationsFallIntoTheBucketTheyAreNotAbove) {
  const std::pair<Duration, size_t> cases[] = {{0s, 0}, {100ms, 0}, {101ms, 1}, {6s, 9}, {60s, 13}, {61s, 14}};
  double sum = 0;
  Duration t{};
  for (const auto& [duration, bucket] : cases) {
    const uint64_t before = log_.totals(0, 1).durations[bucket];
    Fail(t, 5);
    Leave(t + duration);
    t += duration + 1h;
    EXPECT_EQ(log_.Tick(At(t)).size(), 1u);
    EXPECT_EQ(log_.totals(0, 1).durations[bucket], before + 1) << ToSeconds(duration);
    sum += ToSeconds(duration);
  }
  EXPECT_DOUBLE_EQ(log_.totals(0, 1).duration_sum_s, sum);
}

TEST_F(FailoverLogTest, KeepsTheLastSixteenOfAService) {
  for (int i = 0; i < 20; ++i) {
    const uint16_t region = i % 3;
    log_.OnLeft(0, region, "probes", At(i * 1ms), kUnixUs);
  }
  EXPECT_EQ(log_.events(0).size(), FailoverLog::kKept);
  EXPECT_EQ(log_.events(0).front().number, 5u);
  EXPECT_EQ(log_.Tick(At(1h)).size(), 3u) << "one per region was still open";
  EXPECT_TRUE(log_.Tick(At(2h)).empty());
}

// Each worker tells its news when it comes to it, and the control thread may be late: the account missed requests that
// had been saved by the time it heard of the failure.
TEST_F(FailoverLogTest, BeginsWithTheFirstFailureAndNotWithTheOneThatIsToldFirst) {
  Fail(20ms);
  Fail(5ms);
  Save(10ms);
  Leave(40ms);
  EXPECT_EQ(last().begin, At(5ms));
  EXPECT_EQ(last().to_switch, 35ms);
  EXPECT_EQ(last().saved, 1u);
  EXPECT_EQ(last().last_affected, 5ms);
}

TEST_F(FailoverLogTest, CountsRequestsOfAFailureThatNobodyToldInTime) {
  Fail(20ms, 3);
  Save(17ms);
  Leave(20ms);
  Save(15ms);
  EXPECT_EQ(last().begin, At(20ms));
  EXPECT_EQ(last().saved, 2u);
  EXPECT_EQ(last().last_affected, 0ms) << "none of them was affected later";
}

}  // namespace
}  // namespace meridian
