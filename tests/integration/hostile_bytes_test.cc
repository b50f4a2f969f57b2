// Bytes that could be read two ways are refused: one error answer or none, the connection ends, no request reaches an
// origin, and the next client is served as if nothing had happened.
#include "integration/edge.h"

namespace meridian::testing {
namespace {

using namespace std::string_literals;

struct Row {
  const char* name;
  std::string bytes;
};

const std::string kHost = "Host: shop.example\r\n";
// What a smuggler wants the origin to see.
const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n";

std::string Get(const std::string& more_headers) { return "GET / HTTP/1.1\r\n" + kHost + more_headers + "\r\n"; }
std::string Line(const std::string& request_line) { return request_line + "\r\n" + kHost + "\r\n"; }
std::string Post(const std::string& framing, const std::string& body) {
  return "POST / HTTP/1.1\r\n" + kHost + framing + "\r\n" + body;
}
std::string Chunks(const std::string& body) { return Post("Transfer-Encoding: chunked\r\n", body); }

std::vector<Row> AmbiguousFraming() {
  return {
      {"length and chunked", Post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + kSmuggled)},
      {"chunked and length", Post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + kSmuggled)},
      {"two lengths", Post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello" + kSmuggled)},
      {"length with sign", Post("Content-Length: +5\r\n", "hello")},
      {"negative length", Post("Content-Length: -5\r\n", "hello")},
      {"hex length", Post("Content-Length: 0x5\r\n", "hello")},
      {"length with junk", Post("Content-Length: 5a\r\n", "hello")},
      {"float length", Post("Content-Length: 5.0\r\n", "hello")},
      {"length list", Post("Content-Length: 5, 6\r\n", "hello")},
      {"empty length", Post("Content-Length: \r\n", "hello")},
      {"overflowing length", Post("Content-Length: 18446744073709551621\r\n", "hello")},
      {"unknown coding", Post("Transfer-Encoding: gzip\r\n", "hello")},
      {"chunked not last", Post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")},
      {"chunked twice", Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
      {"odd chunked", Post("Transfer-Encoding: \x0b"
                           "chunked\r\n",
                           "0\r\n\r\n")},
      {"x-chunked", Post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")},
      {"chunked in 1.0", "POST / HTTP/1.0\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"chunk size with 0x", Chunks("0x5\r\nhello\r\n0\r\n\r\n")},
      {"chunk size with sign", Chunks("+5\r\nhello\r\n0\r\n\r\n")},
      {"chunk size with space", Chunks("5 \r\nhello\r\n0\r\n\r\n")},
      {"chunk size with underscore", Chunks("1_0\r\nhello\r\n0\r\n\r\n")},
      {"chunk size overflow", Chunks("ffffffffffffffff5\r\nhello\r\n0\r\n\r\n")},
      {"chunk without CRLF", Chunks("5\r\nhelloXX0\r\n\r\n")},
      {"chunk extension with LF", Chunks("5;a\nb\r\nhello\r\n0\r\n\r\n")},
      {"framing in trailers", Chunks("5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n")},
  };
}

std::vector<Row> MalformedHeaders() {
  return {
      {"space before colon", Get("X-A : 1\r\n")},
      {"tab before colon", Get("X-A\t: 1\r\n")},
      {"folded line", Get("X-A: 1\r\n 2\r\n")},
      {"bare LF", "GET / HTTP/1.1\n" + kHost + "\n"},
      {"bare CR", Get("X-A: 1\rX-B: 2\r\n")},
      {"NUL in value", Get("X-A: a\0b\r\n"s)},
      {"control in name", Get("X\x01"
                              "A: 1\r\n")},
      {"empty name", Get(": 1\r\n")},
      {"no colon", Get("X-A\r\n")},
      {"no host", "GET / HTTP/1.1\r\n\r\n"},
      {"two hosts", Get("Host: other.example\r\n")},
      {"host with space", "GET / HTTP/1.1\r\nHost: shop example\r\n\r\n"},
      {"host with slash", "GET / HTTP/1.1\r\nHost: shop.example/x\r\n\r\n"},
      {"host with userinfo", "GET / HTTP/1.1\r\nHost: user@shop.example\r\n\r\n"},
      {"connection names host", Get("Connection: host\r\n")},
      {"connection names length", Post("Content-Length: 5\r\nConnection: content-length\r\n", "hello")},
  };
}

std::vector<Row> MalformedRequestLines() {
  return {
      {"leading space", Line(" GET / HTTP/1.1")},
      {"HTTP/0.9", "GET /\r\n\r\n"},
      {"HTTP/2.0", Line("GET / HTTP/2.0")},
      {"HTTP/1.2", Line("GET / HTTP/1.2")},
      {"lower-case version", Line("GET / http/1.1")},
      {"no version", Line("GET /")},
      {"lower-case method", Line("get / HTTP/1.1")},
      {"method with @", Line("G@T / HTTP/1.1")},
      {"tab in request line", Line("GET\t/ HTTP/1.1")},
      {"two spaces", Line("GET  / HTTP/1.1")},
      {"NUL in target", Line("GET /a\0b HTTP/1.1"s)},
      {"8-bit target", Line("GET /\xff HTTP/1.1")},
      {"fragment", Line("GET /a#b HTTP/1.1")},
      {"asterisk for GET", Line("GET * HTTP/1.1")},
      {"unknown expectation", Get("Expect: miracles\r\n")},
      {"CONNECT", Line("CONNECT shop.example:443 HTTP/1.1")},
      {"absolute form against Host", Line("GET http://evil.example/ HTTP/1.1")},
      {"userinfo", Line("GET http://a@shop.example/ HTTP/1.1")},
      {"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and more\r\n\r\n"s},
      {"endless target", Line("GET /" + std::string(200'000, 'a') + " HTTP/1.1")},
      {"endless header", Get("X-A: " + std::string(200'000, 'a') + "\r\n")},
      {"too many headers",
       [] {
         std::string many;
         for (int i = 0; i < 3000; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
         return Get(many);
       }()},
  };
}

class HostileBytes : public ::testing::Test {
 protected:
  enum class Ending { kMustClose, kMayStayOpen };

  void ExpectRefused(const Row& row, Ending ending) {
    SCOPED_TRACE(row.name);
    const auto connection = Connection::Open(edge_.port());
    ASSERT_TRUE(connection) << "the edge does not accept any more";
    const Deadline deadline(2s);
    connection->Send(row.bytes, deadline);  // may fail half way: it is allowed to hang up early
    std::string answer;
    ReadEnd end = ReadEnd::kData;
    const auto enough = [&] { return ending == Ending::kMayStayOpen && answer.find("\r\n\r\n") != std::string::npos; };
    while (end == ReadEnd::kData && !enough()) end = connection->Read(&answer, deadline);
    EXPECT_TRUE(end != ReadEnd::kTimeout) << "the connection stays open";
    if (!answer.empty()) {
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5")) << answer.substr(0, 300);
      EXPECT_EQ(answer.find("HTTP/1.", 1), std::string::npos) << "more than one answer: " << answer.substr(0, 600);
    }
    EXPECT_EQ(origin_.requests(), 0u) << "the origin was asked for " << origin_.Received().at(0).target;
    origin_.Forget();
  }
  void ExpectAllRefused(const std::vector<Row>& rows, Ending ending) {
    for (const Row& row : rows) ExpectRefused(row, ending);
    ASSERT_TRUE(edge_.process().Running()) << edge_.EventText();
    Http1Client client(edge_.port());
    EXPECT_EQ(client.Get("/item").status, 200) << "the next client is served";
  }

  ScriptedOrigin origin_{kNear, ScriptedOrigin::Friendly()};
  Edge edge_{ShopEdge({{kNear, origin_.url()}})};
};

TEST_F(HostileBytes, AmbiguousFramingIsRefused) { ExpectAllRefused(AmbiguousFraming(), Ending::kMustClose); }
TEST_F(HostileBytes, MalformedHeadersAreRefused) { ExpectAllRefused(MalformedHeaders(), Ending::kMustClose); }
// A request that was read without doubt and is not wanted (a method, CONNECT, an expectation) ends no connection.
TEST_F(HostileBytes, RequestLinesThatAreMalformedOrUnwantedAreRefused) {
  ExpectAllRefused(MalformedRequestLines(), Ending::kMayStayOpen);
}

// The client learns that it was its own fault, and what its origin has of the body never gets an end.
TEST_F(HostileBytes, ABodyThatBreaksIsA400) {
  for (const char* chunks : {"5\r\nhello\r\nzz\r\n", "5\r\nhelloXX\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nhost: b\r\n\r\n",
                             "ffffffffffffffff5\r\nhello\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n"}) {
    const auto connection = Connection::Open(edge_.port());
    ASSERT_TRUE(connection);
    ASSERT_TRUE(connection->Send(Chunks(chunks) + kSmuggled, Deadline(2s)));
    std::string answer;
    EXPECT_EQ(connection->ReadToEnd(&answer, Deadline(2s)), ReadEnd::kEof) << chunks;
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << chunks << answer;
    EXPECT_NE(answer.find("connection: close"), std::string::npos) << answer;
  }
  EXPECT_EQ(origin_.requests(), 0u);
  const auto lines = edge_.WaitForAccessLog(5);
  for (const auto& line : lines) EXPECT_EQ(line.at("status"), 400) << line.dump();
  EXPECT_EQ(edge_.MetricSum("meridian_requests_lost_total"), 0) << "no region has lost it";
}

TEST_F(HostileBytes, AnOfferToUpgradeToCleartextHttp2IsIgnored) {
  Http1Client client(edge_.port());
  const HttpResponse answer = client.Do(
      {.headers = {
           {"connection", "Upgrade, HTTP2-Settings"}, {"upgrade", "h2c"}, {"http2-settings", "AAMAAABkAAQAAP__"}}});
  EXPECT_EQ(answer.status, 200);
  ASSERT_EQ(origin_.requests(), 1u);
  for (const char* name : {"upgrade", "http2-settings"}) {
    EXPECT_FALSE(origin_.Received()[0].headers.Has(name)) << name;
  }
}

// --- HTTP/2: what must not survive the way down to HTTP/1.1

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift & 0xff);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift & 0xff);
  return frame + payload;
}

// HPACK literals without indexing or Huffman code; lengths below 127 only.
std::string Hpack(const Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block += '\0';
    block += static_cast<char>(name.size());
    block += name;
    block += static_cast<char>(value.size());
    block += value;
  }
  return block;
}

constexpr uint8_t kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kGoaway = 7;
constexpr uint8_t kEndStream = 1, kEndHeaders = 4;
constexpr size_t kFrameHead = 9;

// Reads one frame; an empty string at the end of the connection or the deadline.
std::string ReadFrame(Connection* connection, std::string* buffer, const Deadline& deadline) {
  const auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<uint8_t>((*buffer)[at])); };
  while (buffer->size() < kFrameHead || buffer->size() < kFrameHead + (byte(0) << 16 | byte(1) << 8 | byte(2))) {
    if (connection->Read(buffer, deadline) != ReadEnd::kData) return "";
  }
  const size_t size = kFrameHead + (byte(0) << 16 | byte(1) << 8 | byte(2));
  const std::string frame = buffer->substr(0, size);
  buffer->erase(0, size);
  return frame;
}

// Sends one request on stream 1. True if the stream or the connection was refused, false if it was answered with 200
// or not at all.
bool RefusedByH2(uint16_t port, const Fields& fields, const std::string& body) {
  const auto connection = Connection::Open(port);
  if (!connection) return false;
  const Deadline deadline(2s);
  const uint8_t flags = body.empty() ? kEndHeaders | kEndStream : kEndHeaders;
  std::string bytes =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, "") + Frame(kHeaders, flags, 1, Hpack(fields));
  if (!body.empty()) bytes += Frame(kData, kEndStream, 1, body);
  connection->Send(bytes, deadline);
  std::string buffer;
  for (std::string frame; !(frame = ReadFrame(connection.get(), &buffer, deadline)).empty();) {
    const auto type = static_cast<uint8_t>(frame[3]);
    if (type == kReset || type == kGoaway) return true;
    // 0x88 is ":status: 200" in the static table.
    if (type == kHeaders) return frame.size() > kFrameHead && frame[kFrameHead] != '\x88';
  }
  return !deadline.passed();  // closed without a word
}

TEST_F(HostileBytes, NothingIllegalInHttp2BecomesAnHttp1Request) {
  const Fields good = {{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}};
  const auto with = [&](Fields more) {
    Fields fields = good;
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  };
  const auto changed = [&](size_t index, const std::string& value) {
    Fields fields = good;
    fields[index].second = value;
    return fields;
  };
  struct H2Row {
    const char* name;
    Fields fields;
    std::string body;
  };
  const std::vector<H2Row> rows = {
      {"upper-case name", with({{"X-A", "1"}}), ""},
      {"CRLF in value", with({{"x-a", "1\r\nx-b: 2"}}), ""},
      {"NUL in value", with({{"x-a", "1\0002"s}}), ""},
      {"CRLF in name", with({{"x-a: 1\r\nx-b", "2"}}), ""},
      {"space in name", with({{"x a", "1"}}), ""},
      {"connection", with({{"connection", "close"}}), ""},
      {"transfer-encoding", with({{"transfer-encoding", "chunked"}}), "0\r\n\r\n"},
      {"te other than trailers", with({{"te", "gzip"}}), ""},
      {"upgrade", with({{"upgrade", "h2c"}}), ""},
      {"length with no body", with({{"content-length", "5"}}), ""},
      {"length too short", with({{"content-length", "2"}}), "hello"},
      {"two lengths", with({{"content-length", "5"}, {"content-length", "6"}}), "hello"},
      {"length with sign", with({{"content-length", "+5"}}), "hello"},
      {"late pseudo-header", with({{"x-a", "1"}, {":path", "/evil"}}), ""},
      {"path twice", with({{":path", "/evil"}}), ""},
      {"unknown pseudo-header", with({{":evil", "1"}}), ""},
      {"no path", {good[0], good[1], good[2]}, ""},
      {"empty path", changed(3, ""), ""},
      {"space in path", changed(3, "/ HTTP/1.1\r\nhost: evil"), ""},
      {"fragment in path", changed(3, "/a#b"), ""},
      {"method with space", changed(0, "GET /evil"), ""},
      {"userinfo in authority", changed(2, "a@shop.example"), ""},
      {"slash in authority", changed(2, "shop.example/evil"), ""},
      {"authority against host", with({{"host", "evil.example"}}), ""},
      {"plain CONNECT", {{":method", "CONNECT"}, good[2]}, ""},
  };
  for (const H2Row& row : rows) {
    EXPECT_TRUE(RefusedByH2(edge_.port(), row.fields, row.body)) << row.name;
    EXPECT_EQ(origin_.requests(), 0u) << row.name;
    origin_.Forget();
  }
  EXPECT_FALSE(RefusedByH2(edge_.port(), good, "")) << "and a good request of the same making is answered";
  ASSERT_TRUE(edge_.process().Running()) << edge_.EventText();
}

// All in one packet, so that what follows is there when the end is noticed.
TEST_F(HostileBytes, WhatComesBehindAnEndHarmsNobody) {
  const std::string begin = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, "");
  const auto post = [](uint32_t stream) {
    return Frame(kHeaders, kEndHeaders, stream,
                 Hpack({{":method", "POST"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}}));
  };
  const std::string reset = Frame(kReset, 0, 1, "\0\0\0\x08"s), update_of_zero = Frame(8, 0, 0, "\0\0\0\0"s);
  const std::string goaway = Frame(kGoaway, 0, 0, std::string(8, '\0'));
  const std::string trailers = Frame(kHeaders, kEndHeaders, 1, Hpack({{"x", "1"}}));
  const std::string rest = Frame(kData, kEndStream, 1, "rest");
  const std::vector<Row> rows = {
      {"a body behind an error of the connection", post(1) + update_of_zero + rest},
      {"requests behind an error of the connection", update_of_zero + post(1) + rest},
      {"garbage behind an error of the connection", post(1) + update_of_zero + std::string(5000, '\xff')},
      {"a reset behind GOAWAY", post(1) + goaway + reset},
      {"trailers without an end", post(1) + trailers},
      {"a body behind trailers without an end", post(1) + trailers + rest},
      {"a body behind a reset", post(1) + reset + rest},
      {"trailers behind a reset", post(1) + reset + trailers},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto connection = Connection::Open(edge_.port());
    ASSERT_TRUE(connection) << "the edge does not accept any more";
    ASSERT_TRUE(connection->Send(begin + row.bytes, Deadline(2s)));
    // What a client of the same connection may still be told comes before the next one is served.
    Http1Client next(edge_.port());
    EXPECT_EQ(next.Get("/next").status, 200);
    for (const OriginRequest& seen : origin_.Received()) EXPECT_EQ(seen.target, "/next");
    origin_.Forget();
  }
  ASSERT_TRUE(edge_.process().Running()) << edge_.EventText();
}

}  // namespace
}  // namespace meridian::testing
