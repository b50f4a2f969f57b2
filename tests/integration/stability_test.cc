// Over time: connections that do nothing cost little, and what was used is given back.
#include <algorithm>
#include <memory>

#include "integration/edge.h"
#include "support/certificates.h"
#include "support/nginx_origin.h"

namespace meridian::testing {
namespace {

class Stability : public ::testing::Test {
 protected:
  static bool FdsBackTo(Edge& edge, size_t count) {
    return Eventually([&] { return edge.process().OpenFds() <= count; }, 5s, 50ms);
  }
};

TEST_F(Stability, ManyIdleConnectionsAreHeldCheaplyAndGivenBack) {
  constexpr size_t kEach = 400;
  const TempDir dir;
  const TestCertificates authority(dir);
  ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
  EdgeConfig config = ShopEdge({{kNear, origin.url()}});
  config.listeners = {{authority.Issue("edge", KeyKind::kEcdsa, {"shop.example"})}, {}};
  Edge edge(config);
  const TlsClientContext tls({.ca_file = authority.ca_file(), .server_name = "shop.example"});
  EXPECT_EQ(Http1Client(edge.port(), &tls).Get("/item").status, 200);
  // The connection of that request may or may not be gone already, on either side.
  constexpr size_t kLeeway = 2;
  const size_t fds = edge.process().OpenFds();
  const uint64_t rss = edge.process().RssBytes();

  std::vector<std::unique_ptr<Connection>> idle;
  for (size_t i = 0; i < kEach; ++i) {
    idle.push_back(Connection::Open(edge.port(0), &tls));
    ASSERT_TRUE(idle.back()) << i;
    idle.push_back(Connection::Open(edge.port(1)));
    ASSERT_TRUE(idle.back()) << i;
  }
  EXPECT_TRUE(Eventually([&] { return edge.process().OpenFds() + kLeeway >= fds + 2 * kEach; }, 5s));
  Http1Client active(edge.port(0), &tls);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(active.Get("/item").status, 200);
  if (!kSanitized) {
    const uint64_t now = edge.process().RssBytes();
    EXPECT_LT(now - std::min(rss, now), kEach * 2 * 64 * 1024) << "64 KiB for each connection that does nothing";
  }
  idle.clear();
  active.Disconnect();
  EXPECT_TRUE(FdsBackTo(edge, fds + kLeeway)) << edge.process().OpenFds() << " instead of " << fds;
}

TEST_F(Stability, MemoryAndDescriptorsStayFlatOverRoundsOfLoad) {
  MERIDIAN_REQUIRE_TOOL("nginx");
  MERIDIAN_REQUIRE_TOOL("h2load");
  const TempDir dir;
  const TestCertificates authority(dir);
  const NginxOrigin origin({.http2 = true});
  EdgeConfig config = ShopEdge({{kNear, origin.url()}});
  config.listeners = {{authority.Issue("edge", KeyKind::kEcdsa, {"127.0.0.1"})}};
  Edge edge(config);
  const std::string url = "https://127.0.0.1:" + std::to_string(edge.port()) + "/hello";
  const auto round = [&] {
    const H2loadResult result = H2load({"-n", "4000", "-c", "50", "-m", "10", url});
    EXPECT_EQ(result.status_2xx, 4000u) << result.out;
  };
  for (int i = 0; i < 3; ++i) round();  // pools, arenas and caches reach their size
  const uint64_t rss = edge.process().RssBytes();
  const size_t fds = edge.process().OpenFds();
  for (int i = 0; i < 6; ++i) round();
  if (!kSanitized) {
    EXPECT_LT(edge.process().RssBytes(), rss + (8u << 20)) << "24 000 requests later";
  }
  EXPECT_TRUE(FdsBackTo(edge, fds + 2)) << edge.process().OpenFds() << " instead of " << fds;
}

TEST_F(Stability, ClientsThatVanishLeaveNothingBehind) {
  ScriptedOrigin origin(
      kNear, [](const OriginRequest&) { return OriginReply{.silent = true, .after = OriginReply::After::kHang}; });
  Edge edge(ShopEdge({{kNear, origin.url()}}));
  const size_t fds = edge.process().OpenFds();
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Connection>> clients;
    const uint64_t before = origin.requests();
    for (int i = 0; i < 50; ++i) {
      clients.push_back(Connection::Open(edge.port()));
      ASSERT_TRUE(clients.back());
      ASSERT_TRUE(clients.back()->Send("GET /hangs HTTP/1.1\r\nhost: shop.example\r\n\r\n", Deadline(2s)));
    }
    ASSERT_TRUE(Eventually([&] { return origin.requests() >= before + 50; }, 5s));
    for (auto& client : clients) client->CloseWithReset();
  }
  // The connections to the origin are in the middle of a request that nobody wants any more: they go as well.
  EXPECT_TRUE(FdsBackTo(edge, fds + 2)) << edge.process().OpenFds() << " instead of " << fds;
}

}  // namespace
}  // namespace meridian::testing
