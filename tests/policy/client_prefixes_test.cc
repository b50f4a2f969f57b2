#include "policy/client_prefixes.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace meridian {
namespace {

Endpoint V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  Endpoint client;
  client.ip = {a, b, c, d};
  return client;
}

Endpoint V6(std::initializer_list<uint8_t> bytes) {
  Endpoint client;
  client.v6 = true;
  std::copy(bytes.begin(), bytes.end(), client.ip.begin());
  return client;
}

TEST(ClientPrefixesTest, NeighboursShareTheirLimitAndOthersHaveTheirOwn) {
  ClientPrefixes clients(2, 1);
  EXPECT_TRUE(clients.Add(V4(192, 0, 2, 1)));
  EXPECT_TRUE(clients.Add(V4(192, 0, 2, 254)));
  EXPECT_FALSE(clients.Add(V4(192, 0, 2, 7)));
  EXPECT_TRUE(clients.Add(V4(192, 0, 3, 7)));
  EXPECT_EQ(clients.connections(V4(192, 0, 2, 99)), 2u);
}

TEST(ClientPrefixesTest, ACustomerOfIpv6HasOneLimitHoweverManyAddressesItChooses) {
  ClientPrefixes clients(1, 1);
  EXPECT_TRUE(clients.Add(V6({0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})));
  EXPECT_FALSE(clients.Add(V6({0x20, 1, 0xd, 0xb8, 1, 2, 3, 99, 0, 0, 0, 0, 0, 0, 0, 1})));
  EXPECT_TRUE(clients.Add(V6({0x20, 1, 0xd, 0xb8, 1, 2, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12})));
}

TEST(ClientPrefixesTest, AMappedAddressIsTheIpv4ThatItStandsFor) {
  ClientPrefixes clients(1, 1);
  EXPECT_TRUE(clients.Add(V4(192, 0, 2, 1)));
  EXPECT_FALSE(clients.Add(V6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 200})));
  EXPECT_TRUE(clients.Add(V6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 3, 200})));
}

TEST(ClientPrefixesTest, NoIpv6PrefixIsTakenForAnIpv4One) {
  ClientPrefixes clients(1, 1);
  EXPECT_TRUE(clients.Add(V4(0, 0, 0, 1)));
  EXPECT_TRUE(clients.Add(V6({})));
  EXPECT_EQ(clients.prefixes(), 2u);
}

TEST(ClientPrefixesTest, WhoLeavesMakesRoomAndNothingStaysBehind) {
  ClientPrefixes clients(1, 1);
  for (int round = 0; round < 1000; ++round) {
    const Endpoint client = V4(10, static_cast<uint8_t>(round / 256), static_cast<uint8_t>(round), 1);
    ASSERT_TRUE(clients.Add(client));
    ASSERT_FALSE(clients.Add(client));
    clients.Remove(client);
  }
  EXPECT_EQ(clients.prefixes(), 0u);
}

}  // namespace
}  // namespace meridian
