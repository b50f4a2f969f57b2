#include "net/address.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

TEST(AddressTest, NumericAddressesOfBothFamiliesSurviveTheWayThroughTheKernelsStructs) {
  for (std::string_view text : {"192.0.2.1:80", "[2001:db8::1]:443", "[::1]:65535", "255.255.255.255:0"}) {
    const auto endpoint = ParseHostPort(text);
    ASSERT_TRUE(endpoint) << text;
    const SockAddr address = ToSockAddr(*endpoint);
    EXPECT_EQ(FromSockAddr(address.get()), *endpoint) << text;
    EXPECT_EQ(EndpointText(*endpoint), text);
  }
}

TEST(AddressTest, ShorthandsForListenersAreUnderstood) {
  EXPECT_EQ(EndpointText(*ParseHostPort(":8080")), "0.0.0.0:8080");
  EXPECT_EQ(EndpointText(*ParseHostPort("localhost:8080")), "127.0.0.1:8080");
  EXPECT_EQ(IpText(*ParseHostPort("[::]:1")), "::");
}

TEST(AddressTest, WhatIsNoAddressIsRefused) {
  for (std::string_view text : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8o",
                                "127.0.0.1: 80", "256.0.0.1:80", "shop.example:80", "[::1:80", "[::1]", "1.2.3:80"}) {
    EXPECT_FALSE(ParseHostPort(text)) << text;
  }
}

TEST(AddressTest, AnIpv6AddressWithoutBracketsIsNotTakenForOneWithAPort) { EXPECT_FALSE(ParseHostPort("::1:80")); }

TEST(AddressTest, NamesAreNoLiterals) {
  EXPECT_TRUE(ParseIpLiteral("10.0.0.1", 1));
  EXPECT_TRUE(ParseIpLiteral("2001:db8::1", 1));
  EXPECT_FALSE(ParseIpLiteral("localhost", 1));
  EXPECT_FALSE(ParseIpLiteral("[::1]", 1));
  EXPECT_FALSE(ParseIpLiteral("", 1));
}

TEST(AddressTest, AnAddressOfOneFamilyEqualsItselfWhateverWasParsedBefore) {
  // A failed attempt at the other family must leave no bytes behind, or the same address would be two.
  const auto a = ParseIpLiteral("1::", 80);
  ASSERT_TRUE(a);
  EXPECT_EQ(FromSockAddr(ToSockAddr(*a).get()), *a);
}

TEST(NetworkTest, HoldsItsAddressesAndNoOthers) {
  const auto address = [](const char* text) { return *ParseIpLiteral(text, 0); };
  const auto v4 = ParseNetwork("192.0.2.128/25");
  ASSERT_TRUE(v4);
  EXPECT_TRUE(Contains(*v4, address("192.0.2.200")));
  EXPECT_FALSE(Contains(*v4, address("192.0.2.100")));
  EXPECT_FALSE(Contains(*v4, address("2001:db8::1")));
  EXPECT_TRUE(Contains(*ParseNetwork("2001:db8::/33"), address("2001:db8:7fff::1")));
  EXPECT_FALSE(Contains(*ParseNetwork("2001:db8::/33"), address("2001:db8:8000::1")));
  EXPECT_TRUE(Contains(*ParseNetwork("0.0.0.0/0"), address("203.0.113.1")));
  EXPECT_FALSE(Contains(*ParseNetwork("192.0.2.1"), address("192.0.2.2")));
}

TEST(NetworkTest, WhatIsNoNetworkIsNone) {
  for (const char* text : {"", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.1/24", "2001:db8::/129", "a/8"}) {
    EXPECT_FALSE(ParseNetwork(text)) << text;
  }
  EXPECT_FALSE(ParseIpLiteral(std::string_view("192.0.2.1\0", 10), 0)) << "a NUL ends nothing";
}

}  // namespace
}  // namespace meridian
