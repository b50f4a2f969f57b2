// Cookies in pieces (RFC 9113 §8.2.3): the same as in one, in what goes on and in what is too much.
#include <gtest/gtest.h>

#include "support/h2_flood.h"

namespace meridian {
namespace {

namespace h2 = testing::h2;

using testing::FloodedServer;

h2::Fields Browser(int cookies, const std::string& value = "v") {
  h2::Fields fields = {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}};
  for (int i = 0; i < 20; ++i) fields.emplace_back("x-field-" + std::to_string(i), "1");
  for (int i = 0; i < cookies; ++i) fields.emplace_back("cookie", "c" + std::to_string(i) + "=" + value);
  return fields;
}

// In as many frames as it takes.
std::string Request(const h2::Fields& fields) {
  constexpr size_t kFrame = 16 * 1024;
  const std::string block = h2::Block(fields);
  std::string out;
  for (size_t at = 0; at < block.size(); at += kFrame) {
    const bool last = at + kFrame >= block.size();
    out += h2::Frame(at == 0 ? h2::kHeaders : h2::kContinuation,
                     static_cast<uint8_t>((at == 0 ? h2::kEndStream : 0) | (last ? h2::kEndHeaders : 0)), 1,
                     block.substr(at, kFrame));
  }
  return out;
}

int Status(const h2::Fields& fields) {
  FloodedServer edge;
  testing::Feed(edge.server, Request(fields));
  auto& request = edge.sink.requests[0];
  return request.has_head ? 200 : request.refused;
}

TEST(H2CookiesTest, PiecesCountAsTheOneFieldThatTheyBecome) {
  FloodedServer edge(h2::Headers(1, Browser(180)));
  auto& request = edge.sink.requests[0];
  ASSERT_TRUE(request.has_head) << request.refused;
  std::string joined;
  for (int i = 0; i < 180; ++i) joined += (i ? "; c" : "c") + std::to_string(i) + "=v";
  EXPECT_EQ(request.head.headers.Get(HeaderId::kCookie), joined);
  EXPECT_EQ(request.head.headers.size(), 21u);
}

TEST(H2CookiesTest, OtherFieldsBehindThemAreCountedAsBefore) {
  h2::Fields fields = Browser(180);
  for (int i = 0; i < 79; ++i) fields.emplace_back("x-late-" + std::to_string(i), "1");
  EXPECT_EQ(Status(fields), 200) << "a hundred: 20, the cookie, 79";
  fields.emplace_back("x-one-more", "1");
  EXPECT_EQ(Status(fields), 431);
}

TEST(H2CookiesTest, PiecesAreBoundedByTheirNumberAndBytes) {
  EXPECT_EQ(Status(Browser(501, "")), 200);
  EXPECT_EQ(Status(Browser(502, "")), 431);
  EXPECT_EQ(Status(Browser(40, std::string(1000, 'v'))), 200);
  EXPECT_EQ(Status(Browser(40, std::string(1600, 'v'))), 431);
}

}  // namespace
}  // namespace meridian
