// HTTP/1 from origins, byte by byte (RFC 9112 §4, §6, §7, §9): answers that two readers could take differently fail and
// end their connection, and what follows an answer never reaches anybody. Each case is read whole, cut at every place,
// and one byte at a time, always with the same result.
#include <gtest/gtest.h>

#include "support/h1_reading.h"

namespace meridian::testing {
namespace {

using namespace std::string_literals;

struct Case {
  std::string name;  // starts with the clause
  std::string bytes;
  std::string reading;  // see h1_reading.h
  std::string method = "GET";
  bool eof = false;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::string Ok(const std::string& fields, const std::string& rest) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + rest;
}
std::string Chunks(const std::string& rest) { return Ok("Transfer-Encoding: chunked\r\n", rest); }
const std::string kFailed = "failed close";
const std::string kBroken = "200 =ok failed close";
const std::string kChunked = "2\r\nok\r\n0\r\n\r\n";

class H1Response : public ::testing::TestWithParam<Case> {};

TEST_P(H1Response, IsReadOneWay) {
  const Case& c = GetParam();
  ForEveryCut(c.bytes.size(), [&](const std::vector<size_t>& cuts) {
    EXPECT_EQ(ClientReading(c.method, c.bytes, cuts, c.eof), c.reading)
        << c.name << ", cut " << cuts.size() << " times, first at " << (cuts.empty() ? 0 : cuts[0]);
    return !HasFailure();
  });
}

std::vector<Case> Framing() {
  const auto length = [](const std::string& value) { return Ok("Content-Length:" + value + "\r\n", "ok"); };
  const auto coding = [](const std::string& value) { return Ok("Transfer-Encoding:" + value + "\r\n", kChunked); };
  return {
      {"9112 6.3 a body of its length", length(" 2"), "200 =ok ok keep"},
      {"9112 6.3 length zero", Ok("Content-Length: 0\r\n", ""), "200 ok keep"},
      {"9112 6.3 chunked", coding(" chunked"), "200 =ok ok keep"},
      {"9112 7 chunked in any case", coding(" CHUNKED"), "200 =ok ok keep"},
      {"9110 5.5 tab after the coding", coding(" chunked\t"), "200 =ok ok keep"},
      {"9112 7.1.2 trailers", Chunks("2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"), "200 =ok +{x-sum: 1} ok keep"},
      {"9112 6.3 until close", Ok("", "ok"), "200 =ok ok close", "GET", true},
      {"9112 6.3 until close and still open", Ok("", "ok"), "200 =ok ... keep"},
      {"9112 9.6 close", Ok("Connection: close\r\nContent-Length: 2\r\n", "ok"),
       "200 {connection: close} =ok ok close"},
      {"9112 9.6 close and a tab", Ok("Connection: close\t\r\nContent-Length: 2\r\n", "ok"),
       "200 {connection: close} =ok ok close"},
      {"9112 9.3 HTTP 1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 =ok ok close"},
      {"9110 9.3.2 HEAD has no body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "200 ok keep", "HEAD"},
      {"9110 9.3.2 HEAD with chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 ok keep", "HEAD"},
      {"9110 9.3.2 HEAD with a body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok close", "HEAD"},
      {"9110 15.3.5 204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", "204 ok keep"},
      {"9110 15.3.5 204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", "204 ok close"},
      {"9110 15.3.5 204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n" + kChunked,
       "204 ok close"},
      {"9110 15.4.5 304 has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 ok keep"},
      {"9110 15.4.5 304 with a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok", "304 ok close"},
      {"9112 9.2 a second answer at once", length(" 2") + length(" 2"), "200 =ok ok close"},
      {"9112 9.2 bytes behind the answer", length(" 2") + "x", "200 =ok ok close"},
      {"9112 9.2 an empty line behind the answer", length(" 2") + "\r\n", "200 =ok ok close"},
      {"9112 9.2 bytes behind the last chunk", coding(" chunked") + "x", "200 =ok ok close"},
      {"9112 8 body cut short", length(" 9"), "200 =ok failed close", "GET", true},
      {"9112 8 chunks cut short", Chunks("2\r\nok\r\n"), kBroken, "GET", true},
      {"9112 8 end of chunks cut short", Chunks("2\r\nok\r\n0\r\n"), kBroken, "GET", true},
      {"9112 8 head cut short", "HTTP/1.1 200 OK\r\nX: 1\r\n", kFailed, "GET", true},
      {"9112 6.3 two lengths", Ok("Content-Length: 2\r\nContent-Length: 3\r\n", "ok"), kFailed},
      {"9112 6.3 two equal lengths", Ok("Content-Length: 2\r\nContent-Length: 2\r\n", "ok"), kFailed},
      {"9112 6.3 a list of lengths", length(" 2, 2"), kFailed},
      {"9112 6.3 length with sign", length(" +2"), kFailed},
      {"9112 6.3 negative length", length(" -2"), kFailed},
      {"9112 6.3 hexadecimal length", length(" 0x2"), kFailed},
      {"9112 6.3 length with junk", length(" 2a"), kFailed},
      {"9112 6.3 empty length", length(""), kFailed},
      {"9112 6.3 length over 64 bits", length(" 18446744073709551618"), kFailed},
      {"9112 6.3 length and chunked", Ok("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", kChunked), kFailed},
      {"9112 6.3 chunked and length", Ok("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", kChunked), kFailed},
      {"9112 6.1 another coding", coding(" gzip"), kFailed},
      {"9112 6.1 another coding before chunked", coding(" gzip, chunked"), kFailed},
      {"9112 6.1 chunked not last", coding(" chunked, gzip"), kFailed},
      {"9112 6.1 identity", coding(" identity"), kFailed},
      {"9112 6.1 chunked twice", Ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kChunked), kFailed},
      {"9112 6.1 chunked in HTTP 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + kChunked, kFailed},
      {"9112 6.1 empty coding", coding(""), kFailed},
      {"9112 7.1 size with 0x", Chunks("0x2\r\nok\r\n"), "200 failed close"},
      {"9112 7.1 size with minus", Chunks("-2\r\nok\r\n"), "200 failed close"},
      {"9112 7.1 size with space", Chunks("2 \r\nok\r\n"), "200 failed close"},
      {"9112 7.1 size over 64 bits", Chunks("10000000000000002\r\nok\r\n"), "200 failed close"},
      {"9112 7.1 size ended by LF", Chunks("2\nok\r\n0\r\n\r\n"), "200 failed close"},
      {"9112 7.1 data too long", Chunks("2\r\nokX\r\n0\r\n\r\n"), kBroken},
      {"9112 7.1 junk after the last chunk", Chunks("2\r\nok\r\n0\r\nHTTP/1.1 200 OK\r\n\r\n"), kBroken},
      {"9112 7.1 end by LF", Chunks("2\r\nok\r\n0\r\n\n"), kBroken},
      {"9112 7.1.1 extensions over 4 KiB", Chunks("2;a=" + std::string(5000, 'x') + "\r\nok\r\n0\r\n\r\n"),
       "200 failed close"},
      {"9110 6.5.1 length in trailers", Chunks("2\r\nok\r\n0\r\nContent-Length: 2\r\n\r\n"), kBroken},
      {"9112 7.1.2 trailers over 8 KiB", Chunks("2\r\nok\r\n0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"), kBroken},
  };
}

std::vector<Case> Heads() {
  const std::string ok = Ok("Content-Length: 2\r\n", "ok");
  std::string many, interim, names = "x";
  for (int i = 0; i < 32; ++i) names += ", x" + std::to_string(i);
  for (int i = 0; i < 10'000; ++i) many += "x: 1\r\n";
  for (int i = 0; i < 33; ++i) interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
  std::string told;
  for (int i = 0; i < 32; ++i) told += "103 ";
  const auto line = [](const std::string& text) { return text + "\r\nContent-Length: 2\r\n\r\nok"; };
  return {
      {"9112 4 any reason", line("HTTP/1.1 200 Gut so"), "200 =ok ok keep"},
      {"9112 4 empty reason", line("HTTP/1.1 200 "), "200 =ok ok keep"},
      {"9112 4 no reason and no space", line("HTTP/1.1 200"), "200 =ok ok keep"},
      {"9110 15 a status nobody knows", line("HTTP/1.1 299 X"), "299 =ok ok keep"},
      {"9110 15 a status over 599 is carried", line("HTTP/1.1 600 X"), "600 =ok ok keep"},
      {"9110 15 a status of 999 is carried", line("HTTP/1.1 999 X"), "999 =ok ok keep"},
      {"9110 15.2 interim answers", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok,
       "100 103 200 =ok ok keep"},
      {"9110 15.2 an unknown interim answer", "HTTP/1.1 199 X\r\n\r\n" + ok, "199 200 =ok ok keep"},
      {"9110 15.2 33 interim answers", interim + ok, told + "failed close"},
      {"9110 15.2 an interim answer with length", "HTTP/1.1 103 X\r\nContent-Length: 2\r\n\r\nok" + ok, "failed close"},
      {"9110 15.2 only an interim answer then the end", "HTTP/1.1 100 Continue\r\n\r\n", "100 failed close", "GET",
       true},
      {"9110 15.2.2 a 101 nobody asked for", "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
       kFailed},
      {"9110 7.8 an offer to upgrade is no switch",
       Ok("Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n", "ok"),
       "200 {connection: upgrade, upgrade: h2c} =ok ok keep"},
      {"9112 4 status of two digits", line("HTTP/1.1 20 OK"), kFailed},
      {"9112 4 status of four digits", line("HTTP/1.1 2000 OK"), kFailed},
      {"9112 4 status below 100", line("HTTP/1.1 099 X"), kFailed},
      {"9112 4 status with a letter", line("HTTP/1.1 2o0 OK"), kFailed},
      {"9112 4 negative status", line("HTTP/1.1 -200 OK"), kFailed},
      {"9112 4 no status", line("HTTP/1.1 OK"), kFailed},
      {"9112 4 two spaces", line("HTTP/1.1  200 OK"), kFailed},
      {"9112 4 tab", line("HTTP/1.1\t200 OK"), kFailed},
      {"9112 4 NUL in the reason", line("HTTP/1.1 200 O\0K"s), kFailed},
      {"9112 4 bare CR in the reason", line("HTTP/1.1 200 O\rK"), kFailed},
      {"9112 2.3 HTTP 2.0", line("HTTP/2.0 200 OK"), kFailed},
      {"9112 2.3 HTTP 1.2", line("HTTP/1.2 200 OK"), kFailed},
      {"9112 2.3 HTTP 0.9", line("HTTP/0.9 200 OK"), kFailed},
      {"9112 2.3 lower case", line("http/1.1 200 OK"), kFailed},
      {"9112 2.3 not HTTP", "SSH-2.0-OpenSSH_9.2p1\r\n", kFailed},
      {"9112 2.3 a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", kFailed},
      {"9112 2.3 a page without head", "<html></html>\r\n", kFailed},
      {"9112 2.2 lines ended by LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", kFailed},
      {"9112 2.2 a field ended by LF", Ok("X: 1\nContent-Length: 2\r\n", "ok"), kFailed},
      {"9112 2.2 the head ended by LF", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok", kFailed},
      {"9112 2.2 bare CR in a value", Ok("X: 1\r2\r\nContent-Length: 2\r\n", "ok"), kFailed},
      {"9112 5.2 folded value", Ok("X: 1\r\n 2\r\nContent-Length: 2\r\n", "ok"), kFailed},
      {"9112 5.1 space before the colon", Ok("Content-Length : 2\r\n", "ok"), kFailed},
      {"9112 5 empty name", Ok(": 1\r\nContent-Length: 2\r\n", "ok"), kFailed},
      {"9112 5 no colon", Ok("X\r\nContent-Length: 2\r\n", "ok"), kFailed},
      {"9110 5.5 NUL in a value", Ok("X: 1\0\r\nContent-Length: 2\r\n"s, "ok"), kFailed},
      {"9110 5.5 control in a value", Ok("X: \x02\r\nContent-Length: 2\r\n", "ok"), kFailed},
      {"9110 5.5 eight bits in a value", Ok("X: \xe4\r\nContent-Length: 2\r\n", "ok"), "200 {x: \xe4} =ok ok keep"},
      {"9110 7.6.1 connection names more fields than can be removed",
       Ok("Connection: " + names + "\r\nContent-Length: 2\r\n", "ok"), kFailed},
      {"9110 5.4 10 000 fields", Ok(many, "ok"), kFailed},
      {"9110 5.4 a value without end", "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'), kFailed},
  };
}

std::string Name(const ::testing::TestParamInfo<Case>& info) { return CaseName(info.param.name); }
INSTANTIATE_TEST_SUITE_P(Framing, H1Response, ::testing::ValuesIn(Framing()), Name);
INSTANTIATE_TEST_SUITE_P(Head, H1Response, ::testing::ValuesIn(Heads()), Name);

}  // namespace
}  // namespace meridian::testing
