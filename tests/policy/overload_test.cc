#include "policy/overload.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

struct Row {
  uint64_t used;
  OverloadLevel level;
  bool busy_refused, request_refused, keep_alive_refused, connection_refused;
};

TEST(OverloadTest, GivesUpMoreTheFullerItIsAndTakesItBackALittleLater) {
  using enum OverloadLevel;
  const Row kRows[] = {
      {0, kCalm, false, false, false, false},
      {79, kCalm, false, false, false, false},
      {80, kBusyConnections, true, false, false, false},
      {76, kBusyConnections, true, false, false, false},
      {74, kCalm, false, false, false, false},
      {90, kKeepAlive, true, false, true, false},
      {86, kKeepAlive, true, false, true, false},
      {84, kBusyConnections, true, false, false, false},
      {95, kRequests, true, true, true, false},
      {99, kRequests, true, true, true, false},
      {100, kConnections, true, true, true, true},
      {500, kConnections, true, true, true, true},
      {96, kConnections, true, true, true, true},
      {94, kRequests, true, true, true, false},
      {89, kKeepAlive, true, false, true, false},
      {0, kCalm, false, false, false, false},
      {100, kConnections, true, true, true, true},
      {10, kCalm, false, false, false, false},
  };
  Overload overload(100);
  for (const Row& row : kRows) {
    EXPECT_EQ(overload.Update(row.used), row.level) << row.used;
    EXPECT_EQ(overload.RefusesRequest(Overload::kManyStreams + 1), row.busy_refused) << row.used;
    EXPECT_EQ(overload.RefusesRequest(1), row.request_refused) << row.used;
    EXPECT_EQ(overload.RefusesKeepAlive(), row.keep_alive_refused) << row.used;
    EXPECT_EQ(overload.RefusesConnection(), row.connection_refused) << row.used;
  }
}

}  // namespace
}  // namespace meridian
