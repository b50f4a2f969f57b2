// When a request over HTTP/2 is whole, and what may follow on a stream that is over (RFC 7540 §5.1, §5.3.1, §8.1.2.6).
#include <gtest/gtest.h>

#include "support/h2_flood.h"

namespace meridian {
namespace {

namespace h2 = testing::h2;

using testing::Deliver;
using testing::FloodedServer;
using testing::Gets;

const h2::Fields kPost = {{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}};

h2::Fields PostOf(std::string length) {
  h2::Fields fields = kPost;
  fields.emplace_back("content-length", std::move(length));
  return fields;
}

// The code of the GOAWAY among what the server says, or of the last RST_STREAM.
std::string End(FloodedServer& edge) {
  std::string code;
  h2::ForEachFrame(testing::Produce(edge.server), [&](uint8_t type, uint8_t, uint32_t, std::string_view payload) {
    if (type == h2::kGoaway) code = "GOAWAY " + h2::CodeName(payload);
    if (type == h2::kRst && code.empty()) code = "RST_STREAM " + h2::CodeName(payload);
  });
  return code;
}

TEST(H2EndsTest, ARequestOfNoBytesGoesOnWhenItsEndIsKnown) {
  FloodedServer edge(h2::Headers(1, PostOf("0"), h2::kEndHeaders));
  ASSERT_EQ(edge.sink.requests.size(), 1u);
  EXPECT_FALSE(edge.sink.requests[0].has_head) << "there may be bytes yet, which would make it malformed";
  Deliver(edge.server, h2::Data(1, ""));
  ASSERT_TRUE(edge.sink.requests[0].has_head);
  EXPECT_FALSE(edge.sink.requests[0].head.has_body);
  EXPECT_EQ(edge.sink.requests[0].head.content_length, 0);
  EXPECT_TRUE(edge.sink.requests[0].body.finished());
}

TEST(H2EndsTest, ARequestOfNoBytesWithTrailersGoesOnWithThem) {
  FloodedServer edge(h2::Headers(1, PostOf("0"), h2::kEndHeaders) + h2::Headers(1, {{"x-sum", "1"}}));
  ASSERT_TRUE(edge.sink.requests[0].has_head);
  EXPECT_TRUE(edge.sink.requests[0].head.has_body);
  EXPECT_EQ(testing::Text(edge.sink.requests[0].body.trailers()), "x-sum: 1\n");
}

TEST(H2EndsTest, ARequestOfNoBytesThatHasSomeReachesNobody) {
  FloodedServer edge(h2::Headers(1, PostOf("0"), h2::kEndHeaders) + h2::Data(1, "GET /smuggled"));
  EXPECT_EQ(End(edge), "RST_STREAM PROTOCOL_ERROR");
  EXPECT_FALSE(edge.sink.requests[0].has_head);
  EXPECT_EQ(edge.sink.requests[0].closed, 1);
}

TEST(H2EndsTest, ARequestOfNoBytesThatEndsBehindItsTimeoutIsNotRun) {
  FloodedServer edge(h2::Headers(1, PostOf("0"), h2::kEndHeaders));
  edge.sink.requests[0].Answer(408, 0, false);
  Deliver(edge.server, h2::Data(1, ""));
  EXPECT_FALSE(edge.sink.requests[0].has_head);
}

TEST(H2EndsTest, NoHeadersFollowWhatItsClientReset) {
  FloodedServer edge(h2::Headers(1, kPost, h2::kEndHeaders) + h2::Rst(1) + h2::Headers(1, {{"x-late", "1"}}));
  EXPECT_EQ(End(edge), "GOAWAY STREAM_CLOSED");
  EXPECT_TRUE(edge.server.error());
}

TEST(H2EndsTest, NoHeadersFollowAWholeExchange) {
  FloodedServer edge(Gets(0, 1));
  edge.sink.requests[0].Answer(200, 0, false);
  testing::Produce(edge.server);
  Deliver(edge.server, h2::Headers(1, {{"x-late", "1"}}));
  EXPECT_EQ(End(edge), "GOAWAY STREAM_CLOSED");
}

// It may have been under way when the reset was.
TEST(H2EndsTest, WhatFollowsAResetOfOursIsDroppedWithoutAWord) {
  FloodedServer edge(h2::Headers(1, kPost, h2::kEndHeaders));
  edge.sink.requests[0].stream->Reset(false);
  EXPECT_EQ(End(edge), "RST_STREAM INTERNAL_ERROR");
  Deliver(edge.server, h2::Data(1, "late", 0) + h2::Headers(1, {{"x-late", "1"}}));
  EXPECT_EQ(End(edge), "");
  EXPECT_FALSE(edge.server.error());
}

TEST(H2EndsTest, AStreamThatDependsOnItselfEndsTheConnection) {
  FloodedServer edge(h2::Frame(h2::kPriority, 0, 3, std::string_view("\0\0\0\3\1", 5)));
  EXPECT_EQ(End(edge), "GOAWAY PROTOCOL_ERROR");
  FloodedServer fine(h2::Frame(h2::kPriority, 0, 5, std::string_view("\0\0\0\3\1", 5)));
  EXPECT_FALSE(fine.server.error());
}

}  // namespace
}  // namespace meridian
