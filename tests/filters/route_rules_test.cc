// What routes do with requests beside sending them on.
#include <gtest/gtest.h>

#include "filters/fixed_reply.h"
#include "filters/header_edits.h"
#include "filters/redirect.h"
#include "filters/rewrite.h"

namespace meridian {
namespace {

class RouteRulesTest : public ::testing::Test {
 protected:
  RouteRulesTest() {
    request_.method_text = "GET";
    request_.authority = "shop.example:8080";
    request_.path = "/old/a?b=c";
    request_.headers = HeaderBlock(&arena_);
    context_.authority = request_.authority;
    context_.target = request_.path;
    context_.method_text = "GET";
    context_.scheme = "http";
    context_.client_address = "203.0.113.7";
    context_.request_id = "id-1";
    context_.edge_name = "fra-1";
  }
  std::string Render(std::string_view text) {
    EXPECT_EQ(ValueTemplate::Check(text), "");
    return std::string(ValueTemplate(text).Render(context_, arena_));
  }
  std::string Fields(const HeaderBlock& headers) {
    std::string text;
    for (const Header& h : headers) text += std::string(h.name) + "=" + std::string(h.value) + " ";
    return text;
  }
  // "307 /new", as the client is told.
  std::string Redirected(RedirectRule rule, std::string matched = "/old") {
    const std::optional<LocalReply> reply = Redirect(std::move(rule), std::move(matched)).OnRequest(request_, context_);
    return reply ? std::to_string(reply->status) + " " + std::string(reply->location) : "none";
  }
  std::string Rewritten(TargetRule rule, std::string_view path, std::string matched) {
    request_.path = path;
    rewrite_ = std::make_unique<Rewrite>(std::move(rule), std::move(matched));
    EXPECT_FALSE(rewrite_->OnRequest(request_, context_));
    return std::string(request_.path);
  }
  Arena arena_;
  RequestHead request_;
  StreamContext context_;
  std::unique_ptr<Rewrite> rewrite_;  // its text is in the request
};

// ---- values

TEST_F(RouteRulesTest, ValuesSayWhatIsKnownOfTheRequest) {
  EXPECT_EQ(Render("plain"), "plain");
  EXPECT_EQ(Render(""), "");
  EXPECT_EQ(Render("{client_address}"), "203.0.113.7");
  EXPECT_EQ(Render("{scheme}://{host}{path}{query}"), "http://shop.example:8080/old/a?b=c");
  EXPECT_EQ(Render("{method} by {edge}, {request_id}"), "GET by fra-1, id-1");
  context_.target = "/x";
  EXPECT_EQ(Render("[{query}]"), "[]");
  EXPECT_EQ(Render("{query}"), "");
}

TEST_F(RouteRulesTest, BracesThatHoldNoWordAreText) {
  for (const char* text : {"{\"group\":\"a\",\"max\":1}", "{}", "{", "}", "{a", "a}b{", "{A}", "{{}}"}) {
    EXPECT_EQ(Render(text), text);
  }
  EXPECT_EQ(Render("{{edge}}"), "{fra-1}");
}

TEST_F(RouteRulesTest, ValuesThatNoFieldMayHoldAreRefused) {
  for (const char* bad : {" a", "a ", "\ta", "a\r\nb: c", "a\x7F", "{client_ip}", "{edge}{x}"}) {
    EXPECT_NE(ValueTemplate::Check(bad), "") << bad;
  }
  EXPECT_NE(ValueTemplate::Check(std::string_view("a\0b", 3)), "");
  EXPECT_EQ(ValueTemplate::Check("a\tb\xC3\xA9"), "");
}

// ---- header edits

TEST_F(RouteRulesTest, HeadersAreRemovedSetAndAdded) {
  request_.headers.Add("a", "1");
  request_.headers.Add("b", "1");
  request_.headers.Add("a", "2");
  request_.headers.Add("c", "1");
  HeaderEdits edits;
  edits.remove = {"b", "none"};
  edits.set = {{"a", "{edge}"}, {"d", "4"}};
  edits.add = {{"c", "2"}};
  const RequestHeaders filter(edits);  // the head views its text
  EXPECT_FALSE(filter.OnRequest(request_, context_));
  EXPECT_EQ(Fields(request_.headers), "c=1 a=fra-1 d=4 c=2 ");
}

TEST_F(RouteRulesTest, EditedFieldsKeepTheirMeaning) {
  HeaderEdits edits;
  edits.set = {{"user-agent", "edge"}};
  const RequestHeaders filter(edits);  // the head views its text
  EXPECT_FALSE(filter.OnRequest(request_, context_));
  EXPECT_EQ(request_.headers.Get(HeaderId::kUserAgent), "edge");
}

TEST_F(RouteRulesTest, ResponsesOfOriginsAndOurOwnAreEditedAlike) {
  HeaderEdits edits;
  edits.set = {{"strict-transport-security", "max-age=600"}, {"x-asked", "{path}"}};
  edits.remove = {"server"};
  const ResponseHeaders filter(edits);
  for (const bool own : {false, true}) {
    ResponseHead response;
    response.headers = HeaderBlock(&arena_);
    response.headers.Add("server", "nginx");
    own ? filter.OnReply(response, context_) : filter.OnResponse(response, context_);
    EXPECT_EQ(Fields(response.headers), "strict-transport-security=max-age=600 x-asked=/old/a ");
  }
}

// ---- rewrite

TEST_F(RouteRulesTest, APrefixTakesThePlaceOfWhatTheRouteMatched) {
  const TargetRule to_new{.host = "", .path = "", .prefix = "/new"};
  EXPECT_EQ(Rewritten(to_new, "/old/a?b", "/old"), "/new/a?b");
  EXPECT_EQ(Rewritten(to_new, "/old/a", "/old/"), "/new/a");
  EXPECT_EQ(Rewritten(to_new, "/old", "/old"), "/new");
  EXPECT_EQ(Rewritten(to_new, "/old?b", "/old"), "/new?b");
  EXPECT_EQ(Rewritten(to_new, "/old/", "/old"), "/new/");
  EXPECT_EQ(Rewritten(to_new, "/a/b", "/"), "/new/a/b");
  const TargetRule to_root{.host = "", .path = "", .prefix = "/"};
  EXPECT_EQ(Rewritten(to_root, "/old/a", "/old"), "/a");
  EXPECT_EQ(Rewritten(to_root, "/old", "/old"), "/");
  EXPECT_EQ(Rewritten(to_root, "/old?b", "/old"), "/?b");
  EXPECT_EQ(Rewritten(to_root, "/old/", "/old/"), "/");
  EXPECT_EQ(Rewritten(to_root, "/old//host/a", "/old"), "/host/a") << "no path begins with two slashes";
  EXPECT_EQ(Rewritten({.host = "", .path = "", .prefix = "/new/"}, "/old/a", "/old"), "/new/a");
}

TEST_F(RouteRulesTest, APrefixStandsForWhatTheRouteMatchedHoweverItWasWritten) {
  const TargetRule to_new{.host = "", .path = "", .prefix = "/new"};
  EXPECT_EQ(Rewritten(to_new, "/a%2Bb%7C/c%2B?d", "/a+b|"), "/new/c%2B?d");
  EXPECT_EQ(Rewritten(to_new, "/a+b%7C/c", "/a+b|/"), "/new/c");
  EXPECT_EQ(Rewritten(to_new, "/a%20b/c", "/a%20b"), "/new/c");
}

TEST_F(RouteRulesTest, APathTakesThePlaceOfAllButTheQuery) {
  EXPECT_EQ(Rewritten({.host = "", .path = "/all", .prefix = ""}, "/x/y?z", ""), "/all?z");
  EXPECT_EQ(Rewritten({.host = "", .path = "/all", .prefix = ""}, "*", ""), "*") << "OPTIONS * has no path";
}

TEST_F(RouteRulesTest, AHostTakesThePlaceOfTheClients) {
  EXPECT_EQ(Rewritten({.host = "inner:81", .path = "", .prefix = ""}, "/x?y", ""), "/x?y");
  EXPECT_EQ(request_.authority, "inner:81");
}

// ---- redirect

TEST_F(RouteRulesTest, ARedirectWithinTheSiteIsRelative) {
  RedirectRule rule;
  rule.target.prefix = "/new";
  EXPECT_EQ(Redirected(rule), "307 /new/a?b=c");
  rule.status = 301;
  rule.target = {.host = "", .path = "/all", .prefix = ""};
  EXPECT_EQ(Redirected(rule), "301 /all?b=c");
}

TEST_F(RouteRulesTest, ARedirectToAnotherSchemeLeavesThePortBehind) {
  RedirectRule rule;
  rule.scheme = "https";
  EXPECT_EQ(Redirected(rule), "307 https://shop.example/old/a?b=c");
  rule.port = 8443;
  EXPECT_EQ(Redirected(rule), "307 https://shop.example:8443/old/a?b=c");
  request_.authority = "[2001:db8::1]:8080";
  EXPECT_EQ(Redirected(rule), "307 https://[2001:db8::1]:8443/old/a?b=c");
}

TEST_F(RouteRulesTest, ARedirectToAnotherHostKeepsTheScheme) {
  RedirectRule rule;
  rule.target.host = "www.shop.example:81";
  EXPECT_EQ(Redirected(rule), "307 http://www.shop.example:81/old/a?b=c");
  context_.scheme = "https";
  EXPECT_EQ(Redirected(rule), "307 https://www.shop.example:81/old/a?b=c");
  request_.path = "*";
  EXPECT_EQ(Redirected(rule), "307 https://www.shop.example:81");
}

TEST_F(RouteRulesTest, NoPathBecomesAnotherHost) {
  RedirectRule rule;
  rule.target.prefix = "/";
  for (const char* path : {"/old//evil.example/x", "/old/\\evil.example", "/old/a/../\\x"}) {
    request_.path = path;
    const std::string location = Redirected(rule);
    EXPECT_FALSE(location.starts_with("307 //") || location.starts_with("307 /\\")) << location;
  }
  request_.path = "/old/\\evil.example";
  EXPECT_EQ(Redirected(rule), "307 http://shop.example:8080/\\evil.example");
}

TEST_F(RouteRulesTest, ARequestWithoutHostCannotBeSentToAnotherScheme) {
  request_.authority = "";
  RedirectRule rule;
  rule.scheme = "https";
  EXPECT_EQ(Redirected(rule), "400 ");
  rule.target.host = "shop.example";
  EXPECT_EQ(Redirected(rule), "307 https://shop.example/old/a?b=c");
}

TEST_F(RouteRulesTest, OptionsForTheServerHaveNoPathToChange) {
  request_.path = "*";
  RedirectRule rule;
  rule.target.path = "/new";
  EXPECT_EQ(Redirected(rule), "400 ") << "\"*\" would be the path /*";
}

// ---- reply

TEST_F(RouteRulesTest, AReplyIsWhatWasConfigured) {
  const FixedReply filter({.status = 503, .content_type = "text/html", .body = "<p>soon"});
  const std::optional<LocalReply> reply = filter.OnRequest(request_, context_);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(reply->content_type, "text/html");
  EXPECT_EQ(reply->body, "<p>soon");
  EXPECT_EQ(reply->location, "");
}

}  // namespace
}  // namespace meridian
