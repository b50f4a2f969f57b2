// WebSockets of real clients: what they say arrives, and how either side ends is what the other side hears.
#include <ostream>

#include "integration/clients.h"
#include "support/checked_origin.h"

namespace meridian::testing {
namespace {

struct WebSocketClient {
  const char* name;
  Program (*program)();
  std::vector<int> codes;  // that it may send, by its own rules
};
void PrintTo(const WebSocketClient& client, std::ostream* out) { *out << client.name; }

class WebSockets : public ::testing::TestWithParam<WebSocketClient> {
 protected:
  void SetUp() override {
    program_ = GetParam().program();
    MERIDIAN_REQUIRE_PROGRAM(program_);
  }
  void Run(const std::string& check, const std::vector<std::string>& sizes = {}) {
    EdgeForClients edge(origin_.url());
    std::vector<std::string> arguments{edge.url(), edge.ca_file(), "h1", check};
    arguments.insert(arguments.end(), sizes.begin(), sizes.end());
    ExpectAllOk(RunToEnd(program_, arguments, 60s));
  }

  Program program_;
  CheckedOrigin origin_;
};

TEST_P(WebSockets, MessagesOfEverySizeComeBack) { Run("echo", {"0", "1", "125", "126", "65535", "65536", "5000000"}); }

TEST_P(WebSockets, TheCodeThatAClientEndsWithReachesTheOrigin) {
  Run("closes");
  EXPECT_EQ(origin_.WaitForCloseCodes(GetParam().codes.size(), 5s), GetParam().codes);
}

TEST_P(WebSockets, TheCodeThatTheOriginEndsWithReachesTheClient) { Run("closed"); }

INSTANTIATE_TEST_SUITE_P(
    Clients, WebSockets,
    ::testing::Values(WebSocketClient{"Python",
                                      [] { return PythonProgram("websockets_client", {"websockets"}); },
                                      {1000, 1001, 1011, 3000, 4999}},
                      WebSocketClient{"Java", [] { return JavaProgram("Client"); }, {1000, 1001, 3000, 4999}}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace meridian::testing
