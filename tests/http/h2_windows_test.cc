// How much one HTTP/2 connection of a client may send before somebody reads it, and when that grows.
#include <gtest/gtest.h>

#include "http/h2_server.h"
#include "support/h2_peer.h"
#include "support/h2_raw.h"
#include "support/h2_talk.h"
#include "support/scripted_http.h"

namespace meridian {
namespace {

namespace h2 = testing::h2;

using testing::Bytes;
using testing::FakeHost;
using testing::H2Peer;
using testing::ScriptedSink;

class H2WindowsTest : public ::testing::Test {
 protected:
  H2WindowsTest() { Exchange(); }
  void Exchange() { EXPECT_TRUE(testing::Talk(server_, peer_)) << "they never stop talking"; }
  int32_t Post() {
    return peer_.Request({{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}, true);
  }
  auto& last() { return *sink_.requests.back(); }

  FakeHost host_;
  ScriptedSink sink_;
  MessageLimits limits_;
  H2Server server_{host_, sink_, limits_, false};
  H2Peer peer_{false};
};

// What a client may do is told to it before it does anything.
TEST(H2Settings, TellTheLimits) {
  FakeHost host;
  ScriptedSink sink;
  const MessageLimits limits;
  H2Server server(host, sink, limits, false);
  testing::Feed(server, std::string(h2::kPreface) + h2::Settings());
  std::string told;
  h2::ForEachFrame(testing::Produce(server), [&](uint8_t type, uint8_t flags, uint32_t, std::string_view p) {
    if (type == NGHTTP2_SETTINGS && !flags) told = p;
    if (type != NGHTTP2_WINDOW_UPDATE) return;
    EXPECT_EQ(p, h2::Number(H2Server::kConnectionWindow - 65535, 4));
  });
  const auto tells = [&](uint16_t id, uint32_t value) {
    return told.find(h2::Setting(id, value)) != std::string::npos;
  };
  EXPECT_TRUE(tells(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100));
  EXPECT_TRUE(tells(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 64 * 1024));
  EXPECT_TRUE(tells(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 60 * 1024));
  server.OnClosed({});
}

// However many uploads nobody reads, one connection brings no more than its window.
TEST_F(H2WindowsTest, AHundredUploadsNobodyReadsStopAtTheWindowOfTheConnection) {
  for (int i = 0; i < 100; ++i) peer_.Send(Post(), std::string(64 * 1024, 'u'));
  Exchange();
  size_t held = 0;
  for (const auto& request : sink_.requests) held += request->body.size();
  EXPECT_EQ(sink_.size(), 100u);
  EXPECT_LE(held, H2Server::kConnectionWindow);
  EXPECT_GT(held, H2Server::kConnectionWindow / 2);
}

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

TEST_F(H2WindowsTest, TheWindowGrowsOnALongPathUntilTheSenderIsTheLimit) {
  host_.round_trip = 100ms;
  const int32_t id = Post();
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

TEST_F(H2WindowsTest, OnAShortPathTheWindowStays) {
  host_.round_trip = 1ms;
  const int32_t id = Post();
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

}  // namespace
}  // namespace meridian
