// What one HTTP/2 connection of a client may cost: resets, requests at work, control frames, frames per turn.
#include <gtest/gtest.h>

#include "http/frame_meter.h"
#include "http/h2_server.h"
#include "support/h2_peer.h"
#include "support/h2_raw.h"
#include "support/scripted_http.h"

namespace meridian {
namespace {

namespace h2 = testing::h2;

using testing::Bytes;
using testing::FakeHost;
using testing::H2Peer;
using testing::ScriptedSink;

constexpr std::string_view kMost("\x7f\xff\xff\xff", 4);  // over what a window may be
constexpr std::string_view kOne("\0\0\0\1", 4);

// As the wire does, each time in a turn of its own.
void Deliver(H2Server& server, std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t share = server.ShareOfTurn(Bytes(bytes.substr(at)), true);
    server.OnBytes(nullptr, Bytes(bytes.substr(at, share)));
    at += share;
  }
}

class CountingSink final : public ServerSink {
 public:
  RequestHandler* OnRequestBegin(ServerStream& stream) override { return requests.OnRequestBegin(stream); }
  void OnStreamRefused() override { ++refused; }
  ScriptedSink requests;
  int refused = 0;
};

class H2FloodsTest : public ::testing::Test {
 protected:
  H2FloodsTest() { Exchange(); }
  void Exchange() {
    for (int i = 0; i < 100; ++i) {
      const std::string up = peer_.Output();
      if (!up.empty()) server_.OnBytes(nullptr, Bytes(up));
      const std::string down = testing::Produce(server_);
      if (!down.empty()) peer_.Input(down);
      if (up.empty() && down.empty()) return;
    }
  }
  // Bytes that no decent client would send.
  void Raw(const std::string& bytes) {
    Exchange();
    server_.OnBytes(nullptr, Bytes(bytes));
    Exchange();
  }
  int32_t Get() {
    return peer_.Request({{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}});
  }
  bool Calmed() const { return server_.error() && peer_.goaway_code() == NGHTTP2_ENHANCE_YOUR_CALM; }
  auto& last() { return *sink_.requests.requests.back(); }

  FakeHost host_;
  CountingSink sink_;
  MessageLimits limits_;
  H2Server server_{host_, sink_, limits_, false};
  H2Peer peer_{false};
};

// CVE-2023-44487.
TEST_F(H2FloodsTest, RapidResetsEndTheConnectionAndNeverHaveMoreAtWorkThanStreams) {
  int sent = 0;
  for (; sent < 2000 && !server_.error(); ++sent) {
    const int32_t id = Get();
    Exchange();
    peer_.Reset(id, NGHTTP2_CANCEL);
    Exchange();
  }
  EXPECT_TRUE(Calmed());
  EXPECT_LE(sent, 500);
  EXPECT_LE(sink_.requests.size(), limits_.max_streams);
}

TEST_F(H2FloodsTest, ACancelledRequestCountsAsOneAtWorkForAMoment) {
  for (uint32_t i = 0; i < limits_.max_streams; ++i) {
    const int32_t id = Get();
    Exchange();
    peer_.Reset(id, NGHTTP2_CANCEL);
  }
  Exchange();
  ASSERT_EQ(sink_.requests.size(), limits_.max_streams);
  const int32_t refused = Get();
  Exchange();
  EXPECT_EQ(peer_.stream(refused).code, uint32_t{NGHTTP2_REFUSED_STREAM}) << "it may be sent again";
  EXPECT_EQ(sink_.refused, 1);
  host_.now += 1s;
  Get();
  Exchange();
  EXPECT_EQ(sink_.requests.size(), limits_.max_streams + 1);
  EXPECT_FALSE(server_.error());
}

TEST_F(H2FloodsTest, CancellingNowAndThenIsNoFlood) {
  for (int i = 0; i < 2000; ++i) {
    const int32_t id = Get();
    Exchange();
    peer_.Reset(id, NGHTTP2_CANCEL);
    host_.now += 50ms;
    Exchange();
  }
  EXPECT_FALSE(server_.error());
  EXPECT_EQ(sink_.requests.size(), 2000u);
}

// CVE-2025-8671: the client makes us reset.
TEST_F(H2FloodsTest, ResetsThatAClientProvokesCountLikeItsOwn) {
  int sent = 0;
  for (; sent < 2000 && !server_.error(); ++sent) {
    const int32_t id = Get();
    Exchange();
    Raw(h2::Frame(NGHTTP2_WINDOW_UPDATE, 0, static_cast<uint32_t>(id), kMost));
    ASSERT_TRUE(peer_.stream(id).closed || server_.error());
  }
  EXPECT_TRUE(Calmed());
  EXPECT_LE(sink_.requests.size(), 300u);
}

TEST_F(H2FloodsTest, ResetsForAnOriginsFaultAreNotTheClients) {
  for (int i = 0; i < 1000; ++i) {
    const int32_t id = Get();
    Exchange();
    last().stream->Reset(false);
    Exchange();
    ASSERT_EQ(peer_.stream(id).code, uint32_t{NGHTTP2_INTERNAL_ERROR});
  }
  EXPECT_FALSE(server_.error());
}

TEST_F(H2FloodsTest, EndlessControlFramesOfEveryKindEndTheConnection) {
  const std::pair<const char*, std::string> kFloods[] = {
      {"SETTINGS", h2::Frame(NGHTTP2_SETTINGS, 0, 0)},
      {"SETTINGS ACK", h2::Frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0)},
      {"PING", h2::Frame(NGHTTP2_PING, 0, 0, "12345678")},
      {"PING ACK", h2::Frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678")},
      {"PRIORITY", h2::Frame(NGHTTP2_PRIORITY, 0, 1, std::string_view("\0\0\0\3\1", 5))},
      {"WINDOW_UPDATE", h2::Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, kOne)},
      {"unknown", h2::Frame(0xfa, 0, 0, "x")},
  };
  for (const auto& [name, frame] : kFloods) {
    FakeHost host;
    CountingSink sink;
    H2Server server(host, sink, limits_, false);
    H2Peer peer(false);
    Deliver(server, peer.Output());
    int sent = 0;
    for (; sent < 5000 && !server.error() && !server.finished(); ++sent) {
      Deliver(server, frame);
      if (sent % 50 == 0) peer.Input(testing::Produce(server));
    }
    peer.Input(testing::Produce(server));
    EXPECT_TRUE(server.error() || server.finished()) << name;
    EXPECT_LE(sent, 1100) << name;
  }
}

TEST_F(H2FloodsTest, EmptyAndPaddedDataIsAFloodToo) {
  for (const std::string& frame : {h2::Frame(NGHTTP2_DATA, 0, 1),
                                   h2::Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, std::string_view("\3\0\0\0", 4))}) {
    FakeHost host;
    CountingSink sink;
    H2Server server(host, sink, limits_, false);
    H2Peer peer(false);
    peer.Request({{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}, true);
    server.OnBytes(nullptr, Bytes(peer.Output()));
    int sent = 0;
    for (; sent < 5000 && !server.error(); ++sent) server.OnBytes(nullptr, Bytes(frame));
    EXPECT_TRUE(server.error());
    EXPECT_LE(sent, 1100);
  }
}

TEST_F(H2FloodsTest, UpdatesOfTheWindowForWhatWasSentAreFree) {
  const int32_t id = Get();
  Exchange();
  last().Answer(200);
  // A reader that asks for its bytes in small pieces: one update per frame of ours.
  for (int i = 0; i < 5000; ++i) {
    last().Say("0123456789");
    Exchange();
    Raw(h2::Frame(NGHTTP2_WINDOW_UPDATE, 0, static_cast<uint32_t>(id), kOne));
  }
  EXPECT_FALSE(server_.error());
}

// ---- windows -------------------------------------------------------------------------------------------------------

// Sends as much as the window allows each round trip until `total` has arrived; returns the round trips.
template <typename Step>
int RoundTrips(FakeHost& host, Duration round_trip, Step step) {
  int trips = 0;
  for (; trips < 1000; ++trips) {
    if (step()) break;
    host.now += round_trip;
  }
  return trips;
}

TEST_F(H2FloodsTest, TheWindowGrowsOnALongPathUntilTheSenderIsTheLimit) {
  host_.round_trip = 100ms;
  const int32_t id =
      peer_.Request({{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}, true);
  Exchange();
  constexpr size_t kTotal = 8 << 20;
  peer_.Send(id, std::string(kTotal, 'u'));
  size_t taken = 0;
  const int trips = RoundTrips(host_, 100ms, [&] {
    // Up, read by the origin, and the updates of the window back.
    server_.OnBytes(nullptr, Bytes(peer_.Output()));
    taken += testing::TakeAll(last().body).size();
    peer_.Input(testing::Produce(server_));
    return taken == kTotal;
  });
  EXPECT_LE(trips, 20) << "128 with a window of 64 KiB";
}

TEST_F(H2FloodsTest, OnAShortPathTheWindowStays) {
  host_.round_trip = 1ms;
  const int32_t id =
      peer_.Request({{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}, true);
  Exchange();
  peer_.Send(id, std::string(4 << 20, 'u'));
  for (int i = 0; i < 40; ++i) {
    server_.OnBytes(nullptr, Bytes(peer_.Output()));
    EXPECT_LE(last().body.size(), 64u * 1024);
    host_.now += 10ms;
    testing::TakeAll(last().body);
    peer_.Input(testing::Produce(server_));
  }
}

// ---- turns ---------------------------------------------------------------------------------------------------------

TEST(FrameMeterTest, ATurnTakesSixteenStreamsOrSixtyFourFramesAndNeverHalfAFrameMore) {
  const std::string ping = h2::Frame(NGHTTP2_PING, 0, 0, "12345678");
  const std::string head = h2::Frame(NGHTTP2_HEADERS, 5, 1, "head");
  std::string pings, heads;
  for (int i = 0; i < 100; ++i) pings += ping, heads += head;
  FrameMeter meter(0);
  EXPECT_EQ(meter.Take(Bytes(pings)), 64 * ping.size());
  EXPECT_EQ(meter.Take(Bytes(ping)), 0u) << "the turn is over";
  meter.BeginTurn();
  EXPECT_EQ(meter.Take(Bytes(heads)), 16 * head.size());
}

TEST(FrameMeterTest, AnySplitGivesTheSameFrames) {
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (int i = 0; i < 40; ++i) bytes += h2::Frame(i % 2 ? 0 : 4, 0, 1, std::string(static_cast<size_t>(i * 7), 'x'));
  for (size_t step = 1; step < bytes.size(); ++step) {
    FrameMeter meter(24);
    size_t taken = 0;
    for (size_t at = 0; at < bytes.size(); at += step)
      taken += meter.Take(Bytes(bytes).subspan(at, std::min(step, bytes.size() - at)));
    ASSERT_EQ(taken, bytes.size()) << step;
  }
}

TEST(FrameMeterTest, EightContinuationsAreEnoughForOneHeaderList) {
  const std::string head = h2::Frame(NGHTTP2_HEADERS, 0, 1, "head");
  const std::string more = h2::Frame(NGHTTP2_CONTINUATION, 0, 1, "");
  FrameMeter meter(0);
  for (int list = 0; list < 2; ++list) {
    meter.BeginTurn();
    meter.Take(Bytes(head));
    for (int i = 0; i < 8; ++i) {
      for (const char& byte : more) meter.Take(Bytes({&byte, 1}));  // pieces of a frame are not frames
    }
    EXPECT_FALSE(meter.endless_headers());
  }
  meter.Take(Bytes(more));
  EXPECT_TRUE(meter.endless_headers());
}

TEST(FrameMeterTest, ALongFrameIsOneFrameHoweverManyReadsItTakes) {
  FrameMeter meter(0);
  const std::string frame = h2::Frame(NGHTTP2_DATA, 0, 1, std::string(16384, 'x'));
  for (int i = 0; i < 64; ++i) EXPECT_EQ(meter.Take(Bytes(frame)), frame.size());
  EXPECT_EQ(meter.Take(Bytes(frame)), 0u);
}

}  // namespace
}  // namespace meridian
