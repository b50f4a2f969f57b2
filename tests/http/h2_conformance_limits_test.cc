// HTTP/2 from clients: line ends and NUL in every place of a head, what comes behind an end, and each limit from both
// of its sides (RFC 9113 §5.1, §6.8, §8.2.1, §10.5).
#include <gtest/gtest.h>

#include "support/h2_reading.h"

namespace meridian::testing {
namespace {

using namespace std::string_literals;
using namespace h2;

const Fields kGet = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
const Fields kPost = {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};

Fields With(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

// ---- line ends and NUL ---------------------------------------------------------------------------------------------

// What would be a line of its own, or the end of one, in HTTP/1.
class H2Injection : public ::testing::TestWithParam<std::string> {
 protected:
  // Never carried: an error of the stream, or a status for what nghttp2 lets pass.
  static void ExpectRefused(const std::string& frames, const std::string& what) {
    const std::string reading = H2ServerReading(frames, {});
    EXPECT_TRUE(reading == "- rst 1 PROTOCOL_ERROR" || reading == "400") << what << ": " << reading;
  }
};

TEST_P(H2Injection, Rfc9113_8_2_1_IsRefusedInEveryPseudoHeader) {
  for (size_t field = 0; field < kGet.size(); ++field) {
    const std::string good = kGet[field].second;
    const std::string evil = "x: y";
    for (const std::string& value : {good + GetParam(), GetParam() + good, good + GetParam() + evil}) {
      Fields fields = kGet;
      fields[field].second = value;
      ExpectRefused(Headers(1, fields), "value of " + fields[field].first);
      fields = kGet;
      fields[field].first += GetParam();
      ExpectRefused(Headers(1, fields), "name " + kGet[field].first);
    }
  }
}

TEST_P(H2Injection, Rfc9113_8_2_1_IsRefusedInNamesAndValues) {
  for (const std::string& text : {"x" + GetParam(), GetParam() + "x", "x" + GetParam() + "y: z"}) {
    ExpectRefused(Headers(1, With(kGet, {{text, "1"}})), "name");
    ExpectRefused(Headers(1, With(kGet, {{"x", text}})), "value");
    ExpectRefused(Headers(1, With(kGet, {{"cookie", text}})), "cookie");
    ExpectRefused(Headers(1, With(kGet, {{"host", "a" + GetParam()}})), "host");
  }
}

TEST_P(H2Injection, Rfc9113_8_2_1_IsRefusedInTrailers) {
  for (const Fields& trailers : {Fields{{"x" + GetParam(), "1"}}, Fields{{"x", "1" + GetParam() + "y: z"}}}) {
    EXPECT_EQ(H2ServerReading(Headers(1, kPost, kEndHeaders) + Data(1, "b", 0) + Headers(1, trailers), {}),
              "POST a/ =b! rst 1 PROTOCOL_ERROR");
  }
}

INSTANTIATE_TEST_SUITE_P(Of, H2Injection, ::testing::Values("\r\n"s, "\r"s, "\n"s, "\0"s, "\r\n\r\n"s),
                         [](const auto& row) { return "Sign" + std::to_string(row.index); });

// ---- behind an end -------------------------------------------------------------------------------------------------

struct Case {
  std::string name;  // starts with the clause
  std::string bytes;
  std::string reading;  // see h2_reading.h
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class H2Limit : public ::testing::TestWithParam<Case> {};

TEST_P(H2Limit, HasOneAnswer) {
  const Case& c = GetParam();
  EXPECT_EQ(H2ServerReading(c.bytes, {}), c.reading) << c.name;
  std::vector<size_t> cuts;
  for (size_t i = 1; i<c.bytes.size(); i += c.bytes.size()> 3000 ? 97 : 1) cuts.push_back(i);
  EXPECT_EQ(H2ServerReading(c.bytes, cuts), c.reading) << c.name << ", in pieces";
}

std::vector<Case> Ends() {
  const std::string open = Headers(1, kPost, kEndHeaders);
  const std::string next = Headers(3, kGet);
  const std::string broken = Window(0, 0);
  return {
      {"9113 5_4_1 a request behind an error of the connection", broken + next, " goaway PROTOCOL_ERROR"},
      {"9113 5_4_1 the rest of a body behind an error of the connection", open + broken + Data(1, "x"),
       "POST a/ =... goaway PROTOCOL_ERROR"},
      {"9113 5_4_1 a second error behind the first", broken + Frame(kContinuation, 4, 1, "") + next,
       " goaway PROTOCOL_ERROR"},
      {"9113 5_4_1 no frame at all behind an error", broken + std::string(100, '\xff'), " goaway PROTOCOL_ERROR"},
      {"9113 6_8 a reset behind the clients GOAWAY", open + Goaway(0) + Rst(1), "POST a/ =! dead"},
      {"9113 6_8 the rest of a body behind the clients GOAWAY", open + Goaway(0) + Data(1, "x"), "POST a/ =x dead"},
      {"9113 5_1 trailers that do not end the stream, then more", open + Headers(1, {{"x", "1"}}, kEndHeaders) + next,
       "POST a/ =! / GET a/ rst 1 PROTOCOL_ERROR"},
      {"9113 5_1 data behind a reset in one packet, then a request", open + Rst(1) + Data(1, "x") + next,
       "POST a/ =! / GET a/"},
      {"9113 5_1 an update of the window behind a reset", open + Rst(1) + Window(1, 1) + next, "POST a/ =! / GET a/"},
      {"7540 5_1 trailers behind a reset", open + Rst(1) + Headers(1, {{"x", "1"}}) + next,
       "POST a/ =! goaway STREAM_CLOSED"},
      {"9113 5_1 a second reset", open + Rst(1) + Rst(1) + next, "POST a/ =! / GET a/"},
  };
}

// ---- limits --------------------------------------------------------------------------------------------------------

Fields Many(size_t count, const std::string& name, const std::string& value) { return Fields(count, {name, value}); }

// A head in as many CONTINUATION frames as it needs.
std::string Long(uint32_t stream, const Fields& fields) {
  std::string block = Block(fields), out;
  for (uint8_t type = kHeaders; type == kHeaders || !block.empty(); type = kContinuation) {
    const std::string piece = block.substr(0, H2Session::kMaxFrame);
    block.erase(0, piece.size());
    const int flags = (block.empty() ? kEndHeaders : 0) | (type == kHeaders ? kEndStream : 0);
    out += Frame(type, static_cast<uint8_t>(flags), stream, piece);
  }
  return out;
}

// `count` references to a field of the dynamic table, as one byte each, in one frame behind a request that put it
// there.
std::string References(const std::string& name, const std::string& value, size_t count) {
  const std::string indexed = "\x40" + Text(name) + Text(value);
  return Frame(kHeaders, kEndHeaders | kEndStream, 1, Block(kGet) + indexed) +
         Frame(kHeaders, kEndHeaders | kEndStream, 3, Block(kGet) + std::string(count, '\xbe'));
}

std::vector<Case> Limits() {
  const MessageLimits limits;
  const uint32_t own = (7 + 3) + (7 + 4) + (10 + 1) + (5 + 1) + 5 * 32 + 1;  // the pseudo-headers, and the name of "x"
  const std::string most(limits.max_header_bytes - own, 'v');
  const std::string target = "/" + std::string(kReadingTarget - 1, 'p');
  const std::string some(4000, 'v');
  const auto at = [](const std::string& path) { return Headers(1, {kGet[0], kGet[1], kGet[2], {":path", path}}); };
  const auto trailers = [&](const Fields& fields) {
    return Headers(1, kPost, kEndHeaders) + Data(1, "b", 0) + Headers(1, fields);
  };
  std::string hundred;
  for (int i = 0; i < 100; ++i) hundred += (i ? ", " : "") + "x: "s;
  std::string crumbs;
  for (int i = 0; i < 100; ++i) crumbs += i ? "; " : "";
  return {
      {"9113 10_5_1 100 fields are carried", Headers(1, With(kGet, Many(100, "x", ""))), "GET a/ {" + hundred + "}"},
      {"9113 10_5_1 101 empty fields", Headers(1, With(kGet, Many(101, "x", ""))), "431"},
      {"9113 8_2_3 100 crumbs are one cookie", Headers(1, With(kGet, Many(100, "cookie", ""))),
       "GET a/ {cookie: " + crumbs + "}"},
      {"9113 8_2_3 more than 501 crumbs of cookies", Headers(1, With(kGet, Many(502, "cookie", "")), 5), "431"},
      {"9113 10_5_1 60 KiB with 32 for each field", Long(1, With(kGet, {{"x", most}})), "GET a/ {x: " + most + "}"},
      {"9113 10_5_1 a byte more than 60 KiB", Long(1, With(kGet, {{"x", most + "v"}})), "431"},
      {"9113 10_5_1 a large field referenced 13 times is not yet too much", References("x", some, 13),
       "GET a/ {x: " + some + "} / GET a/ {" +
           [&] {
             std::string list;
             for (int i = 0; i < 13; ++i) list += (i ? ", x: " : "x: ") + some;
             return list;
           }() +
           "}"},
      {"7541 7_3 a large field referenced 40 times", References("x", some, 40), "GET a/ {x: " + some + "} / 431"},
      {"7541 7_3 1000 crumbs are too many and no bomb", References("cookie", "a", 1000), "GET a/ {cookie: a} / 431"},
      {"7541 7_3 a large field referenced 4000 times", References("x", some, 4000),
       "GET a/ {x: " + some + "} / - goaway CALM"},
      {"7541 7_3 16000 references to a crumb", References("cookie", "a", 16'000), "GET a/ {cookie: a} / - goaway CALM"},
      {"7541 7_3 16000 references to an empty field", References("x", "", 16'000), "GET a/ {x: } / - goaway CALM"},
      {"9112 3 a target of 8 KiB", at(target), "GET a" + target},
      {"9112 3 a byte more than 8 KiB", at(target + "p"), "414"},
      {"9110 6_5 trailers below 8 KiB", trailers({{"x", std::string(8000, 't')}}),
       "POST a/ =b +{x: " + std::string(8000, 't') + "}"},
      {"9110 6_5 more than 8 KiB", trailers({{"x", std::string(8192, 't')}}), "POST a/ =b! rst 1 CALM"},
      {"9110 6_5 trailers that are dropped count too", trailers(Many(400, "authorization", "")),
       "POST a/ =b! rst 1 CALM"},
  };
}

std::string Name(const ::testing::TestParamInfo<Case>& info) { return CaseName(info.param.name); }
INSTANTIATE_TEST_SUITE_P(End, H2Limit, ::testing::ValuesIn(Ends()), Name);
INSTANTIATE_TEST_SUITE_P(Size, H2Limit, ::testing::ValuesIn(Limits()), Name);

}  // namespace
}  // namespace meridian::testing
