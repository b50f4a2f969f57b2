#include "policy/route_match.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>

namespace meridian {
namespace {

RouteModel Route(std::string name, std::string host, std::string path, bool exact = false) {
  RouteModel route;
  route.name = std::move(name);
  route.host = std::move(host);
  route.path = std::move(path);
  route.path_exact = exact;
  return route;
}

std::string Match(const std::vector<RouteModel>& routes, std::string_view authority, std::string_view path) {
  int index = MatchRoute(routes, OrderRoutes(routes), {.authority = authority, .target = path});
  return index < 0 ? "none" : routes[static_cast<size_t>(index)].name;
}

TEST(RouteMatch, TheMostSpecificRouteWinsWhateverTheOrderOfTheFile) {
  std::vector<RouteModel> routes = {
      Route("any", "", ""),
      Route("any-api", "", "/api/"),
      Route("example", "*.example", ""),
      Route("shop-sub", "*.shop.example", ""),
      Route("host", "shop.example", ""),
      Route("host-root", "shop.example", "/"),
      Route("host-api", "shop.example", "/api"),
      Route("host-api-v2", "shop.example", "/api/v2"),
      Route("host-ping", "shop.example", "/api/v2/ping", true),
  };
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::shuffle(routes.begin(), routes.end(), random);
    EXPECT_EQ(Match(routes, "shop.example", "/api/v2/ping"), "host-ping");
    EXPECT_EQ(Match(routes, "shop.example", "/api/v2/ping/x"), "host-api-v2");
    EXPECT_EQ(Match(routes, "shop.example", "/api/v20"), "host-api");
    EXPECT_EQ(Match(routes, "shop.example", "/apiary"), "host-root");
    EXPECT_EQ(Match(routes, "shop.example", "*"), "host");
    EXPECT_EQ(Match(routes, "eu.shop.example", "/api/x"), "shop-sub");
    EXPECT_EQ(Match(routes, "other.example", "/api/x"), "example");
    EXPECT_EQ(Match(routes, "example", "/api/x"), "any-api");
    EXPECT_EQ(Match(routes, "elsewhere", "/"), "any");
  }
}

TEST(RouteMatch, EquallySpecificRoutesKeepTheOrderOfTheFile) {
  std::vector<RouteModel> routes = {Route("first", "a.example", "/x"), Route("second", "a.example", "/x"),
                                    Route("long-host", "much-longer.example", "/x"), Route("any-1", "", ""),
                                    Route("any-2", "", "")};
  EXPECT_EQ(Match(routes, "a.example", "/x"), "first");
  EXPECT_EQ(Match(routes, "b.example", "/x"), "any-1");
  EXPECT_EQ(OrderRoutes(routes), (std::vector<uint16_t>{0, 1, 2, 3, 4}));
}

TEST(RouteMatch, APrefixEndsAtASegmentBorder) {
  std::vector<RouteModel> open = {Route("api", "", "/api")};
  EXPECT_EQ(Match(open, "h", "/api"), "api");
  EXPECT_EQ(Match(open, "h", "/api/"), "api");
  EXPECT_EQ(Match(open, "h", "/api/x"), "api");
  EXPECT_EQ(Match(open, "h", "/api?x"), "api");
  EXPECT_EQ(Match(open, "h", "/apix"), "none");
  EXPECT_EQ(Match(open, "h", "/ap"), "none");

  std::vector<RouteModel> folder = {Route("api", "", "/api/")};
  EXPECT_EQ(Match(folder, "h", "/api/x"), "api");
  EXPECT_EQ(Match(folder, "h", "/api/"), "api");
  EXPECT_EQ(Match(folder, "h", "/api"), "none");
  EXPECT_EQ(Match(folder, "h", "/api?/"), "none");
}

TEST(RouteMatch, AnExactPathIgnoresTheQueryAndNothingElse) {
  std::vector<RouteModel> routes = {Route("ping", "", "/ping", true)};
  EXPECT_EQ(Match(routes, "h", "/ping"), "ping");
  EXPECT_EQ(Match(routes, "h", "/ping?a=/b"), "ping");
  EXPECT_EQ(Match(routes, "h", "/ping/"), "none");
  EXPECT_EQ(Match(routes, "h", "/Ping"), "none");
}

TEST(RouteMatch, ThePortIsNoPartOfTheHost) {
  std::vector<RouteModel> routes = {Route("name", "shop.example", ""), Route("v6", "[2001:db8::1]", ""),
                                    Route("v4", "203.0.113.7", "")};
  EXPECT_EQ(Match(routes, "shop.example:8443", "/"), "name");
  EXPECT_EQ(Match(routes, "[2001:db8::1]:8443", "/"), "v6");
  EXPECT_EQ(Match(routes, "[2001:db8::1]", "/"), "v6");
  EXPECT_EQ(Match(routes, "203.0.113.7:80", "/"), "v4");
  EXPECT_EQ(Match(routes, "[2001:db8::1", "/"), "none");
  EXPECT_EQ(Match(routes, "", "/"), "none");
}

TEST(RouteMatch, ADotAtTheEndOfANameIsTheRootThatEveryNameHas) {
  std::vector<RouteModel> routes = {Route("name", "shop.example", ""), Route("wild", "*.example", "")};
  EXPECT_EQ(Match(routes, "shop.example.", "/"), "name");
  EXPECT_EQ(Match(routes, "shop.example.:8443", "/"), "name");
  EXPECT_EQ(Match(routes, "a.example.:", "/"), "wild");
  EXPECT_EQ(Match(routes, "shop.example..", "/"), "none");
  EXPECT_EQ(Match(routes, ".", "/"), "none");
}

TEST(RouteMatch, AWildcardCoversAnyLabelsBelowButNotTheDomainItself) {
  std::vector<RouteModel> routes = {Route("wild", "*.example", "")};
  EXPECT_EQ(Match(routes, "a.example", "/"), "wild");
  EXPECT_EQ(Match(routes, "a.b.example:1", "/"), "wild");
  EXPECT_EQ(Match(routes, "example", "/"), "none");
  EXPECT_EQ(Match(routes, ".example", "/"), "none");
  EXPECT_EQ(Match(routes, "badexample", "/"), "none");
  EXPECT_EQ(Match(routes, "a.example.com", "/"), "none");
}

// Stands for an expression that is of some size and matches nothing.
class Costly final : public TextPattern {
 public:
  explicit Costly(int* calls) : calls_(calls) {}
  bool MatchesWhole(std::string_view) const override { return ++*calls_ == 0; }
  size_t StepsPerByte() const override { return 100; }

 private:
  int* calls_;
};

TEST(RouteMatch, AllExpressionsTogetherHaveOneBudgetPerRequest) {
  std::vector<RouteModel> routes;
  int calls = 0;
  for (int i = 0; i < 4095; ++i) {
    routes.push_back(Route("r" + std::to_string(i), "", "x"));
    routes.back().path_pattern = std::make_shared<Costly>(&calls);
  }
  routes.push_back(Route("all", "", ""));
  const std::vector<uint16_t> order = OrderRoutes(routes);
  const std::string longest = "/" + std::string(8191, 'a');
  EXPECT_EQ(MatchRoute(routes, order, {.authority = "h", .target = longest}), kTooCostly)
      << "the route behind them must not get what one of them may guard";
  EXPECT_LE(calls, 6);
  calls = 0;
  routes.resize(1);
  routes.push_back(Route("all", "", ""));
  EXPECT_EQ(MatchRoute(routes, OrderRoutes(routes), {.authority = "h", .target = longest}), 1);
  EXPECT_EQ(calls, 1);
}

class OnlyX final : public TextPattern {
 public:
  explicit OnlyX(int* calls) : calls_(calls) {}
  bool MatchesWhole(std::string_view) const override { return ++*calls_ > 0; }
  const TextRange* range() const override { return &range_; }

 private:
  int* calls_;
  TextRange range_{"/x", "/y"};
};

TEST(RouteMatch, AnExpressionForOtherPathsCostsNothing) {
  int calls = 0;
  std::vector<RouteModel> routes(2000, Route("x", "", "/x.*"));
  for (RouteModel& route : routes) route.path_pattern = std::make_shared<OnlyX>(&calls);
  const std::vector<uint16_t> order = OrderRoutes(routes);
  const std::string other = "/" + std::string(8191, 'a');
  EXPECT_EQ(MatchRoute(routes, order, {.authority = "h", .target = other}), kNoRoute);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(MatchRoute(routes, order, {.authority = "h", .target = "/xa"}), 0);
}

// What a reader of the file would do by hand: collect all that match, take the most specific.
TEST(RouteMatch, NoMatchingRouteIsEverMoreSpecificThanTheChosenOne) {
  std::mt19937 random(2);
  const std::vector<std::string> hosts = {"", "a.b", "*.b", "*.a.b", "b"};
  const std::vector<std::string> paths = {"", "/", "/x", "/x/", "/x/y"};
  auto pick = [&](const std::vector<std::string>& from) { return from[random() % from.size()]; };
  for (int round = 0; round < 2000; ++round) {
    std::vector<RouteModel> routes;
    for (int i = 0; i < 8; ++i) routes.push_back(Route(std::to_string(i), pick(hosts), pick(paths), random() % 3 == 0));
    std::vector<uint16_t> order = OrderRoutes(routes);
    for (std::string_view host : {"a.b", "c.b", "c.a.b", "b", "z"}) {
      for (std::string_view path : {"/", "/x", "/x/", "/x/y", "/x/y/z", "/xx"}) {
        const RouteRequest request{.authority = host, .target = path};
        int chosen = MatchRoute(routes, order, request);
        bool seen = chosen < 0;
        for (uint16_t index : order) {
          if (index == chosen) seen = true;
          bool matches = MatchRoute(routes, {index}, request) == index;
          EXPECT_FALSE(matches && !seen) << host << path;
          EXPECT_FALSE(matches && chosen < 0) << host << path;
        }
      }
    }
  }
}

}  // namespace
}  // namespace meridian
