#include "policy/latency_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace meridian {
namespace {

constexpr TimePoint kNow{5000s};

Duration SortedQuantile(std::vector<Duration> samples, double q) {
  std::sort(samples.begin(), samples.end());
  auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(samples.size())));
  return samples[std::max<size_t>(rank, 1) - 1];
}

TEST(LatencyWindow, QuantilesAreNeverBelowTheTruthAndAtMostAnEighthAbove) {
  std::mt19937_64 random(8);
  for (int round = 0; round < 200; ++round) {
    LatencyWindow window;
    std::lognormal_distribution<double> micros(3 + static_cast<double>(round % 12), 0.1 * (1 + round % 20));
    std::vector<Duration> samples;
    for (size_t i = 0, n = 1 + random() % 2000; i < n; ++i) {
      double us = std::clamp(micros(random), 1.1, 120e6);
      samples.push_back(Duration(static_cast<int64_t>(us * 1000)));
      window.Add(samples.back(), kNow);
    }
    for (double q : {0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
      double truth = ToSeconds(SortedQuantile(samples, q));
      double got = ToSeconds(window.Quantile(q, kNow));
      EXPECT_GE(got, truth);
      EXPECT_LE(got, truth * 1.1250001);
    }
  }
}

TEST(LatencyWindow, ExtremesStayInsideTheHistogram) {
  LatencyWindow window;
  for (Duration d : {Duration(-5s), Duration(0), Duration(1), Duration(24h), Duration::max()}) window.Add(d, kNow);
  EXPECT_EQ(window.count(kNow), 5u);
  EXPECT_LE(window.Quantile(0.01, kNow), 2us);
  EXPECT_GE(window.Quantile(1, kNow), 240s);
}

TEST(LatencyWindow, IsEmptyAtFirst) {
  LatencyWindow window;
  EXPECT_EQ(window.count(kNow), 0u);
  EXPECT_EQ(window.Quantile(0.99, kNow), Duration::zero());
}

TEST(LatencyWindow, RemembersAtLeastThirtyAndAtMostSixtySeconds) {
  LatencyWindow window;
  window.Add(10ms, kNow);
  window.Add(10ms, kNow + 29s);
  EXPECT_EQ(window.count(kNow + 30s), 2u);
  window.Add(10ms, kNow + 31s);
  EXPECT_EQ(window.count(kNow + 59s), 3u);
  EXPECT_EQ(window.count(kNow + 60s), 1u);
  EXPECT_EQ(window.count(kNow + 90s), 0u);
}

TEST(LatencyWindow, ForgetsAllAfterALongSilence) {
  LatencyWindow window;
  window.Add(10ms, kNow);
  EXPECT_EQ(window.count(kNow + 1h), 0u);
  window.Add(10ms, kNow + 1h);
  EXPECT_EQ(window.count(kNow + 1h + 29s), 1u);
}

TEST(AutoTimeout, IsASecondWhileTooLittleIsKnown) {
  LatencyWindow window;
  EXPECT_EQ(window.AutoTimeout(kNow), 1s);
  for (uint32_t i = 0; i + 1 < LatencyWindow::kMinSamples; ++i) window.Add(5ms, kNow);
  EXPECT_EQ(window.AutoTimeout(kNow + 100ms), 1s);
}

TEST(AutoTimeout, OneSlowAnswerIsEnoughToGiveTheNextOneItsTime) {
  LatencyWindow window;
  window.Add(2s, kNow);
  EXPECT_GE(window.AutoTimeout(kNow), 6s);
  EXPECT_LE(window.AutoTimeout(kNow), 6750ms);
}

TEST(AutoTimeout, IsHalfASecondForFastOriginsAndThreeTimesTheTailForSlowOnes) {
  LatencyWindow fast, slow;
  for (int i = 0; i < 1000; ++i) {
    fast.Add(2ms, kNow);
    slow.Add(400ms, kNow);
  }
  EXPECT_EQ(fast.AutoTimeout(kNow), 500ms);
  EXPECT_GE(slow.AutoTimeout(kNow), 1200ms);
  EXPECT_LE(slow.AutoTimeout(kNow), 1350ms);
}

TEST(AutoTimeout, IsComputedAnewAfterAHundredMilliseconds) {
  LatencyWindow window;
  EXPECT_EQ(window.AutoTimeout(kNow), 1s);
  for (int i = 0; i < 100; ++i) window.Add(1ms, kNow);
  EXPECT_EQ(window.AutoTimeout(kNow + 99ms), 1s);
  EXPECT_EQ(window.AutoTimeout(kNow + 100ms), 500ms);
  EXPECT_EQ(window.AutoTimeout(kNow + 2min), 1s) << "old samples are gone";
}

TEST(AutoTimeout, ItsFirstAnswerAtTheVeryStartOfTimeIsComputedToo) {
  LatencyWindow window;
  for (int i = 0; i < 100; ++i) window.Add(1ms, TimePoint{});
  EXPECT_EQ(window.AutoTimeout(TimePoint{}), 500ms);
}

}  // namespace
}  // namespace meridian
