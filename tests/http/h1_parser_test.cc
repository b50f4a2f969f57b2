#include "http/h1_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/scripted_http.h"

namespace meridian {
namespace {

using Failure = H1Parser::Failure;
using testing::Bytes;
using testing::Text;

// Collects messages as text, so that two ways of feeding can be compared whole.
class Transcript final : public H1ParserSink {
 public:
  Transcript(bool requests, const MessageLimits& limits) : parser_(requests, limits, *this), requests_(requests) {}

  // Splits the input at every multiple of `step` (and once at `first`).
  std::string Read(std::string_view input, size_t step, size_t first = 0) {
    if (first > 0) Feed(input.substr(0, first));
    for (size_t at = first; at < input.size(); at += step) Feed(input.substr(at, step));
    return log_ + "failure " + std::to_string(static_cast<int>(parser_.failure()));
  }
  bool Eof() { return parser_.FeedEof(); }
  Failure failure() const { return parser_.failure(); }
  const std::string& log() const { return log_; }
  bool no_body = false;

 private:
  void Feed(std::string_view piece) {
    while (!piece.empty() && parser_.failure() == Failure::kNone) piece.remove_prefix(parser_.Feed(Bytes(piece)));
  }
  Arena* OnMessageBegin() override {
    arena_ = std::make_unique<Arena>();
    return arena_.get();
  }
  Head OnHead() override {
    if (requests_)
      log_ += std::string(parser_.method()) + " " + std::string(parser_.target());
    else
      log_ += std::to_string(parser_.status());
    log_ += " 1." + std::to_string(parser_.minor_version()) + " length " + std::to_string(parser_.content_length()) +
            (parser_.chunked() ? " chunked" : "") + (parser_.keep_alive() ? " keep" : "") + "\n" +
            Text(parser_.headers()) + "body ";
    return no_body ? Head::kNoBody : Head::kBody;
  }
  void OnBody(std::span<const uint8_t> bytes) override {
    log_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void OnMessageEnd() override {
    log_ += "\nend\n" + Text(parser_.headers());
    parser_.Reset();
  }

  H1Parser parser_;
  const bool requests_;
  std::unique_ptr<Arena> arena_;
  std::string log_;
};

const MessageLimits kLimits;

std::string ReadRequest(std::string_view text, size_t step = SIZE_MAX / 2) {
  return Transcript(true, kLimits).Read(text, step);
}
Failure FailureOf(std::string_view text, bool requests = true, const MessageLimits& limits = kLimits) {
  Transcript t(requests, limits);
  t.Read(text, SIZE_MAX / 2);
  return t.failure();
}

const std::vector<std::string> kRequests = {
    "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n",
    "\r\nGET /a?b=c HTTP/1.1\r\nHost: shop.example\r\nAccept:*/*\r\nX-Empty:\r\nX-Spaces: \t a b \t \r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello worldGET /next HTTP/1.1\r\nHost: h\r\n\r\n",
    "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5\r\nhello\r\nA;ext=1\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /2 HTTP/1.1\r\nHost: "
    "h\r\nConnection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
    // Refused ones: the reason must not depend on the split either.
    "GET / HTTP/1.1\r\nHost: h\r\nX-Fold: a\r\n b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nX-Fold:\r\n b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nX-Fold: \r\n\tb\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nX-Fold: a\r\n \r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
    "brew / HTTP/1.1\r\nHost: h\r\n\r\n",
};

TEST(H1ParserTest, AnySplitOfTheInputGivesTheSameResult) {
  for (const std::string& text : kRequests) {
    const std::string whole = ReadRequest(text);
    for (size_t step : {1, 2, 3, 5, 7}) EXPECT_EQ(ReadRequest(text, step), whole) << text << " by " << step;
    for (size_t first = 1; first < text.size(); ++first) {
      EXPECT_EQ(Transcript(true, kLimits).Read(text, SIZE_MAX / 2, first), whole) << text << " at " << first;
    }
  }
}

TEST(H1ParserTest, AnySplitOfResponsesGivesTheSameResult) {
  const std::vector<std::string> responses = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
      "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine, thanks\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
      "HTTP/1.0 200 OK\r\nX: y\r\n\r\nuntil the end",
      "HTTP/1.1 200 OK\r\nX-Fold: a\r\n b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX-Fold:\r\n b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
      "ICY 200 OK\r\n\r\n",
  };
  for (const std::string& text : responses) {
    const std::string whole = Transcript(false, kLimits).Read(text, SIZE_MAX / 2);
    for (size_t step : {1, 2, 3, 7}) EXPECT_EQ(Transcript(false, kLimits).Read(text, step), whole) << text;
    for (size_t first = 1; first < text.size(); ++first) {
      EXPECT_EQ(Transcript(false, kLimits).Read(text, SIZE_MAX / 2, first), whole) << text << " at " << first;
    }
  }
}

TEST(H1ParserTest, ReadsHeadBodyAndTrailers) {
  EXPECT_EQ(ReadRequest(kRequests[3]),
            "PUT /x 1.1 length -1 chunked keep\nhost: h\nbody hello0123456789\nend\nx-sum: 1\nfailure 0");
}

TEST(H1ParserTest, ValuesAreTrimmedAndNamesLowered) {
  EXPECT_EQ(ReadRequest(kRequests[1]),
            "GET /a?b=c 1.1 length -1 keep\nhost: shop.example\naccept: */*\nx-empty: \nx-spaces: a b\nbody "
            "\nend\nfailure 0");
}

TEST(H1ParserTest, AFoldedLineIsRefusedWhereverItFolds) {
  for (size_t i = 7; i <= 10; ++i) EXPECT_EQ(FailureOf(kRequests[i]), Failure::kMalformed) << kRequests[i];
}

TEST(H1ParserTest, FramingThatCouldBeReadTwoWaysIsRefused) {
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\n";
  for (std::string_view fields : {"Content-Length: 3\r\nContent-Length: 3\r\n",
                                  "Content-Length: 3, 3\r\n",
                                  "Content-Length: +3\r\n",
                                  "Content-Length: -3\r\n",
                                  "Content-Length: 0x3\r\n",
                                  "Content-Length: 3 3\r\n",
                                  "Content-Length:\r\n",
                                  "Content-Length: 99999999999999999999\r\n",
                                  "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                                  "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                                  "Transfer-Encoding: gzip\r\n",
                                  "Transfer-Encoding: gzip, chunked\r\n",
                                  "Transfer-Encoding: chunked, gzip\r\n",
                                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                  "Transfer-Encoding: xchunked\r\n",
                                  "Transfer-Encoding: identity\r\n",
                                  "Transfer-Encoding: chunked;x=1\r\n",
                                  "Transfer-Encoding: \"chunked\"\r\n",
                                  "Transfer-Encoding:\r\n",
                                  "Transfer-Encoding : chunked\r\n",
                                  "Transfer-Encoding\r\n",
                                  " Transfer-Encoding: chunked\r\n",
                                  "X: y\nContent-Length: 3\r\n",
                                  "X: y\rContent-Length: 3\r\n",
                                  "X\x01: y\r\n",
                                  ": y\r\n"}) {
    EXPECT_NE(FailureOf(start + std::string(fields) + "\r\nabc"), Failure::kNone) << fields;
  }
  EXPECT_EQ(FailureOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Failure::kBadTransferEncoding);
  EXPECT_EQ(FailureOf(start + "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"), Failure::kNone);
}

TEST(H1ParserTest, ControlBytesInValuesAreRefused) {
  for (char c : {'\0', '\x01', '\x7f'}) {
    EXPECT_EQ(FailureOf("GET / HTTP/1.1\r\nHost: h\r\nX: a" + std::string(1, c) + "b\r\n\r\n"), Failure::kMalformed)
        << int(c);
  }
}

TEST(H1ParserTest, BrokenChunksAreRefused) {
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::string_view body :
       {"5\r\nhelloX\r\n", "5\nhello\r\n0\r\n\r\n", "-1\r\n", "0x5\r\nhello\r\n", "\r\n", "g\r\n", " 5\r\nhello\r\n",
        "5 \r\nhello\r\n", "fffffffffffffffff\r\n", "5\r\nhello\n0\r\n\r\n"}) {
    EXPECT_EQ(FailureOf(start + std::string(body)), Failure::kMalformed) << body;
  }
}

TEST(H1ParserTest, TrailersMayNotCarryFramingOrRoutingAndLoseWhatComesTooLate) {
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (std::string_view field :
       {"Content-Length: 3", "Transfer-Encoding: chunked", "Host: other", "Connection: close", "TE: trailers"}) {
    EXPECT_NE(FailureOf(start + std::string(field) + "\r\n\r\n"), Failure::kNone) << field;
  }
  const std::string read = ReadRequest(start + "Authorization: x\r\nCookie: a\r\nX-Sum: 1\r\n\r\n");
  EXPECT_NE(read.find("end\nx-sum: 1\nfailure 0"), std::string::npos) << read;
}

TEST(H1ParserTest, EachLimitHasItsOwnAnswer) {
  MessageLimits limits;
  limits.max_header_bytes = 2000;
  limits.max_headers = 10;
  limits.max_target_bytes = 100;
  limits.max_trailer_bytes = 200;
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(FailureOf("GET /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", true, limits),
            Failure::kTargetTooLong);
  EXPECT_EQ(FailureOf("GET /" + std::string(99, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", true, limits), Failure::kNone);
  EXPECT_EQ(FailureOf(start + "X: " + std::string(2000, 'v'), true, limits), Failure::kHeadersTooLarge)
      << "before the line ends";
  EXPECT_EQ(FailureOf(start + std::string(2001, 'n'), true, limits), Failure::kHeadersTooLarge);
  std::string many = start;
  for (int i = 0; i < 9; ++i) many += "x: y\r\n";
  EXPECT_EQ(FailureOf(many + "\r\n", true, limits), Failure::kNone);
  EXPECT_EQ(FailureOf(many + "x: y\r\n\r\n", true, limits), Failure::kHeadersTooLarge);
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  EXPECT_EQ(FailureOf(chunked + "X: " + std::string(300, 'v') + "\r\n\r\n", true, limits), Failure::kHeadersTooLarge);
}

TEST(H1ParserTest, AHeadWithinTheLimitsFitsIntoOneFlush) {
  // Else it could be read but never be sent to an HTTP/1.1 origin.
  const MessageLimits limits;
  std::string head = "GET /" + std::string(limits.max_target_bytes - 1, 'p') + " HTTP/1.1\r\nHost: h\r\n";
  head += "X: " + std::string(limits.max_header_bytes - 200, 'v') + "\r\n\r\n";
  const Failure failure = FailureOf(head, true, limits);
  if (failure == Failure::kNone) {
    EXPECT_LT(head.size() + 1024, OutBuffer::kSize);
  } else {
    EXPECT_EQ(failure, Failure::kHeadersTooLarge);
  }
}

TEST(H1ParserTest, TheEndOfTheConnectionEndsOnlyABodyThatLastsUntilThen) {
  const auto ends = [](std::string_view text, bool no_body = false) {
    Transcript t(false, kLimits);
    t.no_body = no_body;
    t.Read(text, SIZE_MAX / 2);
    return t.Eof();
  };
  EXPECT_TRUE(ends("HTTP/1.1 200 OK\r\n\r\npartial"));
  EXPECT_TRUE(ends("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_TRUE(ends("")) << "between messages";
  EXPECT_FALSE(ends("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npartial"));
  EXPECT_FALSE(ends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
  EXPECT_FALSE(ends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"));
  EXPECT_FALSE(ends("HTTP/1.1 200 OK\r\nX: y\r\n"));
  EXPECT_FALSE(ends("HTT"));
}

TEST(H1ParserTest, AnswersToHeadHaveNoBodyWhateverTheySayAboutIt) {
  Transcript t(false, kLimits);
  t.no_body = true;
  EXPECT_EQ(t.Read("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHTTP/1.1 304 Not Modified\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n",
                   4),
            "200 1.1 length 10 keep\nbody \nend\n304 1.1 length -1 chunked keep\nbody \nend\nfailure 0");
}

}  // namespace
}  // namespace meridian
