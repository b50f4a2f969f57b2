// HTTP/1 from clients, byte by byte: where a message ends (RFC 9112 §6, §7), and what is refused because two readers
// could disagree on it. Each case is read whole, cut at every place, and one byte at a time, always with the same
// result.
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

std::string Post(const std::string& fields, const std::string& rest) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + rest;
}
std::string Chunks(const std::string& rest) { return Post("Transfer-Encoding: chunked\r\n", rest); }
// What a smuggler wants to be read as a request.
const std::string kNext = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kBroken = "POST a/ =hello! close";
const std::string kRefused = "400 close";

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class H1Framing : public ::testing::TestWithParam<Case> {};

TEST_P(H1Framing, IsReadOneWay) {
  const Case& c = GetParam();
  ForEveryCut(c.bytes.size(), [&](const std::vector<size_t>& cuts) {
    EXPECT_EQ(ServerReading(c.bytes, cuts), c.reading)
        << c.name << ", cut " << cuts.size() << " times, first at " << (cuts.empty() ? 0 : cuts[0]);
    return !HasFailure();
  });
}

std::vector<Case> Lengths() {
  const auto length = [](const std::string& value) {
    return Post("Content-Length:" + value + "\r\n", "hello" + kNext);
  };
  return {
      {"9112 6.2 a body of its length then the next request", length(" 5"), "POST a/ =hello / GET a/2"},
      {"9112 6.2 length zero", Post("Content-Length: 0\r\n", kNext), "POST a/ / GET a/2"},
      {"9112 6.2 leading zeros are digits", length(" 005"), "POST a/ =hello / GET a/2"},
      {"9110 5.5 white space around the length is not part of it", length("\t 5 "), "POST a/ =hello / GET a/2"},
      {"9110 5.5 a tab after the length", length(" 5\t"), "POST a/ =hello / GET a/2"},
      {"9110 5.5 tabs and spaces after the length", length("\t5 \t\t "), "POST a/ =hello / GET a/2"},
      {"9112 6.3 length with a tab inside", length(" 5\t0"), kRefused},
      {"9112 6.3 length of tabs", length("\t\t"), kRefused},
      {"9112 5.1 tab after the name of the length", Post("Content-Length\t: 5\r\n", "hello" + kNext), kRefused},
      {"9112 6.2 length without space", length("5"), "POST a/ =hello / GET a/2"},
      {"9110 5.1 the name of the length in any case", Post("cOnTeNt-LeNgTh: 5\r\n", "hello"), "POST a/ =hello"},
      {"9112 6.3 no length no body", Post("", kNext), "POST a/ / GET a/2"},
      {"9110 9.3.1 a GET may have a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + kNext,
       "GET a/ =hello / GET a/2"},
      {"9112 6.2 an incomplete body waits", Post("Content-Length: 9\r\n", "hello"), "POST a/ =hello..."},
      {"9112 6.3 two lengths that differ", Post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello" + kNext),
       kRefused},
      {"9112 6.3 two lengths that agree", Post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), kRefused},
      {"9112 6.3 two lengths with a field between", Post("Content-Length: 5\r\nX: 1\r\nContent-Length: 0\r\n", "hello"),
       kRefused},
      {"9112 6.3 a list of lengths that differ", length(" 5, 6"), kRefused},
      {"9112 6.3 a list of lengths that agree", length(" 5, 5"), kRefused},
      {"9112 6.3 a list with an empty element", length(" 5,"), kRefused},
      {"9112 6.3 length with plus", length(" +5"), kRefused},
      {"9112 6.3 length with minus", length(" -5"), kRefused},
      {"9112 6.3 minus zero", length(" -0"), kRefused},
      {"9112 6.3 hexadecimal length", length(" 0x5"), kRefused},
      {"9112 6.3 hexadecimal digits", length(" A"), kRefused},
      {"9112 6.3 length with junk", length(" 5a"), kRefused},
      {"9112 6.3 length with space inside", length(" 5 0"), kRefused},
      {"9112 6.3 length as a float", length(" 5.0"), kRefused},
      {"9112 6.3 length with exponent", length(" 5e0"), kRefused},
      {"9112 6.3 length with underscore", length(" 0_5"), kRefused},
      {"9112 6.3 quoted length", length(" \"5\""), kRefused},
      {"9112 6.3 length with NUL", length(" 5\0"s), kRefused},
      {"9112 6.3 length with vertical tab", length(" \v5"), kRefused},
      {"9112 6.3 length with form feed", length(" 5\f"), kRefused},
      {"9112 6.3 length in full width digits", length(" \xef\xbc\x95"), kRefused},
      {"9112 6.3 length with no-break space",
       length(" \xc2\xa0"
              "5"),
       kRefused},
      {"9112 6.3 empty length", length(""), kRefused},
      {"9112 6.3 length of spaces", length("   "), kRefused},
      {"9112 6.3 length 2 to the 64 plus 5", length(" 18446744073709551621"), kRefused},
      {"9112 6.3 length 2 to the 63", length(" 9223372036854775808"), kRefused},
      {"9112 6.3 length of many digits", length(" " + std::string(300, '9')), kRefused},
      {"9112 5.1 space after the name of the length", Post("Content-Length : 5\r\n", "hello" + kNext), kRefused},
      {"9112 5.2 folded length", Post("Content-Length:\r\n 5\r\n", "hello" + kNext), kRefused},
      {"9112 5.2 length folded after its digits", Post("Content-Length: 5\r\n 0\r\n", "hello" + kNext), kRefused},
  };
}

std::vector<Case> Codings() {
  const auto coding = [](const std::string& value) {
    return Post("Transfer-Encoding:" + value + "\r\n", "5\r\nhello\r\n0\r\n\r\n" + kNext);
  };
  const std::string both = "5\r\nhello\r\n0\r\n\r\n" + kNext;
  return {
      {"9112 7.1 chunked then the next request", coding(" chunked"), "POST a/ =hello / GET a/2"},
      {"9112 7 the coding in any case", coding(" ChUnKeD"), "POST a/ =hello / GET a/2"},
      {"9112 7 the coding without space", coding("chunked"), "POST a/ =hello / GET a/2"},
      {"9110 5.5 white space around the coding", coding("\t chunked \t"), "POST a/ =hello / GET a/2"},
      {"9112 6.3 length and chunked", Post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", both), kRefused},
      {"9112 6.3 chunked and length", Post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", both), kRefused},
      {"9112 6.3 length zero and chunked", Post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", both), kRefused},
      {"9112 6.1 chunked twice", Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", both), kRefused},
      {"9112 6.1 chunked twice in a list", coding(" chunked, chunked"), kRefused},
      {"9112 6.1 chunked not last", coding(" chunked, gzip"), kRefused},
      {"9112 6.1 another coding before", coding(" gzip, chunked"), kRefused},
      {"9112 6.1 another coding alone", coding(" gzip"), kRefused},
      {"9112 6.1 identity", coding(" identity"), kRefused},
      {"9112 6.1 identity and chunked", coding(" identity, chunked"), kRefused},
      {"9112 6.1 identity in a line of its own",
       Post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", both), kRefused},
      {"9112 6.1 chunked then identity in lines",
       Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", both), kRefused},
      {"9112 6.1 coding with parameter", coding(" chunked;a=b"), kRefused},
      {"9112 6.1 coding with weight", coding(" chunked;q=1"), kRefused},
      {"9112 6.1 coding with trailing comma", coding(" chunked,"), kRefused},
      {"9112 6.1 coding with leading comma", coding(" ,chunked"), kRefused},
      {"9112 6.1 quoted coding", coding(" \"chunked\""), kRefused},
      {"9112 6.1 xchunked", coding(" xchunked"), kRefused},
      {"9112 6.1 chunkedx", coding(" chunkedx"), kRefused},
      {"9112 6.1 chunk", coding(" chunk"), kRefused},
      {"9112 6.1 chun ked", coding(" chun ked"), kRefused},
      {"9112 6.1 coding with vertical tab", coding(" \vchunked"), kRefused},
      {"9112 6.1 coding with NUL", coding(" chunked\0"s), kRefused},
      {"9112 6.1 empty coding", coding(""), kRefused},
      {"9112 6.1 empty coding and length", Post("Transfer-Encoding:\r\nContent-Length: 5\r\n", "hello" + kNext),
       kRefused},
      {"9112 5.1 space after the name of the coding", Post("Transfer-Encoding : chunked\r\n", both), kRefused},
      {"9112 5.2 folded coding", Post("Transfer-Encoding:\r\n chunked\r\n", both), kRefused},
      {"9112 5.2 coding folded after its name", Post("Transfer-Encoding: chunked\r\n , identity\r\n", both), kRefused},
      {"9112 6.1 chunked in HTTP 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + both,
       kRefused},
      {"9112 6.1 gzip in HTTP 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n" + both, kRefused},
  };
}

std::vector<Case> Chunked() {
  const std::string last = "0\r\n\r\n";
  const std::string good = "POST a/ =hello / GET a/2";
  return {
      {"9112 7.1 two chunks", Chunks("5\r\nhello\r\n6\r\n world\r\n" + last), "POST a/ =hello world"},
      {"9112 7.1 no chunk at all", Chunks(last + kNext), "POST a/ = / GET a/2"},
      {"9112 7.1 size with leading zeros", Chunks("0005\r\nhello\r\n" + last + kNext), good},
      {"9112 7.1 size in upper case", Chunks("A\r\nhellohello\r\n" + last), "POST a/ =hellohello"},
      {"9112 7.1 size in lower case", Chunks("a\r\nhellohello\r\n" + last), "POST a/ =hellohello"},
      {"9112 7.1 last chunk with many zeros", Chunks("5\r\nhello\r\n0000\r\n\r\n" + kNext), good},
      {"9112 7.1 a chunk that looks like an end", Chunks("5\r\n0\r\n\r\n\r\n" + last + kNext),
       "POST a/ =0\r\n\r\n / GET a/2"},
      {"9112 7.1 an incomplete chunk waits", Chunks("9\r\nhello"), "POST a/ =hello..."},
      {"9112 7.1 an incomplete end waits", Chunks("5\r\nhello\r\n0\r\n"), "POST a/ =hello..."},
      {"9112 7.1.1 extension is ignored", Chunks("5;a=b\r\nhello\r\n" + last + kNext), good},
      {"9112 7.1.1 extension without value", Chunks("5;a\r\nhello\r\n" + last + kNext), good},
      {"9112 7.1.1 quoted extension", Chunks("5;a=\"b c\"\r\nhello\r\n" + last + kNext), good},
      {"9112 7.1.1 two extensions without value", Chunks("5;a;b\r\nhello\r\n" + last + kNext), good},
      {"9112 7.1.1 an extension after a value", Chunks("5;a=b;c=d\r\nhello\r\n" + last + kNext), good},
      {"9112 7.1.1 an extension after a quote", Chunks("5;a=\"b;\\\"c\";d;e=\"\"\r\nhello\r\n" + last + kNext), good},
      {"9112 7.1.1 a quote behind a value", Chunks("5;a=b\"c\"\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 a value behind a quote", Chunks("5;a=\"b\"c\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 two equal signs", Chunks("5;a==b\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 an empty extension between", Chunks("5;a;;b\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 extension without value behind its sign", Chunks("5;a=\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 a backslash before the end of a line", Chunks("5;a=\"\\\r\n\"\r\nhello\r\n" + last),
       "POST a/ =! close"},
      {"9112 7.1.1 extension behind white space", Chunks("5;a=b ;c\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 extension of the last chunk", Chunks("5\r\nhello\r\n0;a=b\r\n\r\n" + kNext), good},
      {"9112 7.1.2 trailers", Chunks("5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n" + kNext),
       "POST a/ =hello +{x-sum: 1, x-b: 2} / GET a/2"},
      {"9112 7.1 size with 0x", Chunks("0x5\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size with plus", Chunks("+5\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size with minus", Chunks("-5\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size with underscore", Chunks("0_5\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size with leading space", Chunks(" 5\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size with trailing space", Chunks("5 \r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size with trailing tab", Chunks("5\t\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size in quotes", Chunks("\"5\"\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size with NUL", Chunks("5\0\r\nhello\r\n"s + last), "POST a/ =! close"},
      {"9112 7.1 size with a letter", Chunks("5g\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size with comma", Chunks("5,5\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 empty size", Chunks("\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 extension without size", Chunks(";a\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size over 64 bits", Chunks("ffffffffffffffff5\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size of 2 to the 64", Chunks("10000000000000005\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size ended by LF", Chunks("5\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size ended by CR", Chunks("5\rhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size ended by CR CR LF", Chunks("5\r\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 data ended by LF", Chunks("5\r\nhello\n" + last), kBroken},
      {"9112 7.1 data ended by CR", Chunks("5\r\nhello\r" + last), kBroken},
      {"9112 7.1 data longer than its size", Chunks("5\r\nhelloXX" + last), kBroken},
      {"9112 7.1 data longer by one line", Chunks("5\r\nhello1\r\n" + last), kBroken},
      {"9112 7.1 space after the data", Chunks("5\r\nhello \r\n" + last), kBroken},
      {"9112 7.1 junk after the last chunk", Chunks("5\r\nhello\r\n0\r\nGET /2 HTTP/1.1\r\n\r\n"), kBroken},
      {"9112 7.1 last chunk ended by LF", Chunks("5\r\nhello\r\n0\n\r\n"), kBroken},
      {"9112 7.1 message ended by LF", Chunks("5\r\nhello\r\n0\r\n\n" + kNext), kBroken},
      {"9112 7.1 message ended by CR", Chunks("5\r\nhello\r\n0\r\n\r" + kNext), kBroken},
      {"9112 7.1.1 space before the extension", Chunks("5 ;a=b\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 extension with LF", Chunks("5;a\nb\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 extension ended by LF", Chunks("5;a=b\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 extension with CR", Chunks("5;a\rb\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 extension with NUL", Chunks("5;a\0\r\nhello\r\n"s + last), "POST a/ =! close"},
      {"9112 7.1.1 extension with open quote", Chunks("5;a=\"b\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 quote with LF", Chunks("5;a=\"b\nc\"\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 quote with CR LF", Chunks("5;a=\"b\r\nhello\r\n\"\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 extension without name", Chunks("5;=b\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 empty extension", Chunks("5;\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1.1 4 KiB of extensions", Chunks("5;a=" + std::string(4000, 'b') + "\r\nhello\r\n" + last + kNext),
       good},
      {"9112 7.1.1 more than 4 KiB of extensions", Chunks("5;a=" + std::string(5000, 'b') + "\r\nhello\r\n" + last),
       "POST a/ =! close"},
      {"9112 7.1.1 many extensions", Chunks([] {
         std::string body;
         for (int i = 0; i < 100; ++i) body += "1;a=" + std::string(50, 'b') + "\r\nx\r\n";
         return body;
       }()),
       "POST a/ =" + std::string(77, 'x') + "! close"},
      {"9112 7.1 many leading zeros", Chunks(std::string(4000, '0') + "5\r\nhello\r\n" + last), "POST a/ =hello"},
      {"9112 7.1 too many leading zeros", Chunks(std::string(5000, '0') + "5\r\nhello\r\n" + last), "POST a/ =! close"},
      {"9112 7.1 size of 60 bits", Chunks("0fffffffffffffff\r\nhello"), "POST a/ =hello..."},
      {"9112 7.1 size of 61 bits", Chunks("1000000000000000\r\nhello"), "POST a/ =! close"},
      {"9110 6.5.1 length in trailers", Chunks("5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n"), kBroken},
      {"9110 6.5.1 coding in trailers", Chunks("5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"), kBroken},
      {"9110 6.5.1 host in trailers", Chunks("5\r\nhello\r\n0\r\nHost: b\r\n\r\n"), kBroken},
      {"9110 6.5.1 connection in trailers", Chunks("5\r\nhello\r\n0\r\nConnection: close\r\n\r\n"), kBroken},
      {"9110 6.5.1 authorization in trailers is dropped", Chunks("5\r\nhello\r\n0\r\nAuthorization: x\r\nX: 1\r\n\r\n"),
       "POST a/ =hello +{x: 1}"},
      {"9112 7.1.2 folded trailer", Chunks("5\r\nhello\r\n0\r\nX-A: 1\r\n 2\r\n\r\n"), kBroken},
      {"9112 7.1.2 trailer with space before the colon", Chunks("5\r\nhello\r\n0\r\nX-A : 1\r\n\r\n"), kBroken},
      {"9112 7.1.2 trailer ended by LF", Chunks("5\r\nhello\r\n0\r\nX-A: 1\n\r\n"), kBroken},
      {"9112 7.1.2 trailers ended by LF", Chunks("5\r\nhello\r\n0\r\nX-A: 1\r\n\n"), kBroken},
      {"9112 7.1.2 trailer with bare CR", Chunks("5\r\nhello\r\n0\r\nX-A: 1\r2\r\n\r\n"), kBroken},
      {"9112 7.1.2 trailer with NUL", Chunks("5\r\nhello\r\n0\r\nX-A: 1\0\r\n\r\n"s), kBroken},
      {"9112 7.1.2 trailer with empty name", Chunks("5\r\nhello\r\n0\r\n: 1\r\n\r\n"), kBroken},
      {"9112 7.1.2 trailers below 8 KiB", Chunks("0\r\nX: " + std::string(8000, 'a') + "\r\n\r\n"),
       "POST a/ = +{x: " + std::string(8000, 'a') + "}"},
      {"9112 7.1.2 trailers over 8 KiB", Chunks("5\r\nhello\r\n0\r\nX-A: " + std::string(9000, 'a') + "\r\n\r\n"),
       kBroken},
      {"9112 7.1.2 too many trailers", Chunks([] {
         std::string body = "5\r\nhello\r\n0\r\n";
         for (int i = 0; i < 101; ++i) body += "x: 1\r\n";
         return body + "\r\n";
       }()),
       kBroken},
  };
}

std::string Name(const ::testing::TestParamInfo<Case>& info) { return CaseName(info.param.name); }
INSTANTIATE_TEST_SUITE_P(Length, H1Framing, ::testing::ValuesIn(Lengths()), Name);
INSTANTIATE_TEST_SUITE_P(Coding, H1Framing, ::testing::ValuesIn(Codings()), Name);
INSTANTIATE_TEST_SUITE_P(Chunked, H1Framing, ::testing::ValuesIn(Chunked()), Name);

}  // namespace
}  // namespace meridian::testing
