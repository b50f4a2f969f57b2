// What the control thread is told of requests that a failing region touched.
#include "stream/exchange_fixture.h"

namespace meridian {
namespace {

TEST_F(ExchangeTest, ASavedRequestIsToldWithTheRegionThatFailedItAndTheTimeOfItsAnswer) {
  service().failover.attempt_timeout = 500ms;
  Start();
  const TimePoint sent = loop_.Now();
  Send(kGet);
  Arrives(0);
  Pass(520ms);
  Answer(1, k503);
  Answer(2, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_EQ(Affected(), std::vector<std::string>()) << "it is not urgent";
  Pass(200ms);
  ASSERT_EQ(Affected(), std::vector<std::string>{"0 saved 1×"}) << "the first region that failed is to blame";
  EXPECT_FALSE(affected()[0].trial);
  EXPECT_GE(affected()[0].last - sent, 500ms);
  EXPECT_LE(affected()[0].last - sent, 540ms) << "when it was answered, not when that was told";
}

TEST_F(ExchangeTest, ALostRequestIsToldAtOnce) {
  Start();
  Send("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
  Answer(0, k503);
  ASSERT_TRUE(ClientGets("busy"));
  EXPECT_EQ(Affected(), std::vector<std::string>{"0 lost 1×"});
}

TEST_F(ExchangeTest, AnAnswerCutHalfWayIsALostRequest) {
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  ASSERT_TRUE(ClientGets("half"));
  origins_[0]->CloseConnection(0);
  ASSERT_TRUE(ClientIsCut());
  EXPECT_EQ(Affected(), std::vector<std::string>{"0 lost 1×"});
}

TEST_F(ExchangeTest, RequestsThatNoRegionFailedAreNotTold) {
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
  ASSERT_TRUE(ClientGets("\r\n\r\nno"));
  Pass(200ms);
  EXPECT_EQ(Affected(), std::vector<std::string>());
}

}  // namespace
}  // namespace meridian
