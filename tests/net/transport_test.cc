// What goes over a TCP connection arrives, and how it ends is told.
#include "net/transport_fixture.h"

namespace meridian {
namespace {

TEST_F(TransportTest, BytesTravelBothWays) {
  ConnectTcpPair();
  client_.Send("ping");
  server_.Send("pong");
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox == "ping" && client_.inbox == "pong"; }));
}

TEST_F(TransportTest, WhatComesFirstIsSentBeforeAllElse) {
  Error problem;
  client_.outbox = "ping";
  client_.transport = ConnectTcp(loop_, address_, client_, &problem, "PROXY UNKNOWN\r\n");
  ASSERT_TRUE(client_.transport);
  server_.transport = AcceptTcp(loop_, TakeAccepted(), server_);
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox == "PROXY UNKNOWN\r\nping"; })) << server_.inbox;
  EXPECT_EQ(client_.transport->handed(), 19u);
}

TEST_F(TransportTest, AnEndThatArrivesTogetherWithTheLastBytesIsNoticed) {
  // What a server does that answers and closes at once: data and FIN are both there before we look.
  Error problem;
  client_.transport = ConnectTcp(loop_, address_, client_, &problem);
  const int peer = TakeAccepted();
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_.ready; }));
  ASSERT_EQ(send(peer, "last words", 10, 0), 10);
  close(peer);
  EXPECT_TRUE(RunUntil(loop_, [&] { return client_.eof; }));
  EXPECT_EQ(client_.inbox, "last words");
}

TEST_F(TransportTest, ARefusedConnectIsAConnectFailureThatMayAlwaysBeRetried) {
  listener_.reset();
  Error problem;
  client_.transport = ConnectTcp(loop_, address_, client_, &problem);
  if (client_.transport) {
    ASSERT_TRUE(RunUntil(loop_, [&] { return bool(client_.error); }));
    problem = client_.error;
  }
  EXPECT_EQ(problem.code, ErrorCode::kConnectFailed);
  EXPECT_EQ(problem.retry, Retry::kAlways);
  EXPECT_EQ(problem.fault, Fault::kOrigin);
  EXPECT_FALSE(client_.ready);
}

TEST_F(TransportTest, ManyMegabytesArriveWholeThroughAFullSocket) {
  ConnectTcpPair();
  SendManyMegabytes();
  EXPECT_GT(client_.writable_calls, 0);
  EXPECT_FALSE(client_.transport->blocked());
}

TEST_F(TransportTest, ShutdownSendsWhatIsKeptFirst) {
  ConnectTcpPair();
  server_.reading = false;
  const std::string big(8 << 20, 'k');
  while (!client_.transport->blocked()) client_.Send(std::string(OutBuffer::kSize, 'k'));
  const size_t left = client_.outbox.size();
  client_.outbox.clear();
  client_.transport->ShutdownWrite();
  server_.reading = true;
  server_.ReadAll();
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.eof; }));
  EXPECT_EQ(server_.inbox.size() % OutBuffer::kSize, 0u) << "nothing of a flush was lost, " << left << " unsent";
  EXPECT_FALSE(client_.eof) << "the other direction stays open";
}

TEST_F(TransportTest, AbortLooksLikeAReset) {
  ConnectTcpPair();
  client_.transport->Abort();
  client_.transport.reset();
  EXPECT_TRUE(RunUntil(loop_, [&] { return server_.failed; }));
  EXPECT_FALSE(server_.eof);
}

}  // namespace
}  // namespace meridian
