// A name server on loopback that lives on the loop of the test: UDP and TCP, A and AAAA.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/loop.h"
#include "net/address.h"
#include "net/listener.h"
#include "support/must.h"

namespace meridian::testing {

class NameServer final : private ListenerSink {
 public:
  explicit NameServer(Loop& loop) : loop_(loop) {
    std::string problem;
    const int tcp = OpenListenSocket(*ParseHostPort("127.0.0.1:0"), false, &endpoint_, &problem);
    Must(tcp >= 0, problem);
    ListenerSink& self = *this;
    listener_ = std::make_unique<Listener>(loop, tcp, self);
    udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const SockAddr address = ToSockAddr(endpoint_);
    Must(bind(udp_, address.get(), address.size) == 0, "no port for datagrams");
    watch_ = std::make_unique<Watch>(loop, udp_, Watch::Mode::kLevelRead, Bind<&NameServer::OnDatagram>(this));
  }
  ~NameServer() {
    watch_.reset();
    close(udp_);
  }
  std::string address() const { return EndpointText(endpoint_); }
  // Replaces what the name had.
  void Set(const std::string& name, std::vector<std::string> addresses) { zone_[name] = std::move(addresses); }
  size_t connections() const { return connections_.size(); }

  bool truncate = false;  // datagrams say: ask again over TCP
  bool fails = false;     // SERVFAIL
  bool fails_v6 = false;  // SERVFAIL for AAAA
  int ttl = 1;

 private:
  static constexpr uint16_t kA = 1, kAaaa = 28;
  struct Connection {
    Connection(NameServer& s, Loop& loop, int f)
        : server(s), fd(f), watch(loop, f, Watch::Mode::kLevelRead, Bind<&Connection::OnReadable>(this)) {}
    ~Connection() { close(fd); }
    void OnReadable() {
      char bytes[4096];
      const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (n <= 0) return watch.Pause();
      received.append(bytes, static_cast<size_t>(n));
      // Both families may be asked for at once.
      while (received.size() > 2) {
        const size_t high = static_cast<uint8_t>(received[0]);
        const size_t size = high * 256 + static_cast<uint8_t>(received[1]);
        if (received.size() < 2 + size) return;
        const std::string answer = server.Answer(std::string_view(received).substr(2, size), false);
        const std::string framed = Number(answer.size(), 2) + answer;
        Must(send(fd, framed.data(), framed.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(framed.size()), "no answer");
        received.erase(0, 2 + size);
      }
    }
    NameServer& server;
    int fd;
    std::string received;
    Watch watch;
  };
  static std::string Number(size_t value, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> 8 * i & 0xff);
    return out;
  }
  void OnAccept(int fd, const Endpoint&) override {
    connections_.push_back(std::make_unique<Connection>(*this, loop_, fd));
  }
  void OnAcceptPaused() override {}
  void OnDatagram() {
    char bytes[4096];
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const ssize_t n = recvfrom(udp_, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&peer), &size);
    if (n < 12) return;
    const std::string answer = Answer({bytes, static_cast<size_t>(n)}, truncate);
    sendto(udp_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
  }
  std::string Answer(std::string_view query, bool cut) {
    std::string name;
    size_t at = 12;
    for (size_t label; (label = static_cast<uint8_t>(query[at])) > 0; at += 1 + label) {
      name += (name.empty() ? "" : ".") + std::string(query.substr(at + 1, label));
    }
    const std::string_view question = query.substr(12, at + 5 - 12);
    const auto type =
        static_cast<uint16_t>(static_cast<uint8_t>(query[at + 1]) << 8 | static_cast<uint8_t>(query[at + 2]));
    const bool fail = fails || (fails_v6 && type == kAaaa);
    std::string records;
    size_t count = 0;
    const auto found = zone_.find(name);
    if (!fail && !cut && found != zone_.end()) {
      for (const std::string& text : found->second) {
        const std::optional<Endpoint> address = ParseIpLiteral(text, 0);
        if (address->v6 != (type == kAaaa)) continue;
        const size_t length = address->v6 ? 16 : 4;
        records +=
            "\xc0\x0c" + Number(type, 2) + Number(1, 2) + Number(static_cast<size_t>(ttl), 4) + Number(length, 2);
        records.append(reinterpret_cast<const char*>(address->ip.data()), length);
        ++count;
      }
    }
    const size_t code = fail ? 2 : found == zone_.end() ? 3 : 0;
    return std::string(query.substr(0, 2)) + Number(0x8180 | (cut ? 0x200 : 0) | code, 2) + Number(1, 2) +
           Number(count, 2) + Number(0, 4) + std::string(question) + records;
  }

  Loop& loop_;
  Endpoint endpoint_;
  std::map<std::string, std::vector<std::string>> zone_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
  int udp_ = -1;
  std::unique_ptr<Watch> watch_;
};

}  // namespace meridian::testing
