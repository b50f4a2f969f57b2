// Which requests a route takes, what it does with them, and every slip in saying so.
#include <ctime>

#include "control/config_texts.h"

namespace meridian {
namespace {

class RouteSlip : public testing::TestWithParam<Slip> {};

TEST_P(RouteSlip, IsFoundAtItsPlace) { ExpectFound(GetParam()); }

class CompleteRoutes : public testing::Test {
 protected:
  void SetUp() override {
    result_ = LoadConfig(kFixtures + "/complete.yaml");
    ASSERT_THAT(Problems(result_), IsEmpty());
    ASSERT_EQ(result_.config->model->routes.size(), 7u);
  }
  const RouteModel& route(size_t i) const { return result_.config->model->routes[i]; }
  ConfigResult result_;
};

TEST_F(CompleteRoutes, SayWhichRequestsTheyTake) {
  const RouteModel& testers = route(3);
  ASSERT_TRUE(testers.path_pattern);
  EXPECT_TRUE(testers.path_pattern->MatchesWhole("/items/17"));
  EXPECT_FALSE(testers.path_pattern->MatchesWhole("/items/17/x"));
  ASSERT_TRUE(testers.conditions);
  const RouteConditions& wanted = *testers.conditions;
  EXPECT_THAT(wanted.methods, ElementsAre("GET", "HEAD"));
  EXPECT_EQ(wanted.scheme, "https");
  using Kind = TextCondition::Kind;
  ASSERT_EQ(wanted.headers.size(), 3u);
  EXPECT_EQ(wanted.headers[0].name, "x-tester") << "names are compared in lower case";
  EXPECT_EQ(wanted.headers[0].kind, Kind::kPresent);
  EXPECT_EQ(wanted.headers[1].kind, Kind::kPrefix);
  EXPECT_EQ(wanted.headers[1].text, "curl/");
  EXPECT_EQ(wanted.headers[2].kind, Kind::kExact);
  EXPECT_EQ(wanted.headers[2].text, "yes") << "a text is the whole value";
  ASSERT_EQ(wanted.cookies.size(), 1u);
  EXPECT_EQ(wanted.cookies[0].name, "beta");
  ASSERT_EQ(wanted.query.size(), 3u);
  PatternBudget budget;
  EXPECT_TRUE(wanted.query[0].Fits("12", budget));
  EXPECT_FALSE(wanted.query[0].Fits("12a", budget)) << "expressions match whole values";
  EXPECT_EQ(wanted.query[1].name, "a b");
  EXPECT_EQ(wanted.query[1].text, "c d");
  EXPECT_EQ(wanted.query[2].kind, Kind::kAbsent);
  EXPECT_FALSE(route(0).conditions);
}

TEST_F(CompleteRoutes, SayWhatIsChangedOnTheWay) {
  const RouteRules& rules = *route(3).rules;
  EXPECT_EQ(rules.rewrite.host, "inner.example:8080");
  EXPECT_EQ(rules.rewrite.path, "/all");
  using Field = std::pair<std::string, std::string>;
  EXPECT_THAT(rules.request_headers.set, ElementsAre(Field{"x-real-ip", "{client_address}"}));
  EXPECT_THAT(rules.request_headers.add, ElementsAre(Field{"x-a", "1"}));
  EXPECT_THAT(rules.request_headers.remove, ElementsAre("user-agent"));
  EXPECT_THAT(rules.response_headers.set, ElementsAre(Field{"strict-transport-security", "max-age=600"}));
  EXPECT_FALSE(rules.redirect || rules.reply);
}

TEST_F(CompleteRoutes, SayWhatIsAnsweredWithoutAnOrigin) {
  const RedirectRule& redirect = route(4).rules->redirect.value();
  EXPECT_EQ(redirect.scheme, "https");
  EXPECT_EQ(redirect.target.host, "www.shop.example");
  EXPECT_EQ(redirect.target.prefix, "/new");
  EXPECT_EQ(redirect.port, 8443);
  EXPECT_EQ(redirect.status, 301);
  EXPECT_TRUE(route(4).split.empty());
  const ReplyRule& reply = route(5).rules->reply.value();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.content_type, "text/html");
  EXPECT_EQ(reply.body, "<p>soon");
  EXPECT_EQ(route(6).rules->reply->body, ReadText(kFixtures + "/edge.pem"));
}

INSTANTIATE_TEST_SUITE_P(
    Routes, RouteSlip,
    testing::Values(
        Slip{"WithoutName", SmallWith(7, "  - { service: shop }"), {"7:5 a route has no 'name'"}},
        Slip{"ThatIsText", SmallWith(7, "  - shop"), {"7:5 a route must be a map, but is a single value"}},
        Slip{"WithoutService",
             SmallWith(7, "  - { name: all }"),
             {"7:5 a route needs 'service', 'split', 'redirect' or 'reply'"}},
        Slip{"WithBoth",
             Route("split: { shop: 1 }, service: shop"),
             {"7:18 a route has 'service' or 'split', not both"}},
        Slip{"ToAnUnknownService", Route("service: shpo"), {"7:27 unknown service 'shpo'; did you mean 'shop'?"}},
        Slip{"SplitToAnUnknownService", Route("split: { shop: 1, other: 1 }"), {"7:36 unknown service 'other'"}},
        Slip{"SplitOfNothing", Route("split: {}"), {"7:25 'split' is empty: a route needs a service"}},
        Slip{"WeightsAllZero", Route("split: { shop: 0 }"), {"7:18 the weights of 'split' must not all be 0"}},
        Slip{"WeightsOutOfRange",
             Route("split: { shop: 1000001 }"),
             {"7:33 'shop' must be within 0 … 1000000, but is 1000001"}},
        Slip{"WeightsBelowZero", Route("split: { shop: -1 }"), {"7:33 'shop' must be within 0 … 1000000, but is -1"}},
        Slip{"WeightsThatAreWords", Route("split: { shop: all }"), {"7:33 'shop' must be a weight such as 90 or 99%"}},
        Slip{"PercentagesWithAGap",
             Route("split: { shop: 99.5% }"),
             {"7:18 the percentages of 'split' must add up to 100%, but make 99.5%"}},
        Slip{"PercentagesTooFine", Route("split: { shop: 99.99999% }"), {"7:33 'shop' has more than four decimals"}},
        Slip{"PercentagesTooLarge", Route("split: { shop: 101% }"), {"7:33 'shop' must not be more than 100%"}},
        Slip{"TwoNotations",
             SmallWith(5, "  shop: { origins: { eu: 'http://a' } }\n  v2: { origins: { eu: 'http://b' } }")
                 .replace(SmallWith(5, "  shop: { origins: { eu: 'http://a' } }\n  v2: { origins: { eu: 'http://b' } }")
                              .find("service: shop"),
                          13, "split: { shop: 99%, v2: 1 }"),
             {"8:42 'split' mixes percentages and plain weights"}},
        Slip{"OtherArmsWhereThereIsOne",
             Route("service: shop, failover: { to_arms: true }"),
             {"7:33 'to_arms' has no effect beside 'service'"}},
        Slip{"AnotherWayToSteer",
             Route("service: shop, steer: random"),
             {"7:40 'steer' must be nearest or ordered, but is 'random'"}},
        Slip{"TwoWithOneName",
             SmallAnd("  - { name: All, match: { path: /a }, service: shop }"),
             {"8:13 a second route 'All'; the first one is on line 7"}},
        Slip{"TwoWithOneMatch",
             SmallAnd("  - { name: b, match: { host: A.example, path: /x }, service: shop }\n"
                      "  - { name: c, match: { path: /x, host: a.EXAMPLE, exact: false }, service: nowhere }"),
             {"9:16 this route matches the same as the one on line 8", "9:77 unknown service 'nowhere'"}},
        Slip{"TwoForEverything",
             SmallAnd("  - { name: b, service: shop }"),
             {"8:5 this route matches the same as the one on line 7"}},
        Slip{"AHostWithAPort",
             Route("match: { host: 'a:80' }, service: shop"),
             {"7:33 'host' must not hold a port: routes match on every port"}},
        Slip{"AHostThatIsAStar",
             Route("match: { host: '*' }, service: shop"),
             {"7:33 'host' must be a name or *.suffix; leave it out to match every host"}},
        Slip{"AStarInTheMiddle",
             Route("match: { host: 'a.*.b' }, service: shop"),
             {"7:33 'host' must be letters, digits, '-', '_' and dots (an international name in its xn-- form)"}},
        Slip{"APathWithoutSlash", Route("match: { path: api }, service: shop"), {"7:33 'path' must begin with '/'"}},
        Slip{"APathThatNoRequestHasWhenItIsMatched",
             Route("match: { path: /a/%7eb/../c }, service: shop"),
             {"7:33 'path' is not spelled as paths are when they are matched; write '/a/c'"}},
        Slip{"APathThatIsRefused",
             Route("match: { path: /.. }, service: shop"),
             {"7:33 'path' is not spelled as paths are when they are matched"}},
        Slip{"APathInAnotherSpelling",
             Route("match: { path: /%40admin }, service: shop"),
             {"7:33 'path' is not spelled as paths are when they are matched; write '/@admin'"}},
        Slip{"APathWithAQuery", Route("match: { path: /a?b }, service: shop"), {"7:33 'path' must not hold a query"}},
        Slip{"APathWithASpace",
             Route("match: { path: /a b }, service: shop"),
             {"7:33 'path' must be printable ASCII without spaces (%XX for the rest)"}},
        Slip{"ExactAboutNothing",
             Route("match: { exact: true }, service: shop"),
             {"7:34 'exact' needs a 'path' to be exact about"}}),
    SlipName);

INSTANTIATE_TEST_SUITE_P(
    Conditions, RouteSlip,
    testing::Values(
        Slip{"AMethodInSmallLetters",
             Route("match: { methods: [GET, post] }, service: shop"),
             {"7:42 'methods' must be in capitals, as methods are: GET"}},
        Slip{"NoMethod",
             Route("match: { methods: [] }, service: shop"),
             {"7:36 'methods' is empty: it would match no request"}},
        Slip{"AMethodWithASpace",
             Route("match: { methods: 'GET /' }, service: shop"),
             {"7:36 'methods' must be a method such as GET"}},
        Slip{"AnotherScheme",
             Route("match: { scheme: htps }, service: shop"),
             {"7:35 'scheme' must be http or https, but is 'htps'; did you mean 'https'?"}},
        Slip{"AnExpressionThatIsNone",
             Route("match: { path_regex: '/a(' }, service: shop"),
             {"7:39 'path_regex' is no regular expression: missing ): /a("}},
        Slip{"AnExpressionThatGrows",
             Route("match: { path_regex: '((a{100}){100}){100}' }, service: shop"),
             {"7:39 'path_regex' is no regular expression: invalid repetition size: {100}"}},
        Slip{"AnExpressionForNoPath",
             Route("match: { path_regex: '' }, service: shop"),
             {"7:39 'path_regex' must not be empty: no path is"}},
        Slip{"AnExpressionForNothingThatAPathIs",
             Route("match: { path_regex: 'items/[0-9]+' }, service: shop"),
             {"7:39 'path_regex' never matches: it is the whole path, which begins with '/'; begin it with '/' or "
              "'.*'"}},
        Slip{"AnExpressionInASpellingThatNoPathHas",
             Route("match: { path_regex: '/a%2Bb.*' }, service: shop"),
             {"7:39 'path_regex' never matches: no path has %2B when it is matched; write '\\+'"}},
        Slip{"AnExpressionInSmallDigits",
             Route("match: { path_regex: '/%c3%A9.*' }, service: shop"),
             {"7:39 'path_regex' never matches: no path has %c3 when it is matched; write its digits in capitals"}},
        Slip{"AnExpressionOfOnePathThatIsNone",
             Route("match: { path_regex: '/a/\\.\\./b' }, service: shop"),
             {"7:39 'path_regex' is not spelled as paths are when they are matched; write '/b'"}},
        Slip{"AMethodThatDoesNotTravel",
             Route("match: { methods: 'A!B' }, service: shop"),
             {"7:36 'methods' is no method that travels: capitals, digits, '-' and '_', at most 32"}},
        Slip{"TheMethodOfTunnels",
             Route("match: { methods: CONNECT }, service: shop"),
             {"7:36 'methods' must not be CONNECT: the only tunnels are WebSockets, which are GET"}},
        Slip{"ACookieWithItsValue",
             Route("match: { cookies: { 'a=b': c } }, service: shop"),
             {"7:38 'a=b' is no name of a cookie: it ends before '='; write the value behind ':'"}},
        Slip{"TwoCookies",
             Route("match: { cookies: { 'a;b': c } }, service: shop"),
             {"7:38 'a;b' is no name of a cookie: ';' ends one"}},
        Slip{"ACookieWithABlank",
             Route("match: { cookies: { ' a': c } }, service: shop"),
             {"7:38 ' a' is no name of a cookie: blanks around it are no part of it"}},
        Slip{"ACookieWithASemicolon",
             Route("match: { cookies: { a: { prefix: 'b;c' } } }, service: shop"),
             {"7:51 'a' never matches: ';' ends the value of a cookie"}},
        Slip{"AValueThatBeginsWithABlank",
             Route("match: { headers: { x-a: ' b' } }, service: shop"),
             {"7:43 'x-a' never matches: blanks around a value are no part of it; write 'b'"}},
        Slip{"ACookieThatEndsWithABlank",
             Route("match: { cookies: { a: 'b ' } }, service: shop"),
             {"7:41 'a' never matches: blanks around a value are no part of it; write 'b'"}},
        Slip{"AnExpressionThatBeginsWithABlank",
             Route("match: { headers: { x-a: { regex: ' b+' } } }, service: shop"),
             {"7:52 'x-a' never matches: values do not begin with a blank; write it without"}},
        Slip{"APathAndAnExpression",
             Route("match: { path: /a, path_regex: /b }, service: shop"),
             {"7:37 a match has 'path' or 'path_regex', not both"}},
        Slip{"ExactAboutAnExpression",
             Route("match: { path_regex: /b, exact: true }, service: shop"),
             {"7:50 'exact' needs a 'path' to be exact about"}},
        Slip{"AFieldNameWithASpace",
             Route("match: { headers: { 'x a': 1 } }, service: shop"),
             {"7:38 'x a' is no name of a header field"}},
        Slip{"HostAsAField",
             Route("match: { headers: { Host: a } }, service: shop"),
             {"7:38 'Host' is matched by 'host'"}},
        Slip{"AFieldThatNoRouteSees",
             Route("match: { headers: { Connection: close } }, service: shop"),
             {"7:38 'Connection' belongs to the connection: routes do not see it"}},
        Slip{"TwoTestsOfOneField",
             Route("match: { headers: { x-a: { exact: a, prefix: b } } }, service: shop"),
             {"7:43 'x-a' needs one of 'exact', 'prefix', 'regex' and 'present'"}},
        Slip{"NoTestOfAField",
             Route("match: { headers: { x-a: {} } }, service: shop"),
             {"7:43 'x-a' needs one of 'exact', 'prefix', 'regex' and 'present'"}},
        Slip{"AFieldWithoutValue",
             Route("match: { headers: { x-a: } }, service: shop"),
             {"7:38 'x-a' must be a single value, but is nothing"}},
        Slip{"AnUnknownTest",
             Route("match: { query: { a: { regexp: b } } }, service: shop"),
             {"7:41 unknown key 'regexp' in 'a'; did you mean 'regex'?"}},
        Slip{"TwoWithTheSameConditions",
             SmallAnd("  - { name: b, match: { methods: [GET, PUT], headers: { X-A: 1, x-b: 2 } }, service: shop }\n"
                      "  - { name: c, match: { methods: [PUT, GET], headers: { x-b: 2, x-a: 1 } }, service: shop }"),
             {"9:16 this route matches the same as the one on line 8"}}),
    SlipName);

INSTANTIATE_TEST_SUITE_P(
    Rules, RouteSlip,
    testing::Values(
        Slip{"ARedirectBesideAService",
             Route("service: shop, redirect: { path: /b }"),
             {"7:33 a route has 'service' or 'redirect', not both"}},
        Slip{"ARedirectToNowhere",
             Route("redirect: { status: 301 }"),
             {"7:18 'redirect' leads nowhere: it needs 'scheme', 'host', 'path', 'prefix' or 'port'"}},
        Slip{"ARedirectInACircle",
             Route("redirect: { scheme: https }"),
             {"7:18 'redirect' would send clients around in a circle; match scheme: http"}},
        Slip{"ARedirectThatGrowsForEver",
             Route("match: { path: /old }, redirect: { prefix: /old/new }"),
             {"7:41 'redirect' would send clients around in a circle"}},
        Slip{"ARedirectOfAWholeHostToAPathOfIt",
             Route("match: { host: a.example }, redirect: { path: /b }"),
             {"7:46 'redirect' would send clients around in a circle"}},
        Slip{"ARedirectToItsOwnHost",
             Route("match: { host: a.example }, redirect: { host: A.example }"),
             {"7:46 'redirect' would send clients around in a circle"}},
        Slip{"ARedirectOfPathsThatStayTheSame",
             Route("match: { host: a.example, path_regex: /a.* }, redirect: { path: /ab }"),
             {"7:64 'redirect' would send clients around in a circle"}},
        Slip{"ARedirectWithAnotherStatus",
             Route("redirect: { path: /a, status: 304 }"),
             {"7:48 'status' must be 301 or 302 or 303 or 307 or 308, but is '304'; did you mean '301'?"}},
        Slip{"ARedirectThatIsSteered",
             Route("redirect: { path: /b }, hedge: 5ms, rewrite: { host: a }"),
             {"7:42 'hedge' has no effect beside 'redirect'", "7:54 'rewrite' has no effect beside 'redirect'"}},
        Slip{"APrefixForNothing",
             Route("redirect: { prefix: /b }"),
             {"7:38 'prefix' needs a 'match.path' that it can stand for"}},
        Slip{"APathAndAPrefix",
             Route("match: { path: /a }, service: shop, rewrite: { path: /b, prefix: /c }"),
             {"7:54 'rewrite' has 'path' or 'prefix', not both"}},
        Slip{"ANewPathWithAQuery",
             Route("service: shop, rewrite: { path: /b?c }"),
             {"7:50 'path' must not hold a query"}},
        Slip{"AReplyWithTwoBodies",
             Route("reply: { body: a, file: broken.yaml }"),
             {"7:36 a reply has 'body' or 'file', not both"}},
        Slip{"AReplyThatCannotHaveABody",
             Route("reply: { status: 204, body: a }"),
             {"7:18 a response of status 204 has no body"}},
        Slip{"AReplyToAConditionNobodyChecked",
             Route("reply: { status: 304 }"),
             {"7:18 304 answers a condition, and a reply knows of none"}},
        Slip{"AReplyThatIsNoFinalAnswer",
             Route("reply: { status: 103 }"),
             {"7:35 'status' must be within 200 … 599, but is 103"}},
        Slip{"AReplyThatIsNotThere",
             Route("reply: { file: none.html }"),
             {"7:33 'file' cannot be read: '" + kFixtures + "/none.html': No such file or directory"}},
        Slip{"AReplyOfNoType",
             Route("reply: { content_type: html }"),
             {"7:41 'content_type' must be a media type such as text/html"}},
        Slip{"AHeaderThatFramesTheMessage",
             Route("service: shop, request_headers: { set: { Content-Length: 1 }, remove: [Transfer-Encoding] }"),
             {"7:59 'Content-Length' belongs to one connection: Meridian writes it itself",
              "7:89 'Transfer-Encoding' belongs to one connection: Meridian writes it itself"}},
        Slip{"HostByTheWrongDoor",
             Route("service: shop, request_headers: { set: { host: a } }"),
             {"7:59 'host' is changed by 'rewrite'"}},
        Slip{"TheGuardAgainstLoops",
             Route("service: shop, request_headers: { remove: [CDN-Loop] }"),
             {"7:61 'CDN-Loop' must stay, or requests could go around forever"}},
        Slip{"AHeaderEditedTwice",
             Route("service: shop, response_headers: { set: { Server: a }, remove: [server] }"),
             {"7:82 'server' is edited twice"}},
        Slip{"APlaceholderThatIsUnknown",
             Route("service: shop, request_headers: { set: { x-ip: '{client_ip}' } }"),
             {"7:65 'x-ip' has an unknown placeholder {client_ip}; known are {client_address}, {request_id}, {edge}, "
              "{scheme}, {host}, {method}, {path}, {query}"}},
        Slip{"AValueThatSplitsTheMessage",
             Route("service: shop, response_headers: { set: { x-a: \"a\\r\\nb: c\" } }"),
             {"7:65 'x-a' must not hold control characters"}},
        Slip{"AHeaderOfNoName",
             Route("service: shop, response_headers: { add: { 'x a': 1 } }"),
             {"7:60 'x a' is no name of a header field"}}),
    SlipName);

TEST(Routes, OneMayDifferFromAnotherByItsConditionsAlone) {
  const Model model =
      ModelOf(SmallAnd("  - { name: b, match: { headers: { x-a: 1 } }, service: shop }\n"
                       "  - { name: c, match: { headers: { x-a: 2 } }, service: shop }\n"
                       "  - { name: d, match: { query: { x-a: 1 } }, service: shop }\n"
                       "  - { name: e, match: { cookies: { x-a: 1 } }, service: shop }\n"
                       "  - { name: f, match: { path_regex: /a }, service: shop }\n"
                       "  - { name: g, match: { path: /a, exact: true }, service: shop }\n"
                       "  - { name: h, match: { path: /a }, service: shop }"));
  EXPECT_EQ(model.routes.size(), 8u);
}

TEST(Routes, ARedirectToWhatAnotherRouteTakesIsNoCircle) {
  const Model model =
      ModelOf(SmallWith(7, "  - { name: all, redirect: { path: /closed } }") +
              "  - { name: closed, match: { path: /closed, exact: true }, service: shop }\n"
              "  - { name: home, match: { host: a.example, path: /, exact: true }, redirect: { path: /home } }\n"
              "  - { name: a, match: { host: a.example }, service: shop }\n"
              "  - { name: b, match: { host: b.example }, redirect: { host: a.example } }\n"
              "  - { name: c, match: { host: c.example, path: /x }, redirect: { prefix: / } }\n"
              "  - { name: d, match: { host: c.example }, service: shop }\n");
  EXPECT_EQ(model.routes.size(), 7u);
}

TEST(Routes, AReplyMayComeFromAFile) {
  const Model model = ModelOf(Route("reply: { file: broken.expected }"));
  EXPECT_EQ(model.routes.at(0).rules->reply->body, ReadText(kFixtures + "/broken.expected"));
  EXPECT_EQ(Problems(Parse(Route("reply: { file: /dev/zero }"))).at(0),
            "7:33 'file' cannot be read: '/dev/zero': it is no regular file");
}

TEST(Routes, AReplyMayHaveManyLines) {
  const Model model = ModelOf(SmallWith(7, "  - name: all\n    reply:\n      body: |\n        one\n        two"));
  EXPECT_EQ(model.routes.at(0).rules->reply->body, "one\ntwo\n");
}

// What may fit is nobody's slip.
TEST(Routes, ConditionsThatMayFitAreTaken) {
  for (const char* match :
       {"path_regex: '.*\\.html'", "path_regex: '(?i)/a'", "path_regex: '\\*|/x.*'", "path_regex: '/a%20[%2B]'",
        "path_regex: '/[0-9]+'", "headers: { x-a: '' }", "headers: { x-a: { prefix: 'b ' } }",
        "headers: { x-a: 'b c' }", "headers: { x-a: { regex: '.*b' } }", "headers: { x-a: { regex: '| b' } }",
        "headers: { x-a: 'b;c' }", "cookies: { a: 'b=c' }", "query: { 'a=b': ' c;' }", "methods: [M-SEARCH, QUERY]",
        "path: '/a%2Fb'"}) {
    EXPECT_THAT(Problems(Parse(Route("match: { " + std::string(match) + " }, service: shop"))), IsEmpty()) << match;
  }
}

// As routes read it, however the file has it; an expression may be the only one to guard a path.
TEST(Routes, APathMayBeWrittenAsItTravelsOrAsItReads) {
  for (const char* path : {"'/a|b'", "/a%7Cb"}) {
    EXPECT_EQ(ModelOf(Route("match: { path: " + std::string(path) + " }, service: shop")).routes[0].path, "/a|b");
  }
  EXPECT_EQ(ModelOf(Route("match: { path: /a%2Bb }, service: shop")).routes[0].path, "/a+b");
}

// Processor time, since tests share their machine. It was 2.5 s.
TEST(Routes, ThousandsOfRedirectsAreReadInAMoment) {
  std::string text = std::string(kSmall);
  for (int i = 0; i < 4095; ++i) {
    const std::string n = std::to_string(i);
    text += "  - { name: r" + n + ", match: { host: a.example, path: /old/" + n + " }, redirect: { path: /new/" + n +
            " } }\n";
  }
  const clock_t begin = clock();
  EXPECT_THAT(Problems(Parse(text)), IsEmpty());
  EXPECT_LT(static_cast<double>(clock() - begin) / CLOCKS_PER_SEC, 1.5);
}

}  // namespace
}  // namespace meridian
