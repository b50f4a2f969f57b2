// An origin whose answers nobody can read: no client gets them, its connection ends, and its region is left although
// its probes pass.
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <ostream>
#include <thread>

#include "integration/edge.h"
#include "support/connection.h"

namespace meridian::testing {
namespace {

using namespace std::string_literals;

struct Broken {
  const char* name;
  std::string bytes;
  bool in_body = false;  // its head is good, so that the client has it already
  OriginReply::After after = OriginReply::After::kHang;
};
void PrintTo(const Broken& broken, std::ostream* out) { *out << broken.name; }

std::string Ok(const std::string& fields, const std::string& rest) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + rest;
}
std::string Chunks(const std::string& rest) { return Ok("transfer-encoding: chunked\r\n", rest); }
std::string Times(int count, const std::string& text) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::vector<Broken> Answers() {
  return {
      {"two lengths", Ok("content-length: 5\r\ncontent-length: 6\r\n", "hello!")},
      {"length and coding", Ok("content-length: 5\r\ntransfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")},
      {"unknown coding", Ok("transfer-encoding: gzip\r\n", "hello")},
      {"NUL in a field", Ok("x-a: a\0b\r\ncontent-length: 0\r\n"s, "")},
      {"bare LF", "HTTP/1.1 200 OK\ncontent-length: 0\n\n"},
      {"obs-fold", Ok("x-a: a\r\n b\r\ncontent-length: 0\r\n", "")},
      {"10 000 fields", Ok(Times(10'000, "x: 1\r\n"), "")},
      {"20 000 times 103", Times(20'000, "HTTP/1.1 103 Early Hints\r\n\r\n") + Ok("content-length: 0\r\n", "")},
      {"a 101 nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"},
      {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n"},
      {"a bad chunk", Chunks("5\r\nhello\r\nzz\r\n"), true},
      {"a chunk longer than its size", Chunks("5\r\nhelloXX"), true},
      {"framing in trailers", Chunks("5\r\nhello\r\n0\r\ncontent-length: 5\r\n\r\n"), true},
      {"a body that is cut", Ok("content-length: 10\r\n", "hello"), true, OriginReply::After::kClose},
      {"a chunked body that is cut", Chunks("5\r\nhello\r\n"), true, OriginReply::After::kClose},
      {"a body that stops", Ok("content-length: 10\r\n", "hello"), true},
  };
}

class BrokenOrigins : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenOrigins, AreLeftAndTheirAnswersReachNobody) {
  const Broken& broken = GetParam();
  ScriptedOrigin near(kNear,
                      [&](const OriginRequest&) { return OriginReply{.raw = broken.bytes, .after = broken.after}; });
  ScriptedOrigin middle(kMiddle, ScriptedOrigin::Friendly());
  EdgeConfig config = ShopEdge({{kNear, near.url()}, {kMiddle, middle.url()}});
  config.workers = 1;
  config.services[0].timeouts = "{ connect: 500ms, request: 8s, idle: 300ms, stall: 150ms }";
  Edge edge(config);
  constexpr int kRequests = 30;
  int good = 0, cut = 0;
  for (int i = 0; i < kRequests; ++i) {
    Http1Client client(edge.port());
    const HttpResponse answer = client.Get("/item");
    if (answer.complete && answer.status == 200 && answer.headers.Get("x-region") == kMiddle) {
      ++good;
    } else {
      // Nothing whole of it may look like an answer.
      EXPECT_FALSE(answer.complete) << answer.status << " " << answer.body;
      ++cut;
    }
  }
  if (broken.in_body) {
    EXPECT_GT(cut, 0);
    EXPECT_LE(cut, 10) << "the breaker opens after five in a row";
  } else {
    EXPECT_EQ(cut, 0) << "the next region has answered instead";
  }
  EXPECT_GE(good, kRequests - 10);
  EXPECT_LE(near.requests(), 10u) << "and few requests touch it";
  EXPECT_GE(near.health_checks(), 1u);
  EXPECT_NE(edge.RegionStatus(kNear).dump().find("\"open\""), std::string::npos) << edge.RegionStatus(kNear).dump(1);
}

INSTANTIATE_TEST_SUITE_P(Of, BrokenOrigins, ::testing::ValuesIn(Answers()), [](const auto& row) {
  std::string name;
  for (const char* c = row.param.name; *c; ++c) name += std::isalnum(static_cast<unsigned char>(*c)) ? *c : '_';
  return name;
});

TEST(BrokenOrigin, WithNobodyBesideItIsA502AndItsConnectionEnds) {
  for (const Broken& broken : Answers()) {
    if (broken.in_body) continue;
    SCOPED_TRACE(broken.name);
    ScriptedOrigin origin(
        kNear, [&](const OriginRequest&) { return OriginReply{.raw = broken.bytes, .after = broken.after}; });
    EdgeConfig config = ShopEdge({{kNear, origin.url()}});
    config.services[0].pool = "{ warm: false }";
    config.services[0].health = "";
    Edge edge(config);
    EXPECT_EQ(Http1Client(edge.port()).Get("/item").status, 502);
    // It says nothing more and does not close by itself.
    EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_origin_connections") == 0; }, 5s));
  }
}

// Bytes behind an answer, at once or when the connection has been given back: nobody ever gets them.
class Leftovers : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Leftovers, EndTheConnectionAndReachNobody) {
  const auto& [answer, evil] = GetParam();
  for (const bool later : {false, true}) {
    UniqueFd listener = ListenOn(0);
    std::atomic<int> connections = 0, answered = 0, ended = 0;
    std::atomic<bool> stop = false;
    // One connection after the other, one answer on each.
    std::thread origin([&] {
      while (!stop) {
        pollfd ready{.fd = listener.get(), .events = POLLIN, .revents = 0};
        if (poll(&ready, 1, 20) <= 0) continue;
        Connection connection{UniqueFd(accept(listener.get(), nullptr, nullptr))};
        ++connections;
        std::string request;
        while (request.find("\r\n\r\n") == std::string::npos) {
          if (connection.Read(&request, Deadline(5s)) != ReadEnd::kData) break;
        }
        connection.Send(answer + (later ? "" : std::string(evil)), Deadline(5s));
        if (later && Eventually([&] { return answered == connections || stop; }, 5s, 1ms))
          connection.Send(evil, Deadline(5s));
        std::string rest;
        const ReadEnd end = connection.ReadToEnd(&rest, Deadline(5s));
        ended += end != ReadEnd::kTimeout && rest.empty();
      }
    });
    EdgeConfig config = ShopEdge({{kNear, "http://127.0.0.1:" + std::to_string(LocalPort(listener.get()))}});
    config.services[0].pool = "{ warm: false }";
    config.services[0].health = "";
    Edge edge(config);
    for (int i = 1; i <= 3; ++i) {
      const HttpResponse got = Http1Client(edge.port()).Get("/item");
      EXPECT_TRUE(got.complete) << got.error;
      EXPECT_NE(got.status, 502);
      EXPECT_EQ(got.body.find("evil"), std::string::npos);
      answered = i;
      EXPECT_TRUE(Eventually([&] { return ended == i; }, 5s, 1ms)) << "the connection is used no more";
    }
    EXPECT_EQ(connections, 3);
    stop = true;
    origin.join();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Behind, Leftovers,
    ::testing::Values(
        std::pair("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"),
        std::pair("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "\r\n"),
        std::pair("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "evil"),
        std::pair("HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\n", "evil"),
        std::pair("HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n", "4\r\nevil\r\n0\r\n\r\n"),
        std::pair("HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\n", "evil")));

}  // namespace
}  // namespace meridian::testing
