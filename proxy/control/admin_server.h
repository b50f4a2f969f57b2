// The admin endpoint: the same codecs as the data path, on the control loop, in front of HandleAdmin.
//
// Bounded: kMaxConnections connections (for one more the one that is idle longest goes, or the oldest if none is, so
// that nobody is shut out by those who keep theirs), kMaxBody bytes of request body, the usual header limits. Loopback
// only (the config checks).
#pragma once

#include <memory>
#include <string>

#include "control/admin_api.h"
#include "net/listener.h"
#include "stream/client_connection.h"

namespace meridian {

class AdminServer final : private ListenerSink, private ConnectionHost {
 public:
  static constexpr size_t kMaxConnections = 64;
  static constexpr size_t kMaxBody = 64 * 1024;

  // Null and *error when the address can't be bound.
  static std::unique_ptr<AdminServer> Open(Loop& loop, AdminBackend& backend, const std::string& address,
                                           std::string* error);
  ~AdminServer();
  const Endpoint& bound() const { return bound_; }

 private:
  class AdminExchange;
  AdminServer(Loop& loop, AdminBackend& backend) : loop_(loop), backend_(backend) {}
  void OnAccept(int fd, const Endpoint& peer) override;
  void OnAcceptPaused() override {}
  void MakePlace();
  std::unique_ptr<ConnectionExchange> NewExchange(ClientConnection& connection, ServerStream& stream) override;
  void OnConnectionClosed(ClientConnection& connection, const Error& error) override;

  Loop& loop_;
  AdminBackend& backend_;
  MessageLimits limits_;
  ConnectionTimeouts timeouts_;
  Endpoint bound_;
  std::string self_;
  std::unique_ptr<Listener> listener_;
  ClientConnection* connections_ = nullptr;
  size_t connection_count_ = 0;
};

}  // namespace meridian
