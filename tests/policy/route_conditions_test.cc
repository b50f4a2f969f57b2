#include "policy/route_conditions.h"

#include <gtest/gtest.h>

#include "policy/route_match.h"

namespace meridian {
namespace {

using Kind = TextCondition::Kind;

// Stands for a regular expression: any text that ends like this.
class EndsWith final : public TextPattern {
 public:
  explicit EndsWith(std::string end) : end_(std::move(end)) {}
  bool MatchesWhole(std::string_view text) const override { return text.ends_with(end_); }

 private:
  std::string end_;
};

bool Fulfils(const RouteConditions& conditions, const RouteRequest& request) {
  PatternBudget budget;
  return meridian::Fulfils(conditions, request, budget);
}

TextCondition Condition(std::string name, Kind kind, std::string text = {}) {
  TextCondition condition{std::move(name), kind, text, nullptr};
  if (kind == Kind::kPattern) condition.pattern = std::make_shared<EndsWith>(text);
  return condition;
}

bool Query(const TextCondition& condition, std::string_view target) {
  RouteConditions conditions;
  conditions.query = {condition};
  return Fulfils(conditions, {.target = target});
}

class Fields : public ::testing::Test {
 protected:
  bool Header(const TextCondition& condition) {
    RouteConditions conditions;
    conditions.headers = {condition};
    return Fulfils(conditions, {.headers = &headers_});
  }
  bool Cookie(const TextCondition& condition) {
    RouteConditions conditions;
    conditions.cookies = {condition};
    return Fulfils(conditions, {.headers = &headers_});
  }
  Arena arena_;
  HeaderBlock headers_{&arena_};
};

TEST(RouteConditions, NoneAreAlwaysFulfilled) { EXPECT_TRUE(Fulfils({}, {})); }

TEST(RouteConditions, TheMethodIsOneOfThoseNamed) {
  RouteConditions conditions;
  conditions.methods = {"GET", "PURGE"};
  EXPECT_TRUE(Fulfils(conditions, {.method = "GET"}));
  EXPECT_TRUE(Fulfils(conditions, {.method = "PURGE"}));
  EXPECT_FALSE(Fulfils(conditions, {.method = "HEAD"}));
  EXPECT_FALSE(Fulfils(conditions, {.method = "get"})) << "methods are case-sensitive (RFC 9110 §9.1)";
}

TEST(RouteConditions, TheSchemeIsTheClients) {
  RouteConditions conditions;
  conditions.scheme = "http";
  EXPECT_TRUE(Fulfils(conditions, {.scheme = "http"}));
  EXPECT_FALSE(Fulfils(conditions, {.scheme = "https"}));
}

TEST_F(Fields, OneOfSeveralValuesIsEnough) {
  headers_.Add("x-a", "one");
  headers_.Add("x-a", "two");
  headers_.Add("x-empty", "");
  EXPECT_TRUE(Header(Condition("x-a", Kind::kExact, "two")));
  EXPECT_FALSE(Header(Condition("x-a", Kind::kExact, "one, two")));
  EXPECT_FALSE(Header(Condition("x-a", Kind::kExact, "Two")));
  EXPECT_TRUE(Header(Condition("x-a", Kind::kPrefix, "t")));
  EXPECT_FALSE(Header(Condition("x-a", Kind::kPrefix, "w")));
  EXPECT_TRUE(Header(Condition("x-a", Kind::kPattern, "wo")));
  EXPECT_TRUE(Header(Condition("x-a", Kind::kPresent)));
  EXPECT_FALSE(Header(Condition("x-a", Kind::kAbsent)));
  EXPECT_TRUE(Header(Condition("x-empty", Kind::kPresent)));
  EXPECT_FALSE(Header(Condition("x-b", Kind::kPresent)));
  EXPECT_TRUE(Header(Condition("x-b", Kind::kAbsent)));
}

TEST_F(Fields, CookiesAreReadOutOfTheirList) {
  headers_.Add("cookie", "a=1; beta=yes;c=\"3\" ; flag");
  headers_.Add("cookie", "beta=no");
  headers_.Add("x-cookie", "z=1");
  EXPECT_TRUE(Cookie(Condition("beta", Kind::kExact, "yes")));
  EXPECT_TRUE(Cookie(Condition("beta", Kind::kExact, "no")));
  EXPECT_TRUE(Cookie(Condition("c", Kind::kExact, "\"3\"")));
  EXPECT_TRUE(Cookie(Condition("flag", Kind::kPresent)));
  EXPECT_FALSE(Cookie(Condition("eta", Kind::kPresent)));
  EXPECT_FALSE(Cookie(Condition("Beta", Kind::kPresent))) << "names of cookies have a case";
  EXPECT_TRUE(Cookie(Condition("z", Kind::kAbsent)));
  EXPECT_FALSE(Cookie(Condition("a", Kind::kAbsent)));
}

TEST(RouteConditions, ParametersAreComparedDecoded) {
  EXPECT_TRUE(Query(Condition("v", Kind::kExact, "2"), "/p?v=2"));
  EXPECT_TRUE(Query(Condition("v", Kind::kExact, "2"), "/p?a=1&v=2&v=3"));
  EXPECT_TRUE(Query(Condition("v", Kind::kExact, "3"), "/p?a=1&v=2&v=3")) << "one of several is enough";
  EXPECT_TRUE(Query(Condition("v", Kind::kExact, "a b&c"), "/p?%76=a+b%26c"));
  EXPECT_TRUE(Query(Condition("a b", Kind::kPrefix, "x"), "/p?a%20b=xyz"));
  EXPECT_TRUE(Query(Condition("v", Kind::kExact, "100%"), "/p?v=100%"));
  EXPECT_TRUE(Query(Condition("v", Kind::kExact, "%zz%4"), "/p?v=%zz%4"));
  EXPECT_TRUE(Query(Condition("v", Kind::kExact, "a=b"), "/p?v=a=b"));
  EXPECT_TRUE(Query(Condition("v", Kind::kExact, ""), "/p?v"));
  EXPECT_TRUE(Query(Condition("v", Kind::kPresent), "/p?&&v&"));
  EXPECT_TRUE(Query(Condition("", Kind::kExact, "x"), "/p?=x"));
  EXPECT_FALSE(Query(Condition("v", Kind::kExact, "2"), "/v=2"));
  EXPECT_FALSE(Query(Condition("v", Kind::kExact, "2"), "/p?vv=2&V=2"));
  EXPECT_TRUE(Query(Condition("v", Kind::kAbsent), "/p"));
  EXPECT_TRUE(Query(Condition("v", Kind::kAbsent), "/p?w=v"));
  EXPECT_FALSE(Query(Condition("v", Kind::kAbsent), "/p?v"));
  EXPECT_TRUE(Query(Condition("v", Kind::kPattern, "b c"), "/p?v=a%20b+c"));
}

TEST_F(Fields, AllConditionsMustHold) {
  headers_.Add("x-a", "1");
  RouteConditions conditions;
  conditions.methods = {"GET"};
  conditions.headers = {Condition("x-a", Kind::kPresent)};
  conditions.query = {Condition("q", Kind::kPresent), Condition("r", Kind::kPresent)};
  EXPECT_EQ(conditions.count(), 4u);
  EXPECT_TRUE(Fulfils(conditions, {.target = "/?q&r", .headers = &headers_}));
  EXPECT_FALSE(Fulfils(conditions, {.target = "/?q", .headers = &headers_}));
  EXPECT_FALSE(Fulfils(conditions, {.method = "PUT", .target = "/?q&r", .headers = &headers_}));
  EXPECT_FALSE(Fulfils(conditions, {.target = "/?q&r"}));
}

// ---- among routes

RouteModel Route(std::string name, std::string host, std::string path, size_t conditions) {
  RouteModel route;
  route.name = std::move(name);
  route.host = std::move(host);
  route.path = std::move(path);
  if (conditions == 0) return route;
  RouteConditions wanted;
  for (size_t i = 0; i < conditions; ++i) wanted.query.push_back(Condition("q" + std::to_string(i), Kind::kPresent));
  route.conditions = std::make_shared<RouteConditions>(std::move(wanted));
  return route;
}

TEST(RouteConditions, TheRouteThatAsksForMoreIsAskedFirst) {
  RouteModel pattern = Route("pattern", "", "html", 0);
  pattern.path_pattern = std::make_shared<EndsWith>("html");
  RouteModel exact = Route("exact", "", "/a.html", 0);
  exact.path_exact = true;
  const std::vector<RouteModel> routes = {Route("plain", "", "/a", 0),
                                          Route("one", "", "/a", 1),
                                          Route("two", "", "/a", 2),
                                          Route("long", "", "/a/b", 0),
                                          pattern,
                                          exact};
  const auto match = [&](std::string_view target) {
    return routes[static_cast<size_t>(MatchRoute(routes, OrderRoutes(routes), {.target = target}))].name;
  };
  EXPECT_EQ(match("/a?q0&q1"), "two");
  EXPECT_EQ(match("/a?q0"), "one");
  EXPECT_EQ(match("/a?q1"), "plain");
  EXPECT_EQ(match("/a/b?q0&q1"), "long") << "a longer path before conditions";
  EXPECT_EQ(match("/a/b.html"), "pattern") << "an expression before a prefix";
  EXPECT_EQ(match("/a.html"), "exact") << "an exact path before an expression";
}

}  // namespace
}  // namespace meridian
