// What clients may take of the edge: connections, handshakes, requests, time, memory. Whoever takes more is cut and
// counted, and the next client does not notice.
#include "integration/edge.h"
#include "support/connection.h"

namespace meridian::testing {
namespace {

double Limited(const Edge& edge, const std::string& limit) {
  return edge.MetricSum("meridian_limit_total", {"limit=\"" + limit + "\""});
}

constexpr char kGet[] = "GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n";

// One worker, so that no limit is divided.
EdgeConfig EdgeWith(const ScriptedOrigin& origin, const std::string& limits) {
  EdgeConfig config = ShopEdge({{kNear, origin.url()}});
  config.workers = 1;
  config.extra = "limits: { " + limits + " }\n";
  return config;
}

// One request on a connection; the connection stays open if the answer allows it.
bool IsServed(Connection& connection) {
  std::string answer;
  if (!connection.Send(kGet, Deadline(2s))) return false;
  while (answer.find(kNear) == std::string::npos) {
    if (connection.Read(&answer, Deadline(2s)) != ReadEnd::kData) return false;
  }
  return answer.starts_with("HTTP/1.1 200");
}

TEST(Limits, ANetworkHasOnlySoManyConnectionsAndGetsThemBackWhenItClosesSome) {
  ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
  Edge edge(EdgeWith(origin, "max_connections_per_client: 4"));
  std::vector<std::unique_ptr<Connection>> open;
  for (int i = 0; i < 4; ++i) {
    open.push_back(Connection::Open(edge.port()));
    ASSERT_TRUE(open.back() && IsServed(*open.back()));
  }
  const auto fifth = Connection::Open(edge.port());
  std::string nothing;
  EXPECT_TRUE(!fifth || fifth->ReadToEnd(&nothing, Deadline(2s)) != ReadEnd::kTimeout) << "it is closed at once";
  EXPECT_EQ(nothing, "");
  EXPECT_EQ(Limited(edge, "client_connections"), 1);
  for (const auto& connection : open) EXPECT_TRUE(IsServed(*connection)) << "those that are open go on";
  open.pop_back();
  EXPECT_TRUE(Eventually(
      [&] {
        const auto again = Connection::Open(edge.port());
        return again && IsServed(*again);
      },
      2s, 10ms));
}

}  // namespace
}  // namespace meridian::testing
