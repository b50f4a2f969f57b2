#include "meridian/message.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "meridian/error.h"
#include "meridian/status_set.h"

namespace meridian {
namespace {

const std::vector<std::pair<std::string_view, HeaderId>> kKnown = {
    {"accept", HeaderId::kAccept},
    {"authorization", HeaderId::kAuthorization},
    {"cdn-loop", HeaderId::kCdnLoop},
    {"connection", HeaderId::kConnection},
    {"content-length", HeaderId::kContentLength},
    {"content-type", HeaderId::kContentType},
    {"cookie", HeaderId::kCookie},
    {"date", HeaderId::kDate},
    {"etag", HeaderId::kEtag},
    {"expect", HeaderId::kExpect},
    {"forwarded", HeaderId::kForwarded},
    {"host", HeaderId::kHost},
    {"idempotency-key", HeaderId::kIdempotencyKey},
    {"if-match", HeaderId::kIfMatch},
    {"keep-alive", HeaderId::kKeepAlive},
    {"origin", HeaderId::kOrigin},
    {"proxy-connection", HeaderId::kProxyConnection},
    {"retry-after", HeaderId::kRetryAfter},
    {"server", HeaderId::kServer},
    {"te", HeaderId::kTe},
    {"traceparent", HeaderId::kTraceparent},
    {"tracestate", HeaderId::kTracestate},
    {"trailer", HeaderId::kTrailer},
    {"transfer-encoding", HeaderId::kTransferEncoding},
    {"upgrade", HeaderId::kUpgrade},
    {"user-agent", HeaderId::kUserAgent},
    {"via", HeaderId::kVia},
    {"x-forwarded-for", HeaderId::kXForwardedFor},
    {"x-forwarded-host", HeaderId::kXForwardedHost},
    {"x-forwarded-proto", HeaderId::kXForwardedProto},
    {"x-request-id", HeaderId::kXRequestId},
};

TEST(IdentifyHeader, KnowsEveryHeaderThatSomeRuleLooksAt) {
  for (auto [name, id] : kKnown) EXPECT_EQ(IdentifyHeader(name), id) << name;
  EXPECT_EQ(kKnown.size(), static_cast<size_t>(HeaderId::kXRequestId)) << "a new id needs a line above";
}

TEST(IdentifyHeader, OneLetterMakesItAnother) {
  for (auto [name, id] : kKnown) {
    for (size_t i = 0; i < name.size(); ++i) {
      std::string changed(name);
      changed[i] = changed[i] == 'z' ? 'y' : 'z';
      EXPECT_EQ(IdentifyHeader(changed), HeaderId::kOther) << changed;
    }
    EXPECT_EQ(IdentifyHeader(std::string(name) + "s"), HeaderId::kOther);
    EXPECT_NE(IdentifyHeader(name.substr(1)), id);
  }
  for (std::string_view other : {"", "x", "Host", "cache-control", "x-forwarded-server", ":path"}) {
    EXPECT_EQ(IdentifyHeader(other), HeaderId::kOther) << other;
  }
  EXPECT_EQ(IdentifyHeader(std::string(100'000, 'a')), HeaderId::kOther);
}

TEST(IdentifyMethod, KnowsTheMethodsAndTheirCase) {
  const std::vector<std::pair<std::string_view, Method>> methods = {
      {"GET", Method::kGet},     {"HEAD", Method::kHead},     {"POST", Method::kPost},
      {"PUT", Method::kPut},     {"DELETE", Method::kDelete}, {"OPTIONS", Method::kOptions},
      {"TRACE", Method::kTrace}, {"PATCH", Method::kPatch},   {"CONNECT", Method::kConnect},
  };
  for (std::string_view token : {"PROPFIND", "QUERY", "REPORT", "SEARCH"}) {
    EXPECT_EQ(IdentifyMethod(token), Method::kOtherSafe) << token;
  }
  for (auto [token, method] : methods) EXPECT_EQ(IdentifyMethod(token), method) << token;
  for (std::string_view token : {"", "get", "GETS", "BREW", "PURGE", "PROPPATCH", "query", "MOVE"}) {
    EXPECT_EQ(IdentifyMethod(token), Method::kOther) << token;
  }
}

TEST(HttpVersionName, IsWhatLogsShow) {
  EXPECT_EQ(Name(HttpVersion::kHttp10), "HTTP/1.0");
  EXPECT_EQ(Name(HttpVersion::kHttp11), "HTTP/1.1");
  EXPECT_EQ(Name(HttpVersion::kHttp2), "HTTP/2");
}

std::string Text(const HeaderBlock& block) {
  std::string text;
  for (const Header& h : block) text += std::string(h.name) + "=" + std::string(h.value) + ";";
  return text;
}

TEST(HeaderBlock, KeepsTheOrderOfArrivalThroughEveryGrowth) {
  Arena arena;
  HeaderBlock block(&arena);
  for (int i = 0; i < 1000; ++i) {
    block.AddCopy("x-" + std::to_string(i), std::to_string(i));
    ASSERT_EQ(block.size(), static_cast<size_t>(i) + 1);
  }
  int i = 0;
  for (const Header& h : block) {
    EXPECT_EQ(h.name, "x-" + std::to_string(i));
    EXPECT_EQ(h.value, std::to_string(i));
    ++i;
  }
}

TEST(HeaderBlock, FindsTheFirstOfAKind) {
  Arena arena;
  HeaderBlock block(&arena);
  block.Add("cookie", "a=1");
  block.Add("cookie", "b=2");
  EXPECT_EQ(block.Get(HeaderId::kCookie), "a=1");
  EXPECT_EQ(block.Find(HeaderId::kVia), nullptr);
  EXPECT_EQ(block.Get(HeaderId::kVia), "");
}

TEST(HeaderBlock, SetLeavesExactlyOneAtThePlaceOfTheFirst) {
  Arena arena;
  HeaderBlock block(&arena);
  for (auto [name, value] : {std::pair{"a", "1"}, {"via", "x"}, {"b", "2"}, {"via", "y"}, {"c", "3"}}) {
    block.Add(name, value);
  }
  block.Set(HeaderId::kVia, "via", "z");
  EXPECT_EQ(Text(block), "a=1;via=z;b=2;c=3;");
  block.Set(HeaderId::kServer, "server", "m");
  EXPECT_EQ(Text(block), "a=1;via=z;b=2;c=3;server=m;");
}

TEST(HeaderBlock, RemovesAllOfAKindOrName) {
  Arena arena;
  HeaderBlock block(&arena);
  for (auto [name, value] : {std::pair{"te", "1"}, {"x-secret", "2"}, {"a", "3"}, {"te", "4"}, {"x-secret", "5"}}) {
    block.Add(name, value);
  }
  block.Remove(HeaderId::kTe);
  EXPECT_EQ(Text(block), "x-secret=2;a=3;x-secret=5;");
  block.RemoveNamed("x-secret");
  EXPECT_EQ(Text(block), "a=3;");
  block.RemoveNamed("never-there");
  block.Clear();
  EXPECT_TRUE(block.empty());
}

TEST(HeaderBlock, AnEmptyOneWithoutArenaCanBeRead) {
  HeaderBlock block;
  EXPECT_TRUE(block.empty());
  EXPECT_EQ(block.Find(HeaderId::kHost), nullptr);
  block.Remove(HeaderId::kHost);
  EXPECT_EQ(Text(block), "");
}

TEST(ErrorCodeName, IsSnakeCaseAndUnique) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    std::string_view name = Name(static_cast<ErrorCode>(code));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << name;
  }
  EXPECT_EQ(Name(ErrorCode::kConnectFailed), "connect_failed");
  EXPECT_EQ(Name(ErrorCode::kResponseTimeout), "response_timeout");
}

TEST(StatusSet, PrintsAsItIsWritten) {
  EXPECT_EQ(StatusSet().ToString(), "");
  EXPECT_EQ(StatusSet().Add(500).Add(502, 504).ToString(), "500, 502-504");
  EXPECT_EQ(StatusSet().Add(599).Add(100).ToString(), "100, 599");
  EXPECT_EQ(StatusSet().Add(100, 599).ToString(), "100-599");
  EXPECT_EQ(StatusSet().Add(200, 201).Add(202).ToString(), "200-202");
}

TEST(StatusSet, ContainsNothingOutsideItsBounds) {
  StatusSet all = StatusSet().Add(100, 599);
  EXPECT_TRUE(all.Contains(100));
  EXPECT_TRUE(all.Contains(599));
  for (int status : {-1, 0, 99, 600, 1000}) EXPECT_FALSE(all.Contains(status));
}

TEST(FieldNames, AreTheSameWithUnderscoresForWhoeverTakesThemSo) {
  EXPECT_TRUE(IsSameField("client-cert", "client-cert"));
  EXPECT_TRUE(IsSameField("client_cert", "client-cert"));
  EXPECT_TRUE(IsSameField("x-a_b", "x_a-b"));
  EXPECT_FALSE(IsSameField("client-cert", "client-certs"));
  EXPECT_FALSE(IsSameField("clientxcert", "client-cert"));
  EXPECT_TRUE(BeginsField("x_meridian-region", "x-meridian-"));
  EXPECT_FALSE(BeginsField("x-meridian", "x-meridian-"));
}

TEST(HeaderBlock, LosesAllOfWhichAPredicateSaysSo) {
  Arena arena;
  HeaderBlock headers(&arena);
  for (const char* name : {"a", "b", "a", "c", "a"}) headers.Add(name, "1");
  headers.RemoveIf([](const Header& h) { return h.name == "a"; });
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers.begin()[0].name, "b");
  EXPECT_EQ(headers.begin()[1].name, "c");
  HeaderBlock none;
  none.RemoveIf([](const Header&) { return true; });
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace meridian
