// What clients of every kind rely on, through one edge with a TLS listener (two certificates) and a cleartext one.
#include <algorithm>
#include <memory>

#include "integration/edge.h"
#include "support/certificates.h"

namespace meridian::testing {
namespace {

constexpr size_t kTls = 0;
constexpr size_t kCleartext = 1;

OriginReply Answer(const OriginRequest& request) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  if (path == "/nothing") return {.status = 204};
  if (path == "/not-modified") return {.status = 304, .headers = {{"etag", "\"a1\""}}};
  if (path == "/chunked") return {.body = PatternBytes(50'000), .chunked = true, .trailers = {{"x-sum", "42"}}};
  if (path == "/hints") {
    return {.body = "hinted\n", .interim = {"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"}};
  }
  if (path == "/echo") return {.body = request.body};
  if (path == "/old") return {.raw = "HTTP/1.0 200 OK\r\n\r\nuntil the end", .after = OriginReply::After::kClose};
  return {.body = "hello\n"};
}

class ClientProtocols : public ::testing::Test {
 protected:
  struct World {
    TempDir dir;
    TestCertificates authority{dir};
    ScriptedOrigin origin{kNear, Answer};
    Edge edge{Config()};

    EdgeConfig Config() {
      EdgeConfig config = ShopEdge({{kNear, origin.url()}});
      config.listeners = {{authority.Issue("ecdsa", KeyKind::kEcdsa, {"shop.example", "*.shop.example"}),
                           authority.Issue("rsa", KeyKind::kRsa, {"rsa.example"})},
                          {}};
      return config;
    }
  };

  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }
  void SetUp() override { world_->origin.Forget(); }

  static ScriptedOrigin& origin() { return world_->origin; }
  static uint16_t port(size_t listener) { return world_->edge.port(listener); }
  static TlsClientContext Tls(const std::string& name, const std::string& alpn = "http/1.1") {
    return TlsClientContext({.ca_file = world_->authority.ca_file(), .server_name = name, .alpn = alpn});
  }
  // curl over TLS, the certificate verified, for `host`.
  static CurlResult CurlTls(std::vector<std::string> arguments, const std::string& path,
                            const std::string& host = "shop.example") {
    const std::string authority = host + ":" + std::to_string(port(kTls));
    for (const std::string& argument : {std::string("--cacert"), world_->authority.ca_file(), std::string("--resolve"),
                                        authority + ":127.0.0.1", "https://" + authority + path}) {
      arguments.push_back(argument);
    }
    return Curl(arguments);
  }
  static CurlResult CurlClear(std::vector<std::string> arguments, const std::string& path) {
    arguments.push_back(world_->edge.url(path, kCleartext));
    return Curl(arguments);
  }
  static OriginRequest LastSeen() {
    const std::vector<OriginRequest> all = origin().Received();
    return all.empty() ? OriginRequest() : all.back();
  }

  static std::unique_ptr<World> world_;
};

std::unique_ptr<ClientProtocols::World> ClientProtocols::world_;

TEST_F(ClientProtocols, CurlIsServedInEveryVersionOverTlsAndCleartext) {
  MERIDIAN_REQUIRE_TOOL("curl");
  const std::vector<std::pair<CurlResult, std::string>> answers = {
      {CurlTls({"--http2"}, "/hello"), "2"},
      {CurlTls({"--http1.1"}, "/hello"), "1.1"},
      {CurlTls({"--http2", "--tls-max", "1.2"}, "/hello"), "2"},
      {CurlTls({"--http2", "--tlsv1.3"}, "/hello"), "2"},
      {CurlClear({"--http2-prior-knowledge"}, "/hello"), "2"},
      {CurlClear({"--http1.1"}, "/hello"), "1.1"},
  };
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto& [answer, version] = answers[i];
    EXPECT_EQ(answer.exit_code, 0) << i << ": " << answer.err;
    EXPECT_EQ(answer.status, 200) << i;
    EXPECT_EQ(answer.http_version, version) << i;
    EXPECT_EQ(answer.body, "hello\n") << i;
    EXPECT_EQ(answer.headers.Get("x-region"), kNear) << i;
  }
}

TEST_F(ClientProtocols, OldTlsIsRefused) {
  MERIDIAN_REQUIRE_TOOL("curl");
  EXPECT_NE(CurlTls({"--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"}, "/hello").exit_code, 0);
}

TEST_F(ClientProtocols, TheCertificateIsChosenByServerName) {
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"shop.example", "EC"}, {"www.shop.example", "EC"}, {"rsa.example", "RSA"}};
  for (const auto& [name, kind] : wanted) {
    const TlsClientContext tls = Tls(name);
    const auto connection = Connection::Open(port(kTls), &tls);
    ASSERT_TRUE(connection) << name << ": the certificate does not verify for this name";
    EXPECT_EQ(connection->peer_key_type(), kind) << name;
    Http1Client client(port(kTls), &tls, name);
    EXPECT_EQ(client.Get("/hello").status, 200) << name;
  }
  const TlsClientContext nameless({.alpn = "http/1.1"});
  const auto connection = Connection::Open(port(kTls), &nameless);
  ASSERT_TRUE(connection) << "a client without a server name gets the first certificate";
  EXPECT_EQ(connection->peer_key_type(), "EC");
}

TEST_F(ClientProtocols, AlpnDecidesTheProtocolAndIsOptional) {
  for (const char* protocol : {"h2", "http/1.1", ""}) {
    const TlsClientContext tls = Tls("shop.example", protocol);
    const auto connection = Connection::Open(port(kTls), &tls);
    ASSERT_TRUE(connection) << protocol;
    EXPECT_EQ(connection->alpn(), protocol);
  }
  const TlsClientContext tls = Tls("shop.example", "");
  Http1Client client(port(kTls), &tls);
  EXPECT_EQ(client.Get("/hello").status, 200) << "without ALPN it is HTTP/1.1";
}

TEST_F(ClientProtocols, NghttpIsServedOverTlsAndByPriorKnowledge) {
  MERIDIAN_REQUIRE_TOOL("nghttp");
  for (const std::string& url :
       {"https://127.0.0.1:" + std::to_string(port(kTls)) + "/hello", world_->edge.url("/hello", kCleartext)}) {
    const RunResult run = RunProgram({.argv = {"nghttp", "--no-dep", url}});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.out, "hello\n") << url;
  }
}

TEST_F(ClientProtocols, AnH1ConnectionIsKeptAliveForManyRequests) {
  const TlsClientContext tls = Tls("shop.example");
  for (const TlsClientContext* context : {static_cast<const TlsClientContext*>(nullptr), &tls}) {
    Http1Client client(port(context ? kTls : kCleartext), context);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(client.Get("/hello").body, "hello\n");
    EXPECT_EQ(client.connections(), 1);
  }
}

TEST_F(ClientProtocols, PipelinedRequestsAreAnsweredInOrder) {
  const auto connection = Connection::Open(port(kCleartext));
  ASSERT_TRUE(connection);
  const Deadline deadline(5s);
  std::string burst;
  for (int i = 0; i < 5; ++i) {
    const std::string body = "number " + std::to_string(i);
    burst += "POST /echo HTTP/1.1\r\nhost: shop.example\r\ncontent-length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body;
  }
  ASSERT_TRUE(connection->Send(burst, deadline));
  MessageReader reader(connection.get());
  for (int i = 0; i < 5; ++i) {
    std::string status, body;
    Headers headers, trailers;
    ASSERT_TRUE(reader.ReadHead(&status, &headers, deadline)) << i;
    ASSERT_TRUE(reader.ReadBody(headers, false, &body, &trailers, deadline)) << i;
    EXPECT_EQ(body, "number " + std::to_string(i));
  }
}

TEST_F(ClientProtocols, HeadHasTheLengthButNoBodyAndKeepsTheConnection) {
  MERIDIAN_REQUIRE_TOOL("curl");
  for (const char* version : {"--http2", "--http1.1"}) {
    const CurlResult head = CurlTls({version, "--head"}, "/hello");
    EXPECT_EQ(head.exit_code, 0) << head.err;
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.headers.Get("content-length"), "6") << version;
    EXPECT_EQ(head.downloaded, 0u);
  }
  Http1Client client(port(kCleartext));
  EXPECT_EQ(client.Do({.method = "HEAD", .target = "/hello"}).status, 200);
  EXPECT_EQ(client.Do({.method = "HEAD", .target = "/chunked"}).status, 200);
  EXPECT_EQ(client.Get("/hello").body, "hello\n");
  EXPECT_EQ(client.connections(), 1);
}

TEST_F(ClientProtocols, AnswersWithoutABodyStayWithoutABody) {
  MERIDIAN_REQUIRE_TOOL("curl");
  for (const char* version : {"--http2", "--http1.1"}) {
    const CurlResult nothing = CurlTls({version}, "/nothing");
    EXPECT_EQ(nothing.status, 204) << nothing.err;
    EXPECT_EQ(nothing.downloaded, 0u);
    EXPECT_FALSE(nothing.headers.Has("transfer-encoding"));
    EXPECT_FALSE(nothing.headers.Has("content-length")) << "RFC 9110 8.6 forbids it with 204";
    const CurlResult unchanged = CurlTls({version, "-H", "if-none-match: \"a1\""}, "/not-modified");
    EXPECT_EQ(unchanged.status, 304) << unchanged.err;
    EXPECT_EQ(unchanged.headers.Get("etag"), "\"a1\"");
    EXPECT_EQ(LastSeen().headers.Get("if-none-match"), "\"a1\"");
  }
  Http1Client client(port(kCleartext));
  EXPECT_EQ(client.Get("/nothing").status, 204);
  EXPECT_EQ(client.Get("/not-modified").status, 304);
  EXPECT_EQ(client.Get("/hello").body, "hello\n");
  EXPECT_EQ(client.connections(), 1);
}

TEST_F(ClientProtocols, AChunkedAnswerArrivesWholeWithItsTrailers) {
  MERIDIAN_REQUIRE_TOOL("curl");
  for (const char* version : {"--http2", "--http1.1"}) {
    const CurlResult answer = CurlTls({version, "-H", "te: trailers"}, "/chunked");
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    EXPECT_TRUE(answer.body == PatternBytes(50'000)) << version << ": " << answer.body.size() << " bytes";
    EXPECT_EQ(answer.headers.Get("x-sum"), "42") << version << ": the trailer is lost";
  }
}

TEST_F(ClientProtocols, RequestTrailersReachTheOrigin) {
  MERIDIAN_REQUIRE_TOOL("nghttp");
  const TempDir dir;
  WriteFile(dir.File("body"), "counted");
  const RunResult run = RunProgram({.argv = {"nghttp", "--no-dep", "--no-content-length", "-d", dir.File("body"),
                                             "--trailer", "x-sum: 7", world_->edge.url("/echo", kCleartext)}});
  EXPECT_EQ(run.out, "counted") << run.err;
  EXPECT_EQ(LastSeen().body, "counted");
  EXPECT_EQ(LastSeen().trailers.Get("x-sum"), "7");
}

TEST_F(ClientProtocols, AChunkedRequestArrivesWhole) {
  Http1Client client(port(kCleartext));
  const HttpResponse answer = client.Do({.method = "POST",
                                         .target = "/echo",
                                         .headers = {{"transfer-encoding", "chunked"}},
                                         .body = "5\r\nhello\r\n7;note=x\r\n, world\r\n0\r\n\r\n"});
  EXPECT_EQ(answer.body, "hello, world");
  EXPECT_EQ(client.Get("/hello").body, "hello\n");
  EXPECT_EQ(client.connections(), 1);
}

TEST_F(ClientProtocols, AClientThatExpects100GetsItBeforeItSendsItsBody) {
  const auto connection = Connection::Open(port(kCleartext));
  ASSERT_TRUE(connection);
  const Deadline deadline(5s);
  ASSERT_TRUE(connection->Send(
      "POST /echo HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n", deadline));
  MessageReader reader(connection.get());
  std::string status;
  Headers interim, headers, trailers;
  ASSERT_TRUE(reader.ReadHead(&status, &interim, deadline)) << "no 100 within the deadline";
  EXPECT_TRUE(status.starts_with("HTTP/1.1 100")) << status;
  ASSERT_TRUE(connection->Send("ping", deadline));
  ASSERT_TRUE(reader.ReadHead(&status, &headers, deadline));
  EXPECT_TRUE(status.starts_with("HTTP/1.1 200")) << status;
  std::string body;
  ASSERT_TRUE(reader.ReadBody(headers, false, &body, &trailers, deadline));
  EXPECT_EQ(body, "ping");
}

TEST_F(ClientProtocols, CurlUploadsWithExpectOverBothVersions) {
  MERIDIAN_REQUIRE_TOOL("curl");
  for (const char* version : {"--http2", "--http1.1"}) {
    const CurlResult answer =
        CurlTls({version, "-H", "expect: 100-continue", "--expect100-timeout", "5", "--data-binary", "ping"}, "/echo");
    EXPECT_EQ(answer.body, "ping") << version << answer.err;
    EXPECT_EQ(answer.status, 200);
  }
}

TEST_F(ClientProtocols, EarlyHintsAreRelayed) {
  MERIDIAN_REQUIRE_TOOL("curl");
  for (const char* version : {"--http2", "--http1.1"}) {
    const CurlResult answer = CurlTls({version}, "/hints");
    EXPECT_EQ(answer.status, 200) << answer.err;
    EXPECT_EQ(answer.body, "hinted\n");
    EXPECT_EQ(std::count(answer.interim.begin(), answer.interim.end(), 103), 1) << version;
  }
}

TEST_F(ClientProtocols, Http10ClientsGetAnswersTheyUnderstand) {
  for (const char* target : {"/hello", "/chunked"}) {
    const auto connection = Connection::Open(port(kCleartext));
    ASSERT_TRUE(connection);
    std::string answer;
    ASSERT_TRUE(
        connection->Send("GET " + std::string(target) + " HTTP/1.0\r\nhost: shop.example\r\n\r\n", Deadline(5s)));
    EXPECT_EQ(connection->ReadToEnd(&answer, Deadline(5s)), ReadEnd::kEof) << "the connection must end";
    EXPECT_NE(answer.find(" 200 "), std::string::npos) << answer.substr(0, 200);
    EXPECT_EQ(answer.find("transfer-encoding: chunked"), std::string::npos) << answer.substr(0, 200);
    const std::string expected = std::string(target) == "/hello" ? "hello\n" : PatternBytes(50'000);
    EXPECT_TRUE(answer.ends_with("\r\n\r\n" + expected)) << answer.size() << " bytes";
  }
}

TEST_F(ClientProtocols, AnOriginThatEndsItsBodyByClosingIsRelayedWhole) {
  MERIDIAN_REQUIRE_TOOL("curl");
  for (const char* version : {"--http2", "--http1.1"}) {
    const CurlResult answer = CurlTls({version}, "/old");
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    EXPECT_EQ(answer.body, "until the end");
  }
}

TEST_F(ClientProtocols, TheOriginSeesWhoAskedForWhat) {
  MERIDIAN_REQUIRE_TOOL("curl");
  for (const auto& [version, via] : {std::pair("--http2", "2 meridian"), std::pair("--http1.1", "1.1 meridian")}) {
    const CurlResult answer =
        CurlTls({version, "-H", "x-forwarded-for: 6.6.6.6", "-H", "x-forwarded-proto: gopher", "-H",
                 "x-forwarded-host: evil.example", "-H", "connection: x-secret", "-H", "x-secret: 1"},
                "/hello?b=2&a=%20x&c");
    EXPECT_EQ(answer.status, 200) << answer.err;
    const OriginRequest seen = LastSeen();
    EXPECT_EQ(seen.target, "/hello?b=2&a=%20x&c");
    EXPECT_TRUE(seen.headers.Get("host").starts_with("shop.example")) << seen.headers.Get("host");
    EXPECT_EQ(seen.headers.Get("x-forwarded-for"), "127.0.0.1");
    EXPECT_EQ(seen.headers.Count("x-forwarded-for"), 1u);
    EXPECT_EQ(seen.headers.Get("x-forwarded-proto"), "https");
    EXPECT_TRUE(seen.headers.Get("x-forwarded-host").starts_with("shop.example"));
    EXPECT_NE(seen.headers.Get("via").find(via), std::string::npos) << seen.headers.Get("via");
    EXPECT_FALSE(seen.headers.Get("x-request-id").empty());
    if (std::string(version) == "--http1.1") {
      EXPECT_FALSE(seen.headers.Has("x-secret")) << "named by Connection: for this hop only";
    }
  }
}

TEST_F(ClientProtocols, RequestIdsAreKeptOrMadeUnique) {
  Http1Client client(port(kCleartext));
  EXPECT_EQ(client.Do({.headers = {{"x-request-id", "abc-123"}}}).status, 200);
  EXPECT_EQ(LastSeen().headers.Get("x-request-id"), "abc-123");
  client.Get("/hello");
  const std::string first = LastSeen().headers.Get("x-request-id");
  client.Get("/hello");
  EXPECT_FALSE(first.empty());
  EXPECT_NE(LastSeen().headers.Get("x-request-id"), first);
}

}  // namespace
}  // namespace meridian::testing
