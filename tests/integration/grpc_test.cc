// gRPC from end to end: grpcio's client and grpcio's server, the edge between them.
#include "integration/clients.h"

namespace meridian::testing {
namespace {

class Grpc : public ::testing::Test {
 protected:
  void SetUp() override {
    client_ = PythonProgram("grpc_client", {"grpc"});
    MERIDIAN_REQUIRE_PROGRAM(client_);
    origin_.emplace(PythonProgram("grpc_origin", {"grpc"}), std::vector<std::string>{});
  }
  void Run(const std::string& check) {
    EdgeForClients edge("h2c://127.0.0.1:" + std::to_string(origin_->port()));
    std::vector<std::string> arguments{edge.url(), edge.ca_file(), "h2", check};
    for (const std::string& size : BodySizes()) arguments.push_back(size);
    ExpectAllOk(RunToEnd(client_, arguments, ClientLimit()));
  }

  Program client_;
  std::optional<OriginProgram> origin_;
};

TEST_F(Grpc, MessagesAndMetadataArriveWhole) { Run("echo"); }
TEST_F(Grpc, StreamsFlowInBothDirections) { Run("streams"); }
TEST_F(Grpc, ADeadlineIsHeardAsADeadline) { Run("deadlines"); }
TEST_F(Grpc, TheServersStatusAndMessageAreTheClients) { Run("statuses"); }
TEST_F(Grpc, WithoutAnOriginItIsUnavailable) {
  origin_->Kill();
  Run("unavailable");
}

}  // namespace
}  // namespace meridian::testing
