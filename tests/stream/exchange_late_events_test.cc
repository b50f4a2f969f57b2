// What comes to an exchange that is past it: it is answered once, and runs once.
#include "stream/exchange_fixture.h"
#include "support/h2_raw.h"

namespace meridian {
namespace {

namespace h2 = testing::h2;

size_t HeadsOf(const std::string& bytes, uint32_t stream) {
  size_t n = 0;
  h2::ForEachFrame(
      bytes, [&](uint8_t type, uint8_t, uint32_t id, std::string_view) { n += type == h2::kHeaders && id == stream; });
  return n;
}

TEST_F(ExchangeTest, AHeadThatCompletesAfterItsTimeoutIsNotRun) {
  settings_.header_timeout = 2s;
  Start();
  // No room for the body of the 408, so that its stream is still there when the rest comes.
  Send(
      std::string(h2::kPreface) + h2::Settings(h2::Setting(4, 0)) +
      h2::Frame(h2::kHeaders, h2::kEndStream, 1, h2::Block({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}})));
  Pass(2100ms);
  EXPECT_EQ(HeadsOf(received(), 1), 1u);
  Send(h2::Frame(h2::kContinuation, h2::kEndHeaders, 1, h2::Block({{":authority", "shop.example"}})));
  Pass(100ms);
  EXPECT_EQ(HeadsOf(received(), 1), 1u) << "no second head";
  EXPECT_EQ(origins_[0]->total_requests(), 0u);
  Send(h2::Window(1, 1000));
  Pass(100ms);
  EXPECT_TRUE(Has(received(), "408 Request Timeout"));
  // The connection is as good as before.
  Send(h2::Headers(3, {{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}}));
  Arrives(0);
  EXPECT_EQ(context_->stats().impossible_events.Get(), 0u) << "the codec knows";
  EXPECT_TRUE(Has(Log(), "\"status\":408"));
}

// A codec that forgets itself.
class NullStream final : public ServerStream {
 public:
  void SendInformational(const ResponseHead&) override {}
  void SendHead(const ResponseHead& head, BodyPipe*) override { heads.push_back(head.status); }
  void Reset(bool) override {}
  std::vector<int> heads;
};

class LateEventTest : public ExchangeTest {
 protected:
  LateEventTest() { Start(); }
  ~LateEventTest() override {
    if (exchange_) exchange_->OnStreamClosed(true);  // ends it
  }
  // Begins with a request without a route, which is answered.
  void Begin() {
    exchange_ = std::make_unique<Exchange>(*context_, *connection_, stream_).release();
    head_.headers = HeaderBlock(&exchange_->arena());
    head_.authority = "other.example";
    head_.path = "/";
    exchange_->OnRequestHead(head_);
    ASSERT_EQ(stream_.heads, std::vector{404});
  }
  // In debug it is a crash, else it is counted and nothing happens.
  template <typename F>
  void CannotHappen(F event) {
#ifdef NDEBUG
    const uint64_t before = context_->stats().impossible_events.Get();
    event();
    EXPECT_EQ(context_->stats().impossible_events.Get(), before + 1);
    EXPECT_EQ(stream_.heads.size(), 1u);
    EXPECT_EQ(origins_[0]->connections(), 0u);
#else
    EXPECT_DEATH(event(), "");
#endif
  }
  NullStream stream_;
  RequestHandler* exchange_ = nullptr;
  RequestHead head_;
};

TEST_F(LateEventTest, ASecondHeadIsRefused) {
  Begin();
  head_.authority = "shop.example";
  CannotHappen([&] { exchange_->OnRequestHead(head_); });
}

TEST_F(LateEventTest, ARefusalOfWhatWasAnsweredIsRefused) {
  Begin();
  CannotHappen([&] { exchange_->OnBadRequest(400, head_); });
}

TEST_F(LateEventTest, AStreamEndsOnce) {
  Begin();
  RequestHandler* closed = std::exchange(exchange_, nullptr);
  closed->OnStreamClosed(true);
  CannotHappen([&] { closed->OnStreamClosed(true); });
}

// A head that is refused, and was timed out.
TEST_F(LateEventTest, ABadHeadAfterATimeoutIsRefusedOnce) {
  exchange_ = std::make_unique<Exchange>(*context_, *connection_, stream_).release();
  Pass(settings_.header_timeout + 40ms);
  ASSERT_EQ(stream_.heads, std::vector{408});
  CannotHappen([&] { exchange_->OnBadRequest(431, head_); });
}

}  // namespace
}  // namespace meridian
