#include "net/trusted_proxies.h"

#include <gtest/gtest.h>

#include <vector>

#include "net/address.h"

namespace meridian {
namespace {

std::vector<Cidr> Ranges(std::initializer_list<const char*> texts) {
  std::vector<Cidr> out;
  for (const char* text : texts) EXPECT_EQ(ParseCidr(text, &out.emplace_back()), "") << text;
  return out;
}

bool Covered(std::initializer_list<const char*> ranges, const char* address) {
  return Covers(Ranges(ranges), *ParseIpLiteral(address, 1));
}

TEST(TrustedProxies, ARangeEndsWhereItsBitsSay) {
  EXPECT_TRUE(Covered({"10.0.0.0/8"}, "10.255.0.1"));
  EXPECT_FALSE(Covered({"10.0.0.0/8"}, "11.0.0.0"));
  EXPECT_TRUE(Covered({"192.0.2.128/25"}, "192.0.2.128"));
  EXPECT_FALSE(Covered({"192.0.2.128/25"}, "192.0.2.127"));
  EXPECT_TRUE(Covered({"192.0.2.7"}, "192.0.2.7"));
  EXPECT_FALSE(Covered({"192.0.2.7/32"}, "192.0.2.6"));
  EXPECT_TRUE(Covered({"0.0.0.0/0"}, "203.0.113.9"));
  EXPECT_FALSE(Covered({"0.0.0.0/0"}, "2001:db8::1"));
  EXPECT_TRUE(Covered({"2001:db8::/33"}, "2001:db8:7fff::1"));
  EXPECT_FALSE(Covered({"2001:db8::/33"}, "2001:db8:8000::1"));
  EXPECT_TRUE(Covered({"127.0.0.0/8"}, "::ffff:127.0.0.1")) << "the same address in its IPv6 form";
  EXPECT_FALSE(Covered({}, "127.0.0.1"));
}

std::string Client(std::vector<const char*> fields) {
  Arena arena;
  HeaderBlock headers(&arena);
  for (const char* field : fields) headers.Add("x-forwarded-for", field);
  return std::string(ClientBehind("10.0.0.1", headers, Ranges({"10.0.0.0/8", "2001:db8::/32"})));
}

TEST(TrustedProxies, TheClientIsTheRightmostAddressThatNobodyTrusts) {
  EXPECT_EQ(Client({}), "10.0.0.1");
  EXPECT_EQ(Client({"203.0.113.7"}), "203.0.113.7");
  EXPECT_EQ(Client({"1.2.3.4, 203.0.113.7"}), "203.0.113.7") << "the rest is what that client claims";
  EXPECT_EQ(Client({"1.2.3.4,203.0.113.7 ,\t10.0.0.2"}), "203.0.113.7");
  EXPECT_EQ(Client({"1.2.3.4, 203.0.113.7", "10.0.0.3, 10.0.0.2"}), "203.0.113.7") << "fields are one list";
  EXPECT_EQ(Client({"10.0.0.3, 10.0.0.2"}), "10.0.0.3") << "all are trusted";
  EXPECT_EQ(Client({"203.0.113.7:4711, [2001:db8::5]:80"}), "203.0.113.7");
  EXPECT_EQ(Client({"2001:470::1"}), "2001:470::1");
}

TEST(TrustedProxies, WhatIsNoAddressNamesNobody) {
  for (const char* junk :
       {"", "unknown", "_hidden", "203.0.113.7, ", "203.0.113.7, 1.2.3", "203.0.113.7, [::1", "a\"b"}) {
    EXPECT_EQ(Client({junk}), "10.0.0.1") << junk;
  }
  EXPECT_EQ(Client({"203.0.113.7, junk, 10.0.0.2"}), "10.0.0.2");
}

}  // namespace
}  // namespace meridian
