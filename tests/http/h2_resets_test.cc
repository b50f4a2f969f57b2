// Each on a connection of its own: every way to make us reset a stream, refuse one, or wait for one.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "support/h2_flood.h"
#include "support/h2_reading.h"

namespace meridian {
namespace {

namespace h2 = testing::h2;

using testing::Deliver;
using testing::FloodedServer;
using testing::Gets;

class H2ResetsTest : public ::testing::Test {
 protected:
  MessageLimits limits_;
};

// All that makes us reset a stream, or end the connection at once. Each as often as it takes.
TEST_F(H2ResetsTest, EveryWayToProvokeAResetEndsTheConnection) {
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
      {"malformed trailers",
       [&](uint32_t id) {
         return Headers(id, get, 4) + Headers(id, {{"X", "1"}});
       }},
      {"trailers that frame",
       [&](uint32_t id) {
         return Headers(id, get, 4) + Headers(id, {{"content-length", "1"}});
       }},
      {"trailers without end",
       [&](uint32_t id) {
         return Headers(id, get, 4) + Headers(id, {{"x", "1"}}, 4);
       }},
      {"trailers too large",
       [&](uint32_t id) {
         return Headers(id, get, 4) + Headers(id, {{"x", std::string(9000, 'x')}});
       }},
      {"window of a stream exceeded",
       [&](uint32_t id) {
         std::string bytes = Headers(id, get, 4);
         for (int i = 0; i < 5; ++i) bytes += Data(id, std::string(16'384, 'x'), 0);
         return bytes;
       }},
  };
  for (const auto& [name, way] : kWays) {
    FloodedServer own;
    uint32_t sent = 0;
    size_t at_work = 0;
    for (; sent < 2000 && !own.server.error() && !own.server.finished(); ++sent) {
      Deliver(own.server, way(2 * sent + 1));
      testing::Produce(own.server);
      at_work = std::max(at_work, own.server.active_streams());
    }
    EXPECT_TRUE(own.server.error() || own.server.finished()) << name;
    // The clock stands still: from the 101st on they are refused, and the bucket of glitches is what ends it.
    EXPECT_LE(sent, 1150u) << name;
    EXPECT_LE(at_work, limits_.max_streams) << name;
    const auto carried = std::ranges::count_if(own.sink.requests.requests, [](const auto& r) { return r->has_head; });
    EXPECT_LE(carried, limits_.max_streams) << name << ": each may still be at work at its origin";
  }
}

// A client that sends requests and pings by turns earns nothing for what was refused.
TEST_F(H2ResetsTest, RefusedStreamsPayForNothing) {
  FloodedServer own(Gets(0, limits_.max_streams));
  uint32_t sent = 0;
  for (; sent < 5000 && !own.server.error(); ++sent) {
    Deliver(own.server, Gets(limits_.max_streams + sent, 1) + h2::Frame(h2::kPing, 0, 0, "12345678"));
    testing::Produce(own.server);
  }
  EXPECT_LE(sent, 650u);
}

// Their fields reach nobody, but each is checked before: one frame of 4 KB names 16 MB of them.
TEST_F(H2ResetsTest, ABombOnARefusedStreamEndsTheConnectionLikeAnyOther) {
  FloodedServer own(Gets(0, limits_.max_streams));
  const h2::Fields get = {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}};
  const auto bomb = [&](uint32_t id, size_t times) {
    const std::string field = "\x40" + h2::Text("x") + h2::Text(std::string(4000, 'v'));
    return h2::Frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, id,
                     h2::Block(get) + field + std::string(times, '\xbe'));
  };
  // Cancelled ones still count as streams, to us if not to nghttp2, which does not look at those that it refuses
  // itself.
  for (uint32_t i = 0; i < limits_.max_streams; ++i) Deliver(own.server, h2::Rst(2 * i + 1));
  for (uint32_t i = 0; i < 10; ++i) Deliver(own.server, bomb(2 * (limits_.max_streams + i) + 1, 50));
  EXPECT_FALSE(own.server.error()) << "large, but within what one list may be";
  EXPECT_EQ(testing::ErrorsSent(testing::Produce(own.server)).find("goaway"), std::string::npos);
  EXPECT_EQ(own.sink.refused, 10);
  Deliver(own.server, bomb(2 * (limits_.max_streams + 10) + 1, 4000));
  EXPECT_TRUE(own.server.error());
  const std::string sent = testing::ErrorsSent(testing::Produce(own.server));
  EXPECT_NE(sent.find("goaway CALM"), std::string::npos) << sent << own.server.error().what;
}

TEST_F(H2ResetsTest, HeadersWithoutEndAreAnErrorOfTheConnectionWithAndWithoutBytes) {
  for (const std::string& piece : {std::string(), h2::Block({{"x", "1"}})}) {
    FloodedServer own(h2::Frame(h2::kHeaders, h2::kEndStream, 1, h2::Block({{":method", "GET"}})));
    int sent = 0;
    for (; sent < 100 && !own.server.error(); ++sent) Deliver(own.server, h2::Frame(h2::kContinuation, 0, 1, piece));
    EXPECT_EQ(sent, FrameMeter::kMaxContinuations + 1);
    EXPECT_NE(testing::ErrorsSent(testing::Produce(own.server)).find("goaway CALM"), std::string::npos);
  }
}

// A client that asks and never reads: what waits for it is bounded, long before it is many frames.
TEST_F(H2ResetsTest, AcknowledgementsThatNobodyReadsAreBounded) {
  const std::pair<const char*, std::string> kAsked[] = {{"PING", h2::Frame(NGHTTP2_PING, 0, 0, "12345678")},
                                                        {"SETTINGS", h2::Settings()}};
  for (const auto& [name, frame] : kAsked) {
    FloodedServer own;
    int sent = 0;
    for (; sent < 5000 && !own.server.error(); ++sent) Deliver(own.server, frame);
    EXPECT_LE(sent, 300) << name;
    EXPECT_LE(testing::Produce(own.server).size(), 300 * 17u + 200) << name;
  }
}

// A client that has not read our SETTINGS yet cannot know better.
TEST_F(H2ResetsTest, StreamsOverTheLimitAreRefusedUnseenAndTheOthersAreServed) {
  FloodedServer own(Gets(0, limits_.max_streams + 10));
  std::string refused;
  for (uint32_t i = 0; i < 10; ++i)
    refused += " rst " + std::to_string(2 * (limits_.max_streams + i) + 1) + " REFUSED_STREAM";
  EXPECT_EQ(testing::ErrorsSent(testing::Produce(own.server)), refused);
  EXPECT_EQ(own.sink.requests.size(), limits_.max_streams);
  EXPECT_EQ(own.sink.refused, 10);
  for (const auto& request : own.sink.requests.requests) request->Answer(204, kUnknownLength, false);
  size_t answered = 0;
  h2::ForEachFrame(testing::Produce(own.server),
                   [&](uint8_t type, uint8_t, uint32_t, std::string_view) { answered += type == h2::kHeaders; });
  EXPECT_EQ(answered, limits_.max_streams);
}

// 10 000 of them do not end with 9 900 refusals.
TEST_F(H2ResetsTest, TenThousandStreamsEndTheConnection) {
  FloodedServer own;
  uint32_t sent = 0;
  for (; sent < 10'000 && !own.server.error(); ++sent) {
    Deliver(own.server,
            h2::Headers(2 * sent + 1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}}));
    if (sent % 50 == 0) testing::Produce(own.server);
  }
  EXPECT_LE(sent, 1150u);
  EXPECT_EQ(own.sink.requests.size(), limits_.max_streams);
}

}  // namespace
}  // namespace meridian
