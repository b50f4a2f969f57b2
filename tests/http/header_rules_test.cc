#include "http/header_rules.h"

#include <gtest/gtest.h>

#include "support/scripted_http.h"

namespace meridian {
namespace {

using testing::Text;

class HopByHop : public ::testing::Test {
 protected:
  HopByHop() : headers_(&arena_) {}
  Arena arena_;
  HeaderBlock headers_;
};

TEST_F(HopByHop, FieldsThatConnectionNamesDoNotTravelOn) {
  headers_.Add("accept", "*/*");
  headers_.Add("x-secret-hop", "1");
  headers_.Add("connection", "keep-alive, X-Secret-Hop ,\tother");
  headers_.Add("other", "2");
  headers_.Add("keep-alive", "timeout=5");
  headers_.Add("x-kept", "3");
  RemoveHopByHop(headers_);
  EXPECT_EQ(Text(headers_), "accept: */*\nx-kept: 3\n");
}

TEST_F(HopByHop, SeveralConnectionFieldsAreOneList) {
  headers_.Add("connection", "a");
  headers_.Add("a", "1");
  headers_.Add("b", "2");
  headers_.Add("connection", "b");
  RemoveHopByHop(headers_);
  EXPECT_TRUE(headers_.empty());
}

TEST_F(HopByHop, TeSurvivesOnlyAsTrailers) {
  headers_.Add("te", "gzip, trailers;q=0.5, Trailers");
  headers_.Add("connection", "te");
  RemoveHopByHop(headers_);
  EXPECT_EQ(Text(headers_), "te: trailers\n");
}

TEST_F(HopByHop, TeWithoutTrailersGoes) {
  headers_.Add("te", "gzip");
  RemoveHopByHop(headers_);
  EXPECT_TRUE(headers_.empty());
}

TEST_F(HopByHop, UpgradesEndHere) {
  headers_.Add("upgrade", "websocket");
  headers_.Add("connection", "upgrade");
  headers_.Add("proxy-connection", "keep-alive");
  headers_.Add("sec-websocket-key", "x");
  RemoveHopByHop(headers_);
  EXPECT_EQ(Text(headers_), "sec-websocket-key: x\n");
}

TEST(Authority, OnlyWhatCanBeReadOneWay) {
  for (std::string_view good : {"shop.example", "shop.example:80", "SHOP.example", "127.0.0.1:8080", "[::1]",
                                "[2001:db8::1]:443", "a", "shop.example:", "my_host"}) {
    EXPECT_TRUE(IsAuthority(good)) << good;
  }
  for (std::string_view bad : std::initializer_list<std::string_view>{"",
                                                                      ":80",
                                                                      "user@shop.example",
                                                                      "shop.example/",
                                                                      "shop.example:80:80",
                                                                      "shop.example:x",
                                                                      "shop.example:65536",
                                                                      "shop.example:123456",
                                                                      "a b",
                                                                      "a\tb",
                                                                      "[::1",
                                                                      "::1",
                                                                      "[shop.example]",
                                                                      "[]",
                                                                      "[::1]x",
                                                                      "a,b",
                                                                      "a\\b",
                                                                      "a?b",
                                                                      "a#b",
                                                                      "%61.example",
                                                                      std::string_view("a\0b", 3),
                                                                      "a\x80"}) {
    EXPECT_FALSE(IsAuthority(bad)) << bad;
  }
}

TEST(ContentLength, OnlyPlainDecimals) {
  EXPECT_EQ(ParseContentLength("0"), 0);
  EXPECT_EQ(ParseContentLength("00012"), 12);
  EXPECT_EQ(ParseContentLength("999999999999999999"), 999999999999999999);
  for (std::string_view bad : {"", "+1", "-1", " 1", "1 ", "0x10", "1,1", "1e3", "9999999999999999999"}) {
    EXPECT_EQ(ParseContentLength(bad), kUnknownLength) << bad;
  }
}

TEST(Elements, EmptyOnesDoNotCount) {
  std::string all;
  ForEachElement(" a ,, b,\t,c ,", [&](std::string_view e) { all += std::string(e) + "|"; });
  EXPECT_EQ(all, "a|b|c|");
}

TEST(Token, IsWhatTheGrammarSays) {
  EXPECT_TRUE(IsToken("x-Request_1!#$%&'*+.^`|~"));
  for (std::string_view bad : {"", "a b", "a:", "a/b", "(a)", "\"a\"", "\x7f", "\x80"})
    EXPECT_FALSE(IsToken(bad)) << bad;
}

TEST(Lower, CopiesOnlyWhenItMust) {
  Arena arena;
  const std::string_view lower = "already";
  EXPECT_EQ(LowerCopy(arena, lower).data(), lower.data());
  EXPECT_EQ(LowerCopy(arena, "Not-Yet"), "not-yet");
}

// Names of the standards and of what comes after them travel; what another reader could take for one of them does not.
TEST(Methods, AreUpperCaseTokens) {
  for (const char* method : {"GET", "QUERY", "PROPFIND", "M-SEARCH", "VERSION-CONTROL", "X_1"}) {
    EXPECT_EQ(CheckMethod(method), 0) << method;
  }
  for (const char* method : {"get", "Get", "GE!", "G.T", "G*", "414", "-GET"})
    EXPECT_EQ(CheckMethod(method), 501) << method;
  for (const char* method : {"", "G T", "G@T", "GET\t", "G\xc3\x89T"}) EXPECT_EQ(CheckMethod(method), 400) << method;
  EXPECT_EQ(CheckMethod(std::string(kMaxMethodBytes, 'M')), 0);
  EXPECT_EQ(CheckMethod(std::string(kMaxMethodBytes + 1, 'M')), 501);
}

}  // namespace
}  // namespace meridian
