// Clients that are slow on purpose, two hundred at once: they are ended by what they do not get done, not by silence,
// and another client loses nothing.
#include <algorithm>
#include <functional>
#include <ostream>

#include "integration/edge.h"
#include "support/certificates.h"
#include "support/connection.h"
#include "support/h2_raw.h"
#include "support/load_generator.h"

namespace meridian::testing {
namespace {

using namespace h2;
using namespace std::string_literals;

constexpr size_t kMany = 200;
constexpr uint64_t kMemory = 32u << 20;
// More than a window and its bookkeeping; more than all the kernel's buffers on the way.
constexpr size_t kLarge = 128u << 10, kHuge = 32u << 20;

std::string Limited(const std::string& limit) { return "limit=\"" + limit + "\""; }

class SlowClients : public ::testing::Test {
 protected:
  static EdgeConfig Config(const ScriptedOrigin& origin) {
    EdgeConfig config = ShopEdge({{kNear, origin.url()}});
    config.services[0].timeouts = "{ connect: 500ms, request: 8s, idle: 60s }";
    config.extra =
        "limits: { header_timeout: 400ms, handshake_timeout: 400ms, idle_timeout: 1s, stall_timeout: 1s, "
        "max_connections_per_client: 10000 }\n";
    return config;
  }
  double Limit(const std::string& name) const { return edge_.MetricSum("meridian_limit_total", {Limited(name)}); }

  TempDir dir_;
  TestCertificates authority_{dir_};
  ScriptedOrigin origin_{
      kNear, [](const OriginRequest& request) {
        const size_t size = request.target == "/large" ? kLarge : request.target == "/huge" ? kHuge : 2;
        return OriginReply{.body = std::string(size, 'x')};
      }};
  ScriptedOrigin good_{kNear, ScriptedOrigin::Friendly()};
  Edge edge_{[this] {
    EdgeConfig config = Config(origin_);
    config.services.push_back({.name = "good", .origins = {{kNear, good_.url()}}});
    config.routes.insert(config.routes.begin(), {.name = "good", .match = "{ path: /api/ }", .split = "good: 1"});
    config.listeners = {{}, {authority_.Issue("edge", KeyKind::kEcdsa, {"shop.example"})}};
    return config;
  }()};
};

// A byte each 20 ms of something that never ends: far more often than any timeout.
struct Dribble {
  const char* name;
  std::string at_once;
  std::string drop;  // again and again
  size_t listener = 0;
};
void PrintTo(const Dribble& dribble, std::ostream* out) { *out << dribble.name; }

const std::string kGet = "GET / HTTP/1.1\r\nhost: shop.example\r\n";
const std::string kBegin = std::string(kPreface) + Settings();

const Dribble kDribbles[] = {
    {"nothing at all", "", ""},
    {"the preface of HTTP 2", "", std::string(kPreface)},
    {"the first SETTINGS", std::string(kPreface) + Frame(kSettings, 0, 0, std::string(32 * 6, '\0')).substr(0, 9),
     "\0"s},
    {"a frame that nobody knows", kBegin + Frame(0xbe, 0, 0, std::string(16'000, '?')).substr(0, 9), "?"},
    {"PING now and then", kBegin, Frame(kPing, 0, 0, "12345678")},
    {"a header block", kBegin + Frame(kHeaders, 5, 1, std::string(16'000, 'x')).substr(0, 9), "\x82"},
    {"empty lines", "", "\r\n"},
    {"a method", "", "G"},
    {"a field of HTTP 1", kGet + "x: ", "x"},
    {"fields of HTTP 1", kGet, "x: y\r\n"},
    {"a handshake", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), "x", 1},
    {"no handshake", "", "", 1},
};

class SlowDribbles : public SlowClients, public ::testing::WithParamInterface<Dribble> {};

TEST_P(SlowDribbles, AreEndedHoweverOftenTheySayALittle) {
  const Dribble& dribble = GetParam();
  LoadGenerator good({.port = edge_.port(), .rate = 50, .connections = 8});
  std::vector<std::unique_ptr<Connection>> slow;
  for (size_t i = 0; i < kMany; ++i) {
    slow.push_back(Connection::Open(edge_.port(dribble.listener)));
    ASSERT_TRUE(slow.back()) << i;
    ASSERT_TRUE(slow.back()->Send(dribble.at_once, Deadline(2s)));
  }
  const uint64_t rss = edge_.process().RssBytes();
  size_t at = 0;
  const bool all_ended = Eventually(
      [&] {
        const std::string drop = dribble.drop.empty()       ? ""
                                 : dribble.drop.size() > 20 ? dribble.drop.substr(at, 1)
                                                            : dribble.drop;
        at += at + 2 < dribble.drop.size();
        std::erase_if(slow, [&](const std::unique_ptr<Connection>& connection) {
          std::string answer;
          const ReadEnd end = connection->Read(&answer, Deadline(0ms));
          if (end == ReadEnd::kEof || end == ReadEnd::kReset) return true;
          return !drop.empty() && !connection->Send(drop, Deadline(100ms));
        });
        return slow.empty();
      },
      20s, 20ms);
  EXPECT_TRUE(all_ended) << slow.size() << " are still open";
  const auto samples = good.Stop();
  EXPECT_TRUE(Failed(samples).empty()) << Describe(samples);
  EXPECT_EQ(origin_.requests(), 0u) << "none of it became a request";
  const uint64_t now = edge_.process().RssBytes();
  EXPECT_TRUE(kSanitized || now <= rss + kMemory) << (now - rss) / 1024 << " KiB";
}

INSTANTIATE_TEST_SUITE_P(Of, SlowDribbles, ::testing::ValuesIn(kDribbles), [](const auto& row) {
  std::string name(row.param.name);
  std::ranges::replace(name, ' ', '_');
  return name;
});

// ---- slow readers --------------------------------------------------------------------------------------------------

std::string Asks(uint32_t streams, const std::string& path = "/large") {
  std::string out;
  for (uint32_t i = 0; i < streams; ++i) {
    out += h2::Headers(2 * i + 1,
                       {{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", path}});
  }
  return out;
}

// How many streams are reset, with the code of the last one, until `count` are or the deadline.
size_t Resets(Connection& connection, size_t count, const Deadline& deadline,
              const std::function<void()>& meanwhile = {}) {
  std::string bytes;
  size_t resets = 0;
  while (resets < count && !deadline.passed()) {
    if (meanwhile) meanwhile();
    const ReadEnd end = connection.Read(&bytes, Deadline(20ms));
    if (end == ReadEnd::kEof || end == ReadEnd::kReset) break;
    resets = 0;
    ForEachFrame(bytes, [&](uint8_t type, uint8_t, uint32_t, std::string_view) { resets += type == kRst; });
  }
  return resets;
}

TEST_F(SlowClients, StreamsWhoseWindowStaysShutAreResetAndTheConnectionGoesOn) {
  const auto connection = Connection::Open(edge_.port());
  ASSERT_TRUE(connection);
  ASSERT_TRUE(connection->Send(std::string(kPreface) + Settings(Setting(4, 0)) + Asks(20), Deadline(2s)));
  EXPECT_EQ(Resets(*connection, 20, Deadline(15s)), 20u);
  EXPECT_EQ(Limit("client_stalls"), 20);
  ASSERT_TRUE(connection->Send(
      Settings(Setting(4, 65'535)) +
          h2::Headers(41,
                      {{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/small"}}),
      Deadline(2s)));
  std::string answer;
  EXPECT_TRUE(Eventually(
      [&] {
        connection->Read(&answer, Deadline(20ms));
        return answer.ends_with("xx");
      },
      5s))
      << "a request behind them";
}

TEST_F(SlowClients, AWindowThatOpensByteByByteIsNoProgress) {
  const auto connection = Connection::Open(edge_.port());
  ASSERT_TRUE(connection);
  ASSERT_TRUE(connection->Send(std::string(kPreface) + Settings(Setting(4, 0)) + Asks(5), Deadline(2s)));
  // Ten times a second each, which is 500 bytes with the heads of the frames.
  auto next = Clock::now();
  const auto open_a_little = [&] {
    if (Clock::now() < next) return;
    next += 100ms;
    std::string updates;
    for (uint32_t i = 0; i < 5; ++i) updates += Window(2 * i + 1, 1);
    connection->Send(updates, Deadline(1s));
  };
  EXPECT_EQ(Resets(*connection, 5, Deadline(15s), open_a_little), 5u);
  EXPECT_EQ(Limit("client_stalls"), 5);
}

// Not even a reset of the stream would reach it, so its connection is cut.
TEST_F(SlowClients, WhoReadsNothingIsCut) {
  const std::string http1 = "GET /huge HTTP/1.1\r\nhost: shop.example\r\n\r\n";
  // Windows that would take it all.
  const std::string http2 =
      std::string(kPreface) + Settings(Setting(4, 0x7fffffff)) + Window(0, 0x7fff0000) + Asks(4, "/huge");
  for (const std::string& request : {http1, http2}) {
    std::vector<std::unique_ptr<Connection>> clients;
    for (int i = 0; i < 2; ++i) {
      clients.push_back(Connection::Open(edge_.port()));
      ASSERT_TRUE(clients.back());
      ASSERT_TRUE(clients.back()->Send(request, Deadline(2s)));
    }
    const auto connections = [&] { return edge_.MetricSum("meridian_client_connections"); };
    EXPECT_TRUE(Eventually([&] { return connections() == 2; }, 5s, 20ms));
    EXPECT_TRUE(Eventually([&] { return connections() == 0; }, 15s, 20ms));
    for (const auto& client : clients) {
      std::string answer;
      EXPECT_NE(client->ReadToEnd(&answer, Deadline(5s)), ReadEnd::kTimeout);
      EXPECT_LT(answer.size(), kHuge);
    }
  }
}

// The clients' reluctance reaches the origin: nobody holds what nobody takes. Who wants something of another service
// does not notice. (Of the same one it would: each response holds a connection to its origin until it is reset.)
TEST_F(SlowClients, TwoThousandResponsesThatNobodyTakesAreHeldInBoundedMemory) {
  LoadGenerator good({.port = edge_.port(), .rate = 50, .connections = 4});
  const uint64_t rss = edge_.process().RssBytes();
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(Connection::Open(edge_.port()));
    ASSERT_TRUE(slow.back());
    ASSERT_TRUE(slow.back()->Send(std::string(kPreface) + Settings(Setting(4, 0)) + Asks(100), Deadline(2s)));
  }
  uint64_t most = rss;
  for (const auto& connection : slow) {
    EXPECT_EQ(Resets(*connection, 100, Deadline(30s), [&] { most = std::max(most, edge_.process().RssBytes()); }),
              100u);
  }
  const auto samples = good.Stop();
  EXPECT_TRUE(Failed(samples).empty()) << Describe(samples);
  RecordProperty("kib", static_cast<int>((most - rss) / 1024));
  // A window of 64 KiB for each, and its bookkeeping; limits.buffer_memory bounds all of them together.
  EXPECT_TRUE(kSanitized || most - rss <= 2000 * (80u << 10)) << (most - rss) / 1024 << " KiB";
}

}  // namespace
}  // namespace meridian::testing
