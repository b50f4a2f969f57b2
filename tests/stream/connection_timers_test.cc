// Timers of a client's connection before its first request: they end between once and one and a quarter times their
// time, at the default and at 100 ms (timers_test.cc has those of requests).
#include <sys/socket.h>
#include <unistd.h>

#include "stream/exchange_fixture.h"
#include "support/certificates.h"

namespace meridian {
namespace {

class ConnectionTimersTest : public ::testing::TestWithParam<Duration>, private ConnectionHost {
 protected:
  ~ConnectionTimersTest() override {
    if (connection_) connection_->Close();
    loop_.RunTurn(false);
    close(client_);
  }
  void Connect(std::shared_ptr<const TlsServerContext> tls, Duration proxy_header) {
    int fd[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    client_ = fd[0];
    ConnectionHost& host = *this;
    connection_ = new ClientConnection(loop_, host, limits_, timeouts_, *ParseHostPort("203.0.113.7:4711"), 80);
    ASSERT_TRUE(connection_->Start(fd[1], std::move(tls), proxy_header));
  }
  // In between it says a little: that does not help it.
  void IsClosedAfter(Duration time, std::string_view says) {
    const TimePoint begin = loop_.Now();
    for (size_t i = 0; i < 150 && connection_; ++i) {
      if (i < says.size()) send(client_, says.data() + i, 1, MSG_NOSIGNAL);
      for (int turn = 0; turn < 20; ++turn) loop_.RunTurn(false);
      if (connection_) loop_.Advance(time / 100);
    }
    const double part = ToSeconds(loop_.Now() - begin) / ToSeconds(time);
    EXPECT_GE(part, 1.0);
    EXPECT_LE(part, 1.25);
  }
  Loop loop_{true};
  MessageLimits limits_;
  ConnectionTimeouts timeouts_;
  std::vector<ConnectionLimit> met_;

 private:
  std::unique_ptr<ConnectionExchange> NewExchange(ClientConnection&, ServerStream&) override { return nullptr; }
  void OnLimit(ConnectionLimit limit) override { met_.push_back(limit); }
  void OnConnectionClosed(ClientConnection& connection, const Error&) override {
    connection_ = nullptr;
    loop_.Retire(std::unique_ptr<Disposable>(&connection));
  }
  ClientConnection* connection_ = nullptr;
  int client_ = -1;
};

INSTANTIATE_TEST_SUITE_P(All, ConnectionTimersTest, ::testing::Values(10s, 100ms),
                         [](const auto& test) { return std::to_string(test.param / 1ms) + "ms"; });

TEST_P(ConnectionTimersTest, AHandshakeHasTheHandshakeTimeout) {
  const testing::TempDir dir;
  const testing::TestCertificates certificates(dir);
  const auto files = certificates.Issue("edge", testing::KeyKind::kEcdsa, {"shop.example"});
  std::string problem;
  const auto tls = TlsServerContext::Make({{files.certificate, files.key}}, {}, &problem);
  ASSERT_TRUE(tls) << problem;
  timeouts_.handshake = GetParam();
  Connect(tls, Duration::zero());
  IsClosedAfter(GetParam(), std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_EQ(met_, std::vector{ConnectionLimit::kHandshakeTime});
}

// Which is `limits.header_timeout`.
TEST_P(ConnectionTimersTest, AProxyHeaderHasTheTimeOfAHead) {
  Connect(nullptr, GetParam());
  IsClosedAfter(GetParam(), "PROXY TCP4 203.0");
  EXPECT_EQ(met_, std::vector{ConnectionLimit::kProxyHeader});
}

}  // namespace
}  // namespace meridian
