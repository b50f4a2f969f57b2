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

}  // namespace
}  // namespace meridian
