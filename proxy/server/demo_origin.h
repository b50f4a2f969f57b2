// One service in one region of the demo. Lives on the loop of DemoOrigins.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "net/listener.h"
#include "server/demo_origins.h"
#include "stream/client_connection.h"

namespace meridian {

class DemoOrigin final : private ListenerSink, private ConnectionHost {
 public:
  DemoOrigin(Loop& loop, const MessageLimits& limits, const ConnectionTimeouts& timeouts, const DemoRegion& region,
             const DemoService& service)
      : loop_(loop), limits_(limits), timeouts_(timeouts), region_(region), service_(service) {}
  ~DemoOrigin();
  // False and *error when it can't listen.
  bool Open(std::string* error);
  bool SetFault(DemoFault fault);
  uint16_t port() const { return address_.port; }

 private:
  class Exchange;
  bool Listen(std::string* error);
  bool ReservePort(std::string* error);
  void ResetConnections();
  void OnAccept(int fd, const Endpoint& peer) override;
  void OnAcceptPaused() override {}
  std::unique_ptr<ConnectionExchange> NewExchange(ClientConnection& connection, ServerStream& stream) override;
  void OnConnectionClosed(ClientConnection& connection, const Error& error) override;

  Loop& loop_;
  const MessageLimits& limits_;
  const ConnectionTimeouts& timeouts_;
  const DemoRegion& region_;
  const DemoService& service_;
  DemoFault fault_ = DemoFault::kNone;
  Endpoint address_;
  int reserved_fd_ = -1;
  std::unique_ptr<Listener> listener_;
  std::unordered_map<ClientConnection*, int> connections_;  // with their descriptors, to reset them
};

}  // namespace meridian
