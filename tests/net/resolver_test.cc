#include "net/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "net/address.h"
#include "support/run_loop.h"

namespace meridian {
namespace {

using testing::RunUntil;

// Only names that need no server: literals and the hosts file.

TEST(ResolverTest, TheHostsFileKnowsLocalhost) {
  Loop loop;
  Resolver resolver(loop);
  ResolveAnswer answer;
  int calls = 0;
  resolver.Resolve("localhost", 8080, [&](const ResolveAnswer& a) {
    answer = a;
    ++calls;
  });
  EXPECT_EQ(calls, 0) << "an answer comes from the loop, never from within the call";
  ASSERT_TRUE(RunUntil(loop, [&] { return calls > 0; }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(answer.error, "");
  ASSERT_FALSE(answer.endpoints.empty());
  EXPECT_TRUE(std::any_of(answer.endpoints.begin(), answer.endpoints.end(), [](const Endpoint& e) {
    return EndpointText(e) == "127.0.0.1:8080" || EndpointText(e) == "[::1]:8080";
  }));
  EXPECT_GE(answer.ttl, Resolver::kMinTtl);
  EXPECT_LE(answer.ttl, Resolver::kMaxTtl);
}

TEST(ResolverTest, AnAddressResolvesToItself) {
  Loop loop;
  Resolver resolver(loop);
  ResolveAnswer answer;
  bool called = false;
  resolver.Resolve("192.0.2.7", 81, [&](const ResolveAnswer& a) {
    answer = a;
    called = true;
  });
  ASSERT_TRUE(RunUntil(loop, [&] { return called; }));
  ASSERT_EQ(answer.endpoints.size(), 1u);
  EXPECT_EQ(EndpointText(answer.endpoints[0]), "192.0.2.7:81");
}

TEST(ResolverTest, DestroyedBeforeTheAnswerItNeverCalls) {
  Loop loop;
  bool called = false;
  {
    Resolver resolver(loop);
    resolver.Resolve("localhost", 1, [&](const ResolveAnswer&) { called = true; });
    // A name that only a server could know is still under way when the resolver goes.
    resolver.Resolve("a-name-that-nobody-has.invalid", 1, [&](const ResolveAnswer&) { called = true; });
  }
  testing::Settle(loop);
  EXPECT_FALSE(called);
}

TEST(ResolverTest, ACallbackMayAskAgain) {
  Loop loop;
  Resolver resolver(loop);
  int answers = 0;
  std::function<void(const ResolveAnswer&)> again = [&](const ResolveAnswer&) {
    if (++answers < 3) resolver.Resolve("localhost", 1, again);
  };
  resolver.Resolve("localhost", 1, again);
  EXPECT_TRUE(RunUntil(loop, [&] { return answers == 3; }));
}

}  // namespace
}  // namespace meridian
