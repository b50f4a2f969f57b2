#include "net/proxy_protocol.h"

#include <gtest/gtest.h>

#include <string>

#include "net/address.h"

namespace meridian {
namespace {

using namespace std::string_literals;
using State = ProxyHeader::State;

ProxyHeader Parse(const std::string& text) {
  return ParseProxyHeader({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string V2(char version_and_command, char family, const std::string& rest) {
  return kSignature + version_and_command + family + static_cast<char>(rest.size() >> 8) +
         static_cast<char>(rest.size() & 0xff) + rest;
}

const std::string kV4Addresses = "\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x67\x01\xbb"s;  // 192.0.2.1:4711 → :443
const std::string kV6Addresses =
    "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s + std::string(16, '\x02') + "\x12\x67\x01\xbb"s;
const std::string kTlvs = "\x04\x00\x03"s + "abc" + "\x02\x00\x05"s + "x.com";

struct Row {
  const char* name;
  std::string header;
  std::string client;  // empty: the balancer's own connection
};

std::vector<Row> Headers() {
  return {
      {"v1 IPv4", "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n", "192.0.2.1:4711"},
      {"v1 IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n", "[2001:db8::1]:4711"},
      {"v1 longest",
       "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
       "65535\r\n",
       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      {"v1 port 0", "PROXY TCP4 192.0.2.1 198.51.100.2 0 0\r\n", "192.0.2.1:0"},
      {"v1 unknown", "PROXY UNKNOWN\r\n", ""},
      {"v1 unknown with addresses", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""},
      {"v2 IPv4", V2('\x21', '\x11', kV4Addresses), "192.0.2.1:4711"},
      {"v2 IPv6", V2('\x21', '\x21', kV6Addresses), "[2001:db8::1]:4711"},
      {"v2 IPv4 with TLVs", V2('\x21', '\x11', kV4Addresses + kTlvs), "192.0.2.1:4711"},
      {"v2 IPv6 with TLVs", V2('\x21', '\x21', kV6Addresses + kTlvs), "[2001:db8::1]:4711"},
      {"v2 local", V2('\x20', '\x00', ""), ""},
      {"v2 local with addresses", V2('\x20', '\x11', kV4Addresses), ""},
      {"v2 unspecified", V2('\x21', '\x00', kTlvs), ""},
      {"v2 unix", V2('\x21', '\x31', std::string(216, 'u')), ""},
      {"v2 longest", V2('\x21', '\x11', kV4Addresses + std::string(4096 - 16 - 12, 't')), "192.0.2.1:4711"},
  };
}

TEST(ProxyProtocolTest, TellsTheClientAndWhereTheHeaderEnds) {
  for (const Row& row : Headers()) {
    SCOPED_TRACE(row.name);
    const ProxyHeader header = Parse(row.header + "GET / HTTP/1.1\r\n\r\n");
    EXPECT_EQ(header.state, State::kDone);
    EXPECT_EQ(header.size, row.header.size());
    EXPECT_EQ(header.client ? EndpointText(*header.client) : "", row.client);
  }
}

TEST(ProxyProtocolTest, TellsWhatTheClientConnectedTo) {
  EXPECT_EQ(EndpointText(*Parse(Headers()[0].header).server), "198.51.100.2:443");
  EXPECT_EQ(EndpointText(*Parse(Headers()[1].header).server), "[2001:db8::2]:443");
  EXPECT_EQ(EndpointText(*Parse(V2('\x21', '\x11', kV4Addresses)).server), "198.51.100.2:443");
  EXPECT_EQ(EndpointText(*Parse(V2('\x21', '\x21', kV6Addresses)).server), "[202:202:202:202:202:202:202:202]:443");
  EXPECT_FALSE(Parse("PROXY UNKNOWN\r\n").server);
}

TEST(ProxyProtocolTest, WaitsForTheRestWhereverAHeaderIsCut) {
  for (const Row& row : Headers()) {
    for (size_t n = 0; n < row.header.size(); ++n) {
      ASSERT_EQ(Parse(row.header.substr(0, n)).state, State::kIncomplete) << row.name << " cut at " << n;
    }
  }
}

TEST(ProxyProtocolTest, TakesNothingElseForAHeader) {
  const std::string rows[] = {
      "GET / HTTP/1.1\r\n",
      "\x16\x03\x01",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "PROXY\tTCP4",
      "proxy TCP4 192.0.2.1 198.51.100.2 4711 443\r\n",
      "PROXY TCP5 192.0.2.1 198.51.100.2 4711 443\r\n",
      "PROXY TCP4 2001:db8::1 2001:db8::2 4711 443\r\n",
      "PROXY TCP6 192.0.2.1 198.51.100.2 4711 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 04711 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443 \r\n",
      "PROXY TCP4  192.0.2.1 198.51.100.2 4711 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443 5\r\n",
      "PROXY TCP4 192.0.2 198.51.100.2 4711 443\r\n",
      "PROXY TCP4 192.0.2.1\0 198.51.100.2 4711 443\r\n"s,
      "PROXY \r\n",
      "PROXY UNKNOWN " + std::string(107, 'x') + "\r\n",
      kSignature + "\x11",
      V2('\x22', '\x11', kV4Addresses),
      V2('\x31', '\x11', kV4Addresses),
      V2('\x21', '\x11', kV4Addresses.substr(1)),
      V2('\x21', '\x21', kV4Addresses),
      V2('\x21', '\x11', kV4Addresses + std::string(4096 - 16 - 12 + 1, 't')),
  };
  for (const std::string& row : rows) EXPECT_EQ(Parse(row).state, State::kMalformed) << row;
}

// ---- written -------------------------------------------------------------------------------------------------------

ProxyAddresses Between(const std::string& client, const std::string& server) {
  return {*ParseHostPort(client), *ParseHostPort(server)};
}

TEST(ProxyProtocolTest, WhatIsWrittenIsReadAgain) {
  struct Pair {
    std::string client, server;
    std::string read_client, read_server;
  };
  const Pair pairs[] = {
      {"192.0.2.1:4711", "198.51.100.2:443", "192.0.2.1:4711", "198.51.100.2:443"},
      {"[2001:db8::1]:65535", "[2001:db8::2]:1", "[2001:db8::1]:65535", "[2001:db8::2]:1"},
      {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      // One header has one family.
      {"192.0.2.1:0", "[2001:db8::2]:443", "[::ffff:192.0.2.1]:0", "[2001:db8::2]:443"},
      {"[2001:db8::1]:4711", "198.51.100.2:443", "[2001:db8::1]:4711", "[::ffff:198.51.100.2]:443"},
      // As a socket for both families has them.
      {"[::ffff:192.0.2.1]:4711", "[::ffff:198.51.100.2]:443", "192.0.2.1:4711", "198.51.100.2:443"},
      {"192.0.2.1:4711", "[::ffff:198.51.100.2]:443", "192.0.2.1:4711", "198.51.100.2:443"},
  };
  for (const Pair& pair : pairs) {
    for (const ProxyProtocol version : {ProxyProtocol::kV1, ProxyProtocol::kV2}) {
      SCOPED_TRACE(pair.client + " to " + pair.server);
      const ProxyAddresses addresses = Between(pair.client, pair.server);
      const std::string header = WriteProxyHeader(version, &addresses);
      const ProxyHeader read = Parse(header + "GET /");
      ASSERT_EQ(read.state, State::kDone) << header;
      EXPECT_EQ(read.size, header.size());
      ASSERT_TRUE(read.client && read.server);
      EXPECT_EQ(EndpointText(*read.client), pair.read_client);
      EXPECT_EQ(EndpointText(*read.server), pair.read_server);
      EXPECT_LE(header.size(), version == ProxyProtocol::kV1 ? ProxyHeader::kMaxV1 : 52);
    }
  }
}

TEST(ProxyProtocolTest, IsWrittenByteByByteAsTheSpecificationHasIt) {
  const ProxyAddresses v4 = Between("192.0.2.1:4711", "198.51.100.2:443");
  EXPECT_EQ(WriteProxyHeader(ProxyProtocol::kV1, &v4), "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n");
  EXPECT_EQ(WriteProxyHeader(ProxyProtocol::kV2, &v4), V2('\x21', '\x11', kV4Addresses));
}

TEST(ProxyProtocolTest, OurOwnConnectionsSayThatTheyAreNobodys) {
  EXPECT_EQ(WriteProxyHeader(ProxyProtocol::kV1, nullptr), "PROXY UNKNOWN\r\n");
  EXPECT_EQ(WriteProxyHeader(ProxyProtocol::kV2, nullptr), V2('\x20', '\x00', ""));
  for (const ProxyProtocol version : {ProxyProtocol::kV1, ProxyProtocol::kV2}) {
    const ProxyHeader read = Parse(WriteProxyHeader(version, nullptr));
    EXPECT_EQ(read.state, State::kDone);
    EXPECT_FALSE(read.client);
  }
}

}  // namespace
}  // namespace meridian
