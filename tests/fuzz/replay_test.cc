// Every file of the corpora once more, in the normal build: what a fuzzer found stays mended.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

extern "C" {
int FuzzH1Request(const uint8_t*, size_t);
int FuzzH1Response(const uint8_t*, size_t);
int FuzzH2Server(const uint8_t*, size_t);
int FuzzH2Client(const uint8_t*, size_t);
int FuzzHeaderValues(const uint8_t*, size_t);
int FuzzProxyProtocol(const uint8_t*, size_t);
int FuzzConfig(const uint8_t*, size_t);
int FuzzAdminJson(const uint8_t*, size_t);
int FuzzExchange(const uint8_t*, size_t);
}

namespace {

using Target = int (*)(const uint8_t*, size_t);

void Replay(const char* name, Target target) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(MERIDIAN_SOURCE_DIR "/tests/fuzz/corpus/") + name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
    SCOPED_TRACE(entry.path().string());
    target(bytes.data(), bytes.size());
    ++count;
  }
  EXPECT_GT(count, 0) << "no corpus for " << name;
}

TEST(FuzzReplay, H1Request) { Replay("h1_request", FuzzH1Request); }
TEST(FuzzReplay, H1Response) { Replay("h1_response", FuzzH1Response); }
TEST(FuzzReplay, H2Server) { Replay("h2_server", FuzzH2Server); }
TEST(FuzzReplay, H2Client) { Replay("h2_client", FuzzH2Client); }
TEST(FuzzReplay, HeaderValues) { Replay("header_values", FuzzHeaderValues); }
TEST(FuzzReplay, ProxyProtocol) { Replay("proxy_protocol", FuzzProxyProtocol); }
TEST(FuzzReplay, Config) { Replay("config", FuzzConfig); }
TEST(FuzzReplay, AdminJson) { Replay("admin_json", FuzzAdminJson); }
TEST(FuzzReplay, Exchange) { Replay("exchange", FuzzExchange); }

}  // namespace
