#include "net/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "net/address.h"
#include "support/name_server.h"
#include "support/run_loop.h"

namespace meridian {
namespace {

using testing::RunUntil;

// Names that need no server (literals and the hosts file), and a name server of the test.

TEST(ResolverTest, TheHostsFileKnowsLocalhost) {
  Loop loop;
  Resolver resolver(loop);
  ResolveAnswer answer;
  int calls = 0;
  resolver.Resolve("localhost", 8080, AddressFamily::kAny, [&](const ResolveAnswer& a) {
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
  resolver.Resolve("192.0.2.7", 81, AddressFamily::kAny, [&](const ResolveAnswer& a) {
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
    resolver.Resolve("localhost", 1, AddressFamily::kAny, [&](const ResolveAnswer&) { called = true; });
    // A name that only a server could know is still under way when the resolver goes.
    resolver.Resolve("a-name-that-nobody-has.invalid", 1, AddressFamily::kAny,
                     [&](const ResolveAnswer&) { called = true; });
  }
  testing::Settle(loop);
  EXPECT_FALSE(called);
}

TEST(ResolverTest, ACallbackMayAskAgain) {
  Loop loop;
  Resolver resolver(loop);
  int answers = 0;
  std::function<void(const ResolveAnswer&)> again = [&](const ResolveAnswer&) {
    if (++answers < 3) resolver.Resolve("localhost", 1, AddressFamily::kAny, again);
  };
  resolver.Resolve("localhost", 1, AddressFamily::kAny, again);
  EXPECT_TRUE(RunUntil(loop, [&] { return answers == 3; }));
}

// An answer that does not fit into a datagram comes over TCP, as its length and itself: c-ares took the first on the
// only edge that came for both, and the second a second later, when it had given up.
TEST(ResolverTest, AnAnswerOverTcpComesWithoutAnyTimePassing) {
  Loop loop(true);
  testing::NameServer server(loop);
  server.Set("svc.test", {"192.0.2.1", "192.0.2.2", "2001:db8::1"});
  server.truncate = true;
  Resolver resolver(loop, server.address());
  ResolveAnswer answer;
  resolver.Resolve("svc.test", 80, AddressFamily::kAny, [&](const ResolveAnswer& a) { answer = a; });
  ASSERT_TRUE(RunUntil(loop, [&] { return !answer.endpoints.empty() || !answer.error.empty(); })) << "it waits";
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.endpoints.size(), 3u);
  EXPECT_GT(server.connections(), 0u);
}

TEST(ResolverTest, ANameWithoutAddressesOfAFamilyIsNotAFailure) {
  Loop loop;
  testing::NameServer server(loop);
  server.Set("svc.test", {"192.0.2.1"});
  Resolver resolver(loop, server.address());
  ResolveAnswer none, failed;
  resolver.Resolve("svc.test", 80, AddressFamily::kV6, [&](const ResolveAnswer& a) { none = a; });
  ASSERT_TRUE(RunUntil(loop, [&] { return !none.error.empty(); }));
  EXPECT_TRUE(none.none);
  server.fails_v6 = true;
  resolver.Resolve("svc.test", 80, AddressFamily::kV6, [&](const ResolveAnswer& a) { failed = a; });
  ASSERT_TRUE(RunUntil(loop, [&] { return !failed.error.empty(); }));
  EXPECT_FALSE(failed.none);
}

}  // namespace
}  // namespace meridian
