#include "policy/histogram_quantile.h"

#include <gtest/gtest.h>

#include <vector>

namespace meridian {
namespace {

constexpr double kBounds[] = {1, 2, 4};

TEST(HistogramQuantileTest, InterpolatesWithinTheBucketThatHoldsIt) {
  const std::vector<uint64_t> counts = {10, 10, 0, 0};
  EXPECT_DOUBLE_EQ(HistogramQuantile(counts, kBounds, 0.5), 1);
  EXPECT_DOUBLE_EQ(HistogramQuantile(counts, kBounds, 0.75), 1.5);
  EXPECT_DOUBLE_EQ(HistogramQuantile(counts, kBounds, 1), 2);
  EXPECT_DOUBLE_EQ(HistogramQuantile(counts, kBounds, 0.25), 0.5);
}

TEST(HistogramQuantileTest, NothingIsZeroAndTheTopBucketIsTheHighestBound) {
  EXPECT_EQ(HistogramQuantile(std::vector<uint64_t>{0, 0, 0, 0}, kBounds, 0.95), 0);
  EXPECT_EQ(HistogramQuantile(std::vector<uint64_t>{0, 0, 0, 7}, kBounds, 0.5), 4);
  EXPECT_DOUBLE_EQ(HistogramQuantile(std::vector<uint64_t>{0, 0, 5, 0}, kBounds, 0.5), 3);
}

}  // namespace
}  // namespace meridian
