// Origins on loopback that live on the loop of the test: one answers by hand, byte by byte, one speaks HTTP/2.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/h2_server.h"
#include "http/wire.h"
#include "net/listener.h"
#include "support/must.h"
#include "support/scripted_http.h"

namespace meridian::testing {

// Accepts, collects what comes, sends what the test says. A "request" is a head, whole, that was not answered yet.
class TestOrigin final : private ListenerSink {
 public:
  explicit TestOrigin(Loop& loop, std::string_view at = "127.0.0.1:0") : loop_(loop), endpoint_(*ParseHostPort(at)) {
    Open();
  }
  ~TestOrigin() {
    for (auto& c : connections_) c->Close();
  }

  const Endpoint& endpoint() const { return endpoint_; }
  // From now on connecting is refused, until Open.
  void Close() { listener_.reset(); }
  void Open() {
    std::string problem;
    const int fd = OpenListenSocket(endpoint_, false, &endpoint_, &problem);
    Must(fd >= 0, problem);
    if (narrow_) {
      const int least = 1, segment = 536;  // the sender's buffer grows with the segments that it may have on their way
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
      setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    ListenerSink& self = *this;
    listener_ = std::make_unique<Listener>(loop_, fd, self);
  }
  bool open() const { return listener_ != nullptr; }
  // From now on the kernel holds little of what is sent here and was not read: 25 KB at the sender, 2 KB of ours.
  void Narrow() {
    narrow_ = true;
    Close();
    Open();
  }
  size_t connections() const { return connections_.size(); }
  // Everything that connection `i` sent.
  std::string& received(size_t i) {
    if (i >= connections_.size()) return nothing_;
    connections_[i]->Read();
    return connections_[i]->received;
  }
  bool closed(size_t i) {
    received(i);
    return i < connections_.size() && connections_[i]->eof;
  }
  // Heads on connection `i` that wait for an answer.
  size_t requests(size_t i) {
    if (i >= connections_.size() || connections_[i]->fd < 0) return 0;
    return CountHeads(received(i)) - connections_[i]->answered;
  }
  // Heads on all connections so far, answered or not.
  size_t total_requests() {
    size_t n = 0;
    for (size_t i = 0; i < connections_.size(); ++i) n += CountHeads(received(i));
    return n;
  }
  void Send(size_t i, std::string_view bytes) {
    Must(send(connections_[i]->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()),
         "the origin could not send all");
  }
  // As much as the kernel takes now.
  size_t TrySend(size_t i, std::string_view bytes) {
    const ssize_t n = send(connections_[i]->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? static_cast<size_t>(n) : 0;
  }
  void Answer(size_t i, std::string_view answer) {
    ++connections_[i]->answered;
    Send(i, answer);
  }
  void CloseConnection(size_t i) { connections_[i]->Close(); }
  // Says its last word, and goes on listening.
  void HalfClose(size_t i) { shutdown(connections_[i]->fd, SHUT_WR); }
  bool hung_up(size_t i) const { return connections_[i]->fd < 0; }
  void ResetConnection(size_t i) {
    const linger hard{1, 0};
    setsockopt(connections_[i]->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    connections_[i]->Close();
  }

 private:
  struct Connection {
    void Read() {
      char bytes[16 * 1024];
      while (fd >= 0) {
        const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0) received.append(bytes, static_cast<size_t>(n));
        if (n == 0 || (n < 0 && errno != EAGAIN)) eof = true;
        if (n <= 0) return;
      }
    }
    void Close() {
      if (fd >= 0) close(fd);
      fd = -1;
    }
    int fd = -1;
    std::string received;
    size_t answered = 0;
    bool eof = false;
  };
  static size_t CountHeads(const std::string& text) {
    size_t n = 0;
    for (size_t at = 0; (at = text.find("\r\nhost: ", at)) != std::string::npos; ++at) {
      if (text.find("\r\n\r\n", at) != std::string::npos) ++n;
    }
    return n;
  }
  void OnAccept(int fd, const Endpoint&) override {
    connections_.push_back(std::make_unique<Connection>());
    connections_.back()->fd = fd;
  }
  void OnAcceptPaused() override {}

  Loop& loop_;
  Endpoint endpoint_;
  bool narrow_ = false;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::string nothing_;
};

// HTTP/2 by prior knowledge; answers every request at once, with 204 unless told otherwise.
class TestH2Origin final : private ListenerSink {
 public:
  explicit TestH2Origin(Loop& loop) : loop_(loop) {
    std::string problem;
    const int fd = OpenListenSocket(*ParseHostPort("127.0.0.1:0"), false, &endpoint_, &problem);
    Must(fd >= 0, problem);
    ListenerSink& self = *this;
    listener_ = std::make_unique<Listener>(loop, fd, self);
  }
  const Endpoint& endpoint() const { return endpoint_; }
  size_t connections() const { return connections_.size(); }
  ScriptedSink& sink(size_t i) { return connections_[i]->sink; }
  void set_on_head(std::function<void(ScriptedRequest&)> f) { on_head_ = std::move(f); }

 private:
  struct Connection final : WireOwner {
    Connection(Loop& loop, int fd) : wire(loop, *this, true) {
      TransportSink& transport_sink = wire;
      wire.SetTransport(AcceptTcp(loop, fd, transport_sink));
    }
    void OnWireReady() override {
      codec = std::make_unique<H2Server>(wire, sink, limits, false);
      wire.SetCodec(codec.get());
    }
    void OnWireActivity(size_t) override {}
    void OnWireClosed(const Error&) override { closed = true; }
    MessageLimits limits;
    ScriptedSink sink;
    std::unique_ptr<H2Server> codec;
    Wire wire;
    bool closed = false;
  };
  void OnAccept(int fd, const Endpoint&) override {
    connections_.push_back(std::make_unique<Connection>(loop_, fd));
    connections_.back()->sink.on_head = [this](ScriptedRequest& r) {
      if (on_head_) return on_head_(r);
      r.Answer(204, kUnknownLength, false);
    };
  }
  void OnAcceptPaused() override {}

  Loop& loop_;
  Endpoint endpoint_;
  std::function<void(ScriptedRequest&)> on_head_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// An address where connecting neither succeeds nor fails: a listener that never accepts, with its queue full.
class FullListener {
 public:
  explicit FullListener(std::string_view at = "127.0.0.1:0") {
    const Endpoint endpoint = *ParseHostPort(at);
    const int family = endpoint.v6 ? AF_INET6 : AF_INET;
    fd_[0] = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const SockAddr any = ToSockAddr(endpoint);
    Must(bind(fd_[0], any.get(), any.size) == 0 && listen(fd_[0], 0) == 0, "no full listener");
    sockaddr_storage name;
    socklen_t size = sizeof name;
    getsockname(fd_[0], reinterpret_cast<sockaddr*>(&name), &size);
    endpoint_ = FromSockAddr(reinterpret_cast<sockaddr*>(&name));
    const SockAddr to = ToSockAddr(endpoint_);
    for (size_t i = 1; i < std::size(fd_); ++i) {
      fd_[i] = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      connect(fd_[i], to.get(), to.size);
    }
  }
  ~FullListener() {
    for (int f : fd_) close(f);
  }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  int fd_[6];
  Endpoint endpoint_;
};

}  // namespace meridian::testing
