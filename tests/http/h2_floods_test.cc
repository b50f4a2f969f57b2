// What one HTTP/2 connection of a client may cost: resets, requests at work, control frames.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "http/frame_meter.h"
#include "http/h2_server.h"
#include "support/h2_peer.h"
#include "support/h2_raw.h"
#include "support/h2_reading.h"
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

// All that makes us reset a stream, or end the connection at once. Each as often as it takes.
TEST_F(H2FloodsTest, EveryWayToProvokeAResetEndsTheConnection) {
  using h2::Headers, h2::Data, h2::Frame;
  const h2::Fields get = {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}};
  const auto with = [&](std::string name, std::string value) {
    h2::Fields fields = get;
    fields.emplace_back(std::move(name), std::move(value));
    return fields;
  };
  const std::pair<const char*, std::function<std::string(uint32_t)>> kWays[] = {
      {"update of zero", [&](uint32_t id) { return Headers(id, get, 4) + h2::Window(id, 0); }},
      {"window overflow", [&](uint32_t id) { return Headers(id, get, 4) + h2::Window(id, 0x7fffffff); }},
      {"PRIORITY of four bytes",
       [&](uint32_t id) { return Headers(id, get, 4) + Frame(h2::kPriority, 0, id, "1234"); }},
      {"DATA behind the end", [&](uint32_t id) { return Headers(id, get) + Data(id, "x"); }},
      {"HEADERS behind the end",
       [&](uint32_t id) {
         return Headers(id, get) + Headers(id, {{"x", "1"}});
       }},
      {"more DATA than announced",
       [&](uint32_t id) { return Headers(id, with("content-length", "1"), 4) + Data(id, "xy"); }},
      {"less DATA than announced",
       [&](uint32_t id) { return Headers(id, with("content-length", "3"), 4) + Data(id, "xy"); }},
      {"no DATA though announced", [&](uint32_t id) { return Headers(id, with("content-length", "3")); }},
      {"malformed head", [&](uint32_t id) { return Headers(id, with("X", "1")); }},
      {"window of a stream exceeded",
       [&](uint32_t id) {
         std::string bytes = Headers(id, get, 4);
         for (int i = 0; i < 5; ++i) bytes += Data(id, std::string(16'384, 'x'), 0);
         return bytes;
       }},
  };
  for (const auto& [name, way] : kWays) {
    FakeHost host;
    CountingSink sink;
    H2Server server(host, sink, limits_, false);
    Deliver(server, std::string(h2::kPreface) + h2::Settings());
    uint32_t sent = 0;
    size_t at_work = 0;
    for (; sent < 2000 && !server.error() && !server.finished(); ++sent) {
      Deliver(server, way(2 * sent + 1));
      testing::Produce(server);
      at_work = std::max(at_work, server.active_streams());
    }
    EXPECT_TRUE(server.error() || server.finished()) << name;
    // The clock stands still: from the 101st on they are refused, and the bucket of glitches is what ends it.
    EXPECT_LE(sent, 1100u) << name;
    EXPECT_LE(at_work, limits_.max_streams) << name;
    const auto carried = std::ranges::count_if(sink.requests.requests, [](const auto& r) { return r->has_head; });
    EXPECT_LE(carried, limits_.max_streams) << name << ": each may still be at work at its origin";
    server.OnClosed({});
  }
}

TEST_F(H2FloodsTest, HeadersWithoutEndAreAnErrorOfTheConnectionWithAndWithoutBytes) {
  for (const std::string& piece : {std::string(), h2::Block({{"x", "1"}})}) {
    FakeHost host;
    CountingSink sink;
    H2Server server(host, sink, limits_, false);
    Deliver(server, std::string(h2::kPreface) + h2::Settings() +
                        h2::Frame(h2::kHeaders, h2::kEndStream, 1, h2::Block({{":method", "GET"}})));
    int sent = 0;
    for (; sent < 100 && !server.error(); ++sent) Deliver(server, h2::Frame(h2::kContinuation, 0, 1, piece));
    EXPECT_EQ(sent, FrameMeter::kMaxContinuations + 1);
    EXPECT_NE(testing::ErrorsSent(testing::Produce(server)).find("goaway CALM"), std::string::npos);
    server.OnClosed({});
  }
}

// A client that asks and never reads: what waits for it is bounded, long before it is many frames.
TEST_F(H2FloodsTest, AcknowledgementsThatNobodyReadsAreBounded) {
  const std::pair<const char*, std::string> kAsked[] = {{"PING", h2::Frame(NGHTTP2_PING, 0, 0, "12345678")},
                                                        {"SETTINGS", h2::Settings()}};
  for (const auto& [name, frame] : kAsked) {
    FakeHost host;
    CountingSink sink;
    H2Server server(host, sink, limits_, false);
    Deliver(server, std::string(h2::kPreface) + h2::Settings());
    int sent = 0;
    for (; sent < 5000 && !server.error(); ++sent) Deliver(server, frame);
    EXPECT_LE(sent, 300) << name;
    EXPECT_LE(testing::Produce(server).size(), 300 * 17u + 200) << name;
    server.OnClosed({});
  }
}

std::string Gets(uint32_t first, uint32_t count) {
  std::string out;
  for (uint32_t i = 0; i < count; ++i) {
    out += h2::Headers(2 * (first + i) + 1,
                       {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}});
  }
  return out;
}

// A client that has not read our SETTINGS yet cannot know better.
TEST_F(H2FloodsTest, StreamsOverTheLimitAreRefusedUnseenAndTheOthersAreServed) {
  FakeHost host;
  CountingSink sink;
  H2Server server(host, sink, limits_, false);
  Deliver(server, std::string(h2::kPreface) + h2::Settings() + Gets(0, limits_.max_streams + 10));
  std::string refused;
  for (uint32_t i = 0; i < 10; ++i)
    refused += " rst " + std::to_string(2 * (limits_.max_streams + i) + 1) + " REFUSED_STREAM";
  EXPECT_EQ(testing::ErrorsSent(testing::Produce(server)), refused);
  EXPECT_EQ(sink.requests.size(), limits_.max_streams);
  EXPECT_EQ(sink.refused, 10);
  for (const auto& request : sink.requests.requests) request->Answer(204, kUnknownLength, false);
  size_t answered = 0;
  h2::ForEachFrame(testing::Produce(server),
                   [&](uint8_t type, uint8_t, uint32_t, std::string_view) { answered += type == h2::kHeaders; });
  EXPECT_EQ(answered, limits_.max_streams);
  server.OnClosed({});
}

// One that has acknowledged them breaks its word: an error of the connection (RFC 9113 §5.4.1 allows that), which says
// that the stream too many was not looked at.
TEST_F(H2FloodsTest, AStreamOverALimitThatWasAcknowledgedEndsTheConnection) {
  FakeHost host;
  CountingSink sink;
  H2Server server(host, sink, limits_, false);
  Deliver(server, std::string(h2::kPreface) + h2::Settings());
  testing::Produce(server);
  Deliver(server, h2::Settings("", h2::kAck) + Gets(0, limits_.max_streams + 1));
  std::string last;
  h2::ForEachFrame(testing::Produce(server), [&](uint8_t type, uint8_t, uint32_t, std::string_view payload) {
    if (type == h2::kGoaway) last = payload.substr(0, 8);
  });
  EXPECT_EQ(last, h2::Number(2 * limits_.max_streams - 1, 4) + h2::Number(NGHTTP2_PROTOCOL_ERROR, 4));
  EXPECT_EQ(sink.requests.size(), limits_.max_streams);
  server.OnClosed({});
}

// 10 000 of them do not end with 9 900 refusals.
TEST_F(H2FloodsTest, TenThousandStreamsEndTheConnection) {
  FakeHost host;
  CountingSink sink;
  H2Server server(host, sink, limits_, false);
  Deliver(server, std::string(h2::kPreface) + h2::Settings());
  uint32_t sent = 0;
  for (; sent < 10'000 && !server.error(); ++sent) {
    Deliver(server,
            h2::Headers(2 * sent + 1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}));
    if (sent % 50 == 0) testing::Produce(server);
  }
  EXPECT_LE(sent, 1100u);
  EXPECT_EQ(sink.requests.size(), limits_.max_streams);
  server.OnClosed({});
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

}  // namespace
}  // namespace meridian
