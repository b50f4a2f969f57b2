// HTTP/2 from origins, frame by frame (RFC 9113): an answer that is malformed fails its request, and a broken
// connection ends. Raw bytes into the client codec, whole and byte by byte.
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
  bool raw = false;     // no SETTINGS before them
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class H2Response : public ::testing::TestWithParam<Case> {};

TEST_P(H2Response, HasOneReading) {
  const Case& c = GetParam();
  EXPECT_EQ(H2ClientReading("GET", c.bytes, {}, c.raw), c.reading) << c.name;
  std::vector<size_t> cuts;
  for (size_t i = 1; i < c.bytes.size(); ++i) cuts.push_back(i);
  EXPECT_EQ(H2ClientReading("GET", c.bytes, cuts, c.raw), c.reading) << c.name << ", byte by byte";
}

std::string Ok(const Fields& more = {}, uint8_t flags = kEndHeaders) {
  Fields fields = {{":status", "200"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return Headers(1, fields, flags);
}
const std::string kFailed = "failed rst 1 PROTOCOL_ERROR";

std::vector<Case> Answers() {
  return {
      {"9113 8_3_2 an answer", Ok({{"x", "1"}}) + Data(1, "hello"), "200 {x: 1} =hello ok"},
      {"9113 8_1 an answer without body", Ok({}, 5), "200 ok"},
      {"9113 8_1 interim answers", Headers(1, {{":status", "103"}}, 4) + Ok({}, 5), "103 200 ok"},
      {"9113 8_1 trailers", Ok() + Data(1, "x", 0) + Headers(1, {{"x-sum", "1"}}), "200 =x +{x-sum: 1} ok"},
      {"9110 6_5_1 host in trailers", Ok() + Data(1, "x", 0) + Headers(1, {{"host", "b"}}),
       "200 =x failed rst 1 INTERNAL_ERROR"},
      {"9110 6_5_1 cookie in trailers is dropped", Ok() + Data(1, "x", 0) + Headers(1, {{"cookie", "b"}}), "200 =x ok"},
      {"9113 8_1_1 length that agrees", Ok({{"content-length", "5"}}) + Data(1, "hello"), "200 =hello ok"},
      {"9113 8_3_2 no status", Headers(1, {{"x", "1"}}), kFailed},
      {"9113 8_3_2 status twice", Ok({{":status", "200"}}), kFailed},
      {"9113 8_3_2 status after a field", Headers(1, {{"x", "1"}, {":status", "200"}}), kFailed},
      {"9113 8_3_2 status of two digits", Headers(1, {{":status", "20"}}), kFailed},
      {"9113 8_3_2 status with a letter", Headers(1, {{":status", "2o0"}}), kFailed},
      {"9113 8_3_2 empty status", Headers(1, {{":status", ""}}), kFailed},
      {"9113 8_3 pseudo header of requests", Ok({{":path", "/"}}), kFailed},
      {"9113 8_6 a 101", Headers(1, {{":status", "101"}}, 4), kFailed},
      {"9113 8_1 an interim answer that ends the stream", Headers(1, {{":status", "103"}}), kFailed},
      {"9113 8_2_1 name in upper case", Ok({{"X", "1"}}), kFailed},
      {"9113 8_2_1 CR LF in a value", Ok({{"x", "1\r\ny: 2"}}), kFailed},
      {"9113 8_2_1 NUL in a value", Ok({{"x", "1\0"s}}), kFailed},
      {"9113 8_2_1 space in a name", Ok({{"x y", "1"}}), kFailed},
      {"9113 8_2_2 connection", Ok({{"connection", "close"}}), kFailed},
      {"9113 8_2_2 transfer encoding", Ok({{"transfer-encoding", "chunked"}}), kFailed},
      {"9113 8_2_2 upgrade", Ok({{"upgrade", "h2c"}}), kFailed},
      {"9113 8_1_1 two lengths", Ok({{"content-length", "5"}, {"content-length", "6"}}), kFailed},
      {"9113 8_1_1 length with sign", Ok({{"content-length", "+5"}}), kFailed},
      {"9113 8_1_1 length too long", Ok({{"content-length", "6"}}) + Data(1, "hello"),
       "200 =hello failed rst 1 PROTOCOL_ERROR"},
      {"9113 8_1_1 length without a body", Ok({{"content-length", "6"}}, 5), kFailed},
      {"9113 5_1 data before the head", Data(1, "x"), "... goaway PROTOCOL_ERROR"},
      {"9113 6_4 a reset", Rst(1), "failed"},
      {"9113 6_4 a reset in the body", Ok() + Data(1, "x", 0) + Rst(1), "200 =x failed"},
      {"9113 6_8 GOAWAY below the request", Goaway(0), "failed dead"},
      {"9113 6_8 GOAWAY behind the request", Goaway(1) + Ok({}, 5), "200 ok dead"},
      {"9113 6_5 no SETTINGS first", Ok({}, 5), "... goaway PROTOCOL_ERROR", true},
      {"9113 8_4 a push before it knows that it is off", Frame(kPush, 4, 1, Number(2, 4) + Block({{":method", "GET"}})),
       "... rst 2 CANCEL"},
      {"9113 6_5_2 ENABLE_PUSH from a server", Settings(Setting(2, 1)), "... goaway PROTOCOL_ERROR"},
      {"9113 5_1_1 an answer to nothing", Headers(3, {{":status", "200"}}), "... goaway PROTOCOL_ERROR"},
      {"9113 4_3 no HPACK", Frame(kHeaders, 5, 1, "\xff\xff\xff\xff\xff"), "... goaway COMPRESSION_ERROR"},
      {"9113 4_2 a frame too large", Frame(kData, 0, 1, std::string(16'385, 'x')), "... goaway FRAME_SIZE"},
      {"9113 6_9 WINDOW_UPDATE of zero", Window(0, 0), "... goaway PROTOCOL_ERROR"},
      {"9113 6_9_1 window overflows", Window(0, 0x7fffffff), "... goaway FLOW_CONTROL_ERROR"},
  };
}

std::string Name(const ::testing::TestParamInfo<Case>& info) { return CaseName(info.param.name); }
INSTANTIATE_TEST_SUITE_P(Answer, H2Response, ::testing::ValuesIn(Answers()), Name);

}  // namespace
}  // namespace meridian::testing
