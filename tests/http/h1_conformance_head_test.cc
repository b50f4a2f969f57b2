// HTTP/1 from clients, byte by byte: request lines, hosts and fields (RFC 9112 §2, §3, §5; RFC 9110 §5, §7). Each case
// is read whole, cut at every place, and one byte at a time, always with the same result.
#include <gtest/gtest.h>

#include "support/h1_reading.h"

namespace meridian::testing {
namespace {

using namespace std::string_literals;

struct Case {
  std::string name;  // starts with the clause
  std::string bytes;
  std::string reading;  // see h1_reading.h
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

const std::string kNext = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kRefused = "400 close";
// Nobody can tell a line that is malformed from one of another protocol, and how far it was read decides.
const std::string kNotHttp = "refused close";

std::string Line(const std::string& line) { return line + "\r\nHost: a\r\n\r\n"; }
std::string Get(const std::string& fields) { return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }
std::string At(const std::string& host) { return "GET / HTTP/1.1\r\nHost:" + host + "\r\n\r\n"; }

class H1Head : public ::testing::TestWithParam<Case> {};

TEST_P(H1Head, IsReadOneWay) {
  const Case& c = GetParam();
  ForEveryCut(c.bytes.size(), [&](const std::vector<size_t>& cuts) {
    std::string reading = ServerReading(c.bytes, cuts);
    if (c.reading == kNotHttp && (reading == "400 close" || reading == "501 close" || reading == "505 close")) {
      reading = kNotHttp;
    }
    EXPECT_EQ(reading, c.reading) << c.name << ", cut " << cuts.size() << " times, first at "
                                  << (cuts.empty() ? 0 : cuts[0]);
    return !HasFailure();
  });
}

std::vector<Case> Lines() {
  return {
      {"9112 3 a request line", Line("GET /a?b=c HTTP/1.1"), "GET a/a?b=c"},
      {"9112 2.2 an empty line before the request is skipped", "\r\n" + kNext, "GET a/2"},
      {"9112 2.2 two empty lines before the request are skipped", "\r\n\r\n" + kNext, "GET a/2"},
      {"9112 9.3.2 pipelined requests in order", kNext + Line("GET /3 HTTP/1.1"), "GET a/2 / GET a/3"},
      {"9112 9.3 HTTP 1.0 ends after its answer", "GET / HTTP/1.0\r\nHost: a\r\n\r\n" + kNext, "GET a/ close"},
      {"9112 9.3 HTTP 1.0 that asks to go on", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" + kNext,
       "GET a/ {connection: keep-alive} / GET a/2"},
      {"9112 9.6 nothing after a close", Get("Connection: close\r\n") + kNext, "GET a/ {connection: close} close"},
      {"9112 9.6 nothing after a close in a list", Get("Connection: x, Close\r\n") + kNext,
       "GET a/ {connection: x, Close} close"},
      // The parser's own reading took no tab for white space, so that the connection stayed open.
      {"9112 9.6 nothing after a close and a tab", Get("Connection: close\t\r\n") + kNext,
       "GET a/ {connection: close} close"},
      {"9112 9.3 close wins in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n" + kNext,
       "GET a/ {connection: keep-alive, close} close"},
      {"9112 9.3 HTTP 1.0 goes on when asked, with a tab",
       "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\t\r\n\r\n" + kNext,
       "GET a/ {connection: keep-alive} / GET a/2"},
      {"9112 9.6 a word that begins like close", Get("Connection: closed\r\n") + kNext,
       "GET a/ {connection: closed} / GET a/2"},
      {"9112 3 an incomplete line waits", "GET / HT", "..."},
      {"9112 2.2 an incomplete head waits", "GET / HTTP/1.1\r\nHost: a\r\n", "..."},
      {"9110 9.1 HEAD", Line("HEAD / HTTP/1.1"), "HEAD a/"},
      {"9110 9.3.5 DELETE", Line("DELETE /x HTTP/1.1"), "DELETE a/x"},
      {"9110 9.3.4 PUT", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "PUT a/x =x"},
      {"5789 2 PATCH", "PATCH /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "PATCH a/x =x"},
      {"9110 9.3.7 OPTIONS for the server", Line("OPTIONS * HTTP/1.1"), "OPTIONS a*"},
      {"9112 3.2.4 asterisk for GET", Line("GET * HTTP/1.1"), kRefused},
      {"9112 3.2.4 asterisk and more", Line("OPTIONS *x HTTP/1.1"), kRefused},
      {"9110 9.3.6 CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + kNext, "501 close"},
      {"9112 3.2.3 authority form for GET", Line("GET a:443 HTTP/1.1"), kRefused},
      {"9110 16.1 a method of no standard", Line("BREW / HTTP/1.1"), "BREW a/"},
      {"9110 16.1 a method that came later", Line("QUERY /?q HTTP/1.1"), "QUERY a/?q"},
      {"9110 9.1 a method with hyphen and digits", Line("X-2_B / HTTP/1.1"), "X-2_B a/"},
      {"9110 9.1 a method of 32 letters", Line(std::string(32, 'M') + " / HTTP/1.1"), std::string(32, 'M') + " a/"},
      {"9110 9.1 a method that is too long", Line(std::string(33, 'M') + " / HTTP/1.1"), "501 close"},
      {"9110 9.1 method in lower case", Line("get / HTTP/1.1"), "501 close"},
      {"9110 9.1 method in mixed case", Line("Get / HTTP/1.1"), "501 close"},
      {"9110 9.1 method with more letters", Line("GETX / HTTP/1.1"), "GETX a/"},
      {"9112 3.1 method that is no token", Line("G@T / HTTP/1.1"), kRefused},
      {"9112 3 method with NUL", Line("GET\0 / HTTP/1.1"s), kRefused},
      {"9110 9.1 a token that is no method in use", Line("G!T / HTTP/1.1"), "501 close"},
      {"9112 3 space before the line", Line(" GET / HTTP/1.1"), kNotHttp},
      {"9112 3 tab before the line", Line("\tGET / HTTP/1.1"), kNotHttp},
      {"9112 3 two spaces before the target", Line("GET  / HTTP/1.1"), kRefused},
      {"9112 3 two spaces before the version", Line("GET /  HTTP/1.1"), kRefused},
      {"9112 3 space after the version", Line("GET / HTTP/1.1 "), kNotHttp},
      {"9112 3 tab before the target", Line("GET\t/ HTTP/1.1"), kNotHttp},
      {"9112 3 tab before the version", Line("GET /\tHTTP/1.1"), kRefused},
      {"9112 3 form feed before the version", Line("GET /\fHTTP/1.1"), kRefused},
      {"9112 3 space in the target", Line("GET /a b HTTP/1.1"), kRefused},
      {"9112 3.2 NUL in the target", Line("GET /a\0b HTTP/1.1"s), kRefused},
      {"9112 3.2 control in the target",
       Line("GET /a\x01"
            "b HTTP/1.1"),
       kRefused},
      {"9112 3.2 DEL in the target", Line("GET /a\x7f HTTP/1.1"), kRefused},
      {"9112 3.2 eight bits in the target", Line("GET /\xc3\xa4 HTTP/1.1"), kRefused},
      {"9112 3.2 fragment in the target", Line("GET /a#b HTTP/1.1"), kRefused},
      {"9112 3.2 no target", Line("GET HTTP/1.1"), kRefused},
      {"9112 3.2 empty target", Line("GET  HTTP/1.1"), kRefused},
      {"9112 2.2 CR in the target", Line("GET /a\rb HTTP/1.1"), kRefused},
      {"9112 2.2 LF in the target", Line("GET /a\nb HTTP/1.1"), kRefused},
      {"9112 3 target of 32 KiB", Line("GET /" + std::string(32767, 'a') + " HTTP/1.1"),
       "GET a/" + std::string(32767, 'a')},
      {"9112 3 a byte more than 32 KiB", Line("GET /" + std::string(32768, 'a') + " HTTP/1.1"), "414 close"},
      {"9112 3 target over 32 KiB", Line("GET /" + std::string(33000, 'a') + " HTTP/1.1"), "414 close"},
      {"9112 2.3 HTTP 0.9", "GET /\r\n\r\n", kRefused},
      {"9112 2.3 HTTP 2.0", Line("GET / HTTP/2.0"), "505 close"},
      {"9112 2.3 HTTP 1.2", Line("GET / HTTP/1.2"), "505 close"},
      {"9112 2.3 HTTP 1.10", Line("GET / HTTP/1.10"), kNotHttp},
      {"9112 2.3 HTTP 01.1", Line("GET / HTTP/01.1"), "505 close"},
      {"9112 2.3 HTTP without minor version", Line("GET / HTTP/1"), "505 close"},
      {"9112 2.3 HTTP with a comma", Line("GET / HTTP/1,1"), "505 close"},
      {"9112 2.3 version in lower case", Line("GET / http/1.1"), kRefused},
      {"9112 2.3 another protocol", Line("GET / HTCP/1.1"), kRefused},
      {"9112 2.3 ICE", Line("SOURCE / ICE/1.0"), kNotHttp},
      {"9112 2.3 GET over RTSP", Line("GET / RTSP/1.0"), kNotHttp},
      {"9112 2.3 RTSP", Line("DESCRIBE / RTSP/1.0"), kNotHttp},
      {"9112 2.2 bare LF ends the line", "GET / HTTP/1.1\nHost: a\r\n\r\n", kRefused},
      {"9112 2.2 bare CR ends the line", "GET / HTTP/1.1\rHost: a\r\n\r\n", kNotHttp},
      {"9112 2.2 CR CR LF ends the line", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", kNotHttp},
      {"9112 2.2 bare LF before the request", "\n" + kNext, kRefused},
      {"9112 3.2.2 absolute form", Line("GET http://a/x?y HTTP/1.1"), "GET a/x?y"},
      {"9112 3.2.2 absolute form without path", Line("GET http://a HTTP/1.1"), "GET a/"},
      {"9112 3.2.4 OPTIONS in absolute form without path", Line("OPTIONS http://a HTTP/1.1"), "OPTIONS a*"},
      {"9112 3.2.4 OPTIONS in absolute form with a path", Line("OPTIONS http://a/ HTTP/1.1"), "OPTIONS a/"},
      {"9112 3.2.2 absolute form with query alone", Line("GET http://a?y HTTP/1.1"), "GET a/?y"},
      {"9112 3.2.2 absolute form in upper case", Line("GET HTTP://A/ HTTP/1.1"), "GET a/"},
      {"9112 3.2.2 absolute form without Host in 1.0", "GET http://a/ HTTP/1.0\r\n\r\n", "GET a/ close"},
      {"9112 3.2.2 absolute form against Host", Line("GET http://b/ HTTP/1.1"), kRefused},
      {"9112 3.2.2 absolute form with another port", Line("GET http://a:1/ HTTP/1.1"), kRefused},
      {"9112 3.2.2 absolute form without Host in 1.1", "GET http://a/ HTTP/1.1\r\n\r\n", kRefused},
      {"9110 4.2.4 userinfo", Line("GET http://u:p@a/ HTTP/1.1"), kRefused},
      {"9112 3.2.2 absolute form without authority", Line("GET http:///x HTTP/1.1"), kRefused},
      {"9112 3.2.2 another scheme", Line("GET ftp://a/ HTTP/1.1"), kRefused},
      {"9112 3.2.2 scheme without slashes", Line("GET http:a HTTP/1.1"), kRefused},
      {"9112 3.2.2 backslash in the authority", Line("GET http://a\\b/ HTTP/1.1"), kRefused},
      {"9112 3.2.2 fragment in absolute form", Line("GET http://a/#x HTTP/1.1"), kRefused},
      {"9112 3.2.2 fragment right after the authority", Line("GET http://a#x HTTP/1.1"), kRefused},
  };
}

std::vector<Case> Hosts() {
  return {
      {"9110 7.2 host in lower case", At(" SHOP.Example"), "GET shop.example/"},
      {"9110 7.2 host with port", At(" a:8080"), "GET a:8080/"},
      {"3986 3.2.3 host with empty port", At(" a:"), "GET a:/"},
      {"3986 3.2.2 IPv6 literal", At(" [::1]:80"), "GET [::1]:80/"},
      {"9112 3.2 no host in 1.1", "GET / HTTP/1.1\r\n\r\n", kRefused},
      {"9112 3.2 two hosts", At(" a\r\nHost: b"), kRefused},
      {"9112 3.2 two equal hosts", At(" a\r\nHost: a"), kRefused},
      {"9112 3.2 two hosts one empty", At("\r\nHost: a"), kRefused},
      {"9112 3.2 two hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", kRefused},
      {"9110 7.2 empty host", At(""), kRefused},
      {"9110 7.2 port without host", At(" :80"), kRefused},
      {"9110 7.2 host with space", At(" a b"), kRefused},
      {"9110 7.2 host with tab", At(" a\tb"), kRefused},
      {"9110 7.2 host with slash", At(" a/b"), kRefused},
      {"9110 7.2 host with backslash", At(" a\\b"), kRefused},
      {"9110 7.2 host with userinfo", At(" u@a"), kRefused},
      {"9110 7.2 host with query", At(" a?b"), kRefused},
      {"9110 7.2 host with fragment", At(" a#b"), kRefused},
      {"9110 7.2 host list", At(" a, b"), kRefused},
      {"9110 7.2 host with comma", At(" a,b"), kRefused},
      {"9110 7.2 host with NUL", At(" a\0"s), kRefused},
      {"9110 7.2 host with eight bits", At(" \xc3\xa4"), kRefused},
      {"9110 7.2 host with quotes", At(" \"a\""), kRefused},
      {"9110 7.2 host in angle brackets", At(" <a>"), kRefused},
      {"3986 3.2.3 port with letters", At(" a:8o"), kRefused},
      {"3986 3.2.3 port over 65535", At(" a:65536"), kRefused},
      {"3986 3.2.3 port with minus", At(" a:-1"), kRefused},
      {"3986 3.2.3 two ports", At(" a:1:2"), kRefused},
      {"3986 3.2.2 bracket not closed", At(" [::1"), kRefused},
      {"3986 3.2.2 text after the bracket", At(" [::1]x"), kRefused},
      {"3986 3.2.2 name in brackets", At(" [shop]"), kRefused},
      {"3986 3.2.2 zone in brackets", At(" [fe80::1%25eth0]"), kRefused},
      {"9112 5.1 space after the name of the host", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", kRefused},
      {"9112 5.2 folded host", "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n", kRefused},
      {"9112 5.2 first field with a space before", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", kRefused},
  };
}

std::vector<Case> Fields() {
  const auto lines = [](int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += "x:\r\n";
    return out;
  };
  std::string hundred, names, more_names;
  for (int i = 0; i < 32; ++i) names += ", x" + std::to_string(i);
  more_names = names + ", y";
  for (int i = 0; i < 99; ++i) hundred += i ? ", x: " : "x: ";
  const std::string large(30'000, 'v');
  // Each field counts 32 beside its text, and the target counts as well.
  const std::string most(60 * 1024 - (1 + 4 + 1 + 32) - 1, 'v');
  return {
      {"9110 5.1 names in lower case", Get("X-A: Bc\r\n"), "GET a/ {x-a: Bc}"},
      {"9110 5.3 lines of one name keep their order", Get("X: 1\r\nY: 2\r\nx: 3\r\n"), "GET a/ {x: 1, y: 2, x: 3}"},
      {"9110 5.5 white space around values", Get("X: \t 1 2\t \r\n"), "GET a/ {x: 1 2}"},
      {"9110 5.5 empty value", Get("X:\r\nY: \r\n"), "GET a/ {x: , y: }"},
      {"9110 5.5 colon in the value", Get("X: a:b\r\n"), "GET a/ {x: a:b}"},
      {"9110 5.5 tab in the value", Get("X: a\tb\r\n"), "GET a/ {x: a\tb}"},
      {"9110 5.5 eight bits in the value", Get("X: \xc3\xa4\r\n"), "GET a/ {x: \xc3\xa4}"},
      {"9110 5.6.2 every sign of a token", Get("!#$%&'*+-.^_`|~09az: 1\r\n"), "GET a/ {!#$%&'*+-.^_`|~09az: 1}"},
      {"9112 5.1 space before the colon", Get("X : 1\r\n"), kRefused},
      {"9112 5.1 tab before the colon", Get("X\t: 1\r\n"), kRefused},
      {"9112 5.1 control before the colon", Get("X\x01: 1\r\n"), kRefused},
      {"9112 5 space before the name", Get(" X: 1\r\n"), kRefused},
      {"9112 5 space in the name", Get("X A: 1\r\n"), kRefused},
      {"9112 5 slash in the name", Get("X/A: 1\r\n"), kRefused},
      {"9112 5 quotes in the name", Get("\"X\": 1\r\n"), kRefused},
      {"9112 5 parentheses in the name", Get("X(A): 1\r\n"), kRefused},
      {"9112 5 eight bits in the name", Get("X\xff: 1\r\n"), kRefused},
      {"9112 5 NUL in the name", Get("X\0: 1\r\n"s), kRefused},
      {"9112 5 DEL in the name", Get("X\x7f: 1\r\n"), kRefused},
      {"9112 5 empty name", Get(": 1\r\n"), kRefused},
      {"9112 5 no colon", Get("X\r\n"), kRefused},
      {"9112 5 no colon but a value", Get("X 1\r\n"), kRefused},
      {"9112 5.2 folded value", Get("X: 1\r\n 2\r\n"), kRefused},
      {"9112 5.2 folded by tab", Get("X: 1\r\n\t2\r\n"), kRefused},
      {"9112 5.2 folded to nothing", Get("X: 1\r\n \r\n"), kRefused},
      {"9112 5.2 folded before the value", Get("X:\r\n 1\r\n"), kRefused},
      {"9112 5.2 folded and no value at all", Get("X:\r\n \r\n"), kRefused},
      {"9112 2.2 value ended by LF", Get("X: 1\n"), kRefused},
      {"9112 2.2 head ended by LF", "GET / HTTP/1.1\r\nHost: a\r\n\n", kRefused},
      {"9112 2.2 head ended by LF LF", "GET / HTTP/1.1\nHost: a\n\n", kRefused},
      {"9112 2.2 head ended by CR", "GET / HTTP/1.1\r\nHost: a\r\n\r" + kNext, kRefused},
      {"9112 2.2 bare CR in a value", Get("X: 1\r2\r\n"), kRefused},
      {"9112 2.2 CR CR LF after a value", Get("X: 1\r\r\n"), kRefused},
      {"9110 5.5 NUL in a value", Get("X: 1\0\r\n"s), kRefused},
      {"9110 5.5 control in a value", Get("X: \x01\r\n"), kRefused},
      {"9110 5.5 escape in a value", Get("X: \x1b[0m\r\n"), kRefused},
      {"9110 5.5 DEL in a value", Get("X: \x7f\r\n"), kRefused},
      {"9110 5.4 60 KiB are read", Get("X: " + most + "\r\n"), "GET a/ {x: " + most + "}"},
      {"9110 5.4 a byte more than 60 KiB", Get("X: " + most + "v\r\n"), "431 close"},
      {"9110 5.4 more than 60 KiB in lines that are not", Get("X: " + large + "\r\nY: " + large + large + "\r\n"),
       "431 close"},
      {"9110 5.4 an endless name", Get(std::string(70'000, 'x') + ": 1\r\n"), "431 close"},
      {"9110 5.4 100 fields with the host", Get(lines(99)), "GET a/ {" + hundred + "}"},
      {"9110 5.4 101 fields with the host", Get(lines(100)), "431 close"},
      {"9110 7.6.1 connection names host", Get("Connection: host\r\n"), kRefused},
      {"9110 7.6.1 connection names the length", Get("Connection: x, Content-Length\r\n"), kRefused},
      {"9110 7.6.1 connection names the coding", Get("Connection: transfer-encoding\r\n"), kRefused},
      {"9110 7.6.1 the second connection names host", Get("Connection: x\r\nConnection: Host\r\n"), kRefused},
      {"9110 7.6.1 connection names 32 fields", Get("Connection: close" + names + "\r\n"),
       "GET a/ {connection: close" + names + "} close"},
      {"9110 7.6.1 connection names more fields than can be removed", Get("Connection: close" + more_names + "\r\n"),
       "431 close"},
      {"9110 7.8 an offer of h2c is no WebSocket",
       Get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n") + kNext,
       "GET a/ {connection: Upgrade, HTTP2-Settings, upgrade: h2c} / GET a/2"},
      {"6455 4.1 a WebSocket", Get("Connection: Upgrade\r\nUpgrade: websocket\r\n"),
       "GET a/ websocket {connection: Upgrade, upgrade: websocket}"},
      {"6455 4.1 a WebSocket with a body",
       Get("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n") + "x", kRefused},
      {"6455 4.1 a WebSocket by POST",
       "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", kRefused},
      {"9110 7.8 an upgrade in 1.0 is ignored",
       "GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
       "GET a/ {connection: Upgrade, upgrade: websocket} close"},
      {"9110 10.1.1 expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
       "POST a/ =x"},
      {"9110 10.1.1 unknown expectation", Get("Expect: miracles\r\n"), "417 close"},
      {"9110 10.1.1 a list with an unknown expectation", Get("Expect: 100-continue, miracles\r\n"), "417 close"},
      {"9110 10.1.1 a second line with an unknown expectation", Get("Expect: 100-continue\r\nExpect: miracles\r\n"),
       "417 close"},
      {"9113 3.4 the preface of HTTP 2 in the middle", kNext + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
       "GET a/2 / 505 close"},
      {"9110 15 a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s, kNotHttp},
      {"9110 15 a response", "HTTP/1.1 200 OK\r\nHost: a\r\n\r\n", kNotHttp},
  };
}

std::string Name(const ::testing::TestParamInfo<Case>& info) { return CaseName(info.param.name); }
INSTANTIATE_TEST_SUITE_P(Line, H1Head, ::testing::ValuesIn(Lines()), Name);
INSTANTIATE_TEST_SUITE_P(Host, H1Head, ::testing::ValuesIn(Hosts()), Name);
INSTANTIATE_TEST_SUITE_P(Field, H1Head, ::testing::ValuesIn(Fields()), Name);

}  // namespace
}  // namespace meridian::testing
