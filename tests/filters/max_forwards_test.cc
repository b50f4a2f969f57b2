#include "filters/max_forwards.h"

#include <gtest/gtest.h>

#include <string>

namespace meridian {
namespace {

class MaxForwardsTest : public ::testing::Test {
 protected:
  RequestHead Request(Method method, std::initializer_list<const char*> values) {
    RequestHead request;
    request.method = method;
    request.path = "/a?b";
    request.headers = HeaderBlock(&arena_);
    for (const char* value : values) request.headers.Add("max-forwards", value);
    return request;
  }
  std::string Left(const RequestHead& request) {
    std::string all;
    for (const Header& h : request.headers) all += std::string(h.name) + "=" + std::string(h.value) + " ";
    return all;
  }
  Arena arena_;
  StreamContext context_;
};

TEST_F(MaxForwardsTest, EachHopCountsOneDown) {
  const std::pair<const char*, const char*> rows[] = {
      {"1", "0"}, {"10", "9"}, {"0007", "6"}, {"99999999999999999999999", "999999998"}};
  for (const Method method : {Method::kOptions, Method::kTrace}) {
    for (const auto& [came, goes] : rows) {
      RequestHead request = Request(method, {came});
      EXPECT_FALSE(MaxForwards().OnRequest(request, context_));
      EXPECT_EQ(Left(request), std::string("max-forwards=") + goes + " ");
    }
  }
}

TEST_F(MaxForwardsTest, AtZeroAnOptionsIsAnsweredHere) {
  RequestHead request = Request(Method::kOptions, {"0"});
  const auto reply = MaxForwards().OnRequest(request, context_);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "");
}

TEST_F(MaxForwardsTest, AtZeroATraceGetsBackWhatCameAndNoSecret) {
  context_.authority = "shop.example";
  RequestHead request = Request(Method::kTrace, {"000"});
  request.headers.Add("via", "1.1 a, 1.1 b");
  for (const char* secret : {"cookie", "authorization", "x-api-key", "client-cert"})
    request.headers.Add(secret, "s3cret");
  const auto reply = MaxForwards().OnRequest(request, context_);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->content_type, "message/http");
  EXPECT_EQ(reply->body, "TRACE /a?b HTTP/1.1\r\nhost: shop.example\r\nmax-forwards: 000\r\nvia: 1.1 a, 1.1 b\r\n\r\n");
}

TEST_F(MaxForwardsTest, WhatCannotBeCountedIsRefused) {
  for (const auto& values : {std::initializer_list<const char*>{""}, {"-1"}, {"1.5"}, {"two"}, {"1, 2"}, {"1", "0"}}) {
    RequestHead request = Request(Method::kTrace, values);
    const auto reply = MaxForwards().OnRequest(request, context_);
    ASSERT_TRUE(reply) << *values.begin();
    EXPECT_EQ(reply->status, 400);
    EXPECT_TRUE(reply->refused);
  }
}

// RFC 9110 §7.6.2 speaks of these two methods only.
TEST_F(MaxForwardsTest, OtherMethodsAndRequestsWithoutTheFieldPassAsTheyAre) {
  for (const Method method : {Method::kGet, Method::kPost, Method::kHead}) {
    RequestHead request = Request(method, {"0"});
    EXPECT_FALSE(MaxForwards().OnRequest(request, context_));
    EXPECT_EQ(Left(request), "max-forwards=0 ");
  }
  RequestHead request = Request(Method::kOptions, {});
  EXPECT_FALSE(MaxForwards().OnRequest(request, context_));
  EXPECT_EQ(Left(request), "");
}

// The client chooses how many fields there are.
TEST_F(MaxForwardsTest, AReflectionCostsNoMoreThanWhatCame) {
  RequestHead request = Request(Method::kTrace, {"0"});
  const std::string value(500, 'v');
  for (int i = 0; i < 100; ++i) request.headers.AddCopy("via", value);
  const size_t before = arena_.footprint();
  ASSERT_TRUE(MaxForwards().OnRequest(request, context_));
  EXPECT_LT(arena_.footprint() - before, 2 * 100 * value.size());
}

}  // namespace
}  // namespace meridian
