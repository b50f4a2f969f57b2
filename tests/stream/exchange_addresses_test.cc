// Origins whose name has several addresses: a region is left when none of them works, and the log says which was asked.
#include "stream/exchange_fixture.h"
#include "support/h2_raw.h"

namespace meridian {
namespace {

using testing::FullListener;

class AddressesTest : public Http2ExchangeTest {
 protected:
  // An address of the near region where nobody listens any more.
  Endpoint Refusing() {
    TestOrigin gone(loop_);
    const Endpoint endpoint = gone.endpoint();
    return endpoint;
  }
  void NearIs(std::vector<Endpoint> addresses) { endpoints_[0][0] = std::move(addresses); }
  std::string Address(size_t o) { return EndpointText(origins_[o]->endpoint()); }
};

TEST_F(AddressesTest, ARequestIsAnsweredByTheAddressThatWorksWithoutAnotherAttempt) {
  service();
  const Endpoint dead = Refusing();
  NearIs({dead, origins_[0]->endpoint()});
  Start();
  Send("POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\n\r\nbody");
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Signals(0, Signal::kConnectFail), 0u);
  const std::string log = Log();
  EXPECT_EQ(Count(log, "\"reason\":"), 1u) << log;
  EXPECT_TRUE(Has(log, "\"address\":\"" + Address(0) + "\"")) << log;
}

TEST_F(AddressesTest, ARegionIsLeftWhenAllItsAddressesHaveFailed) {
  service();
  const Endpoint dead[] = {Refusing(), Refusing()};
  NearIs({dead[0], dead[1]});
  Start();
  Send("POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\n\r\nbody");
  Answer(1, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Signals(0, Signal::kConnectFail), 1u);
  const std::string log = Log();
  EXPECT_TRUE(Has(log, "\"address\":\"" + EndpointText(dead[1]) + "\",\"error\":\"connect_failed\"")) << log;
  EXPECT_TRUE(Has(log, "\"address\":\"" + Address(1) + "\",\"status\":200")) << log;
}

TEST_F(AddressesTest, AKeptConnectionNamesItsAddress) {
  Start();
  for (int i = 0; i < 2; ++i) {
    received_.clear();
    Send(kGet);
    Answer(0, kOk);
    ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  }
  const std::string log = Log();
  EXPECT_EQ(Count(log, "\"address\":\"" + Address(0) + "\""), 2u) << log;
  EXPECT_TRUE(Has(log, "\"reused\":true"));
}

TEST_F(AddressesTest, AnAddressThatLeftTheNameGetsNothingMoreOnKeptConnections) {
  Start();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  TestOrigin moved(loop_);
  NearIs({moved.endpoint()});
  context_->SetSnapshot(MakeSnapshot());
  Send(kGet);
  EXPECT_TRUE(RunUntil(loop_, [&] { return moved.requests(0) == 1 && origins_[0]->closed(0); }));
}

// What waits for one address while another one may work was not asked yet: the region keeps its traffic.
TEST_F(AddressesTest, RequestsThatWaitForASilentAddressDoNotMakeTheirRegionSilent) {
  Start();
  for (int i = 0; i < 25; ++i) {
    received_.clear();
    Send("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    Answer(0, kOk);
    ASSERT_TRUE(ClientGets("\r\n\r\nok"));
    loop_.Advance(4ms);
  }
  FullListener silent;
  TestOrigin other(loop_);
  NearIs({silent.endpoint(), other.endpoint()});
  context_->SetSnapshot(MakeSnapshot());
  CloseClient();
  ASSERT_TRUE(RunUntil(loop_, [&] { return connection_ == nullptr; }));
  Connect();
  for (int i = 0; i < 24; ++i) Get();
  ASSERT_TRUE(Until([&] { return other.total_requests() > 0; }));
  loop_.Advance(200ms);
  EXPECT_EQ(context_->SilentRegions(0), 0u);
  loop_.Advance(60ms);
  EXPECT_TRUE(Until([&] { return other.total_requests() == 24; }));
  EXPECT_EQ(origins_[1]->connections(), 0u);
}

TEST_F(AddressesTest, ARequestRefusedByALoweredLimitIsSentAgainAndItsRegionIsNotBlamed) {
  service().regions[0].origins[0].protocol = OriginProtocol::kH2c;
  Start();
  const auto frame = [&](std::string_view bytes) { origins_[0]->Send(0, bytes); };
  using testing::h2::Requests, testing::h2::Rst, testing::h2::Setting, testing::h2::Settings;
  for (int i = 0; i < 2; ++i) Get();
  ASSERT_TRUE(Until([&] { return origins_[0]->connections() == 1; }));
  frame(Settings());
  ASSERT_TRUE(Until([&] { return Requests(origins_[0]->received(0)).size() == 2; }));
  frame(Settings(Setting(3, 1)) + Rst(3, 7));
  ASSERT_TRUE(Until([&] { return origins_[0]->connections() == 2; })) << "a second one for the second stream";
  ASSERT_TRUE(Until([&] { return Requests(origins_[0]->received(1)).size() == 1; }));
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u);
  EXPECT_EQ(origins_[1]->connections(), 0u);
}

}  // namespace
}  // namespace meridian
