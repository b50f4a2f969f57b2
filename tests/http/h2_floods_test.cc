// What one HTTP/2 connection of a client may cost: resets, requests at work, control frames.
#include <gtest/gtest.h>

#include "http/h2_server.h"
#include "support/h2_flood.h"
#include "support/h2_peer.h"
#include "support/h2_raw.h"
#include "support/h2_talk.h"

namespace meridian {
namespace {

namespace h2 = testing::h2;

using testing::Bytes;
using testing::CountingSink;
using testing::Deliver;
using testing::FakeHost;
using testing::H2Peer;

constexpr std::string_view kMost("\x7f\xff\xff\xff", 4);  // over what a window may be
constexpr std::string_view kOne("\0\0\0\1", 4);

class H2FloodsTest : public ::testing::Test {
 protected:
  H2FloodsTest() { Exchange(); }
  void Exchange() { EXPECT_TRUE(testing::Talk(server_, peer_)) << "they never stop talking"; }
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

// The other way to write it: as many as may be open, then all of them are cancelled, again and again.
TEST_F(H2FloodsTest, CancellingAllOfAHundredAgainAndAgainEndsTheConnectionToo) {
  int sent = 0;
  for (; sent < 2000 && !server_.error(); sent += 100) {
    std::vector<int32_t> ids;
    for (int i = 0; i < 100; ++i) ids.push_back(Get());
    Exchange();
    for (const int32_t id : ids) peer_.Reset(id, NGHTTP2_CANCEL);
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

// One budget for both: half of the resets are the client's, half are ours.
TEST_F(H2FloodsTest, ResetsOfBothSidesAreOneBudget) {
  int sent = 0;
  for (; sent < 2000 && !server_.error(); ++sent) {
    const int32_t id = Get();
    Exchange();
    if (sent % 2) {
      peer_.Reset(id, NGHTTP2_CANCEL);
    } else {
      Raw(h2::Frame(NGHTTP2_WINDOW_UPDATE, 0, static_cast<uint32_t>(id), kMost));
    }
    Exchange();
    host_.now += 10ms;  // so that the limit of streams is not what ends it
  }
  EXPECT_TRUE(Calmed());
  EXPECT_LE(sent, 500);
}

// nghttp2 decodes what comes behind the end of a stream and says nothing.
TEST_F(H2FloodsTest, HeadersBehindAResetAreAFloodToo) {
  Deliver(server_, h2::Headers(1, {{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}, 4) +
                       h2::Rst(1));
  int sent = 0;
  for (; sent < 5000 && !server_.error(); ++sent) Deliver(server_, h2::Headers(1, {{"x", "1"}}));
  EXPECT_LE(sent, 1150);
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
    EXPECT_LE(sent, 1150) << name;
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
    EXPECT_LE(sent, 1150);
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

}  // namespace
}  // namespace meridian
