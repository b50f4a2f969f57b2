// Thousands of connections of good bytes made bad, from clients and from origins: the edge lives, serves the next one
// at once, and has given everything back.
//
// MERIDIAN_MUTATIONS=100000 MERIDIAN_SEED=7 asks for more of them, and others. What case N sends depends on the seed
// and N alone.
#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

#include "integration/edge.h"
#include "support/certificates.h"
#include "support/connection.h"
#include "support/h2_raw.h"
#include "support/logical_request.h"
#include "support/mutated_origin.h"
#include "support/mutated_tls.h"
#include "support/mutator.h"

namespace meridian::testing {
namespace {

constexpr size_t kAtOnce = 16;
constexpr uint64_t kWarmUp = 150;
constexpr size_t kClear = 0, kTls = 1;
// What allocators and pools of the process may keep beyond what they had after the warm-up, however many came.
constexpr uint64_t kMemory = 8u << 20;

// `f(number)` for each of them, some at once.
void ForEachCase(uint64_t begin, uint64_t end, const std::function<void(uint64_t)>& f) {
  std::atomic<uint64_t> next = begin;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kAtOnce; ++i) {
    threads.emplace_back([&] {
      for (uint64_t number; (number = next++) < end;) f(number);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class MutatedConnections : public ::testing::Test {
 protected:
  MutatedConnections() { signal(SIGPIPE, SIG_IGN); }

  static constexpr const char* kPool = "{ warm: false, idle_timeout: 1s }";
  EdgeConfig Config() {
    EdgeConfig config = ShopEdge({{kNear, origin_.url()}});
    config.services[0].health = "";
    config.services[0].pool = kPool;
    config.services[0].timeouts = "{ request: 400ms, idle: 200ms, tunnel: 1s }";
    config.listeners = {{}, {authority_.Issue("edge", KeyKind::kEcdsa, {"shop.example"})}};
    config.extra = "limits: { header_timeout: 300ms, handshake_timeout: 300ms, idle_timeout: 1s, stall_timeout: 1s }\n";
    return config;
  }

  // Before the first connection.
  void Start(const EdgeConfig& config) {
    edge_.emplace(config);
    // The connection of the question whether it is ready closes in its own time.
    int same = 0;
    ASSERT_TRUE(Eventually(
        [&] {
          const size_t now = edge_->process().OpenFds();
          same = now == descriptors_ ? same + 1 : 0;
          descriptors_ = now;
          return same == 10;
        },
        2s));
  }

  // Throws `count` cases and looks at what is left.
  void Run(uint64_t count, const std::string& greeting, const std::function<void(uint64_t)>& f) {
    ForEachCase(0, kWarmUp, f);
    const uint64_t memory = edge_->process().RssBytes();
    ForEachCase(kWarmUp, kWarmUp + count, f);
    ASSERT_TRUE(edge_->process().Running()) << edge_->EventText();
    ExpectServed(greeting);
    ExpectNothingOpen();
    const uint64_t more = std::max(edge_->process().RssBytes(), memory) - memory;
    EXPECT_TRUE(kSanitized || more <= kMemory) << more / 1024 << " KiB more";
    RecordProperty("more_kib", static_cast<int>(more / 1024));
    RecordProperty("descriptors", static_cast<int>(descriptors_));
  }

  // Good requests, each on a new connection. `greeting` comes before everything else.
  void ExpectServed(const std::string& greeting) {
    const auto begin = Clock::now();
    const std::string http1 = "GET /good HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n";
    const LogicalRequest good;
    Seeded chance(0);
    const std::string http2 = std::string(h2::kPreface) + h2::Settings() + AsHttp2(good, 1, chance);
    EXPECT_NE(Answer(Connection::Open(edge_->port(kClear)), greeting + http1).find("HTTP/1.1 200 "), std::string::npos);
    EXPECT_NE(Answer(Connection::Open(edge_->port(kClear)), greeting + http2).find("hello"), std::string::npos);
    if (greeting.empty()) {
      EXPECT_NE(Answer(Connection::Open(edge_->port(kTls), &http1_), http1).find("HTTP/1.1 200 "), std::string::npos);
    }
    EXPECT_LT(Clock::now() - begin, 1s);
  }
  static std::string Answer(const std::unique_ptr<Connection>& client, const std::string& bytes) {
    std::string answer;
    if (!client || !client->Send(bytes, Deadline(1s))) return answer;
    while (answer.find("hello\n") == std::string::npos && client->Read(&answer, Deadline(1s)) == ReadEnd::kData) {
    }
    return answer;
  }

  void ExpectNothingOpen() {
    EXPECT_TRUE(Eventually([&] { return edge_->process().OpenFds() == descriptors_; }, 10s, 20ms))
        << edge_->process().OpenFds() << " descriptors instead of " << descriptors_;
  }

  // Requests of either version as the bytes of one connection.
  static std::string Bytes(Seeded& chance, bool http2) {
    std::string out;
    if (http2) out = std::string(h2::kPreface) + h2::Settings(chance.OneIn(2) ? h2::Setting(4, 1 << 20) : "");
    const size_t requests = chance.Between(1, 4);
    for (size_t i = 0; i < requests; ++i) {
      const LogicalRequest request = MakeRequest(chance);
      if (!http2 && chance.OneIn(8)) {
        out += "GET /socket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        break;
      }
      out += http2 ? AsHttp2(request, static_cast<uint32_t>(2 * i + 1), chance) : AsHttp1(request, chance);
    }
    return out;
  }

  // What a client does once its bytes are sent.
  static void EndConnection(Connection& connection, Seeded& chance) {
    std::string answer;
    switch (chance.Below(4)) {
      case 0:
        return connection.CloseWithReset();  // without a look
      case 1:
        connection.ShutdownWrite();
        connection.ReadToEnd(&answer, Deadline(1s));
        break;
      default:
        connection.Read(&answer, Deadline(15ms));
    }
    connection.CloseWithReset();
  }

  static void SendPieces(Connection& connection, const std::string& bytes, Seeded& chance) {
    const size_t cut = chance.OneIn(3) ? chance.Below(bytes.size() + 1) : bytes.size();
    connection.Send(bytes.substr(0, cut), Deadline(1s));
    connection.Send(bytes.substr(cut), Deadline(1s));
  }

  // Mutated bytes on a connection of one of the two listeners; behind one of `greetings`, if there are any, which is
  // mutated with them.
  void Throw(uint64_t number, const std::vector<std::string>& greetings) {
    Seeded chance(seed_, number);
    const bool http2 = chance.OneIn(2);
    const std::string before = greetings.empty() ? "" : chance.Of(greetings);
    const std::string bytes = Bytes(chance, http2);
    const size_t way = chance.Below(8);
    const TlsClientContext& tls = http2 ? http2_ : http1_;
    if (way < 5) {
      const auto connection = Connection::Open(edge_->port(kClear));
      if (!connection) return Lost(number);
      const bool whole = before.empty() || chance.OneIn(2);  // else what follows a good greeting
      SendPieces(*connection, whole ? Mutator(chance).Mutate(before + bytes) : before + Mutator(chance).Mutate(bytes),
                 chance);
      EndConnection(*connection, chance);
    } else if (way < 7 || !before.empty()) {
      const auto connection = Connection::Open(edge_->port(kTls));
      if (!connection) return Lost(number);
      if (!before.empty()) connection->Send(chance.OneIn(2) ? Mutator(chance).Mutate(before) : before, Deadline(1s));
      SpeakMutatedTls(*connection, tls, bytes, chance, Deadline(100ms));
      EndConnection(*connection, chance);
    } else {
      const auto connection = Connection::Open(edge_->port(kTls), &tls);
      // A busy machine may need longer than the edge waits.
      if (!connection) return Connection::Open(edge_->port(kTls)) ? void(++late_) : Lost(number);
      SendPieces(*connection, Mutator(chance).Mutate(bytes), chance);
      EndConnection(*connection, chance);
    }
  }

  void ExpectRequests() {
    EXPECT_LE(late_, count_ / 100) << "handshakes that were not made";
    EXPECT_GT(origin_.requests(), count_ / 5) << "not all of them ended at their first bytes";
    RecordProperty("requests", static_cast<int>(origin_.requests()));
  }
  void Lost(uint64_t number) {
    ADD_FAILURE() << "case " << number << " found nobody: one of the " << kAtOnce << " before it, or so";
  }

  static OriginReply Reply(const OriginRequest& request) {
    if (!request.headers.Has("upgrade")) return {.body = "hello\n"};
    return {.raw = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello",
            .after = OriginReply::After::kHang};
  }

  const uint64_t seed_ = Asked("MERIDIAN_SEED", 1);
  const uint64_t count_ = Asked("MERIDIAN_MUTATIONS", 2000) / 3;
  TempDir dir_;
  TestCertificates authority_{dir_};
  TlsClientContext http1_{{.alpn = "http/1.1"}};
  TlsClientContext http2_{{.alpn = "h2"}};
  ScriptedOrigin origin_{kNear, Reply};
  std::optional<Edge> edge_;
  std::atomic<uint64_t> late_ = 0;
  size_t descriptors_ = 0;
};

TEST_F(MutatedConnections, OfClientsLeaveNothingBehind) {
  Start(Config());
  Run(count_, "", [&](uint64_t number) { Throw(number, {}); });
  ExpectRequests();
}

TEST_F(MutatedConnections, BehindABalancerLeaveNothingBehind) {
  EdgeConfig config = Config();
  config.listener_extra = "    proxy_protocol: true\n";
  Start(config);
  const std::string v1 = "PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n";
  const std::string v1_v6 = "PROXY TCP6 2001:db8::9 ::1 4711 80\r\n";
  const std::string v2("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\x7f\0\0\x01\x12\x67\0\x50", 28);
  const std::string v2_tlv("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\xc6\x33\x64\x07\x7f\0\0\x01\x12\x67\0\x50\x04\0\x02ok",
                           33);
  Run(count_, v1, [&](uint64_t number) { Throw(number, {v1, v1_v6, v2, v2_tlv, "PROXY UNKNOWN\r\n"}); });
  ExpectRequests();
}

TEST_F(MutatedConnections, OfOriginsLeaveNothingBehind) {
  EdgeConfig config = Config();
  MutatedOrigin http1(false, seed_), http2(true, seed_);
  for (const auto& [name, url] : {std::pair("h1", http1.url()), std::pair("h2", http2.url())}) {
    ServiceConfig service = config.services[0];
    service.name = name;
    service.origins = {{kNear, url}};
    config.services.push_back(service);
    config.routes.insert(
        config.routes.begin(),
        {.name = name, .match = std::string("{ host: ") + name + ".example }", .split = std::string(name) + ": 1"});
  }
  Start(config);
  std::atomic<uint64_t> slow = 0;
  Run(count_, "", [&](uint64_t number) {
    Seeded chance(seed_, number);
    LogicalRequest request = MakeRequest(chance);
    request.target = "/case/" + std::to_string(number);
    request.authority = chance.OneIn(2) ? "h1.example" : "h2.example";
    const bool by_http2 = chance.OneIn(2);
    const auto connection = Connection::Open(edge_->port(kClear));
    if (!connection) return Lost(number);
    std::string bytes = AsHttp1(request, chance);
    if (by_http2) bytes = std::string(h2::kPreface) + h2::Settings() + AsHttp2(request, 1, chance);
    SendPieces(*connection, bytes, chance);
    if (chance.OneIn(8)) return EndConnection(*connection, chance);
    // An answer or an end; nobody is left waiting.
    std::string answer;
    slow += connection->Read(&answer, Deadline(3s)) == ReadEnd::kTimeout;
    connection->CloseWithReset();
  });
  EXPECT_EQ(slow, 0u);
  EXPECT_GT(http1.answers() + http2.answers(), count_ / 2) << "most requests were really answered with such bytes";
}

}  // namespace
}  // namespace meridian::testing
