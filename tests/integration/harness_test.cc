// The harness by itself: what the other tests lean on must do what its headers say, or they prove nothing.
#include <gtest/gtest.h>
#include <signal.h>

#include "support/certificates.h"
#include "support/chaos_gate.h"
#include "support/clients.h"
#include "support/load_generator.h"
#include "support/nginx_origin.h"
#include "support/scripted_origin.h"

namespace meridian::testing {
namespace {

std::string Url(uint16_t port, const std::string& path = "/hello") {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}

TEST(Harness, ReportsExitCodesSignalsAndOutputOfChildren) {
  const RunResult run = RunProgram({.argv = {"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_EQ(run.out, "out\n");
  EXPECT_EQ(run.err, "err\n");

  const TempDir dir;
  Process sleeper(dir, "sleeper", {.argv = {"sleep", "60"}});
  EXPECT_TRUE(sleeper.Running());
  EXPECT_GT(sleeper.RssBytes(), 0u);
  EXPECT_GE(sleeper.OpenFds(), 3u);
  EXPECT_FALSE(sleeper.Wait(30ms).has_value());
  sleeper.Signal(SIGTERM);
  EXPECT_EQ(sleeper.Wait(5s), 128 + SIGTERM);
}

TEST(Harness, TheLineOfALogThatIsBeingWrittenDoesNotCountYet) {
  EXPECT_TRUE(WholeLines("").empty());
  EXPECT_TRUE(WholeLines("{\"time\":").empty());
  EXPECT_EQ(WholeLines("one\ntwo\n"), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(WholeLines("one\ntwo\nth"), (std::vector<std::string>{"one", "two"}));
}

TEST(Harness, AReservedPortRefusesAndCanListenAgainAndAgain) {
  const PortReservation reservation;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(ConnectTo(reservation.port()));
    const UniqueFd listener = ListenOn(reservation.port());
    EXPECT_TRUE(ConnectTo(reservation.port()));
  }
}

TEST(Harness, NginxServesStoresDiesAndComesBackOnItsPort) {
  MERIDIAN_REQUIRE_TOOL("nginx");
  MERIDIAN_REQUIRE_TOOL("curl");
  NginxOrigin origin({.region = "eu-west-1"});
  const std::string content = PatternBytes(100'000);
  origin.AddFile("a.bin", content);
  const CurlResult file = Curl({Url(origin.port(), "/files/a.bin")});
  EXPECT_EQ(file.status, 200) << file.err;
  EXPECT_EQ(file.headers.Get("x-region"), "eu-west-1");
  EXPECT_TRUE(file.body == content);

  for (const size_t size : {0, 1, 70'000}) {
    const TempDir dir;
    WriteFile(dir.File("up"), content.substr(0, size));
    EXPECT_EQ(Curl({"-T", dir.File("up"), Url(origin.port(), "/upload/up")}).status / 100, 2);
    EXPECT_EQ(Sha256OfFile(origin.UploadedFile("up")), Sha256(content.substr(0, size)));
  }
  origin.Kill();
  EXPECT_EQ(Curl({Url(origin.port())}).exit_code, 7) << "curl's code for a refused connection";
  origin.Start();
  EXPECT_EQ(Curl({Url(origin.port())}).body, "eu-west-1\n");
}

TEST(Harness, NginxSpeaksTlsAndHttp2WithCertificatesOfTheTestAuthority) {
  MERIDIAN_REQUIRE_TOOL("nginx");
  MERIDIAN_REQUIRE_TOOL("curl");
  const TempDir dir;
  const TestCertificates authority(dir);
  for (const KeyKind kind : {KeyKind::kEcdsa, KeyKind::kRsa}) {
    const NginxOrigin h2({.http2 = true, .tls = authority.Issue("leaf", kind, {"origin.test", "127.0.0.1"})});
    const CurlResult answer =
        Curl({"--http2", "--cacert", authority.ca_file(), "https://127.0.0.1:" + std::to_string(h2.port()) + "/hello"});
    EXPECT_EQ(answer.http_version, "2") << answer.err;
    EXPECT_EQ(answer.status, 200);

    const TlsClientContext tls({.ca_file = authority.ca_file(), .server_name = "origin.test"});
    const auto connection = Connection::Open(h2.port(), &tls);
    ASSERT_TRUE(connection);
    EXPECT_EQ(connection->peer_key_type(), kind == KeyKind::kEcdsa ? "EC" : "RSA");
    EXPECT_EQ(connection->alpn(), "http/1.1");
    const TlsClientContext wrong_name({.ca_file = authority.ca_file(), .server_name = "other.test"});
    EXPECT_FALSE(Connection::Open(h2.port(), &wrong_name)) << "a certificate for another name is refused";
  }
  const NginxOrigin h2c({.http2 = true});
  EXPECT_EQ(Curl({"--http2-prior-knowledge", Url(h2c.port())}).http_version, "2");
}

TEST(Harness, AScriptedOriginAnswersAsToldAndRemembersWhatItGot) {
  ScriptedOrigin origin("us-east-1", [](const OriginRequest& request) -> OriginReply {
    if (request.target == "/echo") return {.body = request.body};
    if (request.target == "/chunked") return {.body = "abc", .chunked = true, .trailers = {{"x-sum", "6"}}};
    if (request.target == "/cut") {
      return {.body = std::string(100, 'x'), .send_only = 10, .after = OriginReply::After::kReset};
    }
    if (request.target == "/close") return {.silent = true, .after = OriginReply::After::kClose};
    if (request.target == "/hang") return {.silent = true, .after = OriginReply::After::kHang};
    return {.interim = {"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"}};
  });
  Http1Client client(origin.port());
  EXPECT_EQ(client.Do({.method = "POST", .target = "/echo", .body = "ping"}).body, "ping");
  EXPECT_EQ(client.Do({.target = "/healthz"}).status, 200);
  const HttpResponse chunked = client.Get("/chunked");
  EXPECT_EQ(chunked.body, "abc");
  EXPECT_EQ(chunked.trailers.Get("X-Sum"), "6");
  EXPECT_EQ(client.Get("/").interim, std::vector<int>{103});
  EXPECT_EQ(client.connections(), 1) << "kept alive so far";
  const HttpResponse cut = client.Get("/cut");
  EXPECT_EQ(cut.status, 200);
  EXPECT_FALSE(cut.complete);
  EXPECT_EQ(client.Get("/close").error, "closed");
  EXPECT_EQ(client.Get("/hang", 100ms).error, "timeout");

  EXPECT_EQ(origin.requests(), 6u);
  EXPECT_EQ(origin.health_checks(), 1u);
  EXPECT_EQ(origin.Received().front().body, "ping");
}

TEST(Harness, AChaosGatePassesAndFailsOnDemand) {
  ScriptedOrigin origin("eu-west-1", [](const OriginRequest&) { return OriginReply{.body = std::string(5000, 'b')}; });
  ChaosGate gate(origin.port());
  const auto get = [&](Millis limit = 2s) { return Http1Client(gate.port()).Get("/item", limit); };
  EXPECT_TRUE(get().complete);

  gate.Set(GateMode::Refuse());
  EXPECT_EQ(get().error, "cannot connect");
  gate.Set(GateMode::Pass());
  EXPECT_TRUE(get().complete);

  Http1Client kept(gate.port());
  EXPECT_TRUE(kept.Get("/item").complete);
  gate.Set(GateMode::Hang());
  EXPECT_EQ(kept.Get("/item", 100ms).error, "timeout") << "what was open falls silent too";
  EXPECT_EQ(get(100ms).error, "timeout");
  EXPECT_EQ(gate.SwallowedCount("GET /item"), 2u);

  gate.Set(GateMode::ResetOnBytes());
  EXPECT_EQ(get().error, "reset");
  EXPECT_EQ(gate.SwallowedCount("GET /item"), 1u);
  gate.Set(GateMode::ResetOnAccept());
  EXPECT_FALSE(get().complete);

  gate.Set(GateMode::Cut(1000));
  EXPECT_EQ(get().error, "reset");
  gate.Set(GateMode::Cut(1000, false));
  const HttpResponse cut = get();
  EXPECT_EQ(cut.error, "closed");
  EXPECT_GT(cut.body.size(), 500u);

  gate.Set(GateMode::Delay(80ms));
  const auto begin = Clock::now();
  EXPECT_TRUE(get().complete);
  EXPECT_GE(Clock::now() - begin, 80ms);
  gate.Set(GateMode::Pass());
  EXPECT_TRUE(get().complete);
}

TEST(Harness, TheLoadGeneratorKeepsItsRateAndSeesFailures) {
  ScriptedOrigin origin("eu-west-1", ScriptedOrigin::Friendly());
  ChaosGate gate(origin.port());
  LoadGenerator load({.port = gate.port(), .rate = 400, .connections = 8});
  EXPECT_TRUE(Eventually([&] { return origin.requests() >= 200; }, 5s));
  EXPECT_GT(load.ElapsedMs(), 400) << "200 requests at 400 per second cannot take less";
  gate.Set(GateMode::Refuse());
  const double refused_from = load.ElapsedMs();
  EXPECT_TRUE(Eventually([&] { return load.ElapsedMs() > refused_from + 200; }, 5s));
  gate.Set(GateMode::Pass());
  const std::vector<LoadSample> samples = load.Stop();
  EXPECT_GT(Failed(samples).size(), 40u) << Describe(samples);
  EXPECT_LT(Failed(samples).size(), 160u) << Describe(samples);
  EXPECT_EQ(RegionCounts(samples, 0, refused_from - 50).size(), 1u);
}

TEST(Harness, H2loadReportsWhatHappened) {
  MERIDIAN_REQUIRE_TOOL("nginx");
  MERIDIAN_REQUIRE_TOOL("h2load");
  const NginxOrigin origin({.http2 = true});
  const H2loadResult result = H2load({"-n", "2000", "-c", "10", "-m", "10", Url(origin.port())});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.status_2xx, 2000u) << result.out;
  EXPECT_EQ(result.failed + result.errored + result.timeout, 0u);
}

}  // namespace
}  // namespace meridian::testing
