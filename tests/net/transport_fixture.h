// Transports over loopback: both ends are ours, or one end is a plain socket that misbehaves.
#pragma once

#include "net/transport.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "net/listener.h"
#include "support/run_loop.h"

namespace meridian {

using testing::RunUntil;
using testing::Settle;

// Reads all that comes, remembers how it ended, sends `outbox` as room appears.
class End final : public TransportSink {
 public:
  void OnTransportReady() override {
    ready = true;
    Pump();
  }
  void OnTransportReadable() override {
    readable = true;
    if (reading) ReadAll();
  }
  void OnTransportWritable() override {
    ++writable_calls;
    Pump();
  }
  void OnTransportError(const Error& e) override { error = e; }

  void ReadAll() {
    uint8_t bytes[16 * 1024];
    while (readable) {
      const ReadResult r = transport->Read(bytes, sizeof bytes);
      inbox.append(reinterpret_cast<const char*>(bytes), r.bytes);
      if (r.state == ReadState::kMore) continue;
      readable = false;
      if (r.state == ReadState::kEof) eof = true;
      if (r.state == ReadState::kFailed) failed = true;
    }
  }
  // One flush at a time, as a wire does.
  void Pump() {
    while (ready && !transport->blocked() && !outbox.empty()) {
      const std::string piece = outbox.substr(0, OutBuffer::kSize);
      outbox.erase(0, piece.size());
      if (!transport->Write({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()})) {
        write_failed = true;
        return;
      }
    }
  }
  void Send(std::string text) {
    outbox += text;
    Pump();
  }

  std::unique_ptr<Transport> transport;
  bool ready = false, readable = false, reading = true, eof = false, failed = false, write_failed = false;
  int writable_calls = 0;
  Error error;
  std::string inbox, outbox;
};

class TransportTest : public ::testing::Test, private ListenerSink {
 protected:
  TransportTest() {
    std::string problem;
    const int fd = OpenListenSocket(*ParseHostPort("127.0.0.1:0"), false, &address_, &problem);
    EXPECT_GE(fd, 0) << problem;
    ListenerSink& self = *this;
    listener_ = std::make_unique<Listener>(loop_, fd, self);
  }
  ~TransportTest() override {
    if (accepted_ >= 0) close(accepted_);
  }
  // The next accepted descriptor, still without a transport.
  int TakeAccepted() {
    EXPECT_TRUE(RunUntil(loop_, [&] { return accepted_ >= 0; }));
    return std::exchange(accepted_, -1);
  }
  void ConnectTcpPair() {
    Error problem;
    client_.transport = ConnectTcp(loop_, address_, client_, &problem);
    ASSERT_TRUE(client_.transport);
    server_.transport = AcceptTcp(loop_, TakeAccepted(), server_);
    ASSERT_TRUE(RunUntil(loop_, [&] { return client_.ready && server_.ready; }));
  }
  // The client sends much, the server does not read at first: the transport keeps at most one flush and says so.
  void SendManyMegabytes() {
    std::string big(8 << 20, 'x');
    for (size_t i = 0; i < big.size(); i += 1000) big[i] = static_cast<char>('a' + i / 1000 % 26);
    server_.reading = false;
    client_.Send(big);
    Settle(loop_);
    EXPECT_TRUE(client_.transport->blocked());
    EXPECT_FALSE(client_.outbox.empty());
    server_.reading = true;
    server_.ReadAll();
    EXPECT_TRUE(RunUntil(loop_, [&] { return server_.inbox.size() == big.size(); }));
    EXPECT_TRUE(server_.inbox == big);
  }

  Loop loop_;
  Endpoint address_;
  std::unique_ptr<Listener> listener_;
  End client_, server_;

 private:
  void OnAccept(int fd, const Endpoint&) override {
    if (accepted_ >= 0) close(accepted_);
    accepted_ = fd;
  }
  void OnAcceptPaused() override {}
  int accepted_ = -1;
};

}  // namespace meridian
