// Requests that were answered before their head was whole, of both versions: what comes of the head then is not run,
// and is not answered a second time.
#include <gtest/gtest.h>

#include "http/h1_server.h"
#include "http/h2_server.h"
#include "support/h2_raw.h"
#include "support/scripted_http.h"

namespace meridian {
namespace {

using testing::FakeHost;
using testing::Feed;
using testing::Produce;
using testing::ScriptedSink;
namespace h2 = testing::h2;

size_t Count(const std::string& text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

size_t HeadsOf(const std::string& bytes) {
  size_t n = 0;
  h2::ForEachFrame(bytes, [&](uint8_t type, uint8_t, uint32_t, std::string_view) { n += type == h2::kHeaders; });
  return n;
}

class LateHeadTest : public ::testing::Test {
 protected:
  // Its time is up.
  void AnswerLast(int status) { sink_.requests.back()->Answer(status, 5); }

  FakeHost host_;
  ScriptedSink sink_;
  MessageLimits limits_;
};

TEST_F(LateHeadTest, OverHttp1ItIsNotRead) {
  for (const std::string rest : {"Host: h\r\n\r\n", "Bad Name: 1\r\n\r\n", "\r\n"}) {
    H1Server server(host_, sink_, limits_, false);
    Feed(server, "GET / HTTP/1.1\r\nX-A: 1\r\n");
    AnswerLast(408);  // the kernel takes nothing for now, so it waits
    Feed(server, rest + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_FALSE(sink_.requests.back()->has_head) << rest;
    EXPECT_EQ(sink_.requests.back()->refused, 0) << rest;
    sink_.requests.back()->Say("late!");
    sink_.requests.back()->answer.Finish();
    const std::string out = Produce(server);
    EXPECT_TRUE(out.starts_with("HTTP/1.1 408 ") && out.ends_with("late!")) << out;
    EXPECT_EQ(Count(out, "HTTP/1.1"), 1u) << out;
    EXPECT_TRUE(server.finished());
  }
  EXPECT_EQ(sink_.size(), 3u);
}

TEST_F(LateHeadTest, OverHttp1AClientThatHalfClosesStillGetsTheAnswer) {
  H1Server server(host_, sink_, limits_, false);
  Feed(server, "GET / HTTP/1.1\r\nX-A: 1\r\n");
  AnswerLast(408);
  server.OnEof();
  sink_.requests.back()->Say("late!");
  sink_.requests.back()->answer.Finish();
  EXPECT_TRUE(Produce(server).ends_with("late!"));
}

// Its answer was written as one to the request before.
TEST_F(LateHeadTest, OverHttp1ItsAnswerIsNotThatToTheHeadRequestBefore) {
  H1Server server(host_, sink_, limits_, false);
  Feed(server, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  sink_.requests.back()->Answer(200, 5);
  Produce(server);
  Feed(server, "GET / HTTP/1.1\r\n");
  sink_.requests.back()->Say("late!");
  sink_.requests.back()->answer.Finish();
  AnswerLast(408);
  EXPECT_TRUE(Produce(server).ends_with("\r\n\r\nlate!"));
}

TEST_F(LateHeadTest, OverHttp2ItIsNotRunAndTheStreamHasOneAnswer) {
  const h2::Fields start = {{":method", "GET"}, {":scheme", "http"}};
  const h2::Fields good = {{":authority", "h"}, {":path", "/"}};
  const h2::Fields bad = {{":authority", "h"}, {":path", "no path"}};
  uint32_t id = 1;
  H2Server server(host_, sink_, limits_, false);
  // No room for the answer's body: the stream stays.
  Feed(server, std::string(h2::kPreface) + h2::Settings(h2::Setting(4, 0)));
  Produce(server);
  for (const h2::Fields& rest : {good, bad}) {
    Feed(server, h2::Frame(h2::kHeaders, h2::kEndStream, id, h2::Block(start)));
    ASSERT_EQ(sink_.size(), (id + 1) / 2);
    AnswerLast(408);
    std::string out = Produce(server);
    Feed(server, h2::Frame(h2::kContinuation, h2::kEndHeaders, id, h2::Block(rest)));
    EXPECT_FALSE(sink_.requests.back()->has_head);
    EXPECT_EQ(sink_.requests.back()->refused, 0);
    out += Produce(server);
    EXPECT_EQ(HeadsOf(out), 1u);
    EXPECT_FALSE(server.error());
    id += 2;
  }
}

TEST_F(LateHeadTest, OverHttp2NothingFollowsAReset) {
  H2Server server(host_, sink_, limits_, false);
  Feed(server, std::string(h2::kPreface) + h2::Settings());
  Feed(server, h2::Frame(h2::kHeaders, h2::kEndStream, 1, h2::Block({{":method", "GET"}, {":scheme", "http"}})));
  sink_.requests.back()->stream->Reset(true);  // not written yet
  Feed(server, h2::Frame(h2::kContinuation, h2::kEndHeaders, 1, h2::Block({{":authority", "h"}, {":path", "/"}})));
  EXPECT_FALSE(sink_.requests.back()->has_head);
  EXPECT_EQ(HeadsOf(Produce(server)), 0u);
}

// What is refused for its head is refused as what it is, too.
TEST_F(LateHeadTest, ARefusedHeadRequestGetsNoBody) {
  limits_.max_headers = 3;
  sink_.on_head = nullptr;
  H2Server server(host_, sink_, limits_, false);
  Feed(server, std::string(h2::kPreface) + h2::Settings() +
                   h2::Headers(1, {{":method", "HEAD"},
                                   {":scheme", "http"},
                                   {":authority", "h"},
                                   {":path", "/"},
                                   {"a", "1"},
                                   {"b", "1"},
                                   {"c", "1"},
                                   {"d", "1"}}));
  EXPECT_EQ(sink_.requests.back()->refused, 431);
  size_t data = 0;
  h2::ForEachFrame(Produce(server),
                   [&](uint8_t type, uint8_t, uint32_t, std::string_view) { data += type == h2::kData; });
  EXPECT_EQ(data, 0u);
}

}  // namespace
}  // namespace meridian
