// The demo is a test of its own: each scenario drives real traffic through the whole proxy and judges what its clients
// saw.
#include <csignal>

#include "integration/edge.h"

namespace meridian::testing {
namespace {

// Sanitized builds answer the canary's requests more slowly.
constexpr Millis kLimit = kSanitized ? 150s : 60s;

RunResult Demo(const std::string& scenario) {
  return RunProgram({.argv = {MeridianBinary(), "demo", "--scenario", scenario}}, kLimit);
}

void ExpectPassed(const RunResult& run, const std::string& scenario) {
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_NE(run.out.find("failed requests 0 of "), std::string::npos) << run.out;
  EXPECT_NE(run.out.find(scenario + ": passed"), std::string::npos) << run.out;
}

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(Demo, NoClientNoticesThatTheNearestRegionIsKilledOrHangs) {
  const RunResult run = Demo("failover");
  ExpectPassed(run, "failover");
  EXPECT_GE(Count(run.out, "clients saw: first error –"), 1u) << run.out;
  EXPECT_EQ(Count(run.out, "failed requests "), Count(run.out, "failed requests 0 of ")) << run.out;
}

TEST(Demo, CanarySharesAreExactAfterEachChangeAtRunTime) {
  const RunResult run = Demo("canary");
  ExpectPassed(run, "canary");
  EXPECT_EQ(Count(run.out, "PATCH to "), 3u) << run.out;
}

TEST(Demo, DrainingARegionAndThenTheEdgeLosesNoRequest) {
  const RunResult run = Demo("drain");
  ExpectPassed(run, "drain");
  EXPECT_NE(run.out.find("/readyz said 503"), std::string::npos) << run.out;
}

TEST(Demo, RunsUntilInterruptedAndThenDrains) {
  const TempDir dir;
  Process demo(dir, "demo", {.argv = {MeridianBinary(), "demo", "--rate", "50"}});
  // The first line about traffic comes when everything runs.
  ASSERT_TRUE(Eventually([&] { return demo.Out().find("p99 ") != std::string::npos; }, 20s))
      << demo.Out() << demo.Err();
  demo.Signal(SIGINT);
  EXPECT_EQ(demo.Wait(10s), 0) << demo.Out() << demo.Err();
  EXPECT_NE(demo.Out().find("failed requests 0\n"), std::string::npos) << demo.Out();
}

}  // namespace
}  // namespace meridian::testing
