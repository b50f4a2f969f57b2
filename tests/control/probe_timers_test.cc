// How long a probe waits: `health.timeout`, whatever it waits for.
#include <gtest/gtest.h>

#include "health/prober.h"
#include "support/run_loop.h"
#include "support/test_origin.h"

namespace meridian {
namespace {

using testing::FullListener;
using testing::Settle;
using testing::TestOrigin;

class ProbeTimersTest : public ::testing::TestWithParam<Duration>, private ProbeSink {
 protected:
  // The part of `health.timeout` after which a probe of this origin has failed.
  double FailsAfter(const Endpoint& endpoint, OriginProtocol protocol = OriginProtocol::kHttp) {
    endpoints_ = {endpoint};
    HealthModel health;
    health.timeout = GetParam();
    OriginModel origin;
    origin.protocol = protocol;
    OriginPool::Options pool;
    pool.origin = origin;
    pool.connect_timeout = pool.tls_timeout = 5min;
    ProbeSink& sink = *this;
    Prober prober(loop_, sink, 0, health, origin, pool);
    results_.clear();
    prober.Start();
    Settle(loop_);
    loop_.Advance(8ms);  // it begins with the next tick
    const TimePoint begin = loop_.Now() - 8ms;
    for (int i = 0; i < 150 && results_.empty(); ++i) {
      for (int turn = 0; turn < 20; ++turn) loop_.RunTurn(false);
      if (results_.empty()) loop_.Advance(health.timeout / 100);
    }
    EXPECT_FALSE(results_.empty() || results_[0].passed);
    return ToSeconds(loop_.Now() - begin) / ToSeconds(health.timeout);
  }
  Loop loop_{true};

 private:
  void OnProbe(size_t, const ProbeResult& result) override { results_.push_back(result); }
  const std::vector<Endpoint>& ProbeEndpoints(size_t) override { return endpoints_; }
  uint64_t Random() override { return 0; }
  std::vector<Endpoint> endpoints_;
  std::vector<ProbeResult> results_;
};

INSTANTIATE_TEST_SUITE_P(All, ProbeTimersTest, ::testing::Values(HealthModel{}.timeout, 100ms),
                         [](const auto& test) { return std::to_string(test.param / 1ms) + "ms"; });

TEST_P(ProbeTimersTest, AProbeThatIsNotAnsweredHasFailedThen) {
  TestOrigin origin(loop_);
  const double part = FailsAfter(origin.endpoint());
  EXPECT_GE(part, 1.0);
  EXPECT_LE(part, 1.25);
}

TEST_P(ProbeTimersTest, AProbeThatCannotConnectHasFailedThen) {
  const FullListener full;
  const double part = FailsAfter(full.endpoint());
  EXPECT_GE(part, 1.0);
  EXPECT_LE(part, 1.25);
}

TEST_P(ProbeTimersTest, AProbeOverHttp2HasFailedThen) {
  TestOrigin origin(loop_);
  const double part = FailsAfter(origin.endpoint(), OriginProtocol::kH2c);
  EXPECT_GE(part, 1.0);
  EXPECT_LE(part, 1.25);
}

}  // namespace
}  // namespace meridian
