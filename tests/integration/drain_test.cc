// Stopping: with TERM the requests in flight finish and the process ends with 0; QUIT does not wait.
#include <signal.h>

#include <memory>

#include "integration/edge.h"
#include "support/h2_raw.h"

namespace meridian::testing {
namespace {

constexpr auto kSlow = 700ms;

class Drain : public ::testing::Test {
 protected:
  ScriptedOrigin origin_{kNear, [](const OriginRequest& request) {
                           if (request.target == "/slow")
                             return OriginReply{.body = PatternBytes(50'000), .delay = kSlow};
                           return OriginReply{.body = "hello\n"};
                         }};
  Edge edge_{ShopEdge({{kNear, origin_.url()}})};
  TempDir dir_;

  ProcessOptions SlowCurl(const std::string& version) {
    return {.argv = {"curl", "-q", "--silent", "--show-error", "--fail", version, "-o", dir_.File("body" + version),
                     edge_.url("/slow")}};
  }
  bool InFlight(uint64_t count) {
    return Eventually([&] { return origin_.requests() >= count; }, 5s, 2ms);
  }
};

TEST_F(Drain, RequestsInFlightFinishAndTheProcessEndsWithZero) {
  MERIDIAN_REQUIRE_TOOL("curl");
  for (const int signal : {SIGTERM, SIGINT}) {
    Edge edge(ShopEdge({{kNear, origin_.url()}}));
    origin_.Forget();
    std::vector<std::unique_ptr<Process>> clients;
    for (const std::string version : {"--http1.1", "--http2-prior-knowledge"}) {
      ProcessOptions options = SlowCurl(version);
      options.argv.back() = edge.url("/slow");
      clients.push_back(std::make_unique<Process>(dir_, "curl" + version, options));
    }
    ASSERT_TRUE(InFlight(2));
    edge.process().Signal(signal);
    for (const auto& client : clients) EXPECT_EQ(client->Wait(5s), 0) << client->Err();
    for (const std::string version : {"--http1.1", "--http2-prior-knowledge"}) {
      EXPECT_TRUE(ReadFile(dir_.File("body" + version)) == PatternBytes(50'000)) << version << ": not the whole answer";
    }
    EXPECT_EQ(edge.process().Wait(5s), 0) << edge.EventText();
    edge.Ended();
  }
}

TEST_F(Drain, WhileDrainingItIsNotReadyAndTakesNoNewConnections) {
  Http1Client idle(edge_.port());
  EXPECT_EQ(idle.Get("/hello").status, 200);
  Process client(dir_, "curl", SlowCurl("--http1.1"));
  ASSERT_TRUE(InFlight(2));
  edge_.process().Signal(SIGTERM);
  EXPECT_TRUE(
      Eventually([&] { return !ConnectTo(edge_.port()) || edge_.Admin("GET", "/readyz").status != 200; }, 500ms, 5ms));
  EXPECT_EQ(client.Wait(5s), 0) << client.Err();
  EXPECT_EQ(edge_.process().Wait(5s), 0) << "an idle connection of a client must not hold it back: "
                                         << edge_.EventText();
  edge_.Ended();
  EXPECT_FALSE(ConnectTo(edge_.port()));
}

TEST_F(Drain, AnAnswerDuringTheDrainTellsTheClientToGoElsewhere) {
  const auto connection = Connection::Open(edge_.port());
  ASSERT_TRUE(connection);
  ASSERT_TRUE(connection->Send("GET /slow HTTP/1.1\r\nhost: shop.example\r\n\r\n", Deadline(2s)));
  ASSERT_TRUE(InFlight(1));
  edge_.process().Signal(SIGTERM);
  std::string answer;
  EXPECT_EQ(connection->ReadToEnd(&answer, Deadline(5s)), ReadEnd::kEof) << "the connection ends after the answer";
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer.substr(0, 100);
  EXPECT_NE(answer.find("connection: close"), std::string::npos) << answer.substr(0, 500);
  EXPECT_EQ(edge_.process().Wait(5s), 0);
  edge_.Ended();
}

// First a notice, so that requests on their way are served; then the last stream that was.
TEST_F(Drain, AnHttp2ClientIsToldWhichRequestWasTheLastAndGetsItsAnswer) {
  const auto connection = Connection::Open(edge_.port());
  ASSERT_TRUE(connection);
  const h2::Fields get = {{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/slow"}};
  ASSERT_TRUE(connection->Send(std::string(h2::kPreface) + h2::Settings() + h2::Headers(1, get), Deadline(2s)));
  ASSERT_TRUE(InFlight(1));
  edge_.process().Signal(SIGTERM);
  std::string bytes;
  EXPECT_EQ(connection->ReadToEnd(&bytes, Deadline(5s)), ReadEnd::kEof);
  std::vector<std::string> goaways;
  std::string body;
  bool ended = false;
  h2::ForEachFrame(bytes, [&](uint8_t type, uint8_t flags, uint32_t, std::string_view payload) {
    if (type == h2::kGoaway) goaways.emplace_back(payload.substr(0, 8));
    if (type == h2::kData) body += payload;
    ended |= type == h2::kData && (flags & h2::kEndStream);
  });
  ASSERT_GE(goaways.size(), 2u);
  EXPECT_EQ(goaways.front(), h2::Number(0x7fffffff, 4) + h2::Number(0, 4));
  EXPECT_EQ(goaways.back(), h2::Number(1, 4) + h2::Number(0, 4));
  EXPECT_TRUE(ended);
  EXPECT_TRUE(body == PatternBytes(50'000)) << body.size();
  EXPECT_EQ(edge_.process().Wait(5s), 0);
  edge_.Ended();
}

TEST_F(Drain, QuitAndASecondTermDoNotWait) {
  origin_.SetHandler(
      [](const OriginRequest&) { return OriginReply{.silent = true, .after = OriginReply::After::kHang}; });
  for (const bool quit : {true, false}) {
    Edge edge(ShopEdge({{kNear, origin_.url()}}));
    origin_.Forget();
    const auto connection = Connection::Open(edge.port());
    ASSERT_TRUE(connection->Send("GET /hangs HTTP/1.1\r\nhost: shop.example\r\n\r\n", Deadline(2s)));
    ASSERT_TRUE(InFlight(1));
    edge.process().Signal(quit ? SIGQUIT : SIGTERM);
    if (!quit) {
      EXPECT_FALSE(edge.process().Wait(300ms).has_value()) << "one TERM waits for the request";
      edge.process().Signal(SIGTERM);
    }
    EXPECT_TRUE(edge.process().Wait(2s).has_value()) << (quit ? "QUIT" : "second TERM");
    edge.Ended();
  }
}

}  // namespace
}  // namespace meridian::testing
