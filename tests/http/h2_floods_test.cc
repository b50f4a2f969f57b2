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

// The same when nobody says so but the body: its pipe broke.
TEST_F(H2FloodsTest, BodiesThatBreakAtTheirOriginAreNotHeldAgainstTheClient) {
  for (int i = 0; i < 1000; ++i) {
    const int32_t id = Get();
    Exchange();
    last().Answer(200, 900);
    last().Say("part");
    Exchange();
    last().answer.Fail();
    Exchange();
    ASSERT_EQ(peer_.stream(id).code, uint32_t{NGHTTP2_INTERNAL_ERROR}) << i;
  }
  EXPECT_FALSE(server_.error());
  EXPECT_EQ(sink_.refused, 0) << "each of them made room at once";
}

// A client that has seen enough of an answer: a status, the first page of a download, the faster one of two.
TEST_F(H2FloodsTest, CancellingWhatWasAnsweredIsNoFlood) {
  for (int i = 0; i < 2000; ++i) {
    const int32_t id = Get();
    Exchange();
    last().Answer(200);
    last().Say("the beginning");
    Exchange();
    peer_.Reset(id, NGHTTP2_CANCEL);
    Exchange();
    ASSERT_EQ(sink_.refused, 0) << i;
  }
  EXPECT_FALSE(server_.error());
}

TEST_F(H2FloodsTest, EachWholeAnswerMakesUpForOneThatIsCancelled) {
  for (int i = 0; i < 2000; ++i) {
    Get();
    Exchange();
    last().Answer(200, 0, false);
    const int32_t id = Get();
    Exchange();
    peer_.Reset(id, NGHTTP2_CANCEL);
    Exchange();
    if (i % 50 == 49) host_.now += 1s;  // or it has too many at work
  }
  EXPECT_FALSE(server_.error());
}

// An upload that is refused at its head: the client stops as it should, and its next one is served.
TEST_F(H2FloodsTest, UploadsThatWereAnsweredEarlyAndStoppedCountNoMore) {
  for (int i = 0; i < 500; ++i) {
    const int32_t id =
        peer_.Request({{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}, true);
    Exchange();
    last().Answer(413, 0, false);
    Exchange();
    peer_.Reset(id, NGHTTP2_NO_ERROR);
    Exchange();
    ASSERT_EQ(sink_.refused, 0) << i;
  }
  EXPECT_FALSE(server_.error());
}

// nghttp2 by itself ends the connection, once its SETTINGS were acknowledged.
TEST_F(H2FloodsTest, TheStreamAboveTheLimitIsRefusedAndTheOthersGoOn) {
  testing::FloodedServer edge(h2::Settings("", h2::kAck) + testing::Gets(0, 111));
  EXPECT_EQ(edge.sink.refused, 11);
  int refused = 0;
  h2::ForEachFrame(testing::Produce(edge.server), [&](uint8_t type, uint8_t, uint32_t, std::string_view payload) {
    EXPECT_NE(type, h2::kGoaway);
    refused += type == h2::kRst && h2::CodeName(payload) == "REFUSED_STREAM";
  });
  EXPECT_EQ(refused, 11);
  ASSERT_EQ(edge.sink.requests.size(), 100u);
  for (const auto& request : edge.sink.requests.requests) request->Answer(200, 0, false);
  testing::Produce(edge.server);
  EXPECT_FALSE(edge.server.error());
  EXPECT_EQ(edge.server.active_streams(), 0u);
}

TEST_F(H2FloodsTest, ClientsReadHowManyStreamsTheyMayOpen) {
  FakeHost host;
  MessageLimits limits;
  limits.max_streams = 7;
  H2Server server(host, sink_, limits, false);
  std::string settings;
  h2::ForEachFrame(testing::Produce(server), [&](uint8_t type, uint8_t, uint32_t, std::string_view payload) {
    if (type == h2::kSettings) settings += payload;
  });
  EXPECT_NE(settings.find(h2::Setting(3, 7)), std::string::npos);
}

// Its end would let it begin anew with a hundred more at once. So first it is read slowly, and a good one hardly feels
// it.
TEST_F(H2FloodsTest, WhoGoesOnAboveTheLimitIsReadMoreSlowlyBeforeItEnds) {
  Deliver(server_, testing::Gets(0, 100));
  int turns = 0;
  for (uint32_t n = 100; n < 20'000 && !server_.error(); n += 16) {
    Deliver(server_, testing::Gets(n, 16));
    if (!server_.paused()) continue;
    ++turns;
    host_.now = host_.wake_at;
    server_.OnWake();
    ASSERT_FALSE(server_.paused());
  }
  EXPECT_TRUE(server_.error());
  EXPECT_GE(turns, 50) << "a second at least";
  EXPECT_EQ(host_.reads_resumed, turns);
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

TEST_F(H2FloodsTest, ADownloadBuysNoFloodOfOtherFrames) {
  Get();
  Exchange();
  last().Answer(200);
  for (int i = 0; i < 64; ++i) {
    last().Say(std::string(1000, 'x'));
    Exchange();
  }
  int sent = 0;
  for (; sent < 5000 && !server_.error(); ++sent) Deliver(server_, h2::Settings());
  EXPECT_LE(sent, 1150);
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
