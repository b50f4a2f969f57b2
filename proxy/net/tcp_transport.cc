#include "net/tcp_socket.h"
#include "net/transport.h"

namespace meridian {
namespace {

constexpr Error kSendFailed{ErrorCode::kReset, Fault::kOrigin, Retry::kIfIdempotent, "send failed"};

class TcpTransport final : public Transport {
 public:
  TcpTransport(Loop& loop, int fd, bool connecting, TransportSink& sink)
      : sink_(sink),
        socket_(loop, fd, connecting, Bind<&TcpTransport::OnReadable>(this), Bind<&TcpTransport::OnWritable>(this)) {}
  void SendFirst(std::string_view bytes) { socket_.SendFirst(bytes); }

  ReadResult Read(uint8_t* into, size_t capacity) override {
    size_t n = 0;
    switch (socket_.Receive(into, capacity, &n)) {
      case TcpSocket::Received::kBytes:
        return {n, n < capacity && socket_.ShortReadDrains() ? ReadState::kDrained : ReadState::kMore};
      case TcpSocket::Received::kAgain:
        return {0, ReadState::kDrained};
      case TcpSocket::Received::kEof:
        return {0, ReadState::kEof};
      case TcpSocket::Received::kFailed:
        break;
    }
    return {0, ReadState::kFailed};
  }
  bool Write(std::span<const uint8_t> bytes) override { return socket_.Send(bytes); }
  bool blocked() const override { return socket_.blocked(); }
  uint64_t handed() const override { return socket_.handed(); }
  bool Unacknowledged(uint64_t mark) const override { return socket_.Unacknowledged(mark); }
  bool connected() const override { return !socket_.connecting(); }
  void ShutdownWrite() override { socket_.ShutdownWrite(); }
  int fd() const override { return socket_.fd(); }
  void Abort() override { socket_.AbortOnClose(); }

 private:
  void BecomeReady() {
    if (socket_.connecting()) {
      Error error;
      if (!socket_.FinishConnect(&error)) return;
      if (error) {
        dead_ = true;
        sink_.OnTransportError(error);
        return;
      }
    }
    ready_ = true;
    sink_.OnTransportReady();
  }

  void OnReadable() {
    if (dead_) return;
    if (!ready_) BecomeReady();
    if (ready_) sink_.OnTransportReadable();
  }

  void OnWritable() {
    if (dead_) return;
    if (!ready_) return BecomeReady();
    if (!socket_.blocked()) return;
    if (!socket_.Flush()) {
      dead_ = true;
      sink_.OnTransportError(kSendFailed);
    } else if (!socket_.blocked()) {
      sink_.OnTransportWritable();
    }
  }

  TransportSink& sink_;
  bool ready_ = false;
  bool dead_ = false;
  TcpSocket socket_;
};

}  // namespace

std::unique_ptr<Transport> AcceptTcp(Loop& loop, int fd, TransportSink& sink) {
  return std::make_unique<TcpTransport>(loop, fd, false, sink);
}

std::unique_ptr<Transport> ConnectTcp(Loop& loop, const Endpoint& to, TransportSink& sink, Error* error,
                                      std::string_view first) {
  const int fd = StartConnect(to, error);
  if (fd < 0) return nullptr;
  auto transport = std::make_unique<TcpTransport>(loop, fd, true, sink);
  if (!first.empty()) transport->SendFirst(first);
  return transport;
}

}  // namespace meridian
