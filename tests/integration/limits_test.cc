// What clients may take of the edge: connections, handshakes, requests, time, memory. Whoever takes more is cut and
// counted, and the next client does not notice.
#include <signal.h>

#include <filesystem>
#include <fstream>

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

TEST(Limits, AConnectionThatHadItsRequestsEndsInOrder) {
  ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
  Edge edge(EdgeWith(origin, "max_requests: 3"));
  const auto connection = Connection::Open(edge.port());
  ASSERT_TRUE(connection);
  EXPECT_TRUE(IsServed(*connection));
  EXPECT_TRUE(IsServed(*connection));
  ASSERT_TRUE(connection->Send(kGet, Deadline(2s)));
  std::string last;
  EXPECT_EQ(connection->ReadToEnd(&last, Deadline(2s)), ReadEnd::kEof);
  EXPECT_NE(last.find("200 OK"), std::string::npos) << last;
  EXPECT_NE(last.find("connection: close"), std::string::npos) << last;
  EXPECT_EQ(Limited(edge, "requests"), 1);
}

TEST(Limits, AnHttp2ConnectionThatHadItsRequestsLosesNoneOfThem) {
  MERIDIAN_REQUIRE_TOOL("nghttp");
  ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
  Edge edge(EdgeWith(origin, "max_requests: 3"));
  TempDir dir;
  Process client(dir, "nghttp", {.argv = {"nghttp", "-v", "-m5", edge.url("/")}});
  EXPECT_EQ(client.Wait(5s), 0);
  const std::string out = client.Out();
  size_t answers = 0;
  for (size_t at = 0; (at = out.find(":status: 200", at)) != std::string::npos; ++at) ++answers;
  EXPECT_EQ(answers, 5u) << "all were sent before the notice came";
  EXPECT_NE(out.find("GOAWAY"), std::string::npos) << out;
  EXPECT_EQ(Limited(edge, "requests"), 1);
}

TEST(Limits, HandshakesBeyondTheRateAreNotBegun) {
  ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
  TempDir dir;
  const TestCertificates certificates(dir);
  EdgeConfig config = EdgeWith(origin, "handshakes_per_second: 2, handshake_timeout: 300ms");
  config.listeners = {{certificates.Issue("edge", KeyKind::kEcdsa, {"shop.example"})}, {}};
  Edge edge(config);
  const TlsClientContext tls({});
  signal(SIGPIPE, SIG_IGN);  // the client writes into connections that are closed already
  int made = 0;
  for (int i = 0; i < 10; ++i) made += Connection::Open(edge.port(), &tls) != nullptr;
  EXPECT_GE(made, 2);
  EXPECT_LE(made, 5) << "two at once, and one each half second";
  EXPECT_EQ(Limited(edge, "handshakes"), 10 - made);
  const auto clear = Connection::Open(edge.port(1));
  EXPECT_TRUE(clear && IsServed(*clear)) << "who asks for no handshake is not concerned";
}

TEST(Limits, AHandshakeThatIsNotFinishedInTimeIsCut) {
  ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
  TempDir dir;
  const TestCertificates certificates(dir);
  EdgeConfig config = EdgeWith(origin, "handshake_timeout: 200ms");
  config.listeners = {{certificates.Issue("edge", KeyKind::kEcdsa, {"shop.example"})}};
  Edge edge(config);
  const auto silent = Connection::Open(edge.port());
  ASSERT_TRUE(silent);
  std::string nothing;
  EXPECT_NE(silent->ReadToEnd(&nothing, Deadline(2s)), ReadEnd::kTimeout);
  EXPECT_EQ(Limited(edge, "handshake_time"), 1);
}

TEST(Limits, ClientsLeaveDescriptorsForOriginsAndForTheAdminEndpoint) {
  ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
  TempDir dir;
  const std::string binary = dir.File("few_descriptors");
  std::ofstream(binary) << "#!/bin/sh\nulimit -n 64\nexec '" << MeridianBinary() << "' \"$@\"\n";
  std::filesystem::permissions(binary, std::filesystem::perms::owner_all);
  MeridianProcess edge(binary, EdgeWith(origin, "max_connections: 1000, max_connections_per_client: 1000"));
  std::vector<std::unique_ptr<Connection>> open;
  for (int i = 0; i < 100; ++i) open.push_back(Connection::Open(edge.port()));
  ASSERT_TRUE(open[0]);
  EXPECT_TRUE(IsServed(*open[0]));
  EXPECT_GT(edge.MetricSum("meridian_limit_total", {"limit=\"connections\""}), 0);
  EXPECT_EQ(edge.MetricSum("meridian_accept_paused_total"), 0);
  open.clear();
  EXPECT_TRUE(Eventually(
      [&] {
        const auto again = Connection::Open(edge.port());
        return again && IsServed(*again);
      },
      2s, 10ms));
}

class ProxyProtocol : public ::testing::Test {
 protected:
  EdgeConfig Config(const std::string& limits = "header_timeout: 300ms") {
    EdgeConfig config = EdgeWith(origin_, limits);
    config.listener_extra = "    proxy_protocol: true\n" + from_;
    return config;
  }
  // What the connection gets for these bytes until it is closed, sent in one piece or byte by byte.
  static std::string Answer(const Edge& edge, const std::string& bytes, bool bytewise = false) {
    const auto connection = Connection::Open(edge.port());
    std::string answer;
    if (!connection) return answer;
    for (size_t i = 0; i < bytes.size(); i += bytewise ? 1 : bytes.size()) {
      if (!connection->Send(bytewise ? bytes.substr(i, 1) : bytes, Deadline(2s))) break;
    }
    connection->ReadToEnd(&answer, Deadline(2s));
    return answer;
  }
  static std::string LastGet() { return "GET / HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n"; }

  ScriptedOrigin origin_{kNear, ScriptedOrigin::Friendly()};
  std::string from_;
};

TEST_F(ProxyProtocol, ItsHeaderTellsWhoTheClientIs) {
  Edge edge(Config());
  const std::string v2 =
      std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\x7f\0\0\x01\x12\x67\0\x50", 28);
  for (const bool bytewise : {false, true}) {
    EXPECT_TRUE(
        Answer(edge, "PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n" + LastGet(), bytewise).starts_with("HTTP/1.1 200"));
    EXPECT_TRUE(Answer(edge, v2 + LastGet(), bytewise).starts_with("HTTP/1.1 200"));
  }
  EXPECT_TRUE(Answer(edge, "PROXY UNKNOWN\r\n" + LastGet()).starts_with("HTTP/1.1 200"));
  std::vector<std::string> clients;
  for (const auto& line : edge.WaitForAccessLog(5)) clients.push_back(line["client"]);
  EXPECT_EQ(clients,
            (std::vector<std::string>{"203.0.113.9", "198.51.100.7", "203.0.113.9", "198.51.100.7", "127.0.0.1"}));
}

TEST_F(ProxyProtocol, WhatIsNoHeaderIsClosedAndCounted) {
  Edge edge(Config());
  EXPECT_EQ(Answer(edge, LastGet()), "");
  EXPECT_EQ(Answer(edge, "PROXY TCP4 203.0.113.9\r\n" + LastGet()), "");
  EXPECT_EQ(Answer(edge, "PROXY TCP4 203."), "") << "and what never becomes one";
  EXPECT_EQ(Answer(edge, ""), "");
  EXPECT_EQ(Limited(edge, "proxy_headers"), 4);
  EXPECT_EQ(origin_.requests(), 0u);
}

TEST_F(ProxyProtocol, ClientsOfABalancerAreCountedByTheirOwnAddress) {
  Edge edge(Config("max_connections_per_client: 1, header_timeout: 300ms"));
  std::vector<std::unique_ptr<Connection>> open;
  for (int i = 1; i <= 3; ++i) {
    open.push_back(Connection::Open(edge.port()));
    ASSERT_TRUE(open.back()->Send("PROXY TCP4 203.0." + std::to_string(i) + ".9 127.0.0.1 4711 80\r\n", Deadline(2s)));
    EXPECT_TRUE(IsServed(*open.back()));
  }
  EXPECT_EQ(Answer(edge, "PROXY TCP4 203.0.1.200 127.0.0.1 4711 80\r\n" + LastGet()), "");
  EXPECT_EQ(Limited(edge, "client_connections"), 1);
}

TEST_F(ProxyProtocol, WhoIsNotABalancerIsAClientItself) {
  from_ = "    proxy_protocol_from: [192.0.2.0/24]\n";
  Edge edge(Config());
  EXPECT_TRUE(Answer(edge, LastGet()).starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(Answer(edge, "PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n" + LastGet()).starts_with("HTTP/1.1 400"));
}

}  // namespace
}  // namespace meridian::testing
