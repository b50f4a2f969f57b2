// The controller and its workers: what reaches them, and that nothing does once they are gone.
#include "control/controller.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

class FakeWorker final : public WorkerHandle {
 public:
  void Publish(std::shared_ptr<const Snapshot> s) override { snapshot = std::move(s); }
  void PublishTls(size_t, std::shared_ptr<const TlsServerContext>) override {}
  void GrantTrial(uint16_t, uint16_t) override { ++trials; }
  const WorkerStats& stats() override { return stats_; }
  std::shared_ptr<const Snapshot> snapshot;
  int trials = 0;

 private:
  WorkerStats stats_{2, 1};
};

class ControllerTest : public ::testing::Test {
 protected:
  ControllerTest() {
    ServiceModel shop;
    shop.name = "shop";
    for (uint16_t r = 0; r < 2; ++r) {
      model_->regions.push_back({.name = "region-" + std::to_string(r), .location = {}, .dial = 1.0});
      OriginModel origin;
      origin.url = "http://127.0.0.1:9";
      origin.host = "127.0.0.1";
      origin.port = 9;
      shop.regions.push_back({.region = r, .origins = {origin}});
    }
    model_->services.push_back(shop);
    RouteModel route;
    route.name = "all";
    route.split = {{0, 1}};
    model_->routes.push_back(route);
    std::string error;
    tls_ = OriginTlsContexts::Make(*model_, &error);
    controller_ = std::make_unique<Controller>(loop_, model_, *tls_, 1);
    controller_->AddWorker(worker_);
    controller_->Start([] {});
  }
  void Pass(Duration time) {
    for (Duration done{}; done < time; done += 50ms) {
      loop_.Advance(50ms);
      loop_.RunTurn(false);
    }
  }
  void BreakFirstRegion() {
    controller_->OnOutcomes(
        {{.service = 0, .region = 0, .signal = Signal::kConnectFail, .count = 3, .first = loop_.Now()}});
    Pass(100ms);
    ASSERT_EQ(worker_.snapshot->services[0].regions[0].breaker, BreakerState::kOpen);
  }

  Loop loop_{true};
  std::shared_ptr<Model> model_ = std::make_shared<Model>();
  std::unique_ptr<OriginTlsContexts> tls_;
  FakeWorker worker_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(ControllerTest, AHalfOpenRegionIsTriedByTheWorkers) {
  BreakFirstRegion();
  Pass(2s);
  EXPECT_GT(worker_.trials, 0);
}

// At the end of the process the control loop runs one more turn after its workers have gone.
TEST_F(ControllerTest, WorkersThatAreGoneHearNothing) {
  BreakFirstRegion();
  controller_->ForgetWorkers();
  const auto last = worker_.snapshot;
  controller_->OnOutcomes(
      {{.service = 0, .region = 1, .signal = Signal::kConnectFail, .count = 3, .first = loop_.Now()}});
  Pass(3s);
  EXPECT_EQ(worker_.trials, 0);
  EXPECT_EQ(worker_.snapshot, last);
}

}  // namespace
}  // namespace meridian
