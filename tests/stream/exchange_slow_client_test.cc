// Clients that are slow on purpose: what they hold is taken from them, and no region hears of it.
#include "stream/exchange_fixture.h"
#include "support/h2_raw.h"

namespace meridian {
namespace {

constexpr std::string_view kPost = "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100000\r\n";

class SlowClientTest : public ExchangeTest {
 protected:
  // A byte of the body each second.
  void Trickle(int seconds) {
    for (int i = 0; i < seconds && !client_eof_; ++i) {
      send(client_, "x", 1, MSG_NOSIGNAL);
      Pass(1s);
      received();
    }
  }
};

TEST_F(SlowClientTest, ABodyThatTricklesInIsRefusedAndTheRegionIsNotToBlame) {
  service().timeouts.idle = 5min;
  Start();
  Send(kPost);
  Send("\r\n");
  Trickle(9);
  EXPECT_EQ(received_, "");
  Trickle(3);
  EXPECT_TRUE(ClientGets("408 Request Timeout"));
  EXPECT_TRUE(ClientIsCut());
  EXPECT_EQ(context_->stats().limit_body_rate.Get(), 1u);
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u);
  EXPECT_TRUE(Has(Log(), "\"status\":408"));
}

// Streams of gRPC may (exchange_grpc_test.cc), but over HTTP/1.1 there are none.
TEST_F(SlowClientTest, WhoOnlySaysThatHeIsGrpcIsTooSlowLikeAnyOther) {
  Start();
  Send(kPost);
  Send("Content-Type: application/grpc\r\n\r\n");
  Trickle(12);
  EXPECT_TRUE(ClientGets("408 Request Timeout"));
  EXPECT_EQ(context_->stats().limit_body_rate.Get(), 1u);
}

TEST_F(SlowClientTest, AClientThatReadsNothingIsCutAfterTheStallTimeoutWhateverTheServiceAllows) {
  service().timeouts.idle = 5min;
  settings_.stall_timeout = 10s;
  Start();
  Send(kGet);
  const size_t connection = Arrives(0);
  origins_[0]->Answer(connection, "HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n");
  const std::string piece(64 * 1024, 'x');
  do {
    Settle(loop_);
  } while (origins_[0]->TrySend(connection, piece) > 0);  // until nobody takes any more
  Pass(9s);
  EXPECT_NE(connection_, nullptr);
  Pass(6s);
  EXPECT_EQ(connection_, nullptr);
  EXPECT_EQ(context_->stats().limit_client_stalls.Get(), 1u);
  EXPECT_EQ(context_->stats().limit_timeouts.Get(), 0u);
  EXPECT_EQ(Signals(0, Signal::kFailure), 0u);
  EXPECT_EQ(route_cells().lost.Get(), 0u);
  EXPECT_TRUE(Has(Log(), "\"end\":\"client_stalled\""));
}

TEST_F(SlowClientTest, AClientThatWaitsForItsOriginIsNotTheOneThatStalls) {
  service().timeouts.idle = 5min;
  settings_.stall_timeout = 10s;
  Start();
  Send(kGet);
  Answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  ASSERT_TRUE(ClientGets("hello"));
  Pass(60s);
  EXPECT_NE(connection_, nullptr);
  EXPECT_EQ(context_->stats().limit_client_stalls.Get(), 0u);
}

// A stream's end is said on its connection. If that takes nothing, the end is not heard, and its exchange was watched
// by nobody any more: it stayed, with the origin's connection, for as long as the client liked.
TEST_F(SlowClientTest, AStreamWhoseResetIsNotTakenEndsWithItsConnection) {
  namespace h2 = testing::h2;
  settings_.stall_timeout = 10s;
  settings_.min_body_rate = 1'000'000;
  Start();
  Send(std::string(h2::kPreface) + h2::Settings(h2::Setting(4, 0x7fffffff)) + h2::Window(0, 0x7fff0000) +
       h2::Headers(1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}}));
  const size_t connection = Arrives(0);
  origins_[0]->Answer(connection, "HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n");
  const std::string piece(64 * 1024, 'x');
  const auto stalls = [&] { return context_->stats().limit_client_stalls.Get(); };
  // It reads, if slowly, until the proxy has had enough of it…
  std::string taken(256 * 1024, '\0');
  for (int i = 0; i < 30 && stalls() == 0; ++i) {
    recv(client_, taken.data(), taken.size(), MSG_DONTWAIT);
    do {
      Settle(loop_);
    } while (origins_[0]->TrySend(connection, piece) > 0);
    Pass(1s);
  }
  ASSERT_EQ(stalls(), 1u);
  ASSERT_TRUE(connection_);
  EXPECT_EQ(connection_->active_streams(), 1u) << "the reset waits behind what the kernel has";
  // …and then nothing more.
  Pass(11s);
  EXPECT_EQ(connection_, nullptr);
  EXPECT_EQ(stalls(), 1u);
}

// Memory that others hold.
class FullMemoryTest : public ExchangeTest {
 protected:
  FullMemoryTest() { settings_.buffer_memory = 64 * 1024 * 1024; }
  ~FullMemoryTest() override { Hold(0); }
  void Hold(size_t percent) {
    BlockPool::Local().Discharge(held_);
    held_ = settings_.buffer_memory / 100 * percent;
    BlockPool::Local().Charge(held_);
  }

 private:
  size_t held_ = 0;
};

TEST_F(FullMemoryTest, FromNinetyPercentOnAConnectionEndsAfterWhatItHas) {
  Start();
  Hold(91);
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_TRUE(Has(received_, "connection: close")) << received_;
  EXPECT_TRUE(ClientIsCut());
  EXPECT_EQ(context_->stats().limit_memory_keep_alive.Get(), 1u);
  EXPECT_EQ(context_->stats().overload_level.Get(), 2u);
}

TEST_F(FullMemoryTest, FromNinetyFivePercentOnNoRequestIsTakenUntilThereIsRoom) {
  Start();
  Hold(96);
  Send(kGet);
  ASSERT_TRUE(ClientGets("503 Service Unavailable"));
  EXPECT_TRUE(Has(received_, "retry-after: 1")) << received_;
  EXPECT_TRUE(ClientIsCut());
  EXPECT_EQ(origins_[0]->connections(), 0u);
  EXPECT_EQ(context_->stats().limit_memory_requests.Get(), 1u);
  Hold(10);
  close(client_);
  client_eof_ = false;
  received_.clear();
  Settle(loop_);
  Connect();
  Send(kGet);
  Answer(0, kOk);
  ASSERT_TRUE(ClientGets("\r\n\r\nok"));
  EXPECT_FALSE(Has(received_, "connection: close")) << received_;
}

}  // namespace
}  // namespace meridian
