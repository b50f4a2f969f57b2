// HTTP/2 from clients, frame by frame (RFC 9113): carried, refused with a status, an error of the stream or of the
// connection. Raw bytes, so that no library makes them well-formed; each case is also fed one byte at a time.
#include <gtest/gtest.h>

#include "support/h2_reading.h"

namespace meridian::testing {
namespace {

using namespace std::string_literals;
using namespace h2;

struct Case {
  std::string name;  // starts with the clause
  std::string bytes;
  std::string reading;  // see h2_reading.h
  bool raw = false;     // no preface before them
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class H2Conformance : public ::testing::TestWithParam<Case> {};

// How much of a body came through before it failed depends on the pieces.
std::string Read(const Case& c, const std::vector<size_t>& cuts) {
  std::string reading = H2ServerReading(c.bytes, cuts, c.raw);
  const size_t failed = reading.find('!');
  if (failed != std::string::npos) {
    const size_t body = reading.rfind(" =", failed);
    if (body != std::string::npos) reading.erase(body + 2, failed - body - 2);
  }
  return reading;
}

TEST_P(H2Conformance, HasOneAnswer) {
  const Case& c = GetParam();
  EXPECT_EQ(Read(c, {}), c.reading) << c.name;
  std::vector<size_t> cuts;
  for (size_t i = 1; i < c.bytes.size(); ++i) cuts.push_back(i);
  EXPECT_EQ(Read(c, cuts), c.reading) << c.name << ", byte by byte";
}

const Fields kGet = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
const Fields kPost = {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
const std::string kStreamError = "- rst 1 PROTOCOL_ERROR";

Fields With(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
Fields Changed(size_t index, const std::string& value) {
  Fields fields = kGet;
  fields[index].second = value;
  return fields;
}
Fields Without(size_t index) {
  Fields fields = kGet;
  fields.erase(fields.begin() + static_cast<ptrdiff_t>(index));
  return fields;
}
std::string Get(const Fields& more = {}) { return Headers(1, With(kGet, more)); }
std::string Open(const Fields& more = {}) { return Headers(1, With(kPost, more), kEndHeaders); }
std::string Body(const std::string& length, const std::string& body) {
  return Open({{"content-length", length}}) + Data(1, body);
}

std::vector<Case> PseudoHeaders() {
  return {
      {"9113 8_3_1 a request", Get(), "GET a/"},
      {"9113 8_3_1 options for the server", Headers(1, {{":method", "OPTIONS"}, kGet[1], kGet[2], {":path", "*"}}),
       "OPTIONS a*"},
      {"9113 8_3_1 host in place of authority", Headers(1, With(Without(2), {{"host", "a"}})), "GET a/"},
      {"9113 8_3_1 host that agrees", Get({{"host", "A"}}), "GET a/"},
      {"9113 8_3_1 no method", Headers(1, Without(0)), kStreamError},
      {"9113 8_3_1 no scheme", Headers(1, Without(1)), kStreamError},
      {"9113 8_3_1 no authority nor host", Headers(1, Without(2)), kStreamError},
      {"9113 8_3_1 no path", Headers(1, Without(3)), kStreamError},
      {"9113 8_3_1 empty path", Headers(1, Changed(3, "")), kStreamError},
      {"9113 8_3_1 path without slash", Headers(1, Changed(3, "x")), kStreamError},
      {"9113 8_3_1 asterisk for GET", Headers(1, Changed(3, "*")), kStreamError},
      {"9113 8_3_1 empty method", Headers(1, Changed(0, "")), kStreamError},
      {"9113 8_3_1 method with a space", Headers(1, Changed(0, "GET /x")), kStreamError},
      {"9113 8_3_1 method with CR LF", Headers(1, Changed(0, "GET / HTTP/1.1\r\nx: y")), kStreamError},
      {"9113 8_3_1 method with a slash", Headers(1, Changed(0, "G/T")), kStreamError},
      {"9113 8_3_1 scheme that is none", Headers(1, Changed(1, "ht tp")), kStreamError},
      {"9113 8_3_1 path with a space", Headers(1, Changed(3, "/a b")), kStreamError},
      {"9113 8_3_1 path with CR LF", Headers(1, Changed(3, "/ HTTP/1.1\r\nx: y")), kStreamError},
      {"9113 8_3_1 path with NUL", Headers(1, Changed(3, "/\0"s)), kStreamError},
      {"9113 8_3_1 path with a tab", Headers(1, Changed(3, "/\t")), kStreamError},
      {"9113 8_3_1 path with eight bits", Headers(1, Changed(3, "/\xc3\xa4")), "400"},
      {"9113 8_3_1 path with a fragment", Headers(1, Changed(3, "/a#b")), "400"},
      {"9113 8_3_1 absolute form as path", Headers(1, Changed(3, "http://a/")), kStreamError},
      {"9113 8_3_1 path over 8 KiB", Headers(1, Changed(3, "/" + std::string(9000, 'x'))), "414"},
      {"9113 8_3_1 userinfo", Headers(1, Changed(2, "u@a")), "400"},
      {"9113 8_3_1 authority with a slash", Headers(1, Changed(2, "a/b")), kStreamError},
      {"9113 8_3_1 authority with a space", Headers(1, Changed(2, "a b")), kStreamError},
      {"9113 8_3_1 authority with CR LF", Headers(1, Changed(2, "a\r\nx: y")), kStreamError},
      {"9113 8_3_1 empty authority", Headers(1, Changed(2, "")), kStreamError},
      {"9113 8_3_1 authority with a bad port", Headers(1, Changed(2, "a:x")), "400"},
      {"9113 8_3_1 authority against host", Get({{"host", "b"}}), "400"},
      {"9113 8_3_1 two hosts", Get({{"host", "a"}, {"host", "b"}}), kStreamError},
      {"9113 8_3_1 host with a space", Headers(1, With(Without(2), {{"host", "a b"}})), kStreamError},
      {"9113 8_3 method twice", Get({{":method", "GET"}}), kStreamError},
      {"9113 8_3 path twice", Headers(1, With({kGet[3]}, kGet)), kStreamError},
      {"9113 8_3 authority twice", Headers(1, With({kGet[2]}, kGet)), kStreamError},
      {"9113 8_3 scheme twice", Headers(1, With({kGet[1]}, kGet)), kStreamError},
      {"9113 8_3 pseudo header after a field", Headers(1, {kGet[0], kGet[1], kGet[2], {"x", "1"}, kGet[3]}),
       kStreamError},
      {"9113 8_3 unknown pseudo header", Headers(1, With({{":evil", "1"}}, kGet)), kStreamError},
      {"9113 8_3 pseudo header of answers", Headers(1, With({{":status", "200"}}, kGet)), kStreamError},
      {"9113 8_3 pseudo header in upper case", Headers(1, With({{":Path", "/"}}, Without(3))), kStreamError},
      {"9113 8_3 a lone colon", Headers(1, With({{":", "1"}}, kGet)), kStreamError},
      {"9113 8_3 pseudo headers in trailers", Open() + Headers(1, {{":path", "/x"}}),
       "POST a/ =! rst 1 PROTOCOL_ERROR"},
      {"9110 16_1 a method of no standard", Headers(1, With({{":method", "QUERY"}}, Without(0))), "QUERY a/"},
      {"9110 9_1 method in lower case", Headers(1, With({{":method", "get"}}, Without(0))), "501"},
      {"9110 9_1 a token that is no method in use", Headers(1, With({{":method", "G!T"}}, Without(0))), "501"},
      {"9110 9_1 a method that is too long", Headers(1, With({{":method", std::string(33, 'M')}}, Without(0))), "501"},
      {"9113 8_5 plain CONNECT", Headers(1, {{":method", "CONNECT"}, {":authority", "a:443"}}, kEndHeaders), "501"},
      {"9113 8_5 CONNECT with path", Headers(1, With({{":method", "CONNECT"}}, {kGet[1], kGet[2], kGet[3]})),
       kStreamError},
      {"8441 4 a WebSocket",
       Headers(1, {{":method", "CONNECT"}, {":protocol", "websocket"}, kGet[1], kGet[2], kGet[3]}, kEndHeaders),
       "GET a/ websocket"},
      {"8441 4 another protocol",
       Headers(1, {{":method", "CONNECT"}, {":protocol", "x"}, kGet[1], kGet[2], kGet[3]}, kEndHeaders), "501"},
      {"8441 4 protocol without CONNECT", Headers(1, With({{":protocol", "websocket"}}, kGet)), kStreamError},
      {"8441 4 a WebSocket that ends at once",
       Headers(1, {{":method", "CONNECT"}, {":protocol", "websocket"}, kGet[1], kGet[2], kGet[3]}), "400"},
  };
}

std::vector<Case> FieldRules() {
  Fields crumbs;
  for (int i = 0; i < 101; ++i) crumbs.push_back({"x", "1"});
  return {
      {"9113 8_2 a field", Get({{"x-a", "B c"}}), "GET a/ {x-a: B c}"},
      {"9113 8_2_1 empty value", Get({{"x", ""}}), "GET a/ {x: }"},
      {"9113 8_2_1 eight bits in the value", Get({{"x", "\xc3\xa4"}}), "GET a/ {x: \xc3\xa4}"},
      {"9113 8_2_3 crumbs of cookies are joined", Get({{"cookie", "a=1"}, {"x", "1"}, {"cookie", "b=2"}}),
       "GET a/ {cookie: a=1; b=2, x: 1}"},
      {"9113 8_2_1 name in upper case", Get({{"X", "1"}}), kStreamError},
      {"9113 8_2_1 space in the name", Get({{"x a", "1"}}), kStreamError},
      {"9113 8_2_1 colon in the name", Get({{"x:a", "1"}}), kStreamError},
      {"9113 8_2_1 CR LF in the name", Get({{"x: 1\r\ny", "1"}}), kStreamError},
      {"9113 8_2_1 NUL in the name", Get({{"x\0"s, "1"}}), kStreamError},
      {"9113 8_2_1 eight bits in the name", Get({{"x\xff", "1"}}), kStreamError},
      {"9113 8_2_1 empty name", Get({{"", "1"}}), kStreamError},
      {"9113 8_2_1 CR LF in the value", Get({{"x", "1\r\ny: 2"}}), kStreamError},
      {"9113 8_2_1 LF in the value", Get({{"x", "1\n2"}}), kStreamError},
      {"9113 8_2_1 CR in the value", Get({{"x", "1\r2"}}), kStreamError},
      {"9113 8_2_1 NUL in the value", Get({{"x", "1\0"s}}), kStreamError},
      {"9113 8_2_1 control in the value", Get({{"x", "\x01"}}), kStreamError},
      {"9113 8_2_1 space before the value", Get({{"x", " 1"}}), kStreamError},
      {"9113 8_2_1 space after the value", Get({{"x", "1 "}}), kStreamError},
      {"9113 8_2_1 tab before the value", Get({{"x", "\t1"}}), kStreamError},
      {"9113 8_2_2 connection", Get({{"connection", "x"}}), kStreamError},
      {"9113 8_2_2 connection close", Get({{"connection", "close"}}), kStreamError},
      {"9113 8_2_2 proxy connection", Get({{"proxy-connection", "x"}}), kStreamError},
      {"9113 8_2_2 keep alive", Get({{"keep-alive", "1"}}), kStreamError},
      {"9113 8_2_2 transfer encoding", Open({{"transfer-encoding", "chunked"}}), kStreamError},
      {"9113 8_2_2 upgrade", Get({{"upgrade", "h2c"}}), kStreamError},
      {"9113 8_2_2 te trailers", Get({{"te", "trailers"}}), "GET a/ {te: trailers}"},
      {"9113 8_2_2 te gzip", Get({{"te", "gzip"}}), kStreamError},
      {"9113 8_2_2 te trailers and gzip", Get({{"te", "trailers, gzip"}}), kStreamError},
      {"9113 10_5_1 more than 100 fields", Get(crumbs), "431"},
      {"9113 10_5_1 more than 60 KiB",
       Headers(1, With(kGet, {{"x", std::string(15'000, 'x')}}), kEndStream) +
           Frame(kContinuation, 0, 1, Block({{"y", std::string(16'000, 'y')}})) +
           Frame(kContinuation, 0, 1, Block({{"y", std::string(16'000, 'y')}})) +
           Frame(kContinuation, kEndHeaders, 1, Block({{"y", std::string(16'000, 'y')}})),
       "431"},
      {"9110 10_1_1 unknown expectation", Get({{"expect", "miracles"}}), "417"},
      {"9110 10_1_1 two expectations", Get({{"expect", "100-continue"}, {"expect", "miracles"}}), "417"},
  };
}

std::vector<Case> Bodies() {
  return {
      {"9113 8_1 a body", Open() + Data(1, "hello"), "POST a/ =hello"},
      {"9113 8_1 a body in pieces", Open() + Data(1, "hel", 0) + Data(1, "lo"), "POST a/ =hello"},
      {"9113 8_1 an empty end", Open() + Data(1, "hello", 0) + Data(1, ""), "POST a/ =hello"},
      {"9113 8_1 a body that waits", Open() + Data(1, "hello", 0), "POST a/ =hello..."},
      {"9113 8_1_1 length that agrees", Body("5", "hello"), "POST a/ =hello"},
      {"9113 8_1_1 length zero and no body", Get({{"content-length", "0"}}), "GET a/"},
      {"9113 8_1_1 length too long", Body("6", "hello"), "POST a/ =! rst 1 PROTOCOL_ERROR"},
      {"9113 8_1_1 length too short", Body("4", "hello"), "POST a/ =! rst 1 PROTOCOL_ERROR"},
      {"9113 8_1_1 length zero with a body", Body("0", "hello"), "- rst 1 PROTOCOL_ERROR"},
      {"9113 8_1_1 length without a body", Get({{"content-length", "5"}}), kStreamError},
      {"9113 8_1_1 two lengths", Open({{"content-length", "5"}, {"content-length", "6"}}), kStreamError},
      {"9113 8_1_1 two equal lengths", Open({{"content-length", "5"}, {"content-length", "5"}}), kStreamError},
      {"9113 8_1_1 a list of lengths", Open({{"content-length", "5, 5"}}), kStreamError},
      {"9113 8_1_1 length with plus", Open({{"content-length", "+5"}}), kStreamError},
      {"9113 8_1_1 length with minus", Open({{"content-length", "-5"}}), kStreamError},
      {"9113 8_1_1 hexadecimal length", Open({{"content-length", "0x5"}}), kStreamError},
      {"9113 8_1_1 empty length", Open({{"content-length", ""}}), kStreamError},
      {"9113 8_1_1 length with a space", Open({{"content-length", "5 "}}), kStreamError},
      {"9113 8_1_1 length 2 to the 64 plus 5", Open({{"content-length", "18446744073709551621"}}), kStreamError},
      {"9113 8_1 trailers", Open() + Data(1, "hello", 0) + Headers(1, {{"x-sum", "1"}}), "POST a/ =hello +{x-sum: 1}"},
      {"9113 8_1 trailers without end", Open() + Headers(1, {{"x-sum", "1"}}, kEndHeaders),
       "POST a/ =! rst 1 PROTOCOL_ERROR"},
      {"9113 8_1 trailers with the length short",
       Open({{"content-length", "6"}}) + Data(1, "hello", 0) + Headers(1, {{"x-sum", "1"}}),
       "POST a/ =! rst 1 PROTOCOL_ERROR"},
      {"9113 8_2_2 connection in trailers", Open() + Headers(1, {{"connection", "x"}}),
       "POST a/ =! rst 1 PROTOCOL_ERROR"},
      {"9110 6_5_1 length in trailers", Open() + Data(1, "hello", 0) + Headers(1, {{"content-length", "9"}}),
       "POST a/ =! rst 1 PROTOCOL_ERROR"},
      {"9110 6_5_1 host in trailers", Open() + Headers(1, {{"host", "b"}}), "POST a/ =! rst 1 PROTOCOL_ERROR"},
      {"9110 6_5_1 authorization in trailers is dropped", Open() + Headers(1, {{"authorization", "b"}, {"x", "1"}}),
       "POST a/ = +{x: 1}"},
      {"9113 6_1 padding is no body", Open() + Frame(kData, kEndStream | kPadded, 1, "\x03hello\0\0\0"s),
       "POST a/ =hello"},
      {"9113 6_1 nothing but padding", Open() + Frame(kData, kEndStream | kPadded, 1, "\x03\0\0\0"s), "POST a/ ="},
      {"9113 6_1 padding as long as the frame", Open() + Frame(kData, kPadded, 1, "\x06hello"),
       "POST a/ =... goaway PROTOCOL_ERROR"},
      {"9113 6_1 padding longer than the frame", Open() + Frame(kData, kPadded, 1, "\xffhello"),
       "POST a/ =... goaway PROTOCOL_ERROR"},
      {"9113 6_1 padded without a length", Open() + Frame(kData, kPadded, 1, ""), "POST a/ =... goaway PROTOCOL_ERROR"},
      {"9113 6_1 data on the connection", Data(0, "x"), " goaway PROTOCOL_ERROR"},
      {"9113 5_1 data on an idle stream", Data(1, "x"), " goaway PROTOCOL_ERROR"},
      {"9113 5_1 data after the end", Get() + Data(1, "x"), "GET a/ goaway STREAM_CLOSED"},
      {"9113 5_1 data after a reset", Open() + Rst(1) + Data(1, "x"), "POST a/ =!"},
  };
}

std::vector<Case> Frames() {
  const std::string large(16'385, 'x');
  return {
      {"9113 3_4 preface and SETTINGS", std::string(kPreface) + Settings() + Get(), "GET a/", true},
      {"9113 3_4 another preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", " dead", true},
      {"9113 3_4 a request of HTTP 1", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", " dead", true},
      {"9113 3_4 no SETTINGS first", std::string(kPreface) + Get(), " goaway PROTOCOL_ERROR", true},
      {"9113 3_4 an ACK first", std::string(kPreface) + Settings("", kAck), " goaway PROTOCOL_ERROR", true},
      {"9113 4_1 the reserved bit is ignored", Frame(kHeaders, 5, 0x80000001, Block(kGet)), "GET a/"},
      {"9113 4_1 unknown frames are ignored", Frame(77, 255, 1, "x") + Get(), "GET a/"},
      {"9113 4_1 unknown flags are ignored", Headers(1, kGet, 5 | 0x42), "GET a/"},
      {"9113 4_2 DATA over the frame size", Open() + Data(1, large), "POST a/ =... goaway FRAME_SIZE"},
      {"9113 4_2 HEADERS over the frame size", Frame(kHeaders, 5, 1, large), " goaway FRAME_SIZE"},
      {"9113 4_2 an unknown frame over the frame size", Frame(77, 0, 0, large), " goaway FRAME_SIZE"},
      {"9113 4_3 header block that is no HPACK", Frame(kHeaders, 5, 1, "\xff\xff\xff\xff\xff"),
       "- goaway COMPRESSION_ERROR"},
      {"9113 4_3 index zero", Frame(kHeaders, 5, 1, "\x80"), "- goaway COMPRESSION_ERROR"},
      {"9113 4_3 index beyond the table", Frame(kHeaders, 5, 1, "\xfe"), "- goaway COMPRESSION_ERROR"},
      {"9113 4_3 text cut short", Frame(kHeaders, 5, 1, Block(kGet) + "\0\x05x"s), "- goaway COMPRESSION_ERROR"},
      {"7541 5_2 Huffman code with long padding", Frame(kHeaders, 5, 1, Block(kGet) + "\0\x01x\x84\xff\xff\xff\xff"s),
       "- goaway COMPRESSION_ERROR"},
      {"7541 6_3 table larger than allowed", Frame(kHeaders, 5, 1, "\x3f\xff\xff\x03"), "- goaway COMPRESSION_ERROR"},
      {"7541 4_2 table size after a field", Frame(kHeaders, 5, 1, Block(kGet) + "\x20"), "- goaway COMPRESSION_ERROR"},
      {"7541 6_2_1 fields from the dynamic table",
       Frame(kHeaders, 5, 1, "\x82\x86\x84\x41\x01"s + "a") + Frame(kHeaders, 5, 3, "\x82\x86\x84\xbe"),
       "GET a/ / GET a/"},
      {"9113 5_1_1 even stream", Headers(2, kGet), " goaway PROTOCOL_ERROR"},
      {"9113 5_1_1 a stream that was passed over", Headers(3, kGet) + Headers(1, kGet), "GET a/ goaway PROTOCOL_ERROR"},
      {"9113 5_1_1 a stream that was passed over later", Headers(1, kGet) + Headers(7, kGet) + Headers(5, kGet),
       "GET a/ / GET a/ goaway PROTOCOL_ERROR"},
      {"7540 5_1 late fields of a stream that its client ended", Open() + Rst(1) + Headers(3, kGet) + Headers(1, kGet),
       "POST a/ =! / GET a/ goaway STREAM_CLOSED"},
      {"9113 5_1_1 HEADERS on the connection", Headers(0, kGet), " goaway PROTOCOL_ERROR"},
      {"9113 6_2 padded HEADERS", Frame(kHeaders, 5 | kPadded, 1, "\x02" + Block(kGet) + "\0\0"s), "GET a/"},
      {"9113 6_2 padding longer than HEADERS", Frame(kHeaders, 5 | kPadded, 1, "\xff" + Block(kGet)),
       " goaway PROTOCOL_ERROR"},
      {"9113 6_2 HEADERS with priority", Frame(kHeaders, 5 | kWithPriority, 1, Number(0, 4) + "\x10" + Block(kGet)),
       "GET a/"},
      {"9113 6_2 HEADERS too short for its priority", Frame(kHeaders, 5 | kWithPriority, 1, "\0\0"s),
       " goaway FRAME_SIZE"},
      {"9113 6_10 continued headers",
       Frame(kHeaders, 1, 1, Block({kGet[0], kGet[1]})) + Frame(kContinuation, 4, 1, Block({kGet[2], kGet[3]})),
       "GET a/"},
      {"9113 6_10 CONTINUATION of another stream", Frame(kHeaders, 1, 1, Block(kGet)) + Frame(kContinuation, 4, 3, ""),
       "- goaway PROTOCOL_ERROR"},
      {"9113 6_10 another frame in between", Frame(kHeaders, 1, 1, Block(kGet)) + Frame(kPing, 0, 0, "12345678"),
       "- goaway PROTOCOL_ERROR"},
      {"9113 6_10 CONTINUATION out of nowhere", Frame(kContinuation, 4, 1, ""), " goaway PROTOCOL_ERROR"},
      {"9113 6_10 CONTINUATION after the end of headers", Open() + Frame(kContinuation, 4, 1, ""),
       "POST a/ =... goaway PROTOCOL_ERROR"},
      {"9113 6_3 PRIORITY is ignored", Frame(kPriority, 0, 5, Number(0, 4) + "\x10") + Get(), "GET a/"},
      {"9113 6_3 PRIORITY of four bytes", Frame(kPriority, 0, 1, "1234"), " goaway FRAME_SIZE"},
      {"9113 6_3 PRIORITY on the connection", Frame(kPriority, 0, 0, Number(1, 4) + "\x10"), " goaway PROTOCOL_ERROR"},
      {"9113 5_4_1 nothing behind a connection error is read", Frame(kPriority, 0, 0, Number(1, 4) + "\x10") + Get(),
       " goaway PROTOCOL_ERROR"},
      {"9113 6_4 a reset", Open() + Rst(1), "POST a/ =!"},
      {"9113 6_4 reset of an idle stream", Rst(1), " goaway PROTOCOL_ERROR"},
      {"9113 6_4 reset of the connection", Rst(0), " goaway PROTOCOL_ERROR"},
      {"9113 6_4 reset of three bytes", Open() + Frame(kRst, 0, 1, "123"), "POST a/ =... goaway FRAME_SIZE"},
      {"9113 6_4 reset of a finished stream", Get() + Rst(1), "GET a/"},
      {"9113 6_5 settings of a stream", Frame(kSettings, 0, 1, ""), " goaway PROTOCOL_ERROR"},
      {"9113 6_5 settings of five bytes", Settings("12345"), " goaway FRAME_SIZE"},
      {"9113 6_5 ACK with settings", Settings(Setting(3, 1), kAck), " goaway FRAME_SIZE"},
      {"9113 6_5_2 ENABLE_PUSH of 2", Settings(Setting(2, 2)), " goaway PROTOCOL_ERROR"},
      {"9113 6_5_2 window over 2 to the 31", Settings(Setting(4, 0x80000000)), " goaway FLOW_CONTROL_ERROR"},
      {"9113 6_5_2 frame size too small", Settings(Setting(5, 16'383)), " goaway PROTOCOL_ERROR"},
      {"9113 6_5_2 frame size too large", Settings(Setting(5, 1 << 24)), " goaway PROTOCOL_ERROR"},
      {"9113 6_5_2 unknown setting is ignored", Settings(Setting(0x7777, 5)) + Get(), "GET a/"},
      {"9113 6_5_2 every legal setting",
       Settings(Setting(1, 0) + Setting(2, 0) + Setting(3, 0) + Setting(4, 0) + Setting(5, 16'384) + Setting(6, 0)) +
           Get(),
       "GET a/"},
      {"9113 6_6 PUSH_PROMISE from a client", Frame(kPush, 4, 1, Number(2, 4) + Block(kGet)), " goaway PROTOCOL_ERROR"},
      {"9113 6_7 PING", Frame(kPing, 0, 0, "12345678") + Get(), "GET a/"},
      {"9113 6_7 PING of a stream", Frame(kPing, 0, 1, "12345678"), " goaway PROTOCOL_ERROR"},
      {"9113 6_7 PING of seven bytes", Frame(kPing, 0, 0, "1234567"), " goaway FRAME_SIZE"},
      {"9113 6_7 an ACK nobody waits for", Frame(kPing, kAck, 0, "12345678") + Get(), "GET a/"},
      {"9113 6_8 GOAWAY of a stream", Frame(kGoaway, 0, 1, Number(0, 8)), " goaway PROTOCOL_ERROR"},
      {"9113 6_8 GOAWAY of seven bytes", Frame(kGoaway, 0, 0, "1234567"), " goaway FRAME_SIZE"},
      {"9113 6_9 WINDOW_UPDATE", Window(0, 1) + Open() + Window(1, 1) + Data(1, "x"), "POST a/ =x"},
      {"9113 6_9 WINDOW_UPDATE of zero for the connection", Window(0, 0), " goaway PROTOCOL_ERROR"},
      {"9113 6_9 WINDOW_UPDATE of zero for a stream may end the connection", Open() + Window(1, 0),
       "POST a/ =... goaway PROTOCOL_ERROR"},
      {"9113 6_9 WINDOW_UPDATE of three bytes", Frame(kWindow, 0, 0, "123"), " goaway FRAME_SIZE"},
      {"9113 6_9 WINDOW_UPDATE of an idle stream", Window(1, 1), " goaway PROTOCOL_ERROR"},
      {"9113 6_9_1 window of the connection overflows", Window(0, 0x7fffffff), " goaway FLOW_CONTROL_ERROR"},
      {"9113 6_9_1 window of a stream overflows", Open() + Window(1, 0x7fffffff),
       "POST a/ =! rst 1 FLOW_CONTROL_ERROR"},
      {"9113 5_1 HEADERS after the end", Get() + Headers(1, {{"x", "1"}}), "GET a/ goaway STREAM_CLOSED"},
  };
}

std::string Name(const ::testing::TestParamInfo<Case>& info) { return CaseName(info.param.name); }
INSTANTIATE_TEST_SUITE_P(Pseudo, H2Conformance, ::testing::ValuesIn(PseudoHeaders()), Name);
INSTANTIATE_TEST_SUITE_P(Field, H2Conformance, ::testing::ValuesIn(FieldRules()), Name);
INSTANTIATE_TEST_SUITE_P(Body, H2Conformance, ::testing::ValuesIn(Bodies()), Name);
INSTANTIATE_TEST_SUITE_P(Frame, H2Conformance, ::testing::ValuesIn(Frames()), Name);

}  // namespace
}  // namespace meridian::testing
